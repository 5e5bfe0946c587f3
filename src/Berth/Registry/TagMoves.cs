using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>The outcome of pointing a tag somewhere.</summary>
internal enum MoveOutcome
{
    Moved,
    Unknown,
    PreconditionFailed,
    Immutable,
}

/// <summary>Points tags to manifests that are there, without a push.</summary>
internal sealed class TagMoves(RepositoryChanges changes, TagTable tags, TagRules rules, Quotas quotas)
{
    /// <param name="repository">Where.</param>
    /// <param name="tag">The tag, which need not exist yet.</param>
    /// <param name="target">The manifest, or another tag that points to it.</param>
    /// <param name="precondition">Whether to proceed, given the tag as it is, or null if there is none.</param>
    /// <param name="actor">Who does it.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    /// <returns>The outcome, the tag as it is then, and the rule that keeps it where it is.</returns>
    /// <exception cref="QuotaExceededException">A quota has no room for another tag.</exception>
    public async Task<(MoveOutcome Outcome, TagRow? Tag, TagRule? Rule)> MoveAsync(
        RepositoryName repository, Tag tag, Reference target, Func<TagRow?, bool> precondition, Actor actor,
        CancellationToken cancellation)
    {
        var rule = TagRules.FindImmutable(await rules.OfAsync(repository, cancellation), tag.Text);
        var room = await quotas.OfAsync(repository, cancellation);
        return await changes.RunAsync<(MoveOutcome, TagRow?, TagRule?)>(
            repository, RepositoryLock.Exclusive, isDurable: true,
            async change =>
            {
                if (await change.FindIdAsync() is not { } id) return (MoveOutcome.Unknown, null, null);
                var session = change.Session;
                var current = await TagTable.FindRowAsync(session, id, tag.Text);
                if (!precondition(current)) return (MoveOutcome.PreconditionFailed, current, null);
                var text = target.Tag is { } other
                    ? await TagTable.FindAsync(session, id, other) : target.Digest!.Value.Text;
                if (text is null || !await ManifestTable.ExistsAsync(session, id, Digest.Parse(text)))
                    return (MoveOutcome.Unknown, current, null);
                if (rule is not null && current is not null && current.Digest != text)
                    return (MoveOutcome.Immutable, current, rule);
                var digest = Digest.Parse(text);
                await Quotas.CheckTagsAsync(session, room, repository, [tag]);
                await tags.MoveAsync(
                    session, id, tag, digest, actor, TagActions.Move,
                    await ManifestTable.ExpiresAfterAsync(session, id, digest));
                change.NoteManifest(tag.Text);
                return (MoveOutcome.Moved, await TagTable.FindRowAsync(session, id, tag.Text), null);
            },
            cancellation);
    }

    /// <summary>Changes when a tag goes, or whether it is pinned.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="tag">The tag.</param>
    /// <param name="change">Makes the new state of the present one; null to change nothing.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    /// <returns>The tag as it is then; null if there is none, or nothing was changed.</returns>
    public Task<TagRow?> ChangeAsync(
        RepositoryName repository, Tag tag, Func<TagRow, TagRow?> change, CancellationToken cancellation) =>
        changes.RunAsync(
            repository, RepositoryLock.Exclusive, isDurable: true,
            async writing =>
            {
                if (await writing.FindIdAsync() is not { } id) return null;
                var session = writing.Session;
                if (await TagTable.FindRowAsync(session, id, tag.Text) is not { } row) return null;
                if (change(row) is not { } changed) return null;
                await TagTable.ExpireAsync(session, id, tag.Text, changed.ExpiresAt?.ToUnixTimeMilliseconds());
                await TagTable.PinAsync(session, id, tag.Text, changed.IsPinned);
                return await TagTable.FindRowAsync(session, id, tag.Text);
            },
            cancellation);
}
