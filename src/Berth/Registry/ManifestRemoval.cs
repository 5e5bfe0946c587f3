using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>The outcome of a deletion.</summary>
internal enum RemovalOutcome
{
    Removed,
    Unknown,
    PreconditionFailed,
}

/// <summary>
/// Deletes a tag alone, or a manifest with all tags that point to it. What a manifest referenced is left to garbage
/// collection.
/// </summary>
internal sealed class ManifestRemoval(RepositoryChanges changes, ManifestTable manifests, TagTable tags)
{
    /// <param name="repository">Where.</param>
    /// <param name="reference">The tag or the manifest.</param>
    /// <param name="precondition">Whether to proceed, given the reference's current digest; or null.</param>
    /// <param name="actor">Who deletes.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    public Task<RemovalOutcome> RemoveAsync(
        RepositoryName repository, Reference reference, Func<string?, bool>? precondition, string actor,
        CancellationToken cancellation) => changes.RunAsync(
            repository, RepositoryLock.Exclusive, isDurable: true,
            change => RemoveAsync(change, reference, precondition, actor), cancellation);

    private async ValueTask<RemovalOutcome> RemoveAsync(
        RepositoryChange change, Reference reference, Func<string?, bool>? precondition, string actor)
    {
        if (await change.FindIdAsync() is not { } id) return RemovalOutcome.Unknown;
        var session = change.Session;
        var current = reference.Tag is { } tag
            ? await TagTable.FindAsync(session, id, tag)
            : await ManifestTable.ExistsAsync(session, id, reference.Digest!.Value)
                ? reference.Digest.Value.Text
                : null;
        if (precondition is not null && !precondition(current)) return RemovalOutcome.PreconditionFailed;
        if (current is null) return RemovalOutcome.Unknown;
        change.NoteManifest(reference.ToString());
        if (reference.Digest is { } digest)
        {
            foreach (var untagged in await manifests.RemoveAsync(session, id, digest, actor))
            {
                change.NoteManifest(untagged);
            }
        }
        else
        {
            await tags.RemoveAsync(session, id, reference.Tag!.Value.Text, actor);
        }

        return RemovalOutcome.Removed;
    }
}
