using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>What became of a request to delete.</summary>
internal enum RemovalOutcome
{
    Removed,
    Unknown,
    PreconditionFailed,
}

/// <summary>
/// Deletes what a reference names: a tag alone, or a manifest with all tags that point to it. What a manifest
/// referenced stays for garbage collection to judge.
/// </summary>
internal sealed class ManifestRemoval(
    Database database, RepositoryTable repositories, ManifestTable manifests, TagTable tags)
{
    /// <param name="repository">Where.</param>
    /// <param name="reference">The tag or the manifest.</param>
    /// <param name="precondition">Whether to go on, given the digest that the reference has now; or null.</param>
    /// <param name="actor">Who deletes.</param>
    public async Task<RemovalOutcome> RemoveAsync(
        RepositoryName repository, Reference reference, Func<string?, bool>? precondition, string actor)
    {
        if (await repositories.FindAsync(repository) is not { } id) return RemovalOutcome.Unknown;
        var (outcome, changed) = await database.WriteAsync(
            async session =>
            {
                await session.LockAsync(repository, isShared: false);
                var removal = await RemoveAsync(session, id, reference, precondition, actor);
                if (removal.Outcome == RemovalOutcome.Removed)
                {
                    await ManifestTable.AnnounceAsync(session, repository, removal.Changed);
                }

                return removal;
            },
            isDurable: true);
        if (outcome == RemovalOutcome.Removed) manifests.Forget(repository, changed);
        return outcome;
    }

    private async ValueTask<(RemovalOutcome Outcome, IEnumerable<string> Changed)> RemoveAsync(
        Session session, long id, Reference reference, Func<string?, bool>? precondition, string actor)
    {
        var current = reference.Tag is { } tag
            ? await TagTable.FindAsync(session, id, tag)
            : await ManifestTable.ExistsAsync(session, id, reference.Digest!.Value)
                ? reference.Digest.Value.Text
                : null;
        if (precondition is not null && !precondition(current)) return (RemovalOutcome.PreconditionFailed, []);
        if (current is null) return (RemovalOutcome.Unknown, []);
        if (reference.Digest is { } digest)
        {
            var untagged = await manifests.RemoveAsync(session, id, digest, actor);
            return (RemovalOutcome.Removed, untagged.Append(digest.Text));
        }

        await tags.RemoveAsync(session, id, reference.Tag!.Value.Text, actor);
        return (RemovalOutcome.Removed, [reference.Tag.Value.Text]);
    }
}
