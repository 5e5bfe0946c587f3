using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>How a lease ends if its request did not end it explicitly.</summary>
internal enum UploadEnd
{
    /// <summary>What arrived is kept, and the client can resume from there.</summary>
    Keep,

    /// <summary>The upload is reset to its state before the request.</summary>
    Restore,

    /// <summary>The upload is over, and its bytes are deleted.</summary>
    Discard,

    /// <summary>The upload now belongs to another request: nothing may be changed.</summary>
    Abandon,
}

/// <summary>
/// One request's exclusive lease on an upload. It ends once, as committed, kept or discarded; disposing it ends it in
/// any case. However it ends, and even if the database or the disk fails, this process releases the upload and its
/// memory: at worst the row stays until it expires.
/// </summary>
internal abstract partial class UploadLease(Uploads uploads, BlobUpload content) : IAsyncDisposable
{
    private static readonly TimeSpan ReportedEvery = TimeSpan.FromSeconds(10);

    private bool hasEnded;
    private bool hasLetGo;
    private long readAgain;
    private long reportedAt;

    public UploadId Id => content.Id;

    /// <summary>The upload's length in bytes.</summary>
    public long Offset => content.Offset;

    /// <summary>How the lease ends if the request does not end it explicitly, such as after an error.</summary>
    public UploadEnd Otherwise { get; set; }

    protected BlobUpload Content => content;

    /// <summary>States the digest that the whole upload should have; only useful before the first byte.</summary>
    public void Expect(Digest digest)
    {
        if (content.Offset == 0) content.Expected = digest;
    }

    /// <summary>Appends a request's body. Bytes received before a failure count.</summary>
    /// <exception cref="UploadTooLargeException">The upload would grow above <paramref name="maxBytes"/>.</exception>
    /// <exception cref="UploadLostException">What it received before is no longer in the store.</exception>
    /// <exception cref="QuotaExceededException">A quota has no room for it.</exception>
    public async Task AppendAsync(PipeReader body, long maxBytes, CancellationToken cancellation)
    {
        try
        {
            await content.AppendAsync(body, maxBytes, cancellation);
        }
        catch (Exception e)
        {
            Otherwise = EndAfter(e);
            throw;
        }
    }

    /// <summary>
    /// Takes all of a file as the content, without a copy: from then on nobody may write to that file. False if that is
    /// not possible here.
    /// </summary>
    public bool TryLink(string file) => content.TryLink(file);

    /// <summary>Asks for room in the quotas, at once for what the request says it will send.</summary>
    /// <param name="moreBytes">How much that is; null if it does not say.</param>
    /// <param name="becomes">The blob that the upload is to become, if that is known.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="QuotaExceededException">There is none, and the upload is over.</exception>
    public async Task ReserveAsync(long? moreBytes, Digest? becomes, CancellationToken cancellation)
    {
        try
        {
            await PrepareAsync(moreBytes, becomes, cancellation);
            content.AdmitAsync = await uploads.Quotas.BeginAsync(
                content.Repository, Id, content.Offset + moreBytes, becomes, cancellation);
        }
        catch (QuotaExceededException)
        {
            Otherwise = UploadEnd.Discard;
            throw;
        }
    }

    /// <summary>Discards what this request has appended.</summary>
    public ValueTask RewindAsync(CancellationToken cancellation) => content.RewindAsync(cancellation);

