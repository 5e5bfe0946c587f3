using Berth.Oci;

namespace Berth.Blobs;

/// <summary>One whole upload of a staged blob.</summary>
internal sealed class StagedFile(string path)
{
    public string Path => path;

    /// <summary>
    /// Whether a sync of it failed. The kernel then calls pages clean that may never have reached the disk: what it
    /// reads back has to be checked, and written anew.
    /// </summary>
    public bool IsSuspect { get; set; }
}

/// <summary>
/// A blob that was answered with 201 and is not durable yet. Each push brings a file of its own, and the last two are
/// kept until one is durable: the later one may be there because the earlier one was damaged.
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

    /// <summary>From the latest to the earliest.</summary>
    public IReadOnlyList<StagedFile> Files => Volatile.Read(ref files);

    /// <summary>How long it rests after its last failure; twice as long with each.</summary>
    public TimeSpan Rest
    {
        get
        {
            if (failures == 0) return TimeSpan.Zero;
            var rest = TimeSpan.FromSeconds(Math.Pow(2, Math.Min(failures, 10)));
            return rest < LongestRest ? rest : LongestRest;
        }
    }

    /// <summary>Whether it was staged for so long, and no failure was too recent; it always is for no time.</summary>
    public bool IsDue(TimeSpan age)
    {
        lock (guard)
        {
            return age == TimeSpan.Zero || clock.GetElapsedTime(stagedAt) >= age
                && (failures == 0 || clock.GetElapsedTime(failedAt) >= Rest);
        }
    }

    /// <summary>
    /// Adds a file, and returns those that it makes superfluous. Null where the blob has ended meanwhile.
    /// </summary>
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

    /// <summary>Takes out a file that is no good. False where it was superfluous already.</summary>
    public bool Remove(StagedFile file)
    {
        lock (guard)
        {
            var isThere = files.Contains(file);
            Keep([.. files.Where(f => f != file)]);
            return isThere;
        }
    }

    /// <summary>Takes out a file that got its name, and returns the earlier ones, which are superfluous now.</summary>
    public IReadOnlyList<StagedFile> Complete(StagedFile file)
    {
        lock (guard)
        {
            var later = files.TakeWhile(f => f != file).ToArray();
            var earlier = files.Skip(later.Length + 1).ToList();
            Keep(later);
            return earlier;
        }
    }

    /// <summary>
    /// Runs <paramref name="promote"/> unless it runs already: then its end is what all wait for. After a failure the
    /// next call tries again.
    /// </summary>
    public Task PromoteAsync(Func<Task> promote)
    {
        lock (guard)
        {
            if (isEnded) return Task.CompletedTask;
            return promotion is { IsCompleted: false } ? promotion : promotion = TryAsync(promote);
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

    private void Keep(StagedFile[] kept)
    {
        Volatile.Write(ref files, kept);
        isEnded = kept.Length == 0;
    }
}
