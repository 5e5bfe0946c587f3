using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Journal;

/// <summary>What a rebuild has brought back.</summary>
internal sealed record RebuildReport(long Manifests, long Tags, long Moves);

/// <summary>How far a rebuild is.</summary>
internal sealed class RebuildProgress
{
    /// <summary>The current step, for people.</summary>
    public string Step { get; set; } = "Starting";

    public long ToDo { get; set; } = 1;

    public long Done { get; set; }

    public void Begin(string step, long toDo) => (Step, ToDo, Done) = (step, Math.Max(1, toDo), 0);
}

/// <summary>
/// Rebuilds the index of images from the journal beside the blobs: in an empty database, or in an older one that was
/// restored, where it adds what is missing. What was deleted since stays. Nothing is changed unless all of it is.
/// </summary>
internal sealed class IndexRebuild(
    IBlobStore store, JournalReplay replay, LimitSettings limits, TimeProvider clock)
{
    private const int ParallelLooks = 16;

    /// <summary>How long blobs that nothing knows stay, at the most: a server looks for them at its usual times.
    /// </summary>
    private static readonly TimeSpan OrphansKept = TimeSpan.FromDays(30);

    /// <summary>How many blobs and manifests are named that are not whole.</summary>
    private const int MostFaults = 1000;

    public RebuildProgress Progress { get; } = new();

    private readonly HashSet<string> noted = new(StringComparer.Ordinal);
    private long lastNumber;

    /// <summary>What is not whole, one line each.</summary>
    public List<string> Faults => replay.Faults;

    /// <summary>How many there are, named or not.</summary>
    public long FaultCount { get; private set; }

    /// <summary>Reads the journal, and looks which blobs are there.</summary>
    public async Task ReadAsync(CancellationToken cancellation)
    {
        Progress.Step = "Reading the journal";
        lastNumber = await replay.ReadAsync(
            new JournalFolder(store.Files),
            count => (Progress.ToDo, Progress.Done) = (count, Progress.Done + 1), cancellation);
        FaultCount = Faults.Count;
        await EachManifestAsync(
            async (row, manifest) => await replay.AddBlobsAsync(
                BlobsOf(row, manifest).Select(blob => blob.Digest.Text)),
            "Reading manifests", cancellation);
        Progress.Begin("Looking for blobs", await replay.CountAsync("blob"));
        for (var page = await replay.BlobsAsync(""); page.Count > 0; page = await replay.BlobsAsync(page[^1]))
        {
            var sizes = new long?[page.Count];
            await Parallel.ForAsync(
                0, page.Count,
                new ParallelOptions { MaxDegreeOfParallelism = ParallelLooks, CancellationToken = cancellation },
                async (i, stop) => sizes[i] = await store.LengthOfAsync(Digest.Parse(page[i]), stop));
            foreach (var (digest, size) in page.Zip(sizes))
            {
                if (size is { } found) await replay.SetSizeAsync(digest, found);
            }

            Progress.Done += page.Count;
        }

        await EachManifestAsync(NoteMissingAsync, "Comparing", cancellation);
        for (var page = await replay.TagsAsync(null); page.Count > 0; page = await replay.TagsAsync(page[^1]))
        {
            foreach (var tag in page)
            {
                if (!await replay.HasManifestAsync(tag.Repository, tag.Digest)) NoteDangling(tag);
            }
        }
    }

    private void NoteDangling(JournaledTag tag) =>
        Note($"{tag.Repository}:{tag.Name} is {tag.Digest}, which is not in the journal");

    /// <summary>Writes all that was read and that the database lacks, in one transaction.</summary>
    /// <exception cref="DatabaseInUseException">A server is using it.</exception>
    /// <exception cref="InvalidDataException">It belongs to other blobs.</exception>
    public async Task<RebuildReport> ApplyAsync(Database database, CancellationToken cancellation)
    {
        var report = new RebuildReport(0, 0, 0);
        var mark = await store.FindMarkAsync(cancellation);
        await database.UseAloneAsync(
            async session =>
            {
                await RequireOwnAsync(session, database, mark);
                await using var cache = new AnswerCache(0);
                var repositories = new RepositoryTable(database, clock);
                var target = new Target(
                    session, repositories, new ManifestTable(database, repositories, cache, clock),
                    new BlobTable(database, repositories, cache, clock));
                await session.CountUsageAsync(isOn: false);
                report = new RebuildReport(
                    await AddManifestsAsync(target, cancellation), await AddTagsAsync(session, cancellation),
                    await AddMovesAsync(session, cancellation));
                await session.CountUsageAsync(isOn: true);
                await UsageTable.RecountAsync(session);
                await RebuiltRows.ReviewUntaggedAsync(session, clock.GetUtcNow());
                await RebuiltRows.DelayOrphansAsync(session, clock.GetUtcNow() + OrphansKept);

                // All is written anew: the journal may say of something that it went, which this database still has.
                await RebuiltRows.ForgetChangesAsync(session);
                await JournalTable.CatchUpAsync(session, lastNumber);
            },
            cancellation);
        return report;
    }

    private async Task RequireOwnAsync(Session session, Database database, string? mark)
    {
        if (mark is null)
        {
            if (await StoreMarkTable.FindAsync(session) is not { IsInStore: true } other) return;
            throw new InvalidDataException(
                $"{database.Name} belongs to other blobs than those in {store.Name}, which have no mark: the "
                + $"database's is {other.Mark}. Name an empty database, or one of this store");
        }

        var known = await StoreMarkTable.AddAsync(session, mark, clock.GetUtcNow());
        if (known.Expected == mark)
        {
            if (known.Replaces is null) await StoreMarkTable.NoteAsync(session, clock.GetUtcNow());
            return;
        }

        throw new InvalidDataException(
            $"{database.Name} belongs to other blobs than those in {store.Name}: the database's mark is "
            + $"{known.Expected}, that of the blobs {mark}. Name an empty database, or one of this store");
    }

    private async Task<long> AddManifestsAsync(Target target, CancellationToken cancellation)
    {
        var added = 0L;
        await EachManifestAsync(
            async (row, manifest) =>
            {
                if (!RepositoryName.TryParse(row.Repository, out var name))
                {
                    Note($"{row.Repository} is no name of a repository");
                    return;
                }

                var id = await target.Repositories.FindOrAddAsync(target.Session, name, isPrivate: true);
                var digest = Digest.Parse(row.Digest);

                // An older database may have it in its trash, whose end it must not share.
                await TrashTable.ForgetPushedAsync(target.Session, id, digest);
                if (await ManifestTable.ExistsAsync(target.Session, id, digest)) return;
                await target.Manifests.AddAsync(
                    target.Session, id, digest, manifest, facts: null, row.Body, new Actor(row.PushedBy),
                    row.ExpiresAfterMs is { } ms ? TimeSpan.FromMilliseconds(ms) : null, row.PushedAt);
                await LinkAsync(target, id, BlobsOf(row, manifest));
                added++;
            },
            "Writing manifests", cancellation);
        return added;
    }

    private async Task LinkAsync(Target target, long repositoryId, IEnumerable<Descriptor> needed)
    {
        var blobs = new List<BlobLink>();
        foreach (var blob in needed)
        {
            if (await replay.SizeOfAsync(blob.Digest.Text) is { } size) blobs.Add(new BlobLink(blob.Digest, size));
        }

        await target.Blobs.LinkAllAsync(target.Session, repositoryId, blobs);
    }

    private async Task<long> AddTagsAsync(Session session, CancellationToken cancellation)
    {
        Progress.Begin("Writing tags", await replay.CountAsync("tag"));
        var added = 0L;
        for (var page = await replay.TagsAsync(null); page.Count > 0; page = await replay.TagsAsync(page[^1]))
        {
            var ids = await FindRepositoriesAsync(session, page.Select(tag => tag.Repository));
            foreach (var tag in page)
            {
                cancellation.ThrowIfCancellationRequested();
                Progress.Done++;
                if (!ids.TryGetValue(tag.Repository, out var id)
                    || !await ManifestTable.ExistsAsync(session, id, Digest.Parse(tag.Digest)))
                {
                    NoteDangling(tag);
                }
                else if (await RebuiltRows.PutTagAsync(session, id, tag))
                {
                    added++;
                }
            }
        }

        return added;
    }

    /// <summary>
    /// Adds the moves that the database lacks. One that was used after it was restored has given the same numbers to
    /// other moves: these came later, so they get numbers after those of the journal.
    /// </summary>
    private async Task<long> AddMovesAsync(Session session, CancellationToken cancellation)
    {
        var (fork, last) = await FindForkAsync(session, cancellation);
        if (fork is { } first) await RebuiltRows.MoveBehindAsync(session, first, last);
        Progress.Begin("Writing the history of tags", await replay.CountAsync("move"));
        var added = 0L;
        for (var page = await replay.MovesAsync(0); page.Count > 0; page = await replay.MovesAsync(page[^1].Id))
        {
            cancellation.ThrowIfCancellationRequested();
            var known = await KnownMovesAsync(session, page);
            var ids = await FindRepositoriesAsync(session, page.Select(move => move.Repository));
            var lacking = page.FindAll(
                move => !known.ContainsKey(move.Id) && ids.ContainsKey(move.Repository));
            await RebuiltRows.AddMovesAsync(session, lacking.Select(move => (ids[move.Repository], move)));
            added += lacking.Count;
            Progress.Done += page.Count;
        }

        await session.ContinueIdentitiesAsync("tag_history");
        return added;
    }

    /// <summary>
    /// The first id that is one move in the journal and another in the database, null if there is none; and the last
    /// id in the journal. Times don't count: an import sets them afterwards.
    /// </summary>
    private async Task<(long? Fork, long Last)> FindForkAsync(Session session, CancellationToken cancellation)
    {
        var (fork, last) = ((long?)null, 0L);
        for (var page = await replay.MovesAsync(0); page.Count > 0; page = await replay.MovesAsync(last))
        {
            cancellation.ThrowIfCancellationRequested();
            var known = await KnownMovesAsync(session, page);
            fork ??= page.Find(move => known.TryGetValue(move.Id, out var own)
                && (own.Repository, own.Name, own.Digest) != (move.Repository, move.Name, move.Digest))?.Id;
            last = page[^1].Id;
        }

        return (fork, last);
    }

    private static async ValueTask<Dictionary<long, JournaledMove>> KnownMovesAsync(
        Session session, List<JournaledMove> page) =>
        (await JournalTable.KnownMovesAsync(session, page.ConvertAll(move => move.Id))).ToDictionary(move => move.Id);

    /// <summary>The ids of those repositories that there are.</summary>
    private static async ValueTask<Dictionary<string, long>> FindRepositoriesAsync(
        Session session, IEnumerable<string> names)
    {
        var ids = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var name in names.Distinct(StringComparer.Ordinal))
        {
            if (RepositoryName.TryParse(name, out var parsed)
                && await RepositoryTable.FindAsync(session, parsed) is { } id)
            {
                ids.Add(name, id);
            }
        }

        return ids;
    }

    private async Task EachManifestAsync(
        Func<JournaledManifest, Manifest, Task> act, string step, CancellationToken cancellation)
    {
        Progress.Begin(step, await replay.CountAsync("manifest"));
        for (var page = await replay.ManifestsAsync(null); page.Count > 0;
            page = await replay.ManifestsAsync(page[^1]))
        {
            foreach (var row in page)
            {
                cancellation.ThrowIfCancellationRequested();
                Progress.Done++;
                if (Parse(row) is { } manifest) await act(row, manifest);
            }
        }
    }

    /// <summary>Limits may have become stricter since it was pushed, which must not lose it.</summary>
    private Manifest? Parse(JournaledManifest row)
    {
        try
        {
            return Manifest.Parse(row.Body, row.MediaType, Math.Max(limits.ReferencesPerManifest, row.Body.Length));
        }
        catch (ManifestFormatException e)
        {
            Note($"{row.Repository}@{row.Digest} can't be read: {e.Message}");
            return null;
        }
    }

    private async Task NoteMissingAsync(JournaledManifest row, Manifest manifest)
    {
        foreach (var reference in manifest.References)
        {
            var digest = reference.Target.Digest.Text;
            if (reference.Kind is ReferenceKind.Subject or ReferenceKind.Mention
                || (reference.Kind != ReferenceKind.Child && UnlinkedOf(row).Contains(digest))
                || MediaTypes.IsNondistributable(reference.Target.MediaType)
                || await replay.SizeOfAsync(digest) is not null
                || await replay.HasManifestAsync(row.Repository, digest))
            {
                continue;
            }

            Note($"{row.Repository}@{row.Digest} needs {digest}, which is not in the store");
        }
    }

    private void Note(string fault)
    {
        if (!noted.Add(fault)) return;
        FaultCount++;
        if (Faults.Count < MostFaults) Faults.Add(fault);
    }

    /// <summary>What a manifest names and its repository had: not what it names of others.</summary>
    private static IEnumerable<Descriptor> BlobsOf(JournaledManifest row, Manifest manifest)
    {
        var unlinked = UnlinkedOf(row);
        return manifest.References
            .Where(reference => reference.Kind != ReferenceKind.Subject
                && !unlinked.Contains(reference.Target.Digest.Text))
            .Select(reference => reference.Target).DistinctBy(target => target.Digest);
    }

    private static HashSet<string> UnlinkedOf(JournaledManifest row) =>
        [.. (row.Unlinked ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>Where the rows go.</summary>
    private sealed record Target(
        Session Session, RepositoryTable Repositories, ManifestTable Manifests, BlobTable Blobs);
}
