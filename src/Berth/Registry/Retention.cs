using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>What becomes of a repository's tags, and of the manifests without any, by its rules.</summary>
internal sealed record RetentionPreview(IReadOnlyList<RetentionDecision> Tags, IReadOnlyList<string> Untagged)
{
    public static RetentionPreview Nothing { get; } = new([], []);
}

/// <summary>Plans what goes by the rules, and does it.</summary>
internal sealed class Retention(
    Database database, RepositoryTable repositories, RepositoryChanges changes, TagRules rules, Removal removal,
    TimeProvider clock)
{
    /// <summary>Images in one transaction: few enough that pushes to the same repository hardly wait.</summary>
    private const int Batch = 50;

    private const int NamesPerPage = 500;

    private static readonly Actor Self = new("retention");

    /// <summary>What would go now.</summary>
    public async Task<RetentionPreview> PlanAsync(RepositoryName repository, CancellationToken cancellation) =>
        await PlanAsync(repository, await rules.OfAsync(repository, cancellation), cancellation);

    /// <summary>What would go now by some rules about a repository.</summary>
    public async Task<RetentionPreview> PlanAsync(
        RepositoryName repository, IReadOnlyList<TagRule> known, CancellationToken cancellation)
    {
        if (known.Count == 0) return RetentionPreview.Nothing;
        var now = clock.GetUtcNow();
        return await database.ReadAsync(
            async session =>
            {
                if (await RepositoryTable.FindAsync(session, repository) is not { } id) return RetentionPreview.Nothing;
                var ms = now.ToUnixTimeMilliseconds();
                var pinned = await RetentionTable.PinnedAsync(session, id, repository.Text, ms);
                var isPinned = pinned.ToHashSet(StringComparer.Ordinal);
                var tags = (await RetentionTable.TagsAsync(session, id)).ConvertAll(
                    tag => Of(tag, isPinned.Contains(tag.Digest)));
                var untagged = known.Where(rule => rule.Spec.UntaggedSeconds is not null)
                    .Select(rule => rule.Spec.UntaggedSeconds!.Value).DefaultIfEmpty(0).Min();
                var alone = untagged == 0 ? [] : await RetentionTable.UntaggedAsync(
                    session, id, (now - TimeSpan.FromSeconds(untagged)).ToUnixTimeMilliseconds());
                var orphans = await OrphansAsync(session, known, tags);
                return new RetentionPreview(
                    RetentionPlan.Of(known, tags, now, orphans),
                    [.. alone.Where(digest => !isPinned.Contains(digest))]);
            },
            cancellation);
    }

    /// <summary>Does what the plan says. What was pulled, moved or pinned since then stays.</summary>
    /// <returns>How many tags and manifests went.</returns>
    public async Task<(int Tags, int Manifests)> ApplyAsync(RepositoryName repository, CancellationToken cancellation)
    {
        var plan = await PlanAsync(repository, cancellation);
        var images = plan.Tags.Where(one => one.Goes).GroupBy(one => one.Tag.Digest, one => one.Tag.Name)
            .Select(image => (Digest: Digest.Parse(image.Key), Tags: (IReadOnlyCollection<string>)[.. image]))
            .Concat(plan.Untagged.Select(digest => (Digest.Parse(digest), (IReadOnlyCollection<string>)[])));
        var planned = plan.Tags.ToDictionary(one => one.Tag.Name, one => one.Tag, StringComparer.Ordinal);
        var (tags, manifests) = (0, 0);
        foreach (var some in images.Chunk(Batch))
        {
            cancellation.ThrowIfCancellationRequested();
            var (gone, with) = await changes.RunAsync(
                repository, RepositoryLock.Exclusive, isDurable: false,
                change => ApplyAsync(change, some, planned), cancellation);
            (tags, manifests) = (tags + gone, manifests + with);
        }

        return (tags, manifests);
    }

    /// <summary>All repositories that rules may be about, in order.</summary>
    public async IAsyncEnumerable<RepositoryName> RepositoriesAsync(
        string? repository, string? space,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        if (repository is not null)
        {
            yield return RepositoryName.Parse(repository);
            yield break;
        }

        for (var last = ""; ;)
        {
            var names = await repositories.ListAsync(last, NamesPerPage, skip: 0, cancellation);
            foreach (var name in names.Select(RepositoryName.Parse))
            {
                if (space is null || name.Namespace == space) yield return name;
            }

            if (names.Count < NamesPerPage) yield break;
            last = names[^1];
        }
    }

    /// <summary>Removes tags whose time is over.</summary>
    /// <returns>How many.</returns>
    public async Task<int> ExpireAsync(CancellationToken cancellation)
    {
        var (count, before) = (0, clock.GetUtcNow().ToUnixTimeMilliseconds());
        ExpiredTag? last = null;
        while (true)
        {
            var due = await database.ReadAsync(
                session => TagTable.ExpiredAsync(session, before, last, Batch), cancellation);
            foreach (var group in due.GroupBy(one => one.Repository, one => one.Tag))
            {
                var repository = RepositoryName.Parse(group.Key);
                var known = await rules.OfAsync(repository, cancellation);
                List<string> going = [.. group.Where(tag => TagRules.FindImmutable(known, tag) is null)];
                if (going.Count == 0) continue;
                count += await changes.RunAsync(
                    repository, RepositoryLock.Exclusive, isDurable: false,
                    change => ExpireAsync(change, going, before), cancellation);
            }

            if (due.Count < Batch) return count;
            last = due[^1];
        }
    }

    private async ValueTask<(int Tags, int Manifests)> ApplyAsync(
        RepositoryChange change, (Digest Digest, IReadOnlyCollection<string> Tags)[] images,
        Dictionary<string, RetainedTag> planned)
    {
        if (await change.FindIdAsync() is not { } id) return (0, 0);
        var (tags, manifests) = (0, 0);
        foreach (var (digest, all) in images)
        {
            if (all.Count > 0)
            {
                if (await PinTable.IsPinnedAsync(change.Session, id, digest)) continue;
                var names = new List<string>();
                foreach (var name in all)
                {
                    // What was pulled, pushed or pinned since it was planned is looked at by the next run.
                    var row = await TagTable.FindRowAsync(change.Session, id, name);
                    if (row is null || Of(row, isPinned: false) != planned[name]) continue;

                    // What it is attached to may have come back as well.
                    if (AttachmentTag.SubjectOf(name) is { } subject
                        && (await RetentionTable.SubjectsAsync(change.Session, [subject.Text])).Count > 0)
                    {
                        continue;
                    }

                    names.Add(name);
                }

                var (gone, with) = await removal.RemoveTaggedAsync(
                    change, id, digest, names, Self, TrashReasons.Retention);
                (tags, manifests) = (tags + gone, manifests + with);
            }
            else if (await ManifestTable.ExistsAsync(change.Session, id, digest)
                && !await GarbageTable.IsHeldAsync(change.Session, id, digest))
            {
                manifests += await removal.RemoveManifestAsync(change, id, digest, Self, TrashReasons.Retention);
            }
        }

        return (tags, manifests);
    }

    private async ValueTask<int> ExpireAsync(RepositoryChange change, List<string> tags, long before)
    {
        if (await change.FindIdAsync() is not { } id) return 0;
        var count = 0;
        foreach (var tag in tags)
        {
            // It may have been moved, or given more time, since.
            var row = await TagTable.FindRowAsync(change.Session, id, tag);
            if (row?.ExpiresAt?.ToUnixTimeMilliseconds() is not { } at || at > before || row.IsPinned
                || await PinTable.IsPinnedAsync(change.Session, id, Digest.Parse(row.Digest)))
            {
                continue;
            }

            count += (await removal.RemoveTaggedAsync(
                change, id, Digest.Parse(row.Digest), [tag], Self, TrashReasons.Expired)).Tags;
        }

        return count;
    }

    /// <summary>The tags that attach something to what is nowhere in the registry, so far as a rule asks for them.
    /// </summary>
    private static async ValueTask<HashSet<string>> OrphansAsync(
        Session session, IReadOnlyList<TagRule> known, List<RetainedTag> tags)
    {
        var orphans = new HashSet<string>(StringComparer.Ordinal);
        var attached = tags.Where(tag => known.Any(rule => rule.IsForOrphan(tag.Name)))
            .Select(tag => (tag.Name, Subject: AttachmentTag.SubjectOf(tag.Name)!.Value.Text));
        foreach (var some in attached.Chunk(NamesPerPage))
        {
            var here = (await RetentionTable.SubjectsAsync(session, some.Select(one => one.Subject)))
                .ToHashSet(StringComparer.Ordinal);
            orphans.UnionWith(some.Where(one => !here.Contains(one.Subject)).Select(one => one.Name));
        }

        return orphans;
    }

    private static RetainedTag Of(TagRow tag, bool isPinned) => new(
        tag.Name, tag.Digest, Later(tag.PushedAt, tag.MovedAt)!.Value, Later(tag.PulledAt, tag.ManifestPulledAt),
        tag.IsPinned || isPinned);

    private static DateTimeOffset? Later(DateTimeOffset? one, DateTimeOffset? other) =>
        one is null || other > one ? other : one;
}
