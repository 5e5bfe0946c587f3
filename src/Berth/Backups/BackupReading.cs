using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Oci;

namespace Berth.Backups;

/// <summary>
/// Reads the blobs of all backups of a place again, in the order of their digests, a turn at a time. One that can't be
/// read keeps no other from being read.
/// </summary>
internal sealed class BackupReading(BackupPlace place, IReadOnlyList<FoundBackup> backups, PacedReading pace)
{
    /// <summary>So many digests of the lists are in memory.</summary>
    private const int DigestsAtOnce = 10_000;

    private readonly Dictionary<Digest, string> faults = [];

    /// <summary>What is wrong, of the blobs that this turn has read.</summary>
    public IReadOnlyDictionary<Digest, string> Faults => faults;

    /// <summary>How many blobs it has read.</summary>
    public int Blobs { get; private set; }

    /// <param name="position">Where the turn before stopped.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <returns>Where it stopped; null at the end.</returns>
    /// <exception cref="IOException">The place does not answer.</exception>
    public async Task<ReadPosition?> RunTurnAsync(ReadPosition position, CancellationToken cancellation)
    {
        while (!pace.IsOver)
        {
            var next = await NextAsync(position.Last, cancellation);
            foreach (var digest in next)
            {
                var part = await CheckAsync(digest, position.Part, cancellation);
                position = part is null ? new ReadPosition(digest.Text) : position with { Part = part };
                if (part is null) Blobs++;
                if (pace.IsOver) return position;
            }

            if (next.Count < DigestsAtOnce) return null;
        }

        return position;
    }

    /// <summary>Which of the faults are those of a backup, the first ones.</summary>
    public async Task<List<string>> FaultsOfAsync(BackupManifest manifest, CancellationToken cancellation)
    {
        try
        {
            return await BlobList.ReadAsync(place, manifest, cancellation)
                .Where(blob => faults.ContainsKey(blob.Digest)).Select(blob => faults[blob.Digest]).Take(1)
                .ToListAsync(cancellation);
        }
        catch (InvalidDataException e)
        {
            return [e.Message];
        }
    }

    /// <summary>The next digests that any backup lists.</summary>
    private async Task<List<Digest>> NextAsync(string last, CancellationToken cancellation)
    {
        var next = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var manifest in backups.Select(one => one.Manifest).OfType<BackupManifest>())
        {
            try
            {
                await foreach (var (digest, _) in BlobList.ReadAsync(place, manifest, cancellation))
                {
                    if (string.CompareOrdinal(digest.Text, last) <= 0) continue;
                    next.Add(digest.Text);
                    if (next.Count <= DigestsAtOnce) continue;
                    var dropped = next.Max!;
                    next.Remove(dropped);

                    // Lists are in the order of their digests.
                    if (dropped == digest.Text) break;
                }
            }
            catch (Exception e) when (e is InvalidDataException
                || (e is IOException and not StoreUnavailableException) || e is UnauthorizedAccessException)
            {
                // The backup is found damaged at the end of the pass.
            }
        }

        return [.. next.Select(Digest.Parse)];
    }

    /// <returns>How far it was read, if not to its end.</returns>
    private async Task<ReadPart?> CheckAsync(Digest digest, ReadPart? from, CancellationToken cancellation)
    {
        var reading = new BlobReading(place, digest);
        var (part, fault) = await reading.RunAsync(
            content => pace.ReadAsync(content, digest, from, mayStop: true, cancellation), mayChange: false,
            cancellation);
        if (fault is null) return part;

        // Networks and memory err for a moment, disks for longer.
        (_, fault) = await reading.RunAsync(
            content => pace.ReadAsync(content, digest, from: null, mayStop: false, cancellation), mayChange: true,
            cancellation);
        if (fault is not null) faults[digest] = fault;
        return null;
    }
}

/// <summary>Reads one blob of a place, and says what is wrong with it.</summary>
internal sealed class BlobReading(BackupPlace place, Digest digest)
{
    /// <param name="read">Reads it.</param>
    /// <param name="mayChange">Whether it is moved to quarantine if it is altered.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="StoreUnavailableException">The place does not answer, also for others.</exception>
    public async Task<(ReadPart? Part, string? Fault)> RunAsync(
        Func<BlobContent, Task<(Digest? Found, ReadPart? Part, long Bytes)>> read, bool mayChange,
        CancellationToken cancellation)
    {
        try
        {
            using var content = await place.Blobs.OpenAsync(digest, cancellation);
            if (content is null) return (null, $"blob {digest} is missing");
            var (found, part, _) = await read(content);
            if (part is not null || found == digest) return (part, null);
            var moved = mayChange ? await SetAsideAsync(content, cancellation) : "";
            return (null, $"blob {digest} is altered: its content has the digest {found}{moved}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A store may fail for one object, or for all.
            if (e is StoreUnavailableException
                && await place.Blobs.FindProblemAsync(forPulls: true, cancellation) is not null)
            {
                throw;
            }

            return (null, $"blob {digest} can't be read: {e.Message}");
        }
    }

    /// <summary>Under the lock: a backup that is being made may have found it there, and counts on it.</summary>
    private async Task<string> SetAsideAsync(BlobContent altered, CancellationToken cancellation)
    {
        try
        {
            await place.RunAloneAsync(
                stop => place.Blobs.QuarantineAsync(digest, altered, stop), cancellation);
            return "";
        }
        catch (PlaceInUseException)
        {
            return "; it stays where it is, because a backup is being made";
        }
    }
}
