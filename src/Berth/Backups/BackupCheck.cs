using Berth.Blobs;
using Berth.Oci;

namespace Berth.Backups;

/// <summary>A backup as a check found it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Manifest">Null if that is what is damaged.</param>
/// <param name="Faults">What is wrong with it, the first ones; none if it is whole.</param>
internal sealed record CheckedBackup(string Name, BackupManifest? Manifest, IReadOnlyList<string> Faults)
{
    public bool IsWhole => Faults.Count == 0;
}

/// <summary>
/// Finds out whether backups are whole: each blob there, of its length, and of its digest unless the check is quick.
/// Altered blobs are moved to quarantine, so that the next backup copies them again.
/// </summary>
/// <param name="place">Where they lie.</param>
/// <param name="isQuick">Whether blobs are not read.</param>
/// <param name="mayChange">Whether altered blobs are moved.</param>
/// <param name="pace">Called with the length of each piece that was read; may wait.</param>
internal sealed class BackupCheck(
    BackupPlace place, bool isQuick, bool mayChange, Func<int, CancellationToken, ValueTask>? pace = null)
{
    private const int Parallel = 8;
    private const int NamedFaults = 20;

    private readonly Dictionary<Digest, string> altered = [];

    public BackupProgress Progress { get; } = new();

    /// <param name="names">Which backups; null: all.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="IOException">The place does not answer.</exception>
    public async Task<List<CheckedBackup>> RunAsync(IReadOnlyList<string>? names, CancellationToken cancellation)
    {
        var found = (await place.FindAllAsync(cancellation)).FindAll(one => names?.Contains(one.Name) ?? true);
        Progress.BytesToDo = Math.Max(1, found.Max(one => one.Manifest?.Bytes) ?? 1);
        Progress.Step = isQuick ? "Looking" : "Reading";
        if (!isQuick) await ReadAllAsync(cancellation);
        var done = new List<CheckedBackup>();
        foreach (var backup in found)
        {
            var faults = backup.Manifest is null
                ? [backup.Fault!] : await FindFaultsAsync(backup.Manifest, cancellation);

            // It may have been removed meanwhile, with what only it needed.
            if (faults.Count > 0 && await place.FindAsync(backup.Name, cancellation) is null) continue;
            done.Add(new CheckedBackup(backup.Name, backup.Manifest, faults));
        }

        return done;
    }

    private async Task ReadAllAsync(CancellationToken cancellation)
    {
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = pace is null ? Parallel : 1,
            CancellationToken = cancellation,
        };
        await System.Threading.Tasks.Parallel.ForEachAsync(
            place.Blobs.ListAsync(cancellation), parallel,
            async (digest, stop) => await ReadAsync(digest, stop));
    }

    private async Task ReadAsync(Digest digest, CancellationToken cancellation)
    {
        try
        {
            using var content = await place.Blobs.OpenAsync(digest, cancellation);
            if (content is null) return;
            var found = await content.ComputeDigestAsync(digest.Algorithm, _ => { }, cancellation);
            Progress.Add(content.Length);
            if (pace is not null) await pace((int)Math.Min(content.Length, int.MaxValue), cancellation);
            if (found == digest) return;
            Note(digest, $"blob {digest} is altered: its content has the digest {found}");
            if (mayChange) await place.Blobs.QuarantineAsync(digest, content, cancellation);
        }
        catch (IOException e) when (e is not StoreUnavailableException)
        {
            Note(digest, $"blob {digest} can't be read: {e.Message}");
        }
    }

    private void Note(Digest digest, string fault)
    {
        lock (altered) altered[digest] = fault;
    }

    private async Task<List<string>> FindFaultsAsync(BackupManifest manifest, CancellationToken cancellation)
    {
        var faults = new List<string>();
        var count = 0L;
        await LookAsync("its metadata", manifest.Metadata);
        await LookAsync("its list of blobs", manifest.List);
        if (faults.Count > 0) return faults;
        try
        {
            await foreach (var page in BlobList.ReadAsync(place, manifest, cancellation).Chunk(1000))
            {
                count += page.Length;
                await System.Threading.Tasks.Parallel.ForEachAsync(
                    page, new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellation },
                    async (blob, stop) => Add(await FaultOfAsync(blob, stop)));
            }
        }
        catch (InvalidDataException e)
        {
            Add(e.Message);
        }

        return faults;

        void Add(string? fault)
        {
            lock (faults)
            {
                if (fault is not null && faults.Count < NamedFaults) faults.Add(fault);
            }
        }

        // These two are small beside the blobs: they are read even if the check is quick.
        async Task LookAsync(string what, BackupFile file)
        {
            using var content = await place.Blobs.OpenAsync(file.Parsed, cancellation);
            if (content is null) Add($"{what} is missing");
            else if (await content.ComputeDigestAsync(DigestAlgorithm.Sha256, _ => { }, cancellation) != file.Parsed)
                Add($"{what} is altered");
        }
    }

    private async Task<string?> FaultOfAsync(ListedBlob blob, CancellationToken cancellation)
    {
        if (altered.TryGetValue(blob.Digest, out var fault)) return fault;
        var length = await place.Blobs.LengthOfAsync(blob.Digest, cancellation);
        if (isQuick && length is not null && length == blob.Bytes) Progress.Add(blob.Bytes);
        return length is null ? $"blob {blob.Digest} is missing"
            : length != blob.Bytes ? $"blob {blob.Digest} has {length} of {blob.Bytes} bytes" : null;
    }
}
