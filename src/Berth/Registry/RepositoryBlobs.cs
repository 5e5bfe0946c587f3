using System.Collections.Concurrent;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>What became of a wish to unlink a blob.</summary>
/// <param name="IsUnlinked">It was linked, and is no more.</param>
/// <param name="NeededBy">The manifest for which it was kept, by its tag if it has one; or null.</param>
internal sealed record UnlinkResult(bool IsUnlinked, string? NeededBy);

/// <summary>
/// The blobs of repositories: the one place that says whether a blob is linked in a repository and whole in the store,
/// and that links and unlinks blobs.
/// </summary>
internal sealed partial class RepositoryBlobs(
    BlobTable table, IBlobStore store, RepositoryChanges changes, StorageSettings storage,
    ILogger<RepositoryBlobs> log)
{
    /// <summary>How many damaged blobs are remembered as logged.</summary>
    private const int MaxDamaged = 1000;

    /// <summary>Damaged blobs that were logged already. A push of the blob takes it out.</summary>
    private readonly ConcurrentDictionary<Digest, bool> damaged = new();

    /// <summary>The blob's link, or null where it is not linked here or not whole in the store.</summary>
    public async ValueTask<BlobLink?> FindAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation) =>
        await table.FindAsync(repository, digest, cancellation) is { } link
        && IsWhole(link, await store.LengthOfAsync(digest))
            ? link
            : null;

    /// <summary>
    /// The blob's content for reading, which the caller disposes; null where it is not linked here or not whole.
    /// </summary>
    public async ValueTask<BlobContent?> OpenAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        if (await table.FindAsync(repository, digest, cancellation) is not { } link) return null;
        var content = await store.OpenAsync(digest);
        if (IsWhole(link, content?.Length)) return content;
        content?.Dispose();
        return null;
    }

    /// <summary>
    /// Whether the store has of a linked blob what it should. A blob that is missing or has another length counts as
    /// absent, so that clients push it again.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="length">How many bytes the store has; null where it has none of them.</param>
    public bool IsWhole(BlobLink link, long? length)
    {
        if (length == link.SizeBytes) return true;
        if (damaged.Count >= MaxDamaged) damaged.Clear();
        if (!damaged.TryAdd(link.Digest, true)) return false;
        if (length is { } found) LogDamaged(link.Digest, link.SizeBytes, found);
        else LogMissing(link.Digest, link.SizeBytes);
        return false;
    }

    /// <summary>
    /// Links a blob that the store has made of an upload. The upload's row goes in the transaction that links the blob.
    /// </summary>
    public async Task LinkAsync(
        RepositoryName repository, BlobLink link, UploadId upload, CancellationToken cancellation)
    {
        await LinkAsync(repository, link, from: null, upload, cancellation);
        damaged.TryRemove(link.Digest, out _);
    }

    /// <summary>Links a blob of one repository in another. False if the first does not have it whole.</summary>
    public async Task<bool> MountAsync(
        RepositoryName from, RepositoryName to, Digest digest, CancellationToken cancellation) =>
        await FindAsync(from, digest, cancellation) is { } link
        && await LinkAsync(to, link, from, upload: null, cancellation);

    /// <summary>
    /// Unlinks a blob; its content stays. One that a manifest of the repository references is kept, unless
    /// <c>storage.delete.neededblobs</c> says otherwise.
    /// </summary>
    public Task<UnlinkResult> UnlinkAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation) => changes.RunAsync(
            repository, RepositoryLock.Exclusive, isDurable: true,
            async change =>
            {
                if (await change.FindIdAsync() is not { } id
                    || await BlobTable.FindAsync(change.Session, id, digest) is null)
                {
                    return new UnlinkResult(IsUnlinked: false, NeededBy: null);
                }

                if (!storage.Delete.NeededBlobs
                    && await ManifestTable.FindUserAsync(change.Session, id, digest) is { } user)
                {
                    return new UnlinkResult(IsUnlinked: false, NeededBy: user);
                }

                await BlobTable.UnlinkAsync(change.Session, id, digest);
                change.NoteUnlinked(digest);
                return new UnlinkResult(IsUnlinked: true, NeededBy: null);
            },
            cancellation);

    private Task<bool> LinkAsync(
        RepositoryName repository, BlobLink link, RepositoryName? from, UploadId? upload,
        CancellationToken cancellation) => changes.RunAsync(
            repository, RepositoryLock.None, isDurable: false,
            async change =>
            {
                // The blob's row first, which a collector locks before it looks for links.
                await table.KeepAsync(change.Session, link);
                if (from is { } source && !await BlobTable.IsLinkedAsync(change.Session, source, link.Digest))
                {
                    return false;
                }

                await table.LinkAsync(change.Session, await change.GetIdAsync(), link);
                if (upload is { } id) await UploadTable.EndAsync(change.Session, id);
                change.NoteLinked(link.Digest);
                return true;
            },
            cancellation);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} should have {Expected} bytes and has {Found}: answering 404 until it is pushed again")]
    private partial void LogDamaged(Digest digest, long expected, long found);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} of {Expected} bytes is missing: answering 404 until it is pushed again")]
    private partial void LogMissing(Digest digest, long expected);
}
