using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Logging;
using Berth.Settings;

namespace Berth.Tests.Hosting;

[Once]
public sealed class RequestLogTests
{
    private const string Index = "application/vnd.oci.image.index.v1+json";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_request_is_one_line_for_people()
    {
        await using var registry = await RegistryFixture.StartAsync();
        registry.Client.DefaultRequestHeaders.UserAgent.ParseAdd("docker/29.0");
        using var answer = await registry.Client.GetAsync("v2/library/alpine/manifests/latest", Stop);
        var id = answer.Headers.GetValues("X-Request-Id").Single();
        var bytes = answer.Content.Headers.ContentLength;
        var line = await LineAsync(registry, id);
        Assert.Matches(
            @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info GET /v2/library/alpine/manifests/latest 404 "
            + $@"bytes={bytes} ms=\d+\.\d{{3}} actor=anonymous client=127\.0\.0\.1 agent=docker/29\.0 id={id}$",
            line);
    }

    [Fact]
    public async Task Each_line_is_JSON_when_that_is_asked_for()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Log = s.Log with
            {
                Formatter = LogFormatter.Json,
                Fields = new Dictionary<string, string> { ["zone"] = "a \"b\"" },
            },
        });
        using var answer = await registry.Client.GetAsync("v2/", Stop);
        var line = await LineAsync(registry, answer.Headers.GetValues("X-Request-Id").Single());
        using var json = JsonDocument.Parse(line);
        Assert.Equal(
            ["time", "level", "method", "path", "status", "bytes", "ms", "actor", "client", "id", "zone"],
            json.RootElement.EnumerateObject().Select(p => p.Name));
        Assert.Equal(200, json.RootElement.GetProperty("status").GetInt32());
        Assert.Equal("a \"b\"", json.RootElement.GetProperty("zone").GetString());
        foreach (var other in registry.Output.TrimEnd().Split('\n')) JsonDocument.Parse(other).Dispose();
    }

    [Fact]
    public async Task Fields_from_the_settings_end_every_line()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Log = s.Log with { Fields = new Dictionary<string, string> { ["zone"] = "eu 1" } },
        });
        await registry.Client.GetStringAsync("v2/", Stop);
        await LineAsync(registry, "GET /v2/");
        Assert.All(
            registry.Output.TrimEnd().Split('\n'),
            l => Assert.EndsWith(" zone=\"eu 1\"", l, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nobody_can_forge_a_line_and_nothing_secret_is_in_one()
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var connection = await RawConnection.OpenAsync(registry.BaseAddress);
        var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes("jane:hunter2"));
        await connection.SendAsync(
            "GET /v2/a%0A%1B%5B31mb/%E2%80%AE%22/tags/list?token=hunter2 HTTP/1.1\r\nHost: x\r\n"
            + $"User-Agent: a\tb\"c\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\r\n");
        await connection.ReadUntilAsync("no end");
        var line = await LineAsync(registry, "tags/list");
        Assert.Contains(" GET /v2/a%0A%1B%5B31mb/%E2%80%AE%22/tags/list 400 ", line, StringComparison.Ordinal);
        Assert.Contains(@"agent=""a\u0009b\""c""", line, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", registry.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(credentials, registry.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_is_logged_as_it_was_sent()
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var connection = await RawConnection.OpenAsync(registry.BaseAddress);
        await connection.SendAsync("GET /v2/a/../b//%2e%2e/tags/list?n=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        await connection.ReadAnswerAsync();
        Assert.Contains(
            " GET /v2/a/../b//%2e%2e/tags/list 400 ", await LineAsync(registry, "tags/list"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v2/a/blobs/uploads/?digest=sha256:", "POST")]
    [InlineData("v2/a/manifests/sha256:", "PUT")]
    public async Task A_push_says_which_digest_it_brought(string path, string method)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var content = Encoding.UTF8.GetBytes($$"""{"schemaVersion":2,"manifests":[],"mediaType":"{{Index}}"}""");
        var hex = Convert.ToHexStringLower(SHA256.HashData(content));
        using var body = new ByteArrayContent(content);
        body.Headers.ContentType = new MediaTypeHeaderValue(Index);
        using var request = new HttpRequestMessage(new HttpMethod(method), path + hex) { Content = body };
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        Assert.Contains($" digest=sha256:{hex} ", await LineAsync(registry, method), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8::ffff:1", "2001:db8::ffff:1")]
    public void An_address_is_written_as_people_write_it(string address, string written)
    {
        foreach (var isJson in new[] { false, true })
        {
            var line = LogLine.Start(isJson);
            line.Field("client"u8, IPAddress.Parse(address));
            var expected = isJson ? $",\"client\":\"{written}\"" : $" client={written}";
            Assert.Equal(expected, Encoding.UTF8.GetString(line.Written));
        }
    }

    [Fact]
    public async Task A_blob_whose_file_is_gone_is_reported_as_missing()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var content = new byte[2_000_000];
        var digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));
        using var body = new ByteArrayContent(content);
        using var pushed = await registry.Client.PostAsync($"v2/a/blobs/uploads/?digest={digest}", body, Stop);
        foreach (var folder in new[] { "blobs", "uploads" })
        {
            var files = Directory.EnumerateFiles(
                Path.Combine(registry.DataFolder, folder), "*", SearchOption.AllDirectories);
            foreach (var file in files.ToList()) File.Delete(file);
        }

        using var answer = await registry.Client.GetAsync($"v2/a/blobs/{digest}", Stop);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        await LineAsync(registry, $" error Blob {digest} of 2000000 bytes is missing: answering 404");
        Assert.DoesNotContain("(null)", registry.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_server_itself_says_nothing_of_requests_even_when_debugging()
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Log = s.Log with { Level = LogLevelName.Debug } });
        await registry.Client.GetStringAsync("v2/", Stop);
        await LineAsync(registry, "GET /v2/");
        Assert.Equal(2, registry.Output.TrimEnd().Split('\n').Length);
    }

    [Fact]
    public async Task The_request_log_can_be_switched_off_and_the_rest_stays()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Log = s.Log with { AccessLog = new AccessLogSettings { Disabled = true } },
        });
        await registry.Client.GetStringAsync("v2/", Stop);
        await registry.RestartAsync();
        await LineAsync(registry, $"listens on {registry.BaseAddress.ToString().TrimEnd('/')},");
        Assert.All(
            registry.Output.TrimEnd().Split('\n'), l => Assert.Contains(" info Berth ", l, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(LogLevelName.Error)]
    [InlineData(LogLevelName.Warn)]
    public async Task Messages_below_the_level_are_not_written_and_requests_are_of_level_info(LogLevelName level)
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Log = s.Log with { Level = level } });
        await registry.Client.GetStringAsync("v2/", Stop);
        await registry.RestartAsync();
        Assert.DoesNotContain(" info ", registry.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_answer_carries_the_headers_from_the_settings()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Http = s.Http with
            {
                Headers = new Dictionary<string, IReadOnlyList<string>>
                {
                    ["X-Content-Type-Options"] = ["nosniff"],
                    ["X-Two"] = ["1", "2"],
                },
            },
        });
        foreach (var path in new[] { "v2/", "v2/a/b/c", "nothing", "healthz" })
        {
            using var answer = await registry.Client.GetAsync(path, Stop);
            Assert.Equal(["nosniff"], answer.Headers.GetValues("X-Content-Type-Options"));
            Assert.Equal(["1", "2"], answer.Headers.GetValues("X-Two"));
        }
    }

    /// <summary>The line is written a moment after the answer.</summary>
    internal static async Task<string> LineAsync(RegistryFixture registry, string text)
    {
        for (var tries = 0; tries < 500; tries++)
        {
            var line = registry.Output.Split('\n')[..^1].LastOrDefault(l => l.Contains(text, StringComparison.Ordinal));
            if (line is not null) return line;
            await Task.Delay(10);
        }

        throw new InvalidOperationException($"No line has '{text}' in it:\n{registry.Output}");
    }
}
