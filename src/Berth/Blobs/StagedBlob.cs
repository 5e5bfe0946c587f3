using Berth.Oci;

namespace Berth.Blobs;

/// <summary>One complete upload of a staged blob.</summary>
internal sealed class StagedFile(string path)
{
    public string Path => path;

    /// <summary>
    /// Whether a sync of it failed. The kernel may then have marked pages clean that never reached the disk: the
    /// content has to be read, checked and written to a new file.
    /// </summary>
    public bool IsSuspect { get; set; }
}

/// <summary>
/// A blob that was answered with 201 but is not durable yet. Each push brings its own file, and the last two are kept
/// until one is durable: the later one may exist because the earlier one was damaged.
/// </summary>
internal sealed class StagedBlob(Digest digest, long sizeBytes, TimeProvider clock)
{
    private const int KeptFiles = 2;
    private static readonly TimeSpan LongestRest = TimeSpan.FromMinutes(1);

    private readonly long stagedAt = clock.GetTimestamp();
    private readonly Lock guard = new();
    private StagedFile[] files = [];
    private Task? promotion;
    private bool isEnded;
    private int failures;
    private long failedAt;

    public Digest Digest => digest;

    public long SizeBytes => sizeBytes;

    /// <summary>
    /// Whether one of its files got the blob's name, or may have got it, and the folder was not synced since. Only the
    /// promotion changes it.
    /// </summary>
    public bool HasUnsyncedName { get; set; }

    /// <summary>Latest first.</summary>
    public IReadOnlyList<StagedFile> Files => Volatile.Read(ref files);

    /// <summary>The delay after the last failure; doubles with each failure.</summary>
    public TimeSpan Rest
    {
        get
        {
            if (failures == 0) return TimeSpan.Zero;
            var rest = TimeSpan.FromSeconds(Math.Pow(2, Math.Min(failures, 10)));
            return rest < LongestRest ? rest : LongestRest;
        }
    }

    /// <summary>
    /// Whether it has been staged for this long, and is not backing off from a failure; always true for an age of zero.
    /// </summary>
    public bool IsDue(TimeSpan age)
    {
        lock (guard)
        {
            return age == TimeSpan.Zero || clock.GetElapsedTime(stagedAt) >= age
                && (failures == 0 || clock.GetElapsedTime(failedAt) >= Rest);
        }
    }

    /// <summary>Adds a file, and returns those it supersedes. Null if the blob is no longer staged.</summary>
    public IReadOnlyList<StagedFile>? TryAdd(StagedFile file)
    {
        lock (guard)
        {
            if (isEnded) return null;
            var superfluous = files.Skip(KeptFiles - 1).ToList();
            Volatile.Write(ref files, [file, .. files.Take(KeptFiles - 1)]);
            return superfluous;
        }
    }

    /// <summary>Removes a damaged file.</summary>
    public void Remove(StagedFile file)
    {
        lock (guard) Volatile.Write(ref files, [.. files.Where(f => f != file)]);
    }

    /// <summary>
    /// Removes the file that got the blob's name, and returns the earlier ones, which are now superseded.
    /// </summary>
    public IReadOnlyList<StagedFile> Complete(StagedFile file)
    {
        lock (guard)
        {
            var later = files.TakeWhile(f => f != file).ToArray();
            var earlier = files.Skip(later.Length + 1).ToList();
            Volatile.Write(ref files, later);
            return earlier;
        }
    }

    /// <summary>Ends the blob, so that no file can be added. False if there is work left.</summary>
    public bool TryEnd()
    {
        lock (guard) return isEnded = files.Length == 0 && !HasUnsyncedName;
    }

    /// <summary>
    /// Runs <paramref name="promote"/>, or joins the run in progress. After a failure the next call retries.
    /// </summary>
    public Task PromoteAsync(Func<Task> promote)
    {
        lock (guard)
        {
            if (promotion is { IsCompleted: false }) return promotion;
            return isEnded ? Task.CompletedTask : promotion = TryAsync(promote);
        }
    }

    private async Task TryAsync(Func<Task> promote)
    {
        try
        {
            await promote();
        }
        catch
        {
            lock (guard) (failures, failedAt) = (failures + 1, clock.GetTimestamp());
            throw;
        }
    }
}
