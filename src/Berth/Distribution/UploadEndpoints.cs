using Berth.Access;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>Pushing blobs (distribution-spec, end-4 to end-6, end-11, end-13, end-14).</summary>
internal sealed partial class UploadEndpoints(
    UploadSessions sessions, BlobTable blobs, IBlobStore store, AccessCheck access, Locations locations,
    LimitSettings limits, ILogger<UploadEndpoints> log)
{
    /// <summary>How many repositories are asked when a mount names none.</summary>
    private const int MountCandidates = 100;

    /// <summary>POST: mounts a blob, takes a whole one, or opens a session.</summary>
    public async Task<RegistryError?> StartAsync(V2Request request)
    {
        if (request.Query("mount") is { } mount)
        {
            if (!Digest.TryParse(mount, out var mounted))
            {
                return RegistryError.DigestInvalid($"'{mount}' is not a digest");
            }

            if (await TryMountAsync(request, mounted)) return null;
        }
        else if (request.Query("digest") is { } text)
        {
            if (!Digest.TryParse(text, out var digest)) return RegistryError.DigestInvalid($"'{text}' is not a digest");
            return await TakeWholeAsync(request, digest);
        }

        if (!TryReadAlgorithm(request.Query("digest-algorithm"), out var algorithm))
        {
            return RegistryError.DigestInvalid("digest-algorithm must be sha256 or sha512");
        }

        var upload = await sessions.StartAsync(request.Repository, algorithm, request.Actor.Name);
        SetLocation(request, upload);
        request.Answer(StatusCodes.Status202Accepted);
        return null;
    }

    /// <summary>PATCH: appends a chunk, or a stream of unknown length.</summary>
    public Task<RegistryError?> AppendAsync(V2Request request) => WithSessionAsync(request, async upload =>
    {
        if (await AppendBodyAsync(request, upload) is { } error) return error;
        SetLocation(request, upload);
        SetRange(request, upload);
        request.Answer(StatusCodes.Status202Accepted);
        return null;
    });

    /// <summary>PUT: takes what may be left, checks the digest, and ends the session.</summary>
    public Task<RegistryError?> FinishAsync(V2Request request) => WithSessionAsync(
        request, upload => FinishAsync(request, upload), whenGone: () => FinishAgainAsync(request));

    private async Task<RegistryError?> FinishAsync(V2Request request, BlobUpload upload)
    {
        if (request.Query("digest") is not { } text || !Digest.TryParse(text, out var digest))
        {
            return RegistryError.DigestInvalid("the query must have digest=… with a sha256 or sha512 digest");
        }

        if (upload.Offset == 0) upload.Expected = digest;
        try
        {
            if (await AppendBodyAsync(request, upload) is { } error) return error;
        }
        catch
        {
            // Nobody told the client how far this body came, so it can only send it again from its start.
            await upload.RewindAsync();
            throw;
        }

        return await CommitAsync(request, upload, digest);
    }

    /// <summary>
    /// Whether the session is gone because it became the blob, and only the answer was lost: on a connection that broke
    /// or a node that died. Then this is the answer.
    /// </summary>
    private async Task<RegistryError?> FinishAgainAsync(V2Request request)
    {
        if (request.Target.Upload is null || !Digest.TryParse(request.Query("digest"), out var digest)
            || await blobs.FindAsync(request.Repository, digest) is not { } link
            || await store.LengthOfAsync(digest) != link.SizeBytes)
        {
            return RegistryError.UploadUnknown();
        }

        AnswerCreated(request, digest);
        return null;
    }

    /// <summary>GET: tells how far the upload came.</summary>
    public async Task<RegistryError?> StatusAsync(V2Request request)
    {
        if (await sessions.FindAsync(request.Repository, request.Target.Upload) is not { } upload)
        {
            return RegistryError.UploadUnknown();
        }

        SetLocation(request, upload);
        SetRange(request, upload);
        request.Answer(StatusCodes.Status204NoContent);
        return null;
    }

    /// <summary>DELETE: ends the session and forgets its bytes.</summary>
    public Task<RegistryError?> CancelAsync(V2Request request) => WithSessionAsync(request, async upload =>
    {
        await sessions.CancelAsync(upload.Id);
        request.Answer(StatusCodes.Status204NoContent);
        return null;
    });

    private async Task<RegistryError?> TakeWholeAsync(V2Request request, Digest digest)
    {
        using var place = sessions.TryTakePlace();
        if (place is null) return TooManyUploads();
        var upload = await sessions.StartAsync(request.Repository, digest.Algorithm, request.Actor.Name);
        _ = upload.TryEnter();
        upload.Expected = digest;
        try
        {
            await upload.AppendAsync(request.Http.Request.BodyReader, MaxBytes);
            return await CommitAsync(request, upload, digest);
        }
        catch (Exception e) when (!upload.IsClosed)
        {
            await sessions.CancelAsync(upload.Id);
            if (e is UploadTooLargeException) return RegistryError.TooLarge(e.Message);
            if (e is UploadLostException) return RegistryError.UploadUnknown();
            throw;
        }
    }

    private async Task<RegistryError?> WithSessionAsync(
        V2Request request, Func<BlobUpload, Task<RegistryError?>> use, Func<Task<RegistryError?>>? whenGone = null)
    {
        using var place = sessions.TryTakePlace();
        if (place is null) return TooManyUploads();
        var (upload, isBusy) = await sessions.EnterAsync(request.Repository, request.Target.Upload);
        if (upload is null) return whenGone is null ? RegistryError.UploadUnknown() : await whenGone();
        if (isBusy) return RegistryError.UploadBusy();
        RegistryError? error;
        try
        {
            error = await use(upload);
        }
        catch (UploadTakenException)
        {
            sessions.Close(upload);
            return RegistryError.UploadBusy();
        }
        catch (UploadLostException e)
        {
            LogLost(upload.Id, e.Message);
            await sessions.CancelAsync(upload.Id);
            return RegistryError.UploadUnknown();
        }
        catch
        {
            // What arrived is kept where it can be; the failure that the client hears of is the first one.
            try
            {
                await sessions.LeaveAsync(upload);
            }
            catch (Exception e) when (e is IOException or DatabaseUnavailableException)
            {
                sessions.Close(upload);
            }

            throw;
        }

        return await sessions.LeaveAsync(upload) ? error : RegistryError.UploadBusy();
    }

    private async Task<RegistryError?> AppendBodyAsync(V2Request request, BlobUpload upload)
    {
        var http = request.Http.Request;
        ByteRange? stated = null;
        if (http.Headers.ContentRange is [{ } header])
        {
            if (!ByteRange.TryReadContentRange(header, out var range))
            {
                return RegistryError.UploadInvalid("Content-Range must look like 0-1023");
            }

            if (range.Offset != upload.Offset)
            {
                SetLocation(request, upload);
                SetRange(request, upload);
                return RegistryError.UploadOutOfOrder(upload.Offset);
            }

            if (http.ContentLength is { } length && length != range.Count)
            {
                return RegistryError.SizeInvalid($"Content-Range has {range.Count} bytes and Content-Length {length}");
            }

            stated = range;
        }

        try
        {
            await upload.AppendAsync(http.BodyReader, MaxBytes);
            return stated is { } chunk ? await CheckLengthAsync(upload, chunk) : null;
        }
        catch (UploadTooLargeException e)
        {
            await sessions.CancelAsync(upload.Id);
            return RegistryError.TooLarge(e.Message);
        }
        catch (IOException e) when (DiskFull.IsCauseOf(e))
        {
            // Clients begin anew after this; each try would leave its part behind, and the disk would stay full.
            await sessions.DiscardAsync(upload);
            throw;
        }
    }

    /// <summary>
    /// A body of unknown length may turn out other than its Content-Range said: then none of it counts.
    /// </summary>
    private static async ValueTask<RegistryError?> CheckLengthAsync(BlobUpload upload, ByteRange stated)
    {
        var received = upload.Offset - stated.Offset;
        if (received == stated.Count) return null;
        await upload.RewindAsync();
        return RegistryError.SizeInvalid($"Content-Range has {stated.Count} bytes and the body {received}");
    }

    private async Task<RegistryError?> CommitAsync(V2Request request, BlobUpload upload, Digest digest)
    {
        var found = await upload.ComputeDigestAsync(digest.Algorithm);
        if (found != digest)
        {
            await sessions.CancelAsync(upload.Id);
            return RegistryError.DigestInvalid(
                $"the {upload.Offset} bytes received have the digest {found}, not {digest}");
        }

        var link = new BlobLink(digest, upload.Offset);
        await store.CommitAsync(upload, digest);

        // The session's row goes with the link, and only then the session: until then no request can reopen its file.
        try
        {
            await blobs.LinkAsync(request.Repository, link, upload.Id);
        }
        catch
        {
            // The row stays: once the file has left its place, the session may be begun again from nothing.
            await store.MakeDurableAsync([digest]);
            throw;
        }
        finally
        {
            sessions.Close(upload);
        }

        AnswerCreated(request, digest);
        return null;
    }

    /// <summary>
    /// Links a blob from a repository that the client may pull. Whatever is in the way of that, the answer is a session
    /// instead: clients give up on any error here (distribution-spec, "Mounting a blob from another repository").
    /// </summary>
    private async Task<bool> TryMountAsync(V2Request request, Digest digest)
    {
        List<RepositoryName> candidates = request.Query("from") is { } text
            ? RepositoryName.TryParse(text, out var from) ? [from] : []
            : await blobs.RepositoriesWithAsync(digest, MountCandidates);
        foreach (var candidate in candidates)
        {
            if (access.Decide(request.Http.Request, AccessAction.Pull).Actor is null) continue;
            if (await blobs.FindAsync(candidate, digest) is not { } link) continue;
            if (await store.LengthOfAsync(digest) != link.SizeBytes) continue;
            await blobs.LinkAsync(request.Repository, link, upload: null);
            AnswerCreated(request, digest);
            return true;
        }

        return false;
    }

    private void AnswerCreated(V2Request request, Digest digest)
    {
        request.Response.Headers.Location = locations.Of(request.Http, $"/v2/{request.Repository}/blobs/{digest}");
        request.SetDigest(digest);
        request.Answer(StatusCodes.Status201Created);
    }

    private void SetLocation(V2Request request, BlobUpload upload)
    {
        request.Response.Headers.Location = locations.Of(
            request.Http, $"/v2/{request.Repository}/blobs/uploads/{upload.Id}");
        request.Response.Headers["Docker-Upload-UUID"] = upload.Id.Text;
    }

    /// <summary>docker takes a layer's size from this header, which has no unit; nothing yet is 0-0 too.</summary>
    private static void SetRange(V2Request request, BlobUpload upload) =>
        request.Response.Headers.Range = $"0-{Math.Max(0, upload.Offset - 1)}";

    private static bool TryReadAlgorithm(string? text, out DigestAlgorithm algorithm)
    {
        algorithm = text is "sha512" ? DigestAlgorithm.Sha512 : DigestAlgorithm.Sha256;
        return text is null or "sha256" or "sha512";
    }

    private long MaxBytes => limits.MaximumUploadBytes > 0 ? limits.MaximumUploadBytes : long.MaxValue;

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upload {Id} is lost: {Reason}")]
    private partial void LogLost(UploadId id, string reason);

    private RegistryError TooManyUploads() => RegistryError.TooManyRequests(
        $"{limits.ConcurrentUploads} uploads are being written already (limits.concurrentuploads)");
}
