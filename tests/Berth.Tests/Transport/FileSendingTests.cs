using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Berth.Tests.Transport;

/// <summary>The kernel sends large blobs, bypassing the server's own counting, which must not be observable.</summary>
public sealed class FileSendingTests : IAsyncLifetime
{
    private const int LargeBytes = 8 * 1024 * 1024;

    private readonly byte[] large = RandomNumberGenerator.GetBytes(LargeBytes);
    private RegistryFixture registry = null!;
    private string path = "";

    public async ValueTask InitializeAsync()
    {
        registry = await RegistryFixture.StartOnFilesAsync();
        path = await PushAsync(large);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Theory]
    [InlineData("bytes=0-65535", 0, 65536)]
    [InlineData("bytes=100-4000099", 100, 4000000)]
    [InlineData("bytes=8000000-", 8000000, LargeBytes - 8000000)]
    [InlineData("bytes=-300000", LargeBytes - 300000, 300000)]
    [InlineData("bytes=7000000-99999999", 7000000, LargeBytes - 7000000)]
    public async Task A_range_of_a_large_blob_is_exact(string range, int offset, int count)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Range", range);
        using var response = await registry.Client.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        var stated = response.Content.Headers.ContentRange!.ToString();
        Assert.Equal($"bytes {offset}-{offset + count - 1}/{LargeBytes}", stated);
        Assert.Equal(large[offset..(offset + count)], await response.Content.ReadAsByteArrayAsync(Cancellation));
    }

    [Fact]
    public async Task Pipelined_requests_on_one_connection_are_answered_in_order()
    {
        using var connection = await ConnectAsync();
        var get = $"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n";
        var head = $"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n";
        var range = $"GET {path} HTTP/1.1\r\nHost: x\r\nRange: bytes=5-204804\r\n\r\n";
        var last = "GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        await connection.SendAsync(Encoding.ASCII.GetBytes(get + head + range + get + last), Cancellation);
        var received = await ReadToEndAsync(connection);

        var rest = received.AsSpan();
        Assert.Equal(large, TakeAnswer(ref rest, "200", LargeBytes));
        Assert.Empty(TakeAnswer(ref rest, "200", 0));
        Assert.Equal(large[5..204805], TakeAnswer(ref rest, "206", 204800));
        Assert.Equal(large, TakeAnswer(ref rest, "200", LargeBytes));
        Assert.Equal("{}"u8.ToArray(), TakeAnswer(ref rest, "200", 2));
        Assert.True(rest.IsEmpty);
    }

    [Fact]
    public async Task A_client_that_leaves_in_the_middle_costs_neither_a_file_nor_the_server()
    {
        for (var i = 0; i < 20; i++)
        {
            using var connection = await ConnectAsync();
            var get = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            await connection.SendAsync(get, Cancellation);
            await connection.ReceiveAsync(new byte[1000], Cancellation);
        }

        Assert.Equal(large, await registry.Client.GetByteArrayAsync(path, Cancellation));
        var deadline = DateTime.UtcNow.AddSeconds(10);
        while (OpenBlobs() > 0 && DateTime.UtcNow < deadline) await Task.Delay(20, Cancellation);
        Assert.Equal(0, OpenBlobs());
        Assert.DoesNotContain(registry.Log, line => line.Contains("unhandled", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_that_shrinks_while_it_is_sent_cuts_the_connection()
    {
        var big = RandomNumberGenerator.GetBytes(64 * 1024 * 1024);
        var bigPath = await PushAsync(big);
        using var connection = await ConnectAsync();
        connection.ReceiveBufferSize = 64 * 1024;
        await connection.SendAsync(Encoding.ASCII.GetBytes($"GET {bigPath} HTTP/1.1\r\nHost: x\r\n\r\n"), Cancellation);
        await connection.ReceiveAsync(new byte[1000], Cancellation);
        using (var file = File.OpenHandle(FileOf(bigPath), FileMode.Open, FileAccess.Write))
        {
            RandomAccess.SetLength(file, 20 * 1024 * 1024);
        }

        var received = await ReadToEndAsync(connection);
        Assert.InRange(received.Length, 0, 40 * 1024 * 1024);
        Assert.Contains(registry.Log, line => line.Contains("shorter than it was", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_shorter_than_its_record_is_never_a_success()
    {
        using (var file = File.OpenHandle(FileOf(path), FileMode.Open, FileAccess.Write))
        {
            RandomAccess.SetLength(file, LargeBytes - 1);
        }

        using var response = await registry.Client.GetAsync(path, Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Many_clients_pull_large_blobs_at_once_and_each_gets_its_own()
    {
        var other = RandomNumberGenerator.GetBytes(LargeBytes / 2);
        var otherPath = await PushAsync(other);
        await Task.WhenAll(Enumerable.Range(0, 32).Select(async i =>
        {
            var (target, expected) = i % 2 == 0 ? (path, large) : (otherPath, other);
            Assert.Equal(expected, await registry.Client.GetByteArrayAsync(target, Cancellation));
        }));
    }

    [Fact]
    public async Task An_HTTP_1_0_client_gets_the_whole_blob_and_the_end_of_the_connection()
    {
        using var connection = await ConnectAsync();
        await connection.SendAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.0\r\n\r\n"), Cancellation);
        var rest = (await ReadToEndAsync(connection)).AsSpan();
        Assert.Equal(large, TakeAnswer(ref rest, "200", LargeBytes));
        Assert.True(rest.IsEmpty);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static byte[] TakeAnswer(ref Span<byte> rest, string status, int bodyBytes)
    {
        var end = rest.IndexOf("\r\n\r\n"u8) + 4;
        var head = Encoding.ASCII.GetString(rest[..end]);
        Assert.StartsWith($"HTTP/1.1 {status}", head, StringComparison.Ordinal);
        var body = rest.Slice(end, bodyBytes).ToArray();
        rest = rest[(end + bodyBytes)..];
        return body;
    }

    private static async Task<byte[]> ReadToEndAsync(Socket connection)
    {
        using var received = new MemoryStream();
        var buffer = new byte[1 << 20];
        try
        {
            while (await connection.ReceiveAsync(buffer, Cancellation) is > 0 and var read)
            {
                received.Write(buffer, 0, read);
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // A cut connection ends here too.
        }

        return received.ToArray();
    }

    private int OpenBlobs() => Directory.GetFiles("/proc/self/fd")
        .Select(descriptor => new FileInfo(descriptor).LinkTarget)
        .Count(target => target?.StartsWith($"{registry.DataFolder}/blobs", StringComparison.Ordinal) is true);

    private string FileOf(string blobPath)
    {
        var hex = blobPath[(blobPath.LastIndexOf(':') + 1)..];
        var path = Path.Combine(registry.DataFolder, "blobs", "sha256", hex[..2], hex);
        SpinWait.SpinUntil(() => File.Exists(path), TimeSpan.FromSeconds(10));
        return path;
    }

    private async Task<string> PushAsync(byte[] content)
    {
        var digest = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";
        using var body = new ByteArrayContent(content);
        using var response = await registry.Client.PostAsync(
            $"/v2/large/blobs/blobs/uploads/?digest={digest}", body, Cancellation);
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        return response.Headers.Location!.ToString();
    }

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(registry.BaseAddress.Host, registry.BaseAddress.Port, Cancellation);
        return socket;
    }
}
