using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Tests.Hosting;

namespace Berth.Tests.Transport;

/// <summary>What the server says to requests that are unusual, too large, or no HTTP.</summary>
public sealed class RefusedRequestTests
{
    private const string Start = "/v2/library/app/blobs/uploads/";

    [Theory]
    [InlineData("POST " + Start + " HTTP/1.0\r\nHost: x\r\n\r\n")]
    [InlineData("POST " + Start + " HTTP/1.0\r\n\r\n")]
    [InlineData("POST " + Start + " HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")]
    [InlineData("POST " + Start + " HTTP/1.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n")]
    public async Task A_request_of_HTTP_1_0_without_a_length_has_no_body(string request)
    {
        await using var registry = await RegistryFixture.StartAsync();
        foreach (var step in new[] { request.Length, 1, 7 })
        {
            using var connection = await RawConnection.OpenAsync(registry);
            foreach (var part in request.Chunk(step)) await connection.SendAsync(new string(part));
            Assert.Equal(202, (await connection.ReadAnswerAsync()).Status);
        }
    }

    [Fact]
    public async Task A_request_of_HTTP_1_0_with_a_length_has_that_body()
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var connection = await RawConnection.OpenAsync(registry);
        const string Digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        await connection.SendAsync($"POST {Start}?digest={Digest} HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
        Assert.Equal(201, (await connection.ReadAnswerAsync()).Status);
    }

    [Fact]
    public async Task As_many_long_tags_as_one_push_may_set_fit_into_its_request_line()
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var config = new ByteArrayContent("{}"u8.ToArray());
        const string Digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        using var blob = await registry.Client.PostAsync($"{Start}?digest={Digest}", config, Stop);
        Assert.Equal(HttpStatusCode.Created, blob.StatusCode);
        const string Type = "application/vnd.oci.image.manifest.v1+json";
        using var manifest = new StringContent(
            $$"""
            {"schemaVersion":2,"mediaType":"{{Type}}","layers":[],"config":
            {"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{Digest}}","size":2} }
            """, Encoding.UTF8, Type);
        manifest.Headers.ContentType!.CharSet = null;
        var name = "sha256:" + Convert.ToHexStringLower(
            System.Security.Cryptography.SHA256.HashData(await manifest.ReadAsByteArrayAsync(Stop)));
        var tags = Enumerable.Range(0, 100).Select(i => $"tag={i:d128}");
        using var pushed = await registry.Client.PutAsync(
            $"v2/library/app/manifests/{name}?{string.Join('&', tags)}", manifest, Stop);
        Assert.Equal(HttpStatusCode.Created, pushed.StatusCode);
        Assert.Equal(100, pushed.Headers.GetValues("OCI-Tag").SelectMany(v => v.Split(',')).Count());
    }

    [Theory]
    [InlineData(40_000, 200)]
    [InlineData(60_000, 200)]
    [InlineData(70_000, 431)]
    public async Task Headers_may_have_64_KiB(int bytes, int status)
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync($"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Token: {new string('t', bytes)}\r\n\r\n");
        Assert.Equal(status, (await connection.ReadAnswerAsync()).Status);
    }

    [Theory]
    [InlineData("gzip, chunked", 501)]
    [InlineData("identity, chunked", 501)]
    [InlineData("chunked, chunked", 501)]
    [InlineData("gzip\r\nTransfer-Encoding: chunked", 501)]
    [InlineData("gzip", 400)]
    [InlineData("Chunked", 202)]
    public async Task An_unknown_transfer_coding_is_not_implemented(string coding, int status)
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(
            $"POST {Start} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n");
        Assert.Equal(status, (await connection.ReadAnswerAsync()).Status);
    }

    [Theory]
    [InlineData("80000000\r\nx")]
    [InlineData("7fffffffffffffff\r\nx")]
    [InlineData("fffffffffffffffffffffffff\r\nx")]
    [InlineData("zz\r\nx")]
    [InlineData("-1\r\nx")]
    [InlineData("5\r\nabcdefgh\r\n0\r\n\r\n")]
    [InlineData("\r\n")]
    public async Task Malformed_chunks_are_a_bad_request(string chunk)
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var started = await registry.Client.PostAsync(Start, null, Stop);
        foreach (var line in new[]
        {
            $"PATCH {started.Headers.Location}", $"PUT {started.Headers.Location}?digest=sha256:{new string('0', 64)}",
            "PUT /v2/library/app/manifests/v1",
        })
        {
            using var connection = await RawConnection.OpenAsync(registry);
            await connection.SendAsync(
                $"{line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
                + $"Transfer-Encoding: chunked\r\n\r\n{chunk}");
            Assert.Equal(400, (await connection.ReadAnswerAsync()).Status);
            Assert.False(await connection.ReadSomeAsync(), "nobody knows where the next request would begin");
        }

        Assert.DoesNotContain(registry.Log, l => l.Contains("Unexpected", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("GET /v2/ HTTP/1.1\r\n\r\n", 400)]
    [InlineData("rubbish\r\n\r\n", 400)]
    [InlineData("GET /v2/ HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n", 400)]
    [InlineData("LINE", 414)]
    [InlineData("HEADER", 431)]
    public async Task A_request_that_the_server_refuses_by_itself_leaves_a_line_with_the_reason(string text, int status)
    {
        if (text == "LINE") text = $"GET /v2/{new string('a', 100_000)} HTTP/1.1\r\nHost: x\r\n\r\n";
        if (text == "HEADER") text = $"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: {new string('a', 100_000)}\r\n\r\n";
        await using var registry = await RegistryFixture.StartAsync();
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(text);
        Assert.Equal(status, (await connection.ReadAnswerAsync()).Status);
        var line = await RequestLogTests.LineAsync(registry, "refused");
        Assert.Matches($" status={status} reason=\".+\" client=127\\.0\\.0\\.1 connection=", line);
    }

    [Fact]
    public async Task A_client_that_keeps_sending_after_a_refusal_is_cut_off()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Limits = s.Limits with { MaximumUploadBytes = 1000, RefusedBodyBytes = 1 << 20 },
        });
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(registry.BaseAddress.Host, registry.BaseAddress.Port, Stop);
        await socket.SendAsync(
            Encoding.ASCII.GetBytes(
                $"POST {Start}?digest=sha256:{new string('0', 64)} HTTP/1.1\r\nHost: x\r\n"
                + "Content-Length: 12884901888\r\n\r\n"),
            Stop);
        var sent = 0L;
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            for (var part = new byte[64 * 1024]; sent < 1L << 30; sent += part.Length)
            {
                await socket.SendAsync(part, Stop);
            }
        });
        await RequestLogTests.LineAsync(registry, " 413 ");
    }

    [Fact]
    public async Task A_client_whose_refused_body_is_small_keeps_its_connection()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Limits = s.Limits with { MaximumUploadBytes = 1000 },
        });
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(
            $"POST {Start}?digest=sha256:{new string('0', 64)} HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
        await connection.SendAsync(new byte[500_000]);
        Assert.Equal(413, (await connection.ReadAnswerAsync()).Status);
        await connection.SendAsync("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
        Assert.Equal(200, (await connection.ReadAnswerAsync()).Status);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
