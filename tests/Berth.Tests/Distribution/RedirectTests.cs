using System.Globalization;
using System.Net;
using Berth.Oci;
using Berth.Settings;
using Microsoft.AspNetCore.WebUtilities;

namespace Berth.Tests.Distribution;

/// <summary>Clients that are sent to the store for blobs.</summary>
public sealed class RedirectTests
{
    private static readonly string LayerPath = $"v2/a/blobs/{Digest.Of(DigestAlgorithm.Sha256, "layer"u8)}";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("s3")]
    [InlineData("azure")]
    public async Task A_pull_is_redirected_to_the_store_which_serves_the_blob_and_parts_of_it(string store)
    {
        await using var registry = await StartAsync(new RedirectSettings(), store);
        using var answer = await registry.Client.GetAsync(LayerPath, Stop);
        Assert.Equal(HttpStatusCode.TemporaryRedirect, answer.StatusCode);
        Assert.Equal(Digest.Of(DigestAlgorithm.Sha256, "layer"u8).Text, Header(answer, "Docker-Content-Digest"));
        Assert.Equal("no-store", Header(answer, "Cache-Control"));
        Assert.Null(answer.Headers.ETag);
        Assert.Equal(0, answer.Content.Headers.ContentLength);
        var address = answer.Headers.Location!;
        Assert.Equal(registry.Bucket!.Address.Port, address.Port);

        using var http = new HttpClient();
        Assert.Equal("layer", await http.GetStringAsync(address, Stop));
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Range = new(1, 2);
        using var part = await http.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal("ay", await part.Content.ReadAsStringAsync(Stop));
        using var unsigned = await http.GetAsync(address.GetLeftPart(UriPartial.Path), Stop);
        Assert.Equal(HttpStatusCode.Forbidden, unsigned.StatusCode);
    }

    [Fact]
    public async Task A_signed_address_is_valid_for_as_long_as_the_setting_says()
    {
        await using var registry = await StartAsync(new RedirectSettings { Validity = TimeSpan.FromMinutes(5) });
        using var answer = await registry.Client.GetAsync(LayerPath, Stop);
        Assert.Matches("X-Amz-Expires=30[01]&", answer.Headers.Location!.Query);
    }

    [Fact]
    public async Task A_signed_URL_of_Azure_allows_reading_one_blob_until_the_setting_says()
    {
        await using var registry = await StartAsync(
            new RedirectSettings { Validity = TimeSpan.FromMinutes(5) }, "azure");
        using var answer = await registry.Client.GetAsync(LayerPath, Stop);
        var signed = QueryHelpers.ParseQuery(answer.Headers.Location!.Query);
        Assert.Equal("r in b", $"{signed["sp"]} in {signed["sr"]}");
        var left = DateTimeOffset.Parse(signed["se"].Single()!, CultureInfo.InvariantCulture)
            - TimeProvider.System.GetUtcNow();
        Assert.InRange(left, TimeSpan.FromMinutes(4.5), TimeSpan.FromMinutes(5.1));
    }

    [Fact]
    public async Task Requests_without_content_are_not_redirected()
    {
        await using var registry = await StartAsync(new RedirectSettings());
        await new Script(registry).PlayAsync(
            """
            HEAD /v2/a/blobs/{sha256 layer}
              200
              Content-Length: 5
            GET /v2/a/blobs/{sha256 layer}
              If-None-Match: "{sha256 layer}"
              304
            GET /v2/a/blobs/{sha256 none}
              404 BLOB_UNKNOWN
            GET /v2/b/blobs/{sha256 layer}
              404 BLOB_UNKNOWN
            """);
    }

    [Theory]
    [InlineData(RedirectMode.Always, false, "", true)]
    [InlineData(RedirectMode.Always, true, "", false)]
    [InlineData(RedirectMode.Never, false, "", false)]
    [InlineData(RedirectMode.Inside, false, "127.0.0.0/8", true)]
    [InlineData(RedirectMode.Inside, false, "127.0.0.1", true)]
    [InlineData(RedirectMode.Inside, false, "10.0.0.0/8", false)]
    [InlineData(RedirectMode.Outside, false, "127.0.0.0/8", false)]
    [InlineData(RedirectMode.Outside, false, "10.0.0.0/8", true)]
    public async Task The_settings_say_who_is_redirected_to_the_store(
        RedirectMode mode, bool isDisabled, string network, bool isSent)
    {
        await using var registry = await StartAsync(new RedirectSettings
        {
            Mode = mode,
            Disable = isDisabled,
            Networks = SettingsText.TryParseNetwork(network, out var parsed) ? [parsed] : [],
        });
        using var answer = await registry.Client.GetAsync(LayerPath, Stop);
        Assert.Equal(isSent ? HttpStatusCode.TemporaryRedirect : HttpStatusCode.OK, answer.StatusCode);
        if (!isSent) Assert.Equal("layer", await answer.Content.ReadAsStringAsync(Stop));
    }

    private static async Task<RegistryFixture> StartAsync(RedirectSettings redirect, string store = "s3")
    {
        var registry = await RegistryFixture.StartOnAsync(
            store, s => s with { Storage = s.Storage with { Redirect = redirect } });
        await new Script(registry).PlayAsync("POST /v2/a/blobs/uploads/?digest={sha256 layer}\n > layer\n 201");
        return registry;
    }

    private static string Header(HttpResponseMessage answer, string name) => answer.Headers.GetValues(name).Single();
}
