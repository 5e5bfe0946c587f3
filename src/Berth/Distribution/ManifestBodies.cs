using System.Buffers;
using System.IO.Pipelines;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>Why a manifest's body was not read completely.</summary>
internal enum BodyRefusal
{
    None,

    /// <summary>It is larger than a manifest may be.</summary>
    TooLarge,

    /// <summary>The bodies of other pushes use all the memory set aside for them.</summary>
    NoRoom,
}

/// <summary>
/// Reads the bodies of pushed manifests. A body takes memory as it arrives, whatever its Content-Length says, and their
/// total is bounded (<c>limits.manifestmemorybytes</c>). Large ones may take half of that, so that any number of slow
/// large ones leaves room for the usual ones.
/// </summary>
internal sealed class ManifestBodies(LimitSettings limits)
{
    /// <summary>The size of usual manifests, in bytes: only those with thousands of references are larger.</summary>
    private const int UsualBytes = 256 * 1024;

    private const int FirstBytes = 4096;

    private long used;

    /// <summary>How many bytes are in use now.</summary>
    public long UsedBytes => Volatile.Read(ref used);

    /// <summary>Reads a body. Its memory counts until the caller disposes it.</summary>
    public async Task<ManifestBody> ReadAsync(PipeReader reader, long? contentLength, CancellationToken cancellation)
    {
        var body = new ManifestBody(this);
        var most = Math.Min(contentLength ?? long.MaxValue, limits.ManifestBytes);
        try
        {
            if (contentLength > limits.ManifestBytes) return body.Refuse(BodyRefusal.TooLarge);
            while (true)
            {
                var result = await reader.ReadAsync(cancellation);
                var refusal = Take(body, result.Buffer, most);
                reader.AdvanceTo(result.Buffer.End);
                if (refusal != BodyRefusal.None) return body.Refuse(refusal);
                if (result.IsCompleted) return body.Complete();
            }
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Return(long bytes) => Interlocked.Add(ref used, -bytes);

    private BodyRefusal Take(ManifestBody body, ReadOnlySequence<byte> arrived, long most)
    {
        var length = body.Length + arrived.Length;
        if (length > most) return BodyRefusal.TooLarge;
        if (length > body.Capacity)
        {
            var capacity = Math.Min(most, Math.Max(length, Math.Max(FirstBytes, 2L * body.Capacity)));
            if (!TryReserve(capacity - body.Capacity, capacity)) return BodyRefusal.NoRoom;
            body.Grow((int)capacity);
        }

        body.Append(arrived);
        return BodyRefusal.None;
    }

    private bool TryReserve(long bytes, long capacity)
    {
        var room = Math.Max(limits.ManifestMemoryBytes, 2 * limits.ManifestBytes);
        if (Interlocked.Add(ref used, bytes) <= (capacity > UsualBytes ? room / 2 : room)) return true;
        Return(bytes);
        return false;
    }
}

/// <summary>A body that was read, or the reason why it was not.</summary>
internal sealed class ManifestBody(ManifestBodies bodies) : IDisposable
{
    private byte[] bytes = [];
    private int length;
    private int reserved;

    public BodyRefusal Refusal { get; private set; }

    /// <summary>The whole body.</summary>
    public byte[] Bytes => bytes;

    public int Length => length;

    public int Capacity => bytes.Length;

    public void Grow(int capacity)
    {
        reserved = capacity;
        Array.Resize(ref bytes, capacity);
    }

    public void Append(ReadOnlySequence<byte> arrived)
    {
        arrived.CopyTo(bytes.AsSpan(length));
        length += (int)arrived.Length;
    }

    public ManifestBody Complete()
    {
        if (length != bytes.Length) Array.Resize(ref bytes, length);
        return this;
    }

    public ManifestBody Refuse(BodyRefusal refusal)
    {
        Refusal = refusal;
        return this;
    }

    public void Dispose()
    {
        bodies.Return(reserved);
        reserved = 0;
        bytes = [];
    }
}
