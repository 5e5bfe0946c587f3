using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;

namespace Berth.Import;

/// <summary>A registry that images are brought to: the one in this process, or one over the network.</summary>
internal abstract class ImageSink
{
    /// <summary>The largest manifest that it takes, in bytes.</summary>
    public abstract long MaxManifestBytes { get; }

    /// <summary>Whether a repository has a blob, or gets it from another one there.</summary>
    public abstract Task<bool> HasAsync(RepositoryName repository, Digest digest, CancellationToken cancellation);

    /// <summary>A manifest that a repository has; null if it has none.</summary>
    public abstract Task<FoundManifest?> FindManifestAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation);

    /// <summary>Where a tag is; null if there is none.</summary>
    public abstract Task<Digest?> FindTagAsync(
        RepositoryName repository, Tag tag, CancellationToken cancellation);

    /// <exception cref="InvalidDataException">It was refused: its digest is wrong, or it is too large.</exception>
    public abstract Task PutAsync(
        RepositoryName repository, BlobSource blob, Action<long> read, CancellationToken cancellation);

    /// <param name="repository">The repository.</param>
    /// <param name="digest">The body's digest, already checked.</param>
    /// <param name="manifest">What it is.</param>
    /// <param name="body">Its bytes.</param>
    /// <param name="tag">The tag that is moved to it; null for none.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <returns>
    /// Why the tag stays elsewhere, if a rule keeps it there: then nothing was taken. Null if all of it was.
    /// </returns>
    /// <exception cref="InvalidDataException">It was refused.</exception>
    public abstract Task<string?> PutManifestAsync(
        RepositoryName repository, Digest digest, Manifest manifest, byte[] body, Tag? tag,
        CancellationToken cancellation);
}

/// <summary>The registry in this process.</summary>
/// <param name="parts">What it consists of.</param>
/// <param name="actor">Who pushes.</param>
internal sealed class OwnImageSink(ImportParts parts, string actor) : ImageSink
{
    public override long MaxManifestBytes => parts.Limits.ManifestBytes;

    public override Task<bool> HasAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation) =>
        parts.Blobs.FindAsync(repository, digest, cancellation);

    public override async Task<FoundManifest?> FindManifestAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation) => await parts.Database.ReadAsync(
        async session => await RepositoryTable.FindAsync(session, repository) is { } id
            ? await session.FirstAsync(
                """
                SELECT m.media_type, b.body FROM manifest m JOIN manifest_body b ON b.digest = m.digest
                WHERE m.repository_id = $1 AND m.digest = $2
                """,
                row => new FoundManifest(digest, row.GetString(0), (byte[])row.GetValue(1)), id, digest.Text)
            : null,
        cancellation);

    public override async Task<Digest?> FindTagAsync(
        RepositoryName repository, Tag tag, CancellationToken cancellation) => await parts.Database.ReadAsync(
        async session => await RepositoryTable.FindAsync(session, repository) is { } id
            && await TagTable.FindAsync(session, id, tag) is { } text ? Digest.Parse(text) : (Digest?)null,
        cancellation);

    public override async Task PutAsync(
        RepositoryName repository, BlobSource blob, Action<long> read, CancellationToken cancellation)
    {
        var result = await parts.Blobs.TakeAsync(repository, blob, actor, read, cancellation);
        if (result == BlobIntakeResult.Altered)
            throw new InvalidDataException($"the content of {blob.Digest} is not what its digest says");
        if (result == BlobIntakeResult.TooLarge)
        {
            throw new InvalidDataException(
                $"{blob.Digest} has {blob.SizeBytes} bytes, more than limits.maximumuploadbytes");
        }
    }

    public override async Task<string?> PutManifestAsync(
        RepositoryName repository, Digest digest, Manifest manifest, byte[] body, Tag? tag,
        CancellationToken cancellation)
    {
        var push = new ManifestPush(
            repository, digest, body, manifest.MediaType, tag is { } one ? [one] : [], null, new Actor(actor));
        var result = await parts.Writer.WriteAsync(push, cancellation);
        if (result.Refusal == ManifestRefusal.None) return null;
        if (result.Refusal == ManifestRefusal.Immutable) return $"it is elsewhere here, where {result.Reason} keeps it";
        throw new InvalidDataException(result.Refusal == ManifestRefusal.ReferencesUnknown
            ? $"{digest} needs {string.Join(", ", result.Missing)}, which is missing"
            : $"{digest} was refused: {result.Reason}");
    }
}
