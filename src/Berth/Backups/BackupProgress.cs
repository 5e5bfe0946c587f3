namespace Berth.Backups;

/// <summary>How far a backup or its check is. Many threads add to it while one prints.</summary>
internal sealed class BackupProgress
{
    private long bytesDone;
    private long blobsDone;

    /// <summary>The current step, for people.</summary>
    public string Step { get; set; } = "Starting";

    public long BytesToDo { get; set; } = 1;

    public long BytesDone => Volatile.Read(ref bytesDone);

    public long BlobsDone => Volatile.Read(ref blobsDone);

    public void Add(long bytes)
    {
        Interlocked.Add(ref bytesDone, bytes);
        Interlocked.Increment(ref blobsDone);
    }
}
