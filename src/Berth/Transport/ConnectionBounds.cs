using Berth.Disk;
using Berth.Settings;

namespace Berth.Transport;

/// <summary>How many connections may be open at once.</summary>
/// <param name="All">In total.</param>
/// <param name="PerClient">Per client address.</param>
/// <param name="LastDescriptor">A socket with a higher number than this has one of the last descriptors.</param>
internal readonly record struct ConnectionBounds(int All, int PerClient, long LastDescriptor)
{
    /// <summary>
    /// What a malicious client's connection may take, in bytes: a full receive buffer and headers. An idle one takes a
    /// twentieth of that.
    /// </summary>
    private const long BytesPerConnection = Listener.ReceiveBufferBytes;

    /// <summary>Descriptors for the database, the listeners, the log and libraries.</summary>
    private const int ReservedDescriptors = 128;

    private const int LeastConnections = 16;

    /// <summary>
    /// By default: what fits into half of the memory, and leaves each connection a second descriptor for the file that
    /// is pulled or pushed over it. One client address may have half of that.
    /// </summary>
    public static ConnectionBounds Of(LimitSettings limits)
    {
        var descriptors = Descriptors.Raise();
        var fitting = Math.Max(LeastConnections, (descriptors - ReservedDescriptors) / 2);
        var all = limits.ConcurrentConnections > 0
            ? Math.Min(limits.ConcurrentConnections, Math.Max(fitting, descriptors - ReservedDescriptors))
            : Math.Clamp(
                GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2 / BytesPerConnection, LeastConnections, fitting);
        var perClient = limits.ConnectionsPerClient > 0 ? limits.ConnectionsPerClient : (all + 1) / 2;
        return new ConnectionBounds((int)all, (int)perClient, descriptors - (ReservedDescriptors / 2));
    }
}
