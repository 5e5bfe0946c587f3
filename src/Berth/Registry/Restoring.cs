using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>What a restoration brought back.</summary>
/// <param name="Manifests">How many manifests.</param>
/// <param name="Tags">The tags.</param>
/// <param name="Taken">Tags that point elsewhere by now, and were left there: they stay in the trash.</param>
/// <param name="Lost">Tags whose manifests are gone for good: they stay in the trash too.</param>
internal sealed record Restored(
    int Manifests, IReadOnlyList<string> Tags, IReadOnlyList<string> Taken, IReadOnlyList<string> Lost)
{
    /// <summary>The first of those taken that a rule keeps where it is, and the rule.</summary>
    public (string Tag, string Rule)? Frozen { get; init; }

    /// <summary>What was private would become public: nothing was done.</summary>
    public bool IsExposed { get; init; }

    /// <summary>Not all of it can come back as the caller wants it: nothing was done.</summary>
    public bool IsRefused { get; init; }
}

/// <summary>Brings back what <see cref="Removal"/> put into the trash.</summary>
internal sealed class Restoring(RepositoryChanges changes, TagTable tags, TagRules rules, TimeProvider clock)
{
    /// <summary>In one statement.</summary>
    private const int Batch = 500;

    /// <summary>
    /// Brings an entry back, all or nothing: if a tag points elsewhere by now, or its manifest is gone, nothing is
    /// changed, unless the caller says what to do then. Tags that did not come back stay in the entry.
    /// </summary>
    /// <param name="row">The entry.</param>
    /// <param name="actor">Who does it.</param>
    /// <param name="movesTags">
    /// Whether tags that point elsewhere by now move back, all of them or nothing is done; or are left out, as are
    /// those whose manifests are gone. Null to change nothing then.
    /// </param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    /// <returns>Null if the entry is not there any more.</returns>
    public async Task<Restored?> RestoreAsync(
        TrashRow row, Actor actor, bool? movesTags, CancellationToken cancellation)
    {
        var repository = RepositoryName.Parse(row.Repository);
        var known = await rules.OfAsync(repository, cancellation);
        return await changes.RunAsync<Restored?>(
            repository, RepositoryLock.Exclusive, isDurable: true,
            async change =>
            {
                // Of one that is due, a part may be gone already.
                if (await TrashTable.FindAsync(change.Session, row.Id) is not { } now
                    || now.PurgeAt <= clock.GetUtcNow())
                {
                    return null;
                }

                var found = await CheckAsync(change.Session, row, known);
                if (found.IsExposed) return found;
                var isRefused = movesTags switch
                {
                    null => found.Taken.Count + found.Lost.Count > 0,
                    true => found.Frozen is not null || found.Lost.Count > 0,
                    false => false,
                };
                if (isRefused) return found with { IsRefused = true };
                await ReturnRepositoryAsync(change, row);
                var count = 0;
                while (await TrashTable.ManifestsAsync(change.Session, row.Id, Batch) is { Count: > 0 } digests)
                    count += await BringBackAsync(change, row.RepositoryId, digests);
                if (movesTags == true) found = found with { Tags = [.. found.Tags, .. found.Taken], Taken = [] };
                count += await ReturnTagsAsync(change, row, [.. found.Tags], actor);
                if (found.Taken.Count + found.Lost.Count == 0) await TrashTable.RemoveAsync(change.Session, row);
                return found with { Manifests = count };
            },
            cancellation);
    }

    /// <summary>Brings manifests back if all of them are in the trash.</summary>
    public async ValueTask<bool> TryBringBackAsync(
        RepositoryChange change, long repositoryId, IReadOnlyList<string> digests)
    {
        var found = await TrashTable.FindAllAsync(change.Session, repositoryId, digests);
        if (found.Count < digests.Count) return false;
        await BringBackAsync(change, repositoryId, found);
        return true;
    }

