using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Berth.Settings;

namespace Berth.Tests.Transport;

/// <summary>How long the registry waits for clients that pause.</summary>
public sealed class PatienceTests
{
    private const int LargeBytes = 24 * 1024 * 1024;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_may_open_a_request_long_before_it_has_bytes_to_send()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await Task.WhenAll(
            PushAsync("POST", "Content-Length: 5\r\n", "", "hello", 201),
            PushAsync("PUT", "Content-Length: 5\r\n", "", "hello", 201),
            PushAsync("PUT", "Content-Length: 5\r\n", "he", "llo", 201),
            PushAsync("PATCH", "Content-Length: 5\r\n", "", "hello", 202),
            PushAsync("PATCH", "Transfer-Encoding: chunked\r\n", "2\r\nhe\r\n", "3\r\nllo\r\n0\r\n\r\n", 202),
            PushAsync("PUT", "Transfer-Encoding: chunked\r\n", "", "5\r\nhello\r\n0\r\n\r\n", 201));

        async Task PushAsync(string method, string headers, string first, string rest, int status)
        {
            var uploads = "/v2/library/app/blobs/uploads/";
            if (method != "POST")
            {
                using var started = await registry.Client.PostAsync(uploads, null, Stop);
                uploads = started.Headers.Location!.OriginalString;
            }

            const string Digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
            var query = method == "PATCH" ? "" : "?digest=" + Digest;
            using var connection = await RawConnection.OpenAsync(registry);
            await connection.SendAsync($"{method} {uploads}{query} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{first}");

            // Longer than the 5 seconds that servers give by default; the clock is the server's own.
            await Task.Delay(TimeSpan.FromSeconds(7), Stop);
            await connection.SendAsync(rest);
            Assert.Equal(status, (await connection.ReadAnswerAsync()).Status);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_reader_may_pause_as_long_as_the_setting_says_and_not_longer(bool goesOn)
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with
        {
            Limits = s.Limits with { ReaderStallTimeout = TimeSpan.FromSeconds(goesOn ? 60 : 2) },
        });
        var content = RandomNumberGenerator.GetBytes(LargeBytes);
        var digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));
        using var body = new ByteArrayContent(content);
        using var pushed = await registry.Client.PostAsync(
            $"v2/library/app/blobs/uploads/?digest={digest}", body, Stop);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 64 * 1024 };
        await socket.ConnectAsync(registry.BaseAddress.Host, registry.BaseAddress.Port, Stop);
        await socket.SendAsync(
            Encoding.ASCII.GetBytes($"GET /v2/library/app/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n"), Stop);
        if (goesOn) await Task.Delay(TimeSpan.FromSeconds(4), Stop);
        else await Hosting.RequestLogTests.LineAsync(registry, " 499 ");
        var received = 0;
        try
        {
            for (var buffer = new byte[256 * 1024]; received < LargeBytes;)
            {
                var count = await socket.ReceiveAsync(buffer, Stop);
                if (count == 0) break;
                received += count;
            }
        }
        catch (SocketException)
        {
            // Cut off.
        }

        Assert.Equal(goesOn, received >= LargeBytes);
    }

    [Fact]
    public async Task An_idle_connection_is_kept_as_long_as_the_setting_says()
    {
        Assert.True(new LimitSettings().IdleTimeout > TimeSpan.FromSeconds(620), "load balancers keep theirs so long");
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Limits = s.Limits with { IdleTimeout = TimeSpan.FromSeconds(1) },
        });
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
        await connection.ReadAnswerAsync();
        Assert.False(await connection.ReadSomeAsync());
    }
}
