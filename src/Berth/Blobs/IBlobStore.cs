using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// Stores blobs and the bytes of uploads. A blob is found by its digest only, and is complete or absent. Methods throw
/// an <see cref="IOException"/> if the store can't serve them right now: the disk is full, or the network is down.
/// </summary>
internal interface IBlobStore
{
    /// <summary>Opens a new upload, or one that was started earlier, on this node or another.</summary>
    /// <param name="id">Which.</param>
    /// <param name="repository">Where it was started.</param>
    /// <param name="algorithm">The algorithm that its digest will most likely have.</param>
    /// <param name="state">Its <see cref="BlobUpload.State"/> when it was last suspended; null for a new one.</param>
    /// <param name="cancellation">Cancels.</param>
    ValueTask<BlobUpload> OpenUploadAsync(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state,
        CancellationToken cancellation);

    /// <summary>Deletes what a closed upload received.</summary>
    Task DeleteUploadAsync(UploadId id, string? state, CancellationToken cancellation);

    /// <summary>
    /// Deletes what uploads left that nobody owns, if it was last written before <paramref name="since"/>.
    /// </summary>
    Task RemoveOrphansAsync(
        DateTimeOffset since, Func<UploadId, ValueTask<bool>> isOwned, CancellationToken cancellation);

    /// <summary>
    /// Finds the blobs of an earlier process that had been committed, but had not reached their place when it was
    /// killed. Called before anything is served.
    /// </summary>
    /// <param name="isOwned">Whether something is an upload that goes on.</param>
    /// <param name="isRecorded">Whether there should be a blob.</param>
    /// <param name="cancellation">Cancels.</param>
    Task RecoverAsync(
        Func<UploadId, ValueTask<bool>> isOwned, Func<Digest, ValueTask<bool>> isRecorded,
        CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>Turns an upload, whose digest was checked, into a blob, which is served from then on.</summary>
    /// <exception cref="UploadLostException">What it received is no longer in the store.</exception>
    /// <exception cref="UploadTakenException">Another request has claimed it.</exception>
    Task CommitAsync(BlobUpload upload, Digest digest, CancellationToken cancellation);

    /// <summary>
    /// Makes blobs durable, so that they survive a power cut. Returns the lengths in bytes of those that are; missing
    /// blobs are left out.
    /// </summary>
    /// <param name="digests">Which.</param>
    /// <param name="cancellation">Stops waiting. Syncs in progress still complete.</param>
    /// <exception cref="IOException">
    /// The disk failed. What was answered with 201 is kept, and the call can be retried.
    /// </exception>
    Task<IReadOnlyDictionary<Digest, long>> MakeDurableAsync(
        IReadOnlyCollection<Digest> digests, CancellationToken cancellation);

    /// <summary>A blob's length in bytes, or null if there is no such blob.</summary>
    ValueTask<long?> LengthOfAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Opens a blob, or returns null if there is no such blob.</summary>
    ValueTask<BlobContent?> OpenAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Deletes a blob, if it exists. The caller makes sure that nothing needs it.</summary>
    Task DeleteAsync(Digest digest, CancellationToken cancellation);

    /// <summary>The digests of all durable blobs, in no particular order.</summary>
    IAsyncEnumerable<Digest> ListAsync(CancellationToken cancellation);

    /// <summary>
    /// Moves altered content to quarantine: it is no longer served, and a push can replace it. False if a push has
    /// already replaced it since it was opened.
    /// </summary>
    Task<bool> QuarantineAsync(Digest digest, BlobContent altered, CancellationToken cancellation);

    /// <summary>The blobs in quarantine.</summary>
    IAsyncEnumerable<Digest> ListQuarantinedAsync(CancellationToken cancellation);

    /// <summary>Deletes the content of a blob that is in quarantine, if it is.</summary>
    Task DeleteQuarantinedAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Small files beside the blobs.</summary>
    StoreFiles Files { get; }

    /// <summary>The mark of the database that the store belongs to; null if it has none.</summary>
    Task<string?> FindMarkAsync(CancellationToken cancellation);

    /// <summary>Marks the store, unless it has a mark that is not to be replaced.</summary>
    Task MarkAsync(string mark, bool replaces, CancellationToken cancellation);

    /// <summary>Null if the store works, otherwise the reason as text.</summary>
    /// <param name="forPulls">Whether to check only what pulls need, without writing.</param>
    /// <param name="cancellation">Cancels.</param>
    ValueTask<string?> FindProblemAsync(bool forPulls, CancellationToken cancellation);

    /// <summary>The store's location, for messages.</summary>
    string Name { get; }
}
