using Berth.Tests.Hosting;
using System.Net;
using Berth.Settings;
using Berth.Transport;
using Microsoft.AspNetCore.Http;

namespace Berth.Tests.Transport;

public sealed class ForwardingTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>What a trusted proxy at 127.0.0.1, behind others in 10.0.0.0/8, makes of a request.</summary>
    [Theory]
    [InlineData("http://berth/", "127.0.0.1", "")]
    [InlineData("https://berth/", "127.0.0.1", "X-Forwarded-Proto: https")]
    [InlineData("https://r.example:8443/", "192.0.2.1",
        "X-Forwarded-For: 192.0.2.1|X-Forwarded-Proto: https|X-Forwarded-Host: r.example:8443")]
    [InlineData("http://berth/", "127.0.0.1", "X-Forwarded-Prefix: /evil/")]
    [InlineData("http://berth/", "192.0.2.1", "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.1.1.1")]
    [InlineData("http://berth/", "192.0.2.1", "X-Forwarded-For: 6.6.6.6|X-Forwarded-For: 192.0.2.1:4711, 10.1.1.1")]
    [InlineData("http://berth/", "2001:db8::1", "X-Forwarded-For: [2001:db8::1]:80")]
    [InlineData("https://outer/", "192.0.2.1",
        "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.1.1.1|X-Forwarded-Proto: ftp, https, http"
        + "|X-Forwarded-Host: evil, outer, inner")]
    [InlineData("http://berth/", "10.1.1.1", "X-Forwarded-For: unknown, 10.1.1.1")]
    [InlineData("http://berth/", "127.0.0.1",
        "X-Forwarded-For: nonsense|X-Forwarded-Proto: gopher|X-Forwarded-Host: a/b|X-Forwarded-Prefix: //evil")]
    [InlineData("https://r.example/", "192.0.2.1", "Forwarded: for=192.0.2.1;proto=https;host=r.example")]
    [InlineData("https://r.example:8443/", "2001:db8::1",
        "Forwarded: for=6.6.6.6, For=\"[2001:db8::1]:4711\" ; Proto=https;host=\"r.example:8443\", for=10.0.0.1")]
    [InlineData("http://berth/", "127.0.0.1", "Forwarded: for=192.0.2.1;proto=\"https")]
    [InlineData("http://berth/", "192.0.2.1", "X-Forwarded-For: 192.0.2.1|Forwarded: for=6.6.6.6;proto=https")]
    public async Task A_trusted_proxy_is_believed(string url, string client, string headers)
    {
        await using var registry = await StartAsync("127.0.0.1", "10.0.0.0/8");
        var (location, line) = await PostAsync(registry, headers);
        Assert.StartsWith(url + "v2/a/blobs/uploads/", location, StringComparison.Ordinal);
        Assert.Contains($" client={client} ", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_chain_without_end_the_nearest_hops_are_read()
    {
        var headers = new HeaderDictionary
        {
            ["Forwarded"] = string.Concat(Enumerable.Repeat(",", 30_000)) + "for=192.0.2.1, for=10.1.1.1",
        };
        var hops = ForwardedHop.ReadNearestFirst(headers);
        Assert.Equal(["10.1.1.1", "192.0.2.1", null], hops.Take(3).Select(hop => hop.For));
        Assert.Equal(100, hops.Count);
    }

    [Theory]
    [InlineData("X-Forwarded-For: 192.0.2.1|X-Forwarded-Proto: https|X-Forwarded-Host: evil|X-Forwarded-Prefix: /evil")]
    [InlineData("Forwarded: for=192.0.2.1;proto=https;host=evil")]
    public async Task Nobody_else_is_trusted(string headers)
    {
        await using var registry = await StartAsync("192.0.2.0/24");
        var (location, line) = await PostAsync(registry, headers + "|X-Request-Id: mine");
        Assert.StartsWith("http://berth/v2/a/", location, StringComparison.Ordinal);
        Assert.Contains(" client=127.0.0.1 ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("id=mine", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0af7651916cd43dd-8448eb211c80319c", true)]
    [InlineData("a b", false)]
    [InlineData("<script>", false)]
    [InlineData("", false)]
    public async Task An_id_that_a_trusted_proxy_gave_is_kept_if_it_is_harmless(string id, bool isKept)
    {
        await using var registry = await StartAsync("127.0.0.1");
        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
        request.Headers.TryAddWithoutValidation("X-Request-Id", id);
        using var answer = await registry.Client.SendAsync(request, Stop);
        var given = answer.Headers.GetValues("X-Request-Id").Single();
        Assert.Equal(isKept, given == id);
        var line = await RequestLogTests.LineAsync(registry, "GET /v2/");
        Assert.EndsWith(" id=" + given, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_id_of_129_characters_is_replaced()
    {
        await using var registry = await StartAsync("127.0.0.1");
        foreach (var length in new[] { 128, 129 })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
            request.Headers.Add("X-Request-Id", new string('a', length));
            using var answer = await registry.Client.SendAsync(request, Stop);
            Assert.Equal(length == 128, answer.Headers.GetValues("X-Request-Id").Single().Length == length);
        }
    }

    private static Task<RegistryFixture> StartAsync(params string[] trusted) => RegistryFixture.StartAsync(
        s => s with { Http = s.Http with { RelativeUrls = false, TrustedProxies = [.. trusted.Select(Network)] } });

    private static IPNetwork Network(string text)
    {
        Assert.True(SettingsText.TryParseNetwork(text, out var network), text);
        return network;
    }

    private static async Task<(string Location, string Line)> PostAsync(RegistryFixture registry, string headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "v2/a/blobs/uploads/");
        request.Headers.Host = "berth";
        foreach (var header in headers.Split('|', StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = header.IndexOf(':', StringComparison.Ordinal);
            request.Headers.TryAddWithoutValidation(header[..colon], header[(colon + 1)..].Trim());
        }

        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return (answer.Headers.Location!.OriginalString, await RequestLogTests.LineAsync(registry, "POST "));
    }
}
