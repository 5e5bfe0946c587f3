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
internal sealed class BackupCheck(BackupPlace place, bool isQuick, bool mayChange)
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
        if (!isQuick) await ReadAllAsync(found, cancellation);
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

    private async Task ReadAllAsync(List<FoundBackup> found, CancellationToken cancellation)
    {
        // What names the blobs stays where it is: the next backup writes it again if it is altered, and until then a
        // damaged list is better than none.
        var named = found.Select(one => one.Manifest).OfType<BackupManifest>()
            .SelectMany(one => new[] { one.Metadata.Parsed, one.List.Parsed }).ToHashSet();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellation };
        await System.Threading.Tasks.Parallel.ForEachAsync(
            place.Blobs.ListAsync(cancellation), parallel, async (digest, stop) =>
            {
                var (_, fault) = await new BlobReading(place, digest).RunAsync(
                    async content =>
                    {
                        var computed = await content.ComputeDigestAsync(digest.Algorithm, _ => { }, stop);
                        Progress.Add(content.Length);
                        return (computed, null, content.Length);
                    },
                    mayChange && !named.Contains(digest), stop);
                if (fault is not null) Note(digest, fault);
            });
    }

    private void Note(Digest digest, string fault)
    {
        lock (altered) altered[digest] = fault;
    }

    private async Task<List<string>> FindFaultsAsync(BackupManifest manifest, CancellationToken cancellation)
    {
        var faults = await FindFileFaultsAsync(manifest, cancellation);
        if (faults.Count > 0) return faults;
        try
        {
            await foreach (var page in BlobList.ReadAsync(place, manifest, cancellation).Chunk(1000))
            {
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
    }

    /// <summary>
    /// What is wrong with the two files that say what a backup has. They are small beside the blobs, and read even if
    /// the check is quick.
    /// </summary>
    public async Task<List<string>> FindFileFaultsAsync(BackupManifest manifest, CancellationToken cancellation)
    {
        var faults = new List<string>();
        await LookAsync("its metadata", manifest.Metadata);
        await LookAsync("its list of blobs", manifest.List);
        return faults;

        async Task LookAsync(string what, BackupFile file)
        {
            var (_, fault) = await new BlobReading(place, file.Parsed).RunAsync(
                async content => (
                    await content.ComputeDigestAsync(DigestAlgorithm.Sha256, _ => { }, cancellation), null, 0),
                mayChange: false, cancellation);
            if (fault is not null) faults.Add($"{what}: {fault}");
        }
    }

    /// <summary>A blob that can't be looked at keeps no other from being looked at.</summary>
    private async Task<string?> FaultOfAsync(ListedBlob blob, CancellationToken cancellation)
    {
        if (altered.TryGetValue(blob.Digest, out var fault)) return fault;
        long? length;
        try
        {
            length = await place.Blobs.LengthOfAsync(blob.Digest, cancellation);
        }
        catch (Exception e) when (e is IOException and not StoreUnavailableException or UnauthorizedAccessException)
        {
            return $"blob {blob.Digest} can't be read: {e.Message}";
        }

        if (isQuick && length is not null && length == blob.Bytes) Progress.Add(blob.Bytes);
        return length is null ? $"blob {blob.Digest} is missing"
            : length != blob.Bytes ? $"blob {blob.Digest} has {length} of {blob.Bytes} bytes" : null;
    }
}
