using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Berth.Distribution;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>Uploads that are interrupted, resumed, too many or too slow.</summary>
[Inside]
public class UploadTests
{
    private const int Half = 750_000;
    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(2 * Half);

    [Theory]
    [InlineData("sha256")]
    [InlineData("sha512")]
    public async Task An_upload_resumes_after_a_restart(string algorithm)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry);
        await script.PlayAsync(
            $$"""
            POST /v2/a/blobs/uploads/?digest-algorithm={{algorithm}}
              202
              Location: {upload}
            PATCH {upload}
              > abcd
              202
            """);
        await registry.RestartAsync();
        await script.PlayAsync(
            """
            GET {upload}
              204
              Range: 0-3
            PATCH {upload}
              Content-Range: 4-7
              > efgh
              202
              Range: 0-7
            """);
        await registry.RestartAsync();
        await script.PlayAsync(
            $$"""
            PUT {upload}?digest={{{algorithm}} abcdefghijkl}
              > ijkl
              201
              Location: {blob}
            GET {blob}
              200
              < abcdefghijkl
            """);
        await registry.RestartAsync();
        await script.PlayAsync("GET {blob}\n 200\n < abcdefghijkl\nGET {upload}\n 404 BLOB_UPLOAD_UNKNOWN");
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(10, false)]
    [InlineData(700_000, true)]
    [InlineData(700_000, false)]
    public async Task A_client_that_hangs_up_during_a_chunk_resumes_from_the_reported_offset(int sent, bool isReset)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var upload = await StartAsync(registry);
        await HangUpAsync(registry, "PATCH", upload, sent, isReset);
        var offset = await OffsetAsync(registry, upload);
        Assert.InRange(offset, 0, sent);
        var script = new Script(registry) { ["upload"] = upload, ["range"] = $"{offset}-{Content.Length - 1}" };
        script.Give("content", Content);
        script.Give("rest", Content[offset..]);
        await script.PlayAsync(
            """
            PATCH {upload}
              Content-Range: {range}
              > {rest}
              202
              Range: 0-1499999
            PUT {upload}?digest={sha256 content}
              201
            GET /v2/a/blobs/{sha256 content}
              200
              < {content}
            """);
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(700_000, true)]
    [InlineData(700_000, false)]
    public async Task A_client_that_hangs_up_while_finishing_finds_the_upload_as_it_was_before(int sent, bool isReset)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var upload = await StartAsync(registry);
        var script = new Script(registry) { ["upload"] = upload };
        script.Give("content", Content);
        script.Give("first", Content[..300_000]);
        script.Give("rest", Content[300_000..]);
        await script.PlayAsync("PATCH {upload}\n > {first}\n 202\n Range: 0-299999");
        await HangUpAsync(
            registry, "PUT", $"{upload}?digest={script.Filled("{sha256 content}")}", sent, isReset, from: 300_000);
        Assert.Equal(300_000, await OffsetAsync(registry, upload));
        await script.PlayAsync(
            """
            PUT {upload}?digest={sha256 content}
              > {rest}
              201
            GET /v2/a/blobs/{sha256 content}
              200
              < {content}
            """);
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_that_hangs_up_during_a_whole_blob_leaves_nothing_behind()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var digest = Digest.Of(DigestAlgorithm.Sha256, Content);
        await HangUpAsync(registry, "POST", $"/v2/a/blobs/uploads/?digest={digest}", 700_000, isReset: true);
        await Eventually.TrueAsync(async () => (await registry.StoredAsync("uploads")).Count == 0);
        await new Script(registry).PlayAsync($"HEAD /v2/a/blobs/{digest}\n 404");
    }

    [Fact]
    public async Task While_one_request_writes_to_an_upload_another_is_told_to_wait()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry) { ["upload"] = await StartAsync(registry) };
        script.Give("content", Content);
        using var connection = await BeginInTheMiddleAsync(registry, script["upload"]);
        await script.PlayAsync(
            """
            PATCH {upload}
              > xy
              409 BLOB_UPLOAD_INVALID
              Retry-After: 1
            PUT {upload}?digest={sha256 xy}
              > xy
              409 BLOB_UPLOAD_INVALID
            DELETE {upload}
              409 BLOB_UPLOAD_INVALID
            GET {upload}
              204
            """);
        await connection.SendAsync(Content[Half..]);
        Assert.Equal(202, (await connection.ReadAnswerAsync()).Status);
        await script.PlayAsync("PUT {upload}?digest={sha256 content}\n 201");
    }

    [Fact]
    public async Task Blobs_above_the_limit_are_refused_and_those_at_it_accepted()
    {
        await using var registry =
            await RegistryFixture.StartAsync(s => s with { Limits = s.Limits with { MaximumUploadBytes = 8 } });
        var script = new Script(registry);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 12345678}
              > 12345678
              201
            POST /v2/a/blobs/uploads/?digest={sha256 123456789}
              > 123456789
              413 SIZE_INVALID
            POST /v2/a/blobs/uploads/?digest={sha256 123456789}
              Transfer-Encoding: chunked
              > 123456789
              413 SIZE_INVALID
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            PATCH {upload}
              > 12345678
              202
            PUT {upload}?digest={sha256 123456789}
              > 9
              413 SIZE_INVALID
            HEAD /v2/a/blobs/{sha256 123456789}
              404
            """);
        Assert.Equal([8], (await registry.StoredAsync("uploads")).Concat(await registry.StoredAsync("blobs")));
    }

    [Fact]
    public async Task More_uploads_at_once_than_allowed_are_told_to_retry()
    {
        await using var registry =
            await RegistryFixture.StartAsync(s => s with { Limits = s.Limits with { ConcurrentUploads = 1 } });
        var script =
            new Script(registry) { ["first"] = await StartAsync(registry), ["second"] = await StartAsync(registry) };
        script.Give("content", Content);
        using var connection = await BeginInTheMiddleAsync(registry, script["first"]);
        await script.PlayAsync(
            """
            PATCH {second}
              > xy
              429 TOOMANYREQUESTS
              Retry-After: 1
            POST /v2/a/blobs/uploads/?digest={sha256 xy}
              > xy
              429 TOOMANYREQUESTS
            GET {second}
              204
            """);
        await connection.SendAsync(Content[Half..]);
        Assert.Equal(202, (await connection.ReadAnswerAsync()).Status);
        await script.PlayAsync("PUT {second}?digest={sha256 xy}\n > xy\n 201");
        await script.PlayAsync("PUT {first}?digest={sha256 content}\n 201");
    }

    [Fact]
    public async Task A_client_that_sends_too_slowly_is_cut_off_and_may_resume_later()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Limits = s.Limits with
            {
                MinimumBodyBytesPerSecond = 100_000,
                BodyRateGracePeriod = TimeSpan.FromSeconds(1.1),
            },
        });
        var upload = await StartAsync(registry);
        using var connection = await BeginAsync(registry, $"PATCH {upload}", "ab", length: 1_000_000);
        var answer = await connection.TryReadAnswerAsync();
        Assert.Equal(408, answer?.Status);
        Assert.Contains("\"code\":\"BLOB_UPLOAD_INVALID\"", answer!.Text, StringComparison.Ordinal);
        Assert.False(await connection.ReadSomeAsync());
        var offset = await OffsetAsync(registry, upload);
        await new Script(registry) { ["upload"] = upload, ["rest"] = "abcd"[offset..] }.PlayAsync(
            "PUT {upload}?digest={sha256 abcd}\n > {rest}\n 201");
    }

    [Inside]
    [Fact]
    public async Task Uploads_that_are_idle_too_long_expire_and_those_in_use_do_not()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Storage = s.Storage with
            {
                Maintenance = s.Storage.Maintenance with
                {
                    UploadPurging = new UploadPurgingSettings
                    {
                        Age = TimeSpan.FromSeconds(1),
                        Interval = TimeSpan.FromSeconds(0.3),
                    },
                },
            },
        });
        var script =
            new Script(registry) { ["idle"] = await StartAsync(registry), ["used"] = await StartAsync(registry) };
        var written = await StartAsync(registry);
        await script.PlayAsync("PATCH {idle}\n > abcd\n 202");
        using var connection = await BeginAsync(registry, $"PATCH {written}", "ab", length: 4);
        for (var i = 0; i < 12; i++)
        {
            await script.PlayAsync("PATCH {used}\n > ab\n 202");
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }

        await script.PlayAsync("GET {idle}\n 404 BLOB_UPLOAD_UNKNOWN");
        Assert.DoesNotContain(4, await registry.StoredAsync("uploads"));
        await connection.SendAsync("cd");
        Assert.Equal(202, (await connection.ReadAnswerAsync()).Status);
        await new Script(registry) { ["written"] = written }.PlayAsync("PUT {written}?digest={sha256 abcd}\n 201");
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    [Inside]
    [Theory]
    [InlineData("PATCH")]
    [InlineData("PUT")]
    [InlineData("POST")]
    public async Task Closing_idle_uploads_leaves_those_being_written_alone(string method)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var content = Content[..600_000];
        var digest = Digest.Of(DigestAlgorithm.Sha256, content);
        var target = method == "POST" ? "/v2/a/blobs/uploads/" : await StartAsync(registry);
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(
            $"{method} {target}?digest={digest} HTTP/1.1\r\nHost: a\r\nContent-Length: {content.Length}\r\n\r\n");
        await connection.SendAsync(content[..300_000]);
        await Eventually.TrueAsync(registry.IsReceivingAsync);
        await CloseIdleAsync(registry);
        await connection.SendAsync(content[300_000..]);
        var answer = await connection.ReadAnswerAsync();
        Assert.Equal(method == "PATCH" ? 202 : 201, answer.Status);
    }

    [Inside]
    [Fact]
    public async Task An_upload_whose_file_was_closed_for_a_while_resumes()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry) { ["upload"] = await StartAsync(registry) };
        await script.PlayAsync("PATCH {upload}\n > abcd\n 202");
        await CloseIdleAsync(registry);
        await script.PlayAsync("GET {upload}\n 204\n Range: 0-3\nPATCH {upload}\n > efgh\n 202\n Range: 0-7");
        await CloseIdleAsync(registry);
        await script.PlayAsync(
            "PUT {upload}?digest={sha256 abcdefgh}\n 201\nGET /v2/a/blobs/{sha256 abcdefgh}\n 200\n < abcdefgh");
    }

    private static Task CloseIdleAsync(RegistryFixture registry) => registry.Services.GetRequiredService<Uploads>()
        .CloseIdleAsync(TimeSpan.Zero, TestContext.Current.CancellationToken);

    private static async Task<string> StartAsync(RegistryFixture registry)
    {
        using var response = await registry.Client.PostAsync(
            new Uri("v2/a/blobs/uploads/", UriKind.Relative), null, TestContext.Current.CancellationToken);
        return response.Headers.Location!.OriginalString;
    }

    /// <summary>Sends a request's head and the first bytes of its body.</summary>
    private static async Task<RawConnection> BeginAsync(
        RegistryFixture registry, string request, string start, int length)
    {
        var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync($"{request} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{start}");
        return connection;
    }

    /// <summary>Sends half of the content as a chunk, and returns once the registry has begun to write it.</summary>
    private static async Task<RawConnection> BeginInTheMiddleAsync(RegistryFixture registry, string upload)
    {
        var connection = await BeginAsync(registry, $"PATCH {upload}", "", Content.Length);
        await connection.SendAsync(Content[..Half]);
        await Eventually.TrueAsync(async () =>
        {
            using var response = await registry.Client.GetAsync(
                new Uri(registry.BaseAddress, upload), TestContext.Current.CancellationToken);
            return response.Headers.GetValues("Range").Single() != "0-0";
        });
        return connection;
    }

    /// <summary>Goes away in the middle of a request, and waits until the registry has seen it.</summary>
    private static async Task HangUpAsync(
        RegistryFixture registry, string method, string path, int sent, bool isReset, int from = 0)
    {
        using (var connection = await RawConnection.OpenAsync(registry))
        {
            await connection.SendAsync(
                $"{method} {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                + $"Content-Length: {Content.Length - from}\r\n\r\n");
            await connection.ReadSomeAsync();
            await connection.SendAsync(Content[from..(from + sent)]);
            await Task.Delay(50, TestContext.Current.CancellationToken);
            if (isReset) connection.Reset();
        }

        var line = $"{method} {path.Split('?')[0]} 4";
        await Eventually.TrueAsync(() => registry.Output.Contains(line, StringComparison.Ordinal));
    }

    /// <summary>How far an upload came.</summary>
    private static async Task<int> OffsetAsync(RegistryFixture registry, string upload)
    {
        using var response = await registry.Client.GetAsync(
            new Uri(registry.BaseAddress, upload), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        var last = int.Parse(response.Headers.GetValues("Range").Single().Split('-')[1], CultureInfo.InvariantCulture);
        return last == 0 ? 0 : last + 1;
    }

    private static async Task<HttpStatusCode> StatusAsync(RegistryFixture registry, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, new Uri(registry.BaseAddress, path));
        using var response = await registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }
}
