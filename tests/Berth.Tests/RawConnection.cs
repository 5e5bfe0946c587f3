using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Berth.Tests;

/// <summary>An answer as it came over a <see cref="RawConnection"/>.</summary>
internal sealed record RawAnswer(int Status, string Head, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    /// <summary>A header's value, or null if it is absent.</summary>
    public string? Header(string name) => Head.Split("\r\n")
        .FirstOrDefault(l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..].Trim();
}

/// <summary>
/// A connection on which a test controls every byte: for clients that hang up, stall or send garbage.
/// </summary>
internal sealed class RawConnection : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly List<byte> received = [];

    public static Task<RawConnection> OpenAsync(RegistryFixture registry) => OpenAsync(registry.BaseAddress);

    public static async Task<RawConnection> OpenAsync(Uri address)
    {
        var connection = new RawConnection();
        await connection.socket.ConnectAsync(address.Host, address.Port);
        return connection;
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(byte[] content) => await socket.SendAsync(content);

    /// <summary>Reads what comes next; false when the server closed the connection.</summary>
    public async Task<bool> ReadSomeAsync()
    {
        var buffer = new byte[64 * 1024];
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            var count = await socket.ReceiveAsync(buffer, limit.Token);
            received.AddRange(buffer.AsSpan(0, count));
            return count > 0;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Reads one answer with a Content-Length. Null when the connection ended before it.</summary>
    public async Task<RawAnswer?> TryReadAnswerAsync(bool hasBody = true)
    {
        int end;
        while ((end = received.ToArray().AsSpan().IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (!await ReadSomeAsync()) return null;
        }

        var head = Encoding.Latin1.GetString([.. received[..end]]);
        received.RemoveRange(0, end + 4);
        var answer = new RawAnswer(int.Parse(head.AsSpan(9, 3), CultureInfo.InvariantCulture), head, []);
        var length =
            hasBody && answer.Header("Content-Length") is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : 0;
        while (received.Count < length && await ReadSomeAsync())
        {
        }

        byte[] body = [.. received.Take(length)];
        received.RemoveRange(0, body.Length);
        return answer with { Body = body };
    }

    public async Task<RawAnswer> ReadAnswerAsync(bool hasBody = true) =>
        await TryReadAnswerAsync(hasBody)
            ?? throw new IOException("the server closed the connection without an answer");

    /// <summary>What has come once <paramref name="text"/> is in it, or the connection ended.</summary>
    public async Task<string> ReadUntilAsync(string text)
    {
        while (!Encoding.Latin1.GetString([.. received]).Contains(text, StringComparison.Ordinal))
        {
            if (!await ReadSomeAsync()) break;
        }

        var all = Encoding.Latin1.GetString([.. received]);
        received.Clear();
        return all;
    }

    /// <summary>What comes until the connection ends.</summary>
    public async Task<string> ReadToEndAsync()
    {
        while (await ReadSomeAsync())
        {
        }

        return Encoding.Latin1.GetString([.. received]);
    }

    /// <summary>How many bytes still come until the connection ends, in whatever way.</summary>
    public async Task<long> CountToEndAsync()
    {
        long count = received.Count;
        received.Clear();
        while (await ReadSomeAsync())
        {
            count += received.Count;
            received.Clear();
        }

        return count;
    }

    /// <summary>Disconnects like a crashed client: the server sees a reset.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    public void Dispose() => socket.Dispose();
}