    /// <summary>A manifest was pushed: what is in the trash because of it comes back.</summary>
    public async ValueTask NotePushedAsync(
        RepositoryChange change, long repositoryId, Digest digest, Actor actor)
    {
        var (manifests, attached) = await TrashTable.ForgetPushedAsync(change.Session, repositoryId, digest);
        if (manifests.Count > 0) await BringBackAsync(change, repositoryId, manifests);
        foreach (var (name, target) in attached)
        {
            if (!await ManifestTable.ExistsAsync(change.Session, repositoryId, Digest.Parse(target))) continue;
            await tags.MoveAsync(
                change.Session, repositoryId, Tag.Parse(name), Digest.Parse(target), actor, TagActions.Restore);
            change.NoteManifest(name);
        }
    }

    /// <summary>Which tags can come back.</summary>
    private static async ValueTask<Restored> CheckAsync(
        Session session, TrashRow row, IReadOnlyList<TagRule> rules)
    {
        var (free, taken, lost) = (new List<string>(), new List<string>(), new List<string>());
        var wanted = await TrashTable.TagsAsync(session, row.Id, int.MaxValue);
        foreach (var some in wanted.Chunk(Batch))
        {
            var now = (await TagTable.FindAllAsync(session, row.RepositoryId, some.Select(tag => tag.Name)))
                .ToDictionary(tag => tag.Name, tag => tag.Digest, StringComparer.Ordinal);
            var there = await ManifestTable.FindAllAsync(
                session, row.RepositoryId, some.Select(tag => Digest.Parse(tag.Digest)));
            var inTrash = await TrashTable.FindAllAsync(session, row.RepositoryId, some.Select(tag => tag.Digest));
            var known = there.Select(digest => digest.Text).Concat(inTrash).ToHashSet(StringComparer.Ordinal);
            foreach (var (name, digest) in some)
            {
                var isTaken = now.TryGetValue(name, out var current) && current != digest;
                (isTaken ? taken : known.Contains(digest) ? free : lost).Add(name);
            }
        }

        var repository = await NamespaceTable.FindAsync(session, row.Repository);
        var frozen = taken.Select(tag => (Tag: tag, Rule: TagRules.FindImmutable(rules, tag)))
            .FirstOrDefault(one => one.Rule is not null);
        return new Restored(0, free, taken, lost)
        {
            Frozen = frozen.Rule is { } rule ? (frozen.Tag, rule.Name) : null,
            IsExposed = repository is { IsPublic: true } && !row.IsPublic,
        };
    }

    private static async ValueTask ReturnRepositoryAsync(RepositoryChange change, TrashRow row)
    {
        if (await RepositoryTable.ReturnAsync(change.Session, row.RepositoryId, row.IsPublic))
            await AccessVersion.AdvanceAsync(change.Session);
    }

    /// <summary>Moves tags back, with their manifests where those went into the trash on their own.</summary>
    private async ValueTask<int> ReturnTagsAsync(
        RepositoryChange change, TrashRow row, HashSet<string> wanted, Actor actor)
    {
        var count = 0;
        var all = await TrashTable.TagsAsync(change.Session, row.Id, int.MaxValue);
        foreach (var some in all.Where(tag => wanted.Contains(tag.Name)).Chunk(Batch))
        {
            var away = await TrashTable.FindAllAsync(
                change.Session, row.RepositoryId, some.Select(tag => tag.Digest).Distinct());
            if (away.Count > 0) count += await BringBackAsync(change, row.RepositoryId, away);
            foreach (var (name, digest) in some)
            {
                await tags.MoveAsync(
                    change.Session, row.RepositoryId, Tag.Parse(name), Digest.Parse(digest), actor,
                    TagActions.Restore);
                await TrashTable.ReturnTagAsync(
                    change.Session, row.Id, row.RepositoryId, name, clock.GetUtcNow().ToUnixTimeMilliseconds());
                change.NoteManifest(name);
            }
        }

        return count;
    }

    /// <summary>Brings manifests back with the children that an index needs.</summary>
    private async ValueTask<int> BringBackAsync(
        RepositoryChange change, long repositoryId, List<string> digests)
    {
        var count = 0;
        while (digests.Count > 0)
        {
            var (blobs, children) = await TrashTable.ReturnAsync(
                change.Session, repositoryId, digests, clock.GetUtcNow().ToUnixTimeMilliseconds());
            foreach (var digest in digests) change.NoteManifest(digest);
            foreach (var blob in blobs) change.NoteLinked(Digest.Parse(blob));
            count += digests.Count;
            digests = children;
        }

        return count;
    }
}
