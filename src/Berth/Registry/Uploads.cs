using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>
/// The uploads in progress. The table records those that outlive this process. To change one, a request takes a lease
/// on it; only one request at a time can hold it.
/// </summary>
internal abstract class Uploads(
    UploadTable table, RepositoryBlobs blobs, UploadQuotas quotas, IBlobStore store, TimeProvider clock, ILogger log)
    : IDisposable
{
    public UploadTable Table => table;

    public RepositoryBlobs Blobs => blobs;

    public UploadQuotas Quotas => quotas;

    public IBlobStore Store => store;

    public TimeProvider Clock => clock;

    public ILogger Log => log;

    /// <summary>Starts an upload that later requests continue.</summary>
    public abstract Task<UploadId> StartAsync(
        RepositoryName repository, DigestAlgorithm algorithm, string startedBy, CancellationToken cancellation);

    /// <summary>Starts an upload that this request turns into a blob; otherwise it is discarded.</summary>
    public abstract Task<UploadLease> TakeNewAsync(
        RepositoryName repository, Digest becomes, string startedBy, CancellationToken cancellation);

    /// <summary>Takes an upload of this repository for one request.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="id">The upload.</param>
    /// <param name="becomes">The blob that the request turns it into; null if others follow.</param>
    /// <param name="cancellation">Gives up.</param>
    public abstract ValueTask<UploadTaking> TakeAsync(
        RepositoryName repository, UploadId id, Digest? becomes, CancellationToken cancellation);

    /// <summary>
    /// Whether a blob may be deleted from the store: no request of this process is turning an upload into it. Until
    /// <see cref="EndDeleting"/>, those that come wait.
    /// </summary>
    public virtual bool TryBeginDeleting(Digest digest) => true;

    /// <summary>The blob is gone, or stays.</summary>
    public virtual void EndDeleting(Digest digest)
    {
    }

    /// <summary>Whether there is such an upload. The files of others are left over.</summary>
    public virtual async ValueTask<bool> IsKnownAsync(UploadId id, CancellationToken cancellation) =>
        await Table.FindAsync(id, cancellation) is not null;

    /// <summary>How many bytes an upload of this repository has received; null if there is no such upload.</summary>
    public abstract ValueTask<long?> FindOffsetAsync(
        RepositoryName repository, UploadId id, CancellationToken cancellation);

    /// <summary>Ends an upload that looks abandoned. False if it is in use after all, or gone.</summary>
    public abstract Task<bool> ExpireAsync(UploadId id, TimeSpan age, CancellationToken cancellation);

    /// <summary>Records which uploads are being written, so that none of them looks abandoned.</summary>
    public abstract Task RecordActivityAsync(CancellationToken cancellation);

    /// <summary>
    /// Closes uploads that have been idle for this long (zero: all that are not in use), and saves what makes reopening
    /// them cheap.
    /// </summary>
    public virtual Task CloseIdleAsync(TimeSpan idle, CancellationToken cancellation) => Task.CompletedTask;

    public virtual void Dispose()
    {
    }
}

/// <summary>The result of taking an upload: a lease, or the reason why there is none.</summary>
internal readonly record struct UploadTaking(UploadLease? Lease, bool IsBusy = false)
{
    /// <summary>The repository has no such upload.</summary>
    public static UploadTaking Unknown => default;

    /// <summary>Another request is writing to it.</summary>
    public static UploadTaking Busy => new(null, IsBusy: true);
}
