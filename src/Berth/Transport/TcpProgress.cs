using System.Buffers.Binary;
using System.Net.Sockets;

namespace Berth.Transport;

/// <summary>
/// How many bytes a peer has acknowledged and sent, from the kernel's counters (tcp(7), TCP_INFO): queried when needed,
/// so that nothing has to be counted while bytes flow.
/// </summary>
internal readonly record struct TcpProgress(long AcknowledgedBytes, long ReceivedBytes)
{
    private const int TcpLevel = 6;
    private const int TcpInfo = 11;
    private const int AcknowledgedAt = 120;
    private const int ReceivedAt = 128;

    public long TotalBytes => AcknowledgedBytes + ReceivedBytes;

    /// <summary>Null if the kernel does not tell, or the socket is closed.</summary>
    public static TcpProgress? Of(Socket socket)
    {
        if (!OperatingSystem.IsLinux()) return null;
        Span<byte> info = stackalloc byte[ReceivedAt + sizeof(long)];
        try
        {
            if (socket.GetRawSocketOption(TcpLevel, TcpInfo, info) < info.Length) return null;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null;
        }

        return new TcpProgress(
            BinaryPrimitives.ReadInt64LittleEndian(info[AcknowledgedAt..]),
            BinaryPrimitives.ReadInt64LittleEndian(info[ReceivedAt..]));
    }
}
