using Berth.Oci;

namespace Berth.Backups;

/// <summary>Which backups are kept. The newest is, whatever is said.</summary>
/// <param name="Count">The latest so many; null: all.</param>
/// <param name="Age">Those that are no older; null: all.</param>
internal sealed record KeptBackups(int? Count, TimeSpan? Age);

/// <summary>Removes old backups, and what no backup needs any more. Called under the lock of the place.</summary>
internal sealed class BackupRetention(BackupPlace place, TimeProvider clock)
{
    /// <summary>So many digests take some 20 MB.</summary>
    private const int DigestsAtOnce = 100_000;

    private const int HexDigits = 16;

    /// <returns>The names of the removed backups, and how many bytes went with them.</returns>
    /// <exception cref="InvalidDataException">A backup that is kept can't be read, so nobody can tell what it needs.
    /// </exception>
    public async Task<(IReadOnlyList<string> Names, long Bytes)> RunAsync(
        KeptBackups keep, CancellationToken cancellation)
    {
        var all = await place.FindAllAsync(cancellation);
        if (all.Find(one => one.Manifest is null) is { } unreadable)
            throw new InvalidDataException($"backup {unreadable.Name} can't be read, so nothing is removed beside it");
        var (kept, going) = Choose(all, keep, newer: 0);

        foreach (var backup in kept) await RequireListAsync(backup, cancellation);
        foreach (var backup in going) await place.RemoveAsync(backup.Name, cancellation);
        return ([.. going.Select(backup => backup.Name)], await SweepAsync(kept, cancellation));
    }

    /// <summary>The names of the backups that go once another one is made.</summary>
    public async Task<IReadOnlyList<string>> FindGoingAsync(KeptBackups keep, CancellationToken cancellation)
    {
        // One that can't be read has no time, and keeps all others.
        var all = await place.FindAllAsync(cancellation);
        return all.Exists(one => one.Manifest is null)
            ? [] : Choose(all, keep, newer: 1).Going.ConvertAll(backup => backup.Name);
    }

    /// <summary>Removes one backup, also one that is damaged, and then what no other needs.</summary>
    /// <returns>How many bytes went with it; and why none did, if another backup can't be read.</returns>
    public async Task<(long Bytes, string? Fault)> RemoveAsync(string name, CancellationToken cancellation)
    {
        await place.RemoveAsync(name, cancellation);
        var kept = await place.FindAllAsync(cancellation);
        if (kept.Find(one => one.Manifest is null) is { } unreadable)
            return (0, $"backup {unreadable.Name} can't be read, so nobody can tell which blobs it needs");
        try
        {
            foreach (var backup in kept) await RequireListAsync(backup, cancellation);
            return (await SweepAsync(kept, cancellation), null);
        }
        catch (InvalidDataException e)
        {
            return (0, e.Message);
        }
    }

    /// <summary>Nothing goes unless all lists can be read, and are as they were written.</summary>
    private async Task RequireListAsync(FoundBackup backup, CancellationToken cancellation)
    {
        try
        {
            await foreach (var _ in BlobList.ReadAsync(place, backup.Manifest!, cancellation))
            {
                // Reading is the check.
            }
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"backup {backup.Name}: {e.Message}, so nothing is removed beside it", e);
        }
    }

    /// <param name="all">Those that there are, the newest first.</param>
    /// <param name="keep">Which are kept.</param>
    /// <param name="newer">How many newer ones will be there.</param>
    private (List<FoundBackup> Kept, List<FoundBackup> Going) Choose(
        List<FoundBackup> all, KeptBackups keep, int newer)
    {
        var oldest = keep.Age is { } age ? clock.GetUtcNow() - age : DateTimeOffset.MinValue;
        var kept = all
            .Where((one, index) => index + newer == 0
                || ((keep.Count is not { } count || index + newer < count) && one.Manifest!.StartedAt >= oldest))
            .ToList();
        return (kept, [.. all.Except(kept)]);
    }

    /// <summary>
    /// Deletes blobs that no backup lists, also what a backup that was cut off left. A part of the digests at a time,
    /// so that memory does not grow with the registry.
    /// </summary>
    private async Task<long> SweepAsync(List<FoundBackup> kept, CancellationToken cancellation)
    {
        var most = kept.Max(one => one.Manifest?.Blobs) ?? 0;
        var parts = most <= DigestsAtOnce ? 1 : most <= DigestsAtOnce * HexDigits ? HexDigits : HexDigits * HexDigits;
        var freed = 0L;
        var quarantined = await place.Blobs.ListQuarantinedAsync(cancellation).ToListAsync(cancellation);
        for (var part = 0; part < parts; part++)
        {
            var index = part;
            bool IsIn(Digest digest) => parts == 1
                || (parts == HexDigits ? Convert.ToInt32(digest.Hex[..1], 16) : Convert.ToInt32(digest.Hex[..2], 16))
                    == index;
            var needed = new HashSet<Digest>();
            foreach (var manifest in kept.Select(one => one.Manifest!))
            {
                needed.Add(manifest.Metadata.Parsed);
                needed.Add(manifest.List.Parsed);
                await foreach (var blob in BlobList.ReadAsync(place, manifest, cancellation))
                {
                    if (IsIn(blob.Digest)) needed.Add(blob.Digest);
                }
            }

            await foreach (var digest in place.Blobs.ListAsync(cancellation))
            {
                if (!IsIn(digest) || needed.Contains(digest)) continue;
                freed += await place.Blobs.LengthOfAsync(digest, cancellation) ?? 0;
                place.RequireStillAlone();
                await place.Blobs.DeleteAsync(digest, cancellation);
            }

            // One that is needed is of no use there any more once it is whole again.
            foreach (var digest in quarantined.Where(IsIn))
            {
                if (needed.Contains(digest) && await place.Blobs.LengthOfAsync(digest, cancellation) is null) continue;
                place.RequireStillAlone();
                await place.Blobs.DeleteQuarantinedAsync(digest, cancellation);
            }
        }

        return freed;
    }
}
