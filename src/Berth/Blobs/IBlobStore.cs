using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// Where blobs and the bytes of uploads lie. A blob answers under its digest only, whole or not at all. What a store
/// cannot do right now (a full disk, a network away) it says with an <see cref="IOException"/>.
/// </summary>
internal interface IBlobStore
{
    /// <summary>Opens an upload, new or begun earlier, here or on another node.</summary>
    /// <param name="id">Which.</param>
    /// <param name="repository">Where it was begun.</param>
    /// <param name="algorithm">What it will most likely be checked with.</param>
    /// <param name="state">What <see cref="BlobUpload.State"/> was when it was last left; null for a new one.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    ValueTask<BlobUpload> OpenUploadAsync(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state,
        CancellationToken cancellation);

    /// <summary>Forgets what a closed upload received.</summary>
    Task DeleteUploadAsync(UploadId id, string? state, CancellationToken cancellation);

    /// <summary>
    /// Removes what was left by uploads that nobody owns, of which nothing was written since <paramref name="since"/>.
    /// </summary>
    Task RemoveOrphansAsync(
        DateTimeOffset since, Func<UploadId, ValueTask<bool>> isOwned, CancellationToken cancellation);

    /// <summary>Makes a blob of an upload whose digest was checked: it answers from now on.</summary>
    /// <exception cref="UploadLostException">What it received is not in the store any more.</exception>
    /// <exception cref="UploadTakenException">Another request has claimed it.</exception>
    Task CommitAsync(BlobUpload upload, Digest digest, CancellationToken cancellation);

    /// <summary>Makes blobs survive a power cut, and tells the lengths in bytes of those that do.</summary>
    /// <param name="digests">Which.</param>
    /// <param name="cancellation">Ends the waiting. What has begun goes on, and its end is the same.</param>
    /// <exception cref="IOException">
    /// The disk refused. What was answered with 201 is kept, and the same call may succeed later.
    /// </exception>
    Task<IReadOnlyDictionary<Digest, long>> MakeDurableAsync(
        IReadOnlyCollection<Digest> digests, CancellationToken cancellation);

    /// <summary>A blob's length in bytes, or null where it is not there.</summary>
    ValueTask<long?> LengthOfAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Opens a blob, or returns null where it is not there.</summary>
    ValueTask<BlobContent?> OpenAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Removes a blob for good, if it is there. The caller makes sure that nothing needs it.</summary>
    Task DeleteAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Digests of all durable blobs, in no order.</summary>
    IAsyncEnumerable<Digest> ListAsync(CancellationToken cancellation);

    /// <summary>
    /// Sets altered content aside, so that it stops answering and a push can replace it. False if a push has put
    /// something else in its place since it was opened.
    /// </summary>
    Task<bool> QuarantineAsync(Digest digest, BlobContent altered, CancellationToken cancellation);

    /// <summary>How many blobs were set aside and are still kept.</summary>
    Task<int> CountQuarantinedAsync(CancellationToken cancellation);

    /// <summary>Null when the store can be used, else the reason in words.</summary>
    /// <param name="forPulls">True: only what pulls need is tried, and nothing is written.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    ValueTask<string?> FindProblemAsync(bool forPulls, CancellationToken cancellation);

    /// <summary>Where it is, for people.</summary>
    string Name { get; }
}
