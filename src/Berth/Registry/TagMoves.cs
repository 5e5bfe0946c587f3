using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>The outcome of pointing a tag somewhere.</summary>
internal enum MoveOutcome
{
    Moved,
    Unknown,
    PreconditionFailed,
}

/// <summary>Points tags to manifests that are there, without a push.</summary>
internal sealed class TagMoves(RepositoryChanges changes, TagTable tags)
{
    /// <param name="repository">Where.</param>
    /// <param name="tag">The tag, which need not exist yet.</param>
    /// <param name="target">The manifest, or another tag that points to it.</param>
    /// <param name="precondition">Whether to proceed, given the tag as it is, or null if there is none.</param>
    /// <param name="actor">Who does it.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    /// <returns>The outcome, and the tag as it is then.</returns>
    public Task<(MoveOutcome Outcome, TagRow? Tag)> MoveAsync(
        RepositoryName repository, Tag tag, Reference target, Func<TagRow?, bool> precondition, Actor actor,
        CancellationToken cancellation) => changes.RunAsync<(MoveOutcome, TagRow?)>(
            repository, RepositoryLock.Exclusive, isDurable: true,
            async change =>
            {
                if (await change.FindIdAsync() is not { } id) return (MoveOutcome.Unknown, null);
                var session = change.Session;
                var current = await TagTable.FindRowAsync(session, id, tag.Text);
                if (!precondition(current)) return (MoveOutcome.PreconditionFailed, current);
                var digest = target.Tag is { } other
                    ? await TagTable.FindAsync(session, id, other) : target.Digest!.Value.Text;
                if (digest is null || !await ManifestTable.ExistsAsync(session, id, Digest.Parse(digest)))
                    return (MoveOutcome.Unknown, current);
                await tags.MoveAsync(session, id, tag, Digest.Parse(digest), actor, TagActions.Move);
                change.NoteManifest(tag.Text);
                return (MoveOutcome.Moved, await TagTable.FindRowAsync(session, id, tag.Text));
            },
            cancellation);
}
