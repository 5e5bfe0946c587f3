using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Berth.Settings;
using Berth.Tests.Hosting;

namespace Berth.Tests.Distribution;

/// <summary>
/// Large blobs where the kernel can't send the file by itself, and what the log says of each way: over TLS or HTTP/2 a
/// file sent past them would arrive as garbage.
/// </summary>
public sealed partial class OtherWaysOutTests : IDisposable
{
    private const int LargeBytes = 5 * 1024 * 1024 + 17;

    private readonly byte[] large = RandomNumberGenerator.GetBytes(LargeBytes);
    private readonly CertificateFolder files = new();

    /// <summary>A scheme and a version of HTTP.</summary>
    public static TheoryData<string, string> Ways => new()
    {
        { "https", "1.1" }, { "https", "2.0" }, { "http", "2.0" },
    };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_large_blob_arrives_whole_by_TLS_and_by_HTTP_2(string scheme, string version)
    {
        await using var registry = await StartAsync(scheme);
        using var client = Connect(registry, version);
        var path = await PushAsync(client, large);
        for (var i = 0; i < 3; i++) Assert.Equal(large, await GetAsync(client, path, range: null));
        Assert.Equal(large[70_000..4_000_000], await GetAsync(client, path, "bytes=70000-3999999"));
        Assert.Equal(large[^100_000..], await GetAsync(client, path, "bytes=-100000"));
        Assert.Equal(large[5_000_000..], await GetAsync(client, path, "bytes=5000000-"));
        using var head = await client.SendAsync(Request(client, HttpMethod.Head, path), Stop);
        Assert.Equal(LargeBytes, head.Content.Headers.ContentLength);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Stop));
        Assert.Equal(Version.Parse(version), head.Version);
        Assert.Equal(scheme, registry.BaseAddress.Scheme);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    [InlineData("http", "1.1")]
    public async Task The_log_says_how_many_bytes_of_a_blob_were_sent(string scheme, string version)
    {
        await using var registry = await StartAsync(scheme);
        using var client = Connect(registry, version);
        var path = await PushAsync(client, large);
        await GetAsync(client, path, range: null);
        await GetAsync(client, path, "bytes=100-200099");
        using (await client.SendAsync(Request(client, HttpMethod.Head, path), Stop))
        {
        }

        await RequestLogTests.LineAsync(registry, $"HEAD {path}");
        Assert.Equal(
            [$"GET 200 {LargeBytes}", "GET 206 200000", "HEAD 200 0"],
            Lines(registry, path).Select(l => $"{l.Method} {l.Status} {l.Bytes}"));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    [InlineData("http", "1.1")]
    public async Task The_log_says_how_far_a_client_came_that_left_in_the_middle(string scheme, string version)
    {
        await using var registry = await StartAsync(scheme);
        var huge = RandomNumberGenerator.GetBytes(64 * 1024 * 1024);
        using var client = Connect(registry, version);
        var path = await PushAsync(client, huge);
        using (var leaving = Connect(registry, version))
        using (var answer = await leaving.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, Stop))
        {
            await using var body = await answer.Content.ReadAsStreamAsync(Stop);
            await body.ReadExactlyAsync(new byte[1_000_000], Stop);
        }

        await RequestLogTests.LineAsync(registry, $"GET {path}");
        var line = Assert.Single(Lines(registry, path));
        Assert.True(line.Status == "499" && line.Bytes is >= 1_000_000 && line.Bytes < huge.Length, $"{line}");
    }

    [Theory]
    [MemberData(nameof(Ways))]
    [InlineData("http", "1.1")]
    public async Task A_blob_of_no_bytes_is_an_answer_without_a_body(string scheme, string version)
    {
        await using var registry = await StartAsync(scheme);
        using var client = Connect(registry, version);
        var path = await PushAsync(client, []);
        for (var i = 0; i < 2; i++) Assert.Empty(await GetAsync(client, path, range: null));
        Assert.Equal("{}", await client.GetStringAsync("v2/", Stop));
    }

    public void Dispose() => files.Dispose();

    [GeneratedRegex(" info (?<method>GET|HEAD) (?<path>[^ ]+) (?<status>\\d+) bytes=(?<bytes>\\d+) ")]
    private static partial Regex Line();

    private static IEnumerable<(string Method, string Status, long Bytes)> Lines(
        RegistryFixture registry, string path) =>
        from line in registry.Output.Split('\n')
        let match = Line().Match(line)
        where match.Groups["path"].Value == path
        let bytes = long.Parse(match.Groups["bytes"].Value, CultureInfo.InvariantCulture)
        select (match.Groups["method"].Value, match.Groups["status"].Value, bytes);

    private static HttpRequestMessage Request(HttpClient client, HttpMethod method, string path) => new(method, path)
    {
        Version = client.DefaultRequestVersion,
        VersionPolicy = client.DefaultVersionPolicy,
    };

    private static async Task<byte[]> GetAsync(HttpClient client, string path, string? range)
    {
        using var request = Request(client, HttpMethod.Get, path);
        if (range is not null) request.Headers.TryAddWithoutValidation("Range", range);
        using var answer = await client.SendAsync(request, Stop);
        Assert.Equal(range is null ? HttpStatusCode.OK : HttpStatusCode.PartialContent, answer.StatusCode);
        return await answer.Content.ReadAsByteArrayAsync(Stop);
    }

    private static async Task<string> PushAsync(HttpClient client, byte[] content)
    {
        var digest = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";
        using var body = new ByteArrayContent(content);
        using var answer = await client.PostAsync($"v2/large/blobs/uploads/?digest={digest}", body, Stop);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return $"/v2/large/blobs/{digest}";
    }

    private static HttpClient Connect(RegistryFixture registry, string version)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.RemoteCertificateValidationCallback =
            (_, shown, _, _) => shown?.Subject == "CN=localhost";
        return new HttpClient(handler)
        {
            BaseAddress = registry.BaseAddress,
            DefaultRequestVersion = Version.Parse(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    private Task<RegistryFixture> StartAsync(string scheme) => RegistryFixture.StartAsync(s => s with
    {
        Http = s.Http with
        {
            H2c = new H2cSettings { Enabled = scheme == "http" },
            Tls = scheme == "http" ? s.Http.Tls : new TlsSettings { Certificate = files.Certificate, Key = files.Key },
        },
    });
}
