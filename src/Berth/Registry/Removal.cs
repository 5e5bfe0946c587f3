using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>The outcome of a deletion.</summary>
internal enum RemovalOutcome
{
    Removed,
    Unknown,
    PreconditionFailed,
    Immutable,
}

/// <summary>The outcome of a deletion, and the rule that forbids it.</summary>
internal sealed record RemovalResult(RemovalOutcome Outcome, string? Rule = null);

/// <summary>
/// The only code that removes tags, manifests and repositories: into the trash, from which <see cref="Restoring"/>
/// brings them back, or for good if the settings have no trash. A tag goes alone. A manifest goes with its tags, and
/// with all that is there because of it and that nothing else holds: children, referrers, signatures.
/// </summary>
internal sealed class Removal(
    RepositoryChanges changes, TagTable tags, TagRules rules, TrashSettings trash, TimeProvider clock)
{
    /// <param name="repository">Where.</param>
    /// <param name="reference">The tag or the manifest.</param>
    /// <param name="precondition">Whether to proceed, given the reference's current digest; or null.</param>
    /// <param name="actor">Who deletes.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    public async Task<RemovalResult> RemoveAsync(
        RepositoryName repository, Reference reference, Func<string?, bool>? precondition, Actor actor,
        CancellationToken cancellation)
    {
        var known = await rules.OfAsync(repository, cancellation);
        return await changes.RunAsync(
            repository, RepositoryLock.Exclusive, isDurable: true,
            change => RemoveAsync(change, reference, precondition, known, actor), cancellation);
    }

    /// <summary>Removes all of a repository.</summary>
    public async Task<RemovalResult> RemoveRepositoryAsync(
        RepositoryName repository, Actor actor, CancellationToken cancellation)
    {
        var known = await rules.OfAsync(repository, cancellation);
        return await changes.RunAsync(
            repository, RepositoryLock.Exclusive, isDurable: true,
            async change =>
            {
                var session = change.Session;
                if (await NamespaceTable.FindAsync(session, repository.Text) is not { } row)
                    return new RemovalResult(RemovalOutcome.Unknown);
                var id = (await change.FindIdAsync())!.Value;
                var references = await TagTable.ReferencesAsync(session, id);
                if (FindImmutable(known, references.FindAll(text => !text.Contains(':'))) is { } frozen) return frozen;
                foreach (var reference in references) change.NoteManifest(reference);
                var entry = await AddAsync(change, id, TrashKinds.Repository, "", null, actor, TrashReasons.Deleted);
                await TrashTable.TakeAllAsync(session, entry.Id, id, actor, TagActions.Delete, Now);

                // A trigger has noted that its words are to go.
                await session.WakeJobsAsync();
                if (row.IsPublic) await AccessVersion.AdvanceAsync(session);
                return new RemovalResult(RemovalOutcome.Removed);
            },
            cancellation);
    }

    /// <summary>Removes a tag alone. False if there is none.</summary>
    public async ValueTask<bool> RemoveTagAsync(
        RepositoryChange change, long repositoryId, Tag tag, Actor actor, string reason)
    {
        var session = change.Session;
        if (await TagTable.FindAsync(session, repositoryId, tag) is not { } digest) return false;
        var entry = await AddAsync(change, repositoryId, TrashKinds.Tag, tag.Text, digest, actor, reason);
        await TakeTagAsync(change, entry, tag.Text, actor);
        await EndAsync(session, entry);
        return true;
    }

    /// <summary>Removes tags of an image, and the image if nothing else holds it.</summary>
    /// <returns>How many tags and manifests went.</returns>
    public async ValueTask<(int Tags, int Manifests)> RemoveTaggedAsync(
        RepositoryChange change, long repositoryId, Digest digest, IReadOnlyCollection<string> going, Actor actor,
        string reason)
    {
        var (session, there) = (change.Session, await TagTable.PointingToAsync(change.Session, repositoryId, digest));
        var leaving = there.FindAll(going.Contains);
        if (leaving.Count == 0) return (0, 0);
        if (leaving.Count == there.Count
            && !await GarbageTable.IsHeldAsync(session, repositoryId, digest, exceptByTags: true))
        {
            return (leaving.Count, await RemoveManifestAsync(change, repositoryId, digest, actor, reason));
        }

        foreach (var tag in leaving) await RemoveTagAsync(change, repositoryId, Tag.Parse(tag), actor, reason);
        return (leaving.Count, 0);
    }

    /// <summary>Removes a manifest that is there, with what nothing else holds.</summary>
    /// <returns>How many manifests went.</returns>
    public async ValueTask<int> RemoveManifestAsync(
        RepositoryChange change, long repositoryId, Digest digest, Actor actor, string reason)
    {
        var entry = await AddAsync(
            change, repositoryId, TrashKinds.Manifest, digest.Text, digest.Text, actor, reason);
        var count = 0;
        var going = new Queue<Digest>([digest]);
        while (going.TryDequeue(out var next))
        {
            // Two that go may have held the same.
            if (count > 0 && (!await ManifestTable.ExistsAsync(change.Session, repositoryId, next)
                || await GarbageTable.IsHeldAsync(change.Session, repositoryId, next)))
            {
                continue;
            }

            foreach (var dependent in await TakeManifestAsync(change, entry, next, actor))
                going.Enqueue(Digest.Parse(dependent));
            count++;
        }

        await EndAsync(change.Session, entry);
        return count;
    }

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    private async ValueTask<RemovalResult> RemoveAsync(
        RepositoryChange change, Reference reference, Func<string?, bool>? precondition,
        IReadOnlyList<TagRule> known, Actor actor)
    {
        if (await change.FindIdAsync() is not { } id) return new RemovalResult(RemovalOutcome.Unknown);
        var session = change.Session;
        var current = reference.Tag is { } tag
            ? await TagTable.FindAsync(session, id, tag)
            : await ManifestTable.ExistsAsync(session, id, reference.Digest!.Value)
                ? reference.Digest.Value.Text
                : null;
        if (precondition is not null && !precondition(current))
            return new RemovalResult(RemovalOutcome.PreconditionFailed);
        if (current is null) return new RemovalResult(RemovalOutcome.Unknown);
        if (known.Count > 0)
        {
            var going = reference.Digest is { } image
                ? await TagTable.HoldingAsync(session, id, image) : [reference.Tag!.Value.Text];
            if (FindImmutable(known, going) is { } frozen) return frozen;
        }

        if (reference.Digest is { } digest) await RemoveManifestAsync(change, id, digest, actor, TrashReasons.Deleted);
        else await RemoveTagAsync(change, id, reference.Tag!.Value, actor, TrashReasons.Deleted);
        return new RemovalResult(RemovalOutcome.Removed);
    }

    private static RemovalResult? FindImmutable(IReadOnlyList<TagRule> known, List<string> tags)
    {
        foreach (var tag in known.Count == 0 ? [] : tags)
        {
            if (TagRules.FindImmutable(known, tag) is { } rule)
                return new RemovalResult(RemovalOutcome.Immutable, $"{tag}: {rule.Name}");
        }

        return null;
    }

    /// <returns>What was there because of it.</returns>
    private async ValueTask<List<string>> TakeManifestAsync(
        RepositoryChange change, TrashRow entry, Digest digest, Actor actor)
    {
        var (session, repositoryId) = (change.Session, entry.RepositoryId);
        change.NoteManifest(digest.Text);
        foreach (var tag in await TagTable.PointingToAsync(session, repositoryId, digest))
            await TakeTagAsync(change, entry, tag, actor);
        var attached = await TagTable.FindAllAsync(session, repositoryId, AttachmentTag.NamesFor(digest));
        foreach (var (tag, _) in attached) await TakeTagAsync(change, entry, tag, actor);
        var dependents = await GarbageTable.DependentsAsync(
            session, repositoryId, digest, attached.Select(one => one.Digest));
        await GarbageTable.ReviewNeedsAsync(session, repositoryId, digest, Now);
        await TrashTable.TakeManifestAsync(session, entry.Id, repositoryId, digest);
        return dependents;
    }

    private async ValueTask TakeTagAsync(RepositoryChange change, TrashRow entry, string tag, Actor actor)
    {
        await GarbageTable.ReviewTaggedAsync(change.Session, entry.RepositoryId, tag, Now);
        await TrashTable.TakeTagAsync(change.Session, entry.Id, entry.RepositoryId, tag);
        await tags.RecordAsync(change.Session, entry.RepositoryId, tag, null, actor, entry.Reason);
        change.NoteManifest(tag);
    }

    private async ValueTask<TrashRow> AddAsync(
        RepositoryChange change, long repositoryId, string kind, string name, string? digest, Actor actor,
        string reason)
    {
        var now = clock.GetUtcNow();
        var row = new TrashRow(0, repositoryId, change.Repository.Text, kind, name, digest, reason)
        {
            DeletedAt = now,
            DeletedBy = actor.Name,
            PurgeAt = now + trash.Keep,
        };
        return row with { Id = await TrashTable.AddAsync(change.Session, row) };
    }

    /// <summary>Without a trash, the entry goes where it was made.</summary>
    private async ValueTask EndAsync(Session session, TrashRow entry)
    {
        if (trash.Keep == TimeSpan.Zero) await TrashTable.PurgeAsync(session, entry, int.MaxValue);
    }
}