    /// <summary>The digest of everything received.</summary>
    /// <param name="algorithm">Which.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <param name="read">
    /// Called with the length of each piece that has to be read again; null: the log says so.
    /// </param>
    public ValueTask<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, CancellationToken cancellation, Action<int>? read = null) =>
        content.ComputeDigestAsync(algorithm, read ?? ReportRead, cancellation);

    /// <summary>Turns the upload, whose digest was checked, into a blob and links it in the repository.</summary>
    /// <exception cref="UploadLostException">What it received is no longer in the store.</exception>
    /// <exception cref="UploadTakenException">Another request has claimed the upload.</exception>
    /// <exception cref="QuotaExceededException">A quota has no room for it.</exception>
    public async Task CommitAsync(Digest digest, CancellationToken cancellation)
    {
        var link = new BlobLink(digest, content.Offset);
        using var claim = await ClaimAsync(digest, cancellation);
        try
        {
            await uploads.Store.CommitAsync(content, digest, cancellation);
        }
        catch (Exception e)
        {
            Otherwise = EndAfter(e);
            throw;
        }

        // The row is deleted in the transaction that links the blob. Until then no other request may open the upload.
        hasEnded = true;

        // From here on its bytes may count as used: counted twice, they would keep others out.
        uploads.Quotas.Release(Id);
        try
        {
            await uploads.Blobs.LinkAsync(content.Repository, link, content.Id, CancellationToken.None);
            Forget();
        }
        catch (Exception e)
        {
            // The upload stays. The client may start over, so the staged bytes must leave the upload's file.
            await uploads.Store.MakeDurableAsync([digest], CancellationToken.None);
            if (e is not QuotaExceededException) throw;
            await uploads.Blobs.AbandonAsync(content.Repository, link, content.Id);
            Forget();
            throw;
        }
        finally
        {
            LetGoOnce(isOver: true);
        }
    }

    /// <summary>
    /// Ends the lease so that later requests can resume. False if another request has claimed the upload.
    /// </summary>
    public async Task<bool> KeepAsync(CancellationToken cancellation)
    {
        hasEnded = true;
        var isOver = true;
        try
        {
            var isKept = await RecordAsync(cancellation);
            isOver = false;
            uploads.Quotas.Keep(Id, content.Offset);
            return isKept;
        }
        finally
        {
            LetGoOnce(isOver);
        }
    }

    /// <summary>Ends the upload, and deletes what it received.</summary>
    public async Task DiscardAsync(CancellationToken cancellation)
    {
        hasEnded = true;
        try
        {
            await DeleteAsync(cancellation);
        }
        finally
        {
            LetGoOnce(isOver: true);
        }
    }

    /// <summary>Ends the lease as <see cref="Otherwise"/> says. A failure is only logged.</summary>
    public async ValueTask DisposeAsync()
    {
        if (hasEnded) return;
        try
        {
            // No cancellation token: this must also happen if the client is gone.
            var cancellation = CancellationToken.None;
            if (Otherwise is UploadEnd.Restore && !content.IsClosed) await content.RewindAsync(cancellation);
            if (Otherwise is UploadEnd.Discard) await DiscardAsync(cancellation);
            else if (Otherwise is not UploadEnd.Abandon && !content.IsClosed) await KeepAsync(cancellation);
        }
        catch (Exception e)
        {
            LogFailedEnd(uploads.Log, content.Id, Otherwise, e.Message);
        }
        finally
        {
            LetGoOnce(isOver: true);
        }
    }

    /// <summary>
    /// Keeps the collector from deleting a blob of this digest until the claim is disposed or the upload's row is gone,
    /// and waits for a deletion that has begun already: otherwise it could delete what is about to be linked.
    /// </summary>
    /// <exception cref="UploadTakenException">Another request has claimed the upload.</exception>
    protected abstract ValueTask<IDisposable?> ClaimAsync(Digest digest, CancellationToken cancellation);

    /// <summary>Records how far the upload came. False if another request has claimed it.</summary>
    protected abstract Task<bool> RecordAsync(CancellationToken cancellation);

    /// <summary>Removes the upload from the store and from the table.</summary>
    protected abstract Task DeleteAsync(CancellationToken cancellation);

    /// <summary>The request is about to send bytes.</summary>
    /// <param name="moreBytes">How many; null if it does not say.</param>
    /// <param name="becomes">The blob that the upload is to become then; null if others go on with it.</param>
    /// <param name="cancellation">Gives up.</param>
    protected virtual ValueTask PrepareAsync(
        long? moreBytes, Digest? becomes, CancellationToken cancellation) => default;

    /// <summary>The upload is over, and so is its row.</summary>
    protected virtual void Forget()
    {
    }

    /// <summary>Releases the upload in this process. It must not fail.</summary>
    /// <param name="isOver">Whether nothing of the upload may stay open.</param>
    protected abstract void LetGo(bool isOver);

    private void LetGoOnce(bool isOver)
    {
        if (hasLetGo) return;
        hasLetGo = true;
        if (isOver) uploads.Quotas.Release(Id);
        LetGo(isOver);
    }

    private void ReportRead(int bytes)
    {
        readAgain += bytes;
        if (reportedAt != 0 && uploads.Clock.GetElapsedTime(reportedAt) < ReportedEvery) return;
        reportedAt = uploads.Clock.GetTimestamp();
        LogReadAgain(uploads.Log, content.Id, readAgain, content.Offset);
    }

    /// <summary>
    /// After a full disk clients start over: each attempt would leave its bytes behind, and the disk would stay full.
    /// </summary>
    private UploadEnd EndAfter(Exception e) => e switch
    {
        UploadTakenException => UploadEnd.Abandon,
        UploadLostException or UploadTooLargeException or QuotaExceededException => UploadEnd.Discard,
        _ => DiskFull.IsCauseOf(e) ? UploadEnd.Discard : Otherwise,
    };

    [LoggerMessage(Level = LogLevel.Information, Message =
        "Upload {Id} was interrupted: reading it again for its digest, {Bytes} bytes so far of at most {Total}")]
    private static partial void LogReadAgain(ILogger log, UploadId id, long bytes, long total);

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Upload {Id} could not be ended ({End}) and will expire: {Reason}")]
    private static partial void LogFailedEnd(ILogger log, UploadId id, UploadEnd end, string reason);
}
