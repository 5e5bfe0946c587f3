using System.Net.Sockets;
using System.Text;

namespace Berth.Tests.Hosting;

/// <summary>Bytes on a socket, as no HTTP client would send them.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    public static async Task<RawConnection> OpenAsync(Uri address)
    {
        var connection = new RawConnection();
        await connection.socket.ConnectAsync(address.Host, address.Port);
        return connection;
    }

    public async Task SendAsync(string text) => await socket.SendAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>What has come once <paramref name="text"/> is in it, or the connection ended.</summary>
    public async Task<string> ReadUntilAsync(string text)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var received = new StringBuilder();
        var buffer = new byte[64 * 1024];
        while (!received.ToString().Contains(text, StringComparison.Ordinal))
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(), limit.Token);
            if (read == 0) break;
            received.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }

        return received.ToString();
    }

    /// <summary>How many bytes still come until the connection ends, in whatever way.</summary>
    public async Task<long> CountToEndAsync()
    {
        var buffer = new byte[64 * 1024];
        long count = 0;
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory()) is > 0 and var read) count += read;
        }
        catch (SocketException)
        {
            // A reset is an end too.
        }

        return count;
    }

    /// <summary>Ends the connection with a reset, as a client that dies.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Dispose();
    }

    public void Dispose() => socket.Dispose();
}
