using System.Collections.Concurrent;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>The outcome of unlinking a blob.</summary>
/// <param name="IsUnlinked">It was linked and no longer is.</param>
/// <param name="NeededBy">The manifest that still needs it, by its tag if it has one; or null.</param>
internal sealed record UnlinkResult(bool IsUnlinked, string? NeededBy);

/// <summary>
/// The blobs of repositories: the only place that links and unlinks blobs, and that decides whether a blob is linked in
/// a repository and complete in the store.
/// </summary>
internal sealed partial class RepositoryBlobs(
    BlobTable table, IBlobStore store, RepositoryChanges changes, Quotas quotas, StorageSettings storage,
    ILogger<RepositoryBlobs> log)
{
    /// <summary>How many damaged blobs are remembered as already logged.</summary>
    private const int MaxDamaged = 1000;

    /// <summary>Damaged blobs that were already logged. Pushing the blob removes it.</summary>
    private readonly ConcurrentDictionary<Digest, bool> damaged = new();

    /// <summary>The blob's link, or null if it is not linked here or not complete in the store.</summary>
    public async ValueTask<BlobLink?> FindAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation) =>
        await table.FindAsync(repository, digest, cancellation) is { } link
        && IsWhole(link, await store.LengthOfAsync(digest, cancellation))
            ? link
            : null;

    /// <summary>The blob's content, which the caller disposes; null if it is not linked here or not complete.</summary>
    public async ValueTask<BlobContent?> OpenAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        if (await table.FindAsync(repository, digest, cancellation) is not { } link) return null;
        var content = await store.OpenAsync(digest, cancellation);
        if (IsWhole(link, content?.Length)) return content;
        content?.Dispose();
        return null;
    }

    /// <summary>
    /// Whether the store has all of a linked blob. A blob that is missing or has the wrong length counts as absent, so
    /// that clients push it again.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="length">The length in the store, in bytes; null if it is missing.</param>
    private bool IsWhole(BlobLink link, long? length)
    {
        if (length == link.SizeBytes) return true;
        NoteDamaged(link, length);
        return false;
    }

    /// <summary>Logs, once, that a linked blob is missing in the store or has the wrong length.</summary>
    public void NoteDamaged(BlobLink link, long? length)
    {
        if (damaged.Count >= MaxDamaged) damaged.Clear();
        if (!damaged.TryAdd(link.Digest, true)) return;
        if (length is { } found) LogDamaged(link.Digest, link.SizeBytes, found);
        else LogMissing(link.Digest, link.SizeBytes);
    }

    /// <summary>Links a blob that was just uploaded. The upload's row is deleted in the same transaction.</summary>
    /// <exception cref="QuotaExceededException">A quota has no room for it.</exception>
    public async Task LinkAsync(
        RepositoryName repository, BlobLink link, UploadId upload, CancellationToken cancellation)
    {
        await LinkAsync(repository, link, from: null, upload, cancellation);
        damaged.TryRemove(link.Digest, out _);
    }

    /// <summary>
    /// Links a blob of one repository in another. False if the first does not have it, or not completely.
    /// </summary>
    /// <exception cref="QuotaExceededException">A quota has no room for it.</exception>
    public async Task<bool> MountAsync(
        RepositoryName from, RepositoryName to, Digest digest, CancellationToken cancellation) =>
        await FindAsync(from, digest, cancellation) is { } link
        && await LinkAsync(to, link, from, upload: null, cancellation);

    /// <summary>
    /// Unlinks a blob; its content stays until it is collected. One that a manifest of the repository references is
    /// kept, unless
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

                await table.UnlinkAsync(change.Session, id, digest);
                change.NoteUnlinked(digest);
                return new UnlinkResult(IsUnlinked: true, NeededBy: null);
            },
            cancellation);

    /// <summary>Gives up a blob that was committed to the store and may not be linked: the collector removes it.
    /// </summary>
    public Task AbandonAsync(RepositoryName repository, BlobLink link, UploadId upload) => changes.RunAsync(
        repository, RepositoryLock.None, isDurable: false,
        async change =>
        {
            await table.AbandonAsync(change.Session, link);
            await UploadTable.EndAsync(change.Session, upload);
            return true;
        },
        CancellationToken.None);

    private async Task<bool> LinkAsync(
        RepositoryName repository, BlobLink link, RepositoryName? from, UploadId? upload,
        CancellationToken cancellation)
    {
        var limits = await quotas.OfAsync(repository, cancellation);
        List<(QuotaRow, long)>? used = null;
        try
        {
            var isLinked = await changes.RunAsync(
                repository, RepositoryLock.None, isDurable: false,
                async change =>
                {
                    used = await TryLinkAsync(change, link, from, upload, limits);
                    return used is not null;
                },
                cancellation);
            if (isLinked) quotas.NoteUsed(used!);
            return isLinked;
        }
        catch (QuotaExceededException e)
        {
            throw await quotas.RefuseAsync(e.Quota, e.UsedBytes, 0, e.MoreBytes, cancellation);
        }
    }

    /// <returns>What is used of quotas then; null if the other repository does not have the blob.</returns>
    private async ValueTask<List<(QuotaRow, long)>?> TryLinkAsync(
        RepositoryChange change, BlobLink link, RepositoryName? from, UploadId? upload,
        IReadOnlyList<QuotaRow> limits)
    {
        // The blob's row first: the collector locks it before looking for links.
        await table.KeepAsync(change.Session, link);
        if (from is { } source && !await BlobTable.IsLinkedAsync(change.Session, source, link.Digest)) return null;
        var id = await change.GetIdAsync();
        var isNew = limits.Count > 0 && !await BlobTable.HasLinkAsync(change.Session, id, link.Digest);
        if (upload is { } row) await UploadTable.EndAsync(change.Session, row);

        // Last, since its triggers lock what others in the namespace wait for.
        await table.LinkAsync(change.Session, id, link);
        change.NoteLinked(link.Digest);
        return isNew ? await Quotas.CheckLinkedAsync(change.Session, limits, link) : [];
    }

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} should have {Expected} bytes but has {Found}: answering 404 until it is pushed again")]
    private partial void LogDamaged(Digest digest, long expected, long found);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} of {Expected} bytes is missing: answering 404 until it is pushed again")]
    private partial void LogMissing(Digest digest, long expected);
}
