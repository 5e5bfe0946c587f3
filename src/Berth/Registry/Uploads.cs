using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>
/// The uploads in progress. The table knows which exist. A request that wants to change one takes it as a lease, which
/// one request at a time can have.
/// </summary>
internal abstract class Uploads(
    UploadTable table, RepositoryBlobs blobs, IBlobStore store, TimeProvider clock, ILogger log)
    : IDisposable
{
    public UploadTable Table => table;

    public RepositoryBlobs Blobs => blobs;

    public IBlobStore Store => store;

    public TimeProvider Clock => clock;

    public ILogger Log => log;

    /// <summary>Begins an upload that later requests go on with.</summary>
    public abstract Task<UploadId> StartAsync(
        RepositoryName repository, DigestAlgorithm algorithm, string startedBy, CancellationToken cancellation);

    /// <summary>Begins an upload that this request finishes; it is discarded where the request does not.</summary>
    public abstract Task<UploadLease> TakeNewAsync(
        RepositoryName repository, DigestAlgorithm algorithm, string startedBy, CancellationToken cancellation);

    /// <summary>Takes an upload of this repository for one request.</summary>
    public abstract ValueTask<UploadTaking> TakeAsync(
        RepositoryName repository, UploadId id, CancellationToken cancellation);

    /// <summary>How many bytes an upload of this repository has received; null where there is no such upload.</summary>
    public abstract ValueTask<long?> FindOffsetAsync(
        RepositoryName repository, UploadId id, CancellationToken cancellation);

    /// <summary>Ends an upload that looks abandoned, unless it is in use after all.</summary>
    public abstract Task ExpireAsync(UploadId id, TimeSpan age, CancellationToken cancellation);

    /// <summary>Records which uploads are being written, so that none of them looks abandoned.</summary>
    public abstract Task RecordActivityAsync(CancellationToken cancellation);

    /// <summary>
    /// Closes the files of uploads that nobody used for a while, all that rest where this is zero, and writes down
    /// what makes opening them again cheap.
    /// </summary>
    public virtual Task CloseIdleAsync(TimeSpan idle, CancellationToken cancellation) => Task.CompletedTask;

    public virtual void Dispose()
    {
    }
}

/// <summary>What became of a request's wish to write to an upload: a lease, or the reason why not.</summary>
internal readonly record struct UploadTaking(UploadLease? Lease, bool IsBusy = false)
{
    /// <summary>The repository has no such upload.</summary>
    public static UploadTaking Unknown => default;

    /// <summary>Another request is writing to it.</summary>
    public static UploadTaking Busy => new(null, IsBusy: true);
}
