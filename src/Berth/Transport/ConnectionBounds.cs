using Berth.Disk;
using Berth.Settings;

namespace Berth.Transport;

/// <summary>How many connections may be open at once.</summary>
/// <param name="All">In total.</param>
/// <param name="PerClient">Per client address.</param>
/// <param name="WithHttp2">Of these, over HTTP/2 with TLS: further ones get HTTP/1.1.</param>
/// <param name="LastDescriptor">A socket with a higher number than this has one of the last descriptors.</param>
internal readonly record struct ConnectionBounds(int All, int PerClient, int WithHttp2, long LastDescriptor)
{
    /// <summary>
    /// What a malicious client's connection may take, in bytes: a full receive buffer and headers. An idle one takes a
    /// twentieth of that.
    /// </summary>
    private const long BytesPerConnection = Listener.ReceiveBufferBytes;

    /// <summary>Descriptors for the database, the listeners, the log and libraries.</summary>
    private const int ReservedDescriptors = 128;

    private const int LeastConnections = 16;

    /// <summary>Requests at once on one HTTP/2 connection: the least that RFC 9113, 6.5.2, recommends.</summary>
    public const int StreamsPerConnection = 100;

    /// <summary>HTTP/2 connections may take this fraction of the memory, if all do their worst.</summary>
    private const int Http2ShareOfMemory = 4;

    /// <summary>.NET keeps a header's byte as a character.</summary>
    private const int BytesPerHeaderByte = 2;

    /// <summary>
    /// By default: what fits into half of the memory, and leaves each connection a second descriptor for the file that
    /// is pulled or pushed over it. One client address may have half of that.
    /// </summary>
    public static ConnectionBounds Of(LimitSettings limits)
    {
        var descriptors = Descriptors.Raise();
        var fitting = Math.Max(LeastConnections, (descriptors - ReservedDescriptors) / 2);
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var all = limits.ConcurrentConnections > 0
            ? Math.Min(limits.ConcurrentConnections, Math.Max(fitting, descriptors - ReservedDescriptors))
            : Math.Clamp(memory / 2 / BytesPerConnection, LeastConnections, fitting);
        var perClient = limits.ConnectionsPerClient > 0 ? limits.ConnectionsPerClient : (all + 1) / 2;
        return new ConnectionBounds(
            (int)all, (int)perClient, MostWithHttp2(memory, limits), descriptors - (ReservedDescriptors / 2));
    }

    /// <summary>
    /// HTTP/2 compresses headers: a few bytes on the wire make each of a connection's streams hold as many headers as
    /// a request may have, and a client that reads no answer keeps them.
    /// </summary>
    private static int MostWithHttp2(long memory, LimitSettings limits)
    {
        var worst = StreamsPerConnection * BytesPerHeaderByte * limits.RequestHeaderBytes;
        return (int)Math.Clamp(memory / Http2ShareOfMemory / worst, 1, int.MaxValue);
    }
}
