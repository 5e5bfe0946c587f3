using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Berth.Tests.Faults;

/// <summary>
/// An HTTP/2 connection whose requests each have 60 KB of headers, and all but the first take 30 bytes to send: they
/// refer to a header that HPACK remembers (RFC 7541, 6.1). No answer is read: its window is zero.
/// </summary>
internal static class HeaderBomb
{
    private const int Streams = 100;
    private const int Repetitions = 14;

    public static async Task SendAsync(Socket socket, string path, CancellationToken stop)
    {
        var tls = new SslStream(new NetworkStream(socket), leaveInnerStreamOpen: false);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
                RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null,
            },
            stop);
        if (tls.NegotiatedApplicationProtocol != SslApplicationProtocol.Http2) return;
        using var bytes = new MemoryStream();
        bytes.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        WriteFrame(bytes, type: 4, flags: 0, stream: 0, [0, 4, 0, 0, 0, 0]);
        for (var i = 0; i < Streams; i++)
        {
            WriteFrame(bytes, type: 1, flags: 5, stream: (2 * i) + 1, Headers(path, isFirst: i == 0));
        }

        await tls.WriteAsync(bytes.ToArray(), stop);
    }

    private static byte[] Headers(string path, bool isFirst)
    {
        List<byte> block = [0x82, 0x87, 0x04, (byte)path.Length, .. Encoding.ASCII.GetBytes(path), 0x01, 1, (byte)'x'];

        // A literal to remember: the name "x", and a value of 127 + 3873 bytes.
        if (isFirst) block.AddRange([0x40, 1, (byte)'x', 0x7F, 0xA1, 0x1E, .. Enumerable.Repeat((byte)'y', 4000)]);
        for (var i = isFirst ? 1 : 0; i < Repetitions; i++) block.Add(0x80 | 62);
        return [.. block];
    }

    private static void WriteFrame(MemoryStream output, byte type, byte flags, int stream, byte[] payload)
    {
        Span<byte> head = stackalloc byte[9];
        BinaryPrimitives.WriteInt32BigEndian(head, (payload.Length << 8) | type);
        head[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(head[5..], stream);
        output.Write(head);
        output.Write(payload);
    }
}
