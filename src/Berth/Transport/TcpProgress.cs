using System.Buffers.Binary;
using System.Net.Sockets;

namespace Berth.Transport;

/// <summary>
/// How many bytes a peer has acknowledged and sent, from the kernel's counters (tcp(7), TCP_INFO): queried when needed,
/// so that nothing has to be counted while bytes flow.
/// </summary>
/// <param name="AcknowledgedBytes">What the peer has acknowledged.</param>
/// <param name="ReceivedBytes">What the peer has sent.</param>
/// <param name="IsAllRead">All that was written is acknowledged; false if the kernel does not tell.</param>
internal readonly record struct TcpProgress(long AcknowledgedBytes, long ReceivedBytes, bool IsAllRead)
{
    private const int TcpLevel = 6;
    private const int TcpInfo = 11;
    private const int UnacknowledgedSegmentsAt = 24;
    private const int AcknowledgedAt = 120;
    private const int ReceivedAt = 128;
    private const int UnsentAt = 144;

    public long TotalBytes => AcknowledgedBytes + ReceivedBytes;

    /// <summary>Null if the kernel does not tell, or the socket is closed.</summary>
    public static TcpProgress? Of(Socket socket)
    {
        if (!OperatingSystem.IsLinux()) return null;
        Span<byte> info = stackalloc byte[UnsentAt + sizeof(uint)];
        int length;
        try
        {
            length = socket.GetRawSocketOption(TcpLevel, TcpInfo, info);
            if (length < ReceivedAt + sizeof(long)) return null;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null;
        }

        return new TcpProgress(
            BinaryPrimitives.ReadInt64LittleEndian(info[AcknowledgedAt..]),
            BinaryPrimitives.ReadInt64LittleEndian(info[ReceivedAt..]),
            length == info.Length && Number(info, UnacknowledgedSegmentsAt) == 0 && Number(info, UnsentAt) == 0);

        static uint Number(ReadOnlySpan<byte> info, int at) => BinaryPrimitives.ReadUInt32LittleEndian(info[at..]);
    }
}
