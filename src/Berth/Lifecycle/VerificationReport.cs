using System.Collections.Concurrent;

namespace Berth.Lifecycle;

/// <summary>What a verification has read and found so far. Many threads add to it while one prints.</summary>
internal sealed class VerificationReport
{
    private readonly ConcurrentQueue<string> faults = new();
    private long bytesRead;
    private long blobsRead;
    private long manifestsRead;
    private long faultsFound;
    private long quarantined;
    private long unlinkedFiles;
    private long unlinkedBytes;
    private long unfinishedLinks;

    /// <summary>Total bytes of all linked blobs, which <see cref="BytesRead"/> approaches.</summary>
    public long TotalBytes { get; set; }

    public long BytesRead => Volatile.Read(ref bytesRead);

    public long BlobsRead => Volatile.Read(ref blobsRead);

    public long ManifestsRead => Volatile.Read(ref manifestsRead);

    public long FaultsFound => Volatile.Read(ref faultsFound);

    /// <summary>Altered blobs quarantined by this run.</summary>
    public long Quarantined => Volatile.Read(ref quarantined);

    /// <summary>Files that no repository links. Nothing removes them yet.</summary>
    public long UnlinkedFiles => Volatile.Read(ref unlinkedFiles);

    public long UnlinkedBytes => Volatile.Read(ref unlinkedBytes);

    /// <summary>Linked blobs that are missing and that no manifest needs: left by interrupted pushes.</summary>
    public long UnfinishedLinks => Volatile.Read(ref unfinishedLinks);

    /// <summary>Files in quarantine at the end, including earlier ones.</summary>
    public int QuarantineFiles { get; set; }

    public void AddBytes(int count) => Interlocked.Add(ref bytesRead, count);

    public void AddBlob() => Interlocked.Increment(ref blobsRead);

    public void AddManifest() => Interlocked.Increment(ref manifestsRead);

    public void AddQuarantined() => Interlocked.Increment(ref quarantined);

    public void AddUnfinishedLink() => Interlocked.Increment(ref unfinishedLinks);

    public void AddUnlinked(long bytes)
    {
        Interlocked.Increment(ref unlinkedFiles);
        Interlocked.Add(ref unlinkedBytes, bytes);
    }

    public void AddFault(string text)
    {
        Interlocked.Increment(ref faultsFound);
        faults.Enqueue(text);
    }

    /// <summary>Dequeues the next fault.</summary>
    public bool TryTakeFault(out string? text) => faults.TryDequeue(out text);
}
