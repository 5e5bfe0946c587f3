using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>How a lease ends that its request did not end itself.</summary>
internal enum UploadEnd
{
    /// <summary>What arrived stays, and the client resumes behind it.</summary>
    Keep,

    /// <summary>The upload goes back to what it was when the request began.</summary>
    Restore,

    /// <summary>The upload is over, and its bytes are deleted.</summary>
    Discard,

    /// <summary>The upload belongs to another request now: nothing of it may be changed.</summary>
    Abandon,
}

/// <summary>
/// One request's exclusive hold on an upload. It ends once, as committed, kept or discarded; disposing of it ends it in
/// any case. However it ends, and even if the database or the disk fails meanwhile, this process lets go of the upload
/// and gives its memory back: at worst the row stays until it expires.
/// </summary>
internal abstract partial class UploadLease(Uploads uploads, BlobUpload content) : IAsyncDisposable
{
    private static readonly TimeSpan ReportedEvery = TimeSpan.FromSeconds(10);

    private bool hasEnded;
    private bool hasLetGo;
    private long readAgain;
    private long reportedAt;

    public UploadId Id => content.Id;

    /// <summary>How many bytes the upload has, in bytes.</summary>
    public long Offset => content.Offset;

    /// <summary>What becomes of the upload where the request ends without a decision, as after an error.</summary>
    public UploadEnd Otherwise { get; set; }

    protected BlobUpload Content => content;

    /// <summary>Says what the whole upload should be; of use only before the first byte.</summary>
    public void Expect(Digest digest)
    {
        if (content.Offset == 0) content.Expected = digest;
    }

    /// <summary>Appends a request's body. Whatever arrived before a failure counts.</summary>
    /// <exception cref="UploadTooLargeException">The upload would grow above <paramref name="maxBytes"/>.</exception>
    /// <exception cref="UploadLostException">What it received before is not in the store any more.</exception>
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

    /// <summary>Takes back what this request has appended.</summary>
    public ValueTask RewindAsync(CancellationToken cancellation) => content.RewindAsync(cancellation);

    /// <summary>The digest of everything received. What has to be read again for it is told in the log.</summary>
    public ValueTask<Digest> ComputeDigestAsync(DigestAlgorithm algorithm, CancellationToken cancellation) =>
        content.ComputeDigestAsync(algorithm, ReportRead, cancellation);

    /// <summary>Makes a blob of the upload, whose digest was checked, and links it in the repository.</summary>
    /// <exception cref="UploadLostException">What it received is not in the store any more.</exception>
    /// <exception cref="UploadTakenException">Another request has taken the upload.</exception>
    public async Task CommitAsync(Digest digest, CancellationToken cancellation)
    {
        var link = new BlobLink(digest, content.Offset);
        try
        {
            await uploads.Store.CommitAsync(content, digest, cancellation);
        }
        catch (Exception e)
        {
            Otherwise = EndAfter(e);
            throw;
        }

        // The row goes in the transaction that links the blob. Until then no other request may open the upload.
        hasEnded = true;
        try
        {
            await uploads.Blobs.LinkAsync(content.Repository, link, content.Id, CancellationToken.None);
        }
        catch
        {
            // The row stays. Its client may begin again from nothing, so the staged bytes must leave the upload's file.
            await uploads.Store.MakeDurableAsync([digest]);
            throw;
        }
        finally
        {
            LetGoOnce(isOver: true);
        }
    }

    /// <summary>Ends the request's work; later requests resume. False if another one has taken the upload.</summary>
    public async Task<bool> KeepAsync(CancellationToken cancellation)
    {
        hasEnded = true;
        var isOver = true;
        try
        {
            var isKept = await RecordAsync(cancellation);
            isOver = false;
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

    /// <summary>Ends the lease as <see cref="Otherwise"/> says. Its own failure is only logged.</summary>
    public async ValueTask DisposeAsync()
    {
        if (hasEnded) return;
        try
        {
            // No token: the client may be gone, and this is what has to happen then.
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

    /// <summary>Puts down how far the upload came. False if another request has taken it.</summary>
    protected abstract Task<bool> RecordAsync(CancellationToken cancellation);

    /// <summary>Removes the upload from the store and from the table.</summary>
    protected abstract Task DeleteAsync(CancellationToken cancellation);

    /// <summary>Ends the hold in this process. It must not fail.</summary>
    /// <param name="isOver">Nothing of the upload may stay open here.</param>
    protected abstract void LetGo(bool isOver);

    private void LetGoOnce(bool isOver)
    {
        if (hasLetGo) return;
        hasLetGo = true;
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
    /// A client begins anew after a full disk: each try would leave its part behind, and the disk would stay full.
    /// </summary>
    private UploadEnd EndAfter(Exception e) => e switch
    {
        UploadTakenException => UploadEnd.Abandon,
        UploadLostException or UploadTooLargeException => UploadEnd.Discard,
        _ => DiskFull.IsCauseOf(e) ? UploadEnd.Discard : Otherwise,
    };

    [LoggerMessage(Level = LogLevel.Information, Message =
        "Upload {Id} was interrupted: reading it again for its digest, {Bytes} bytes so far of at most {Total}")]
    private static partial void LogReadAgain(ILogger log, UploadId id, long bytes, long total);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upload {Id} could not be ended ({End}) and expires: {Reason}")]
    private static partial void LogFailedEnd(ILogger log, UploadId id, UploadEnd end, string reason);
}
