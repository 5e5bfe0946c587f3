using Berth.Access;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Distribution;

/// <summary>Pushing blobs (distribution-spec, end-4 to end-6, end-11, end-13, end-14).</summary>
internal sealed partial class UploadEndpoints(
    Uploads uploads, UploadPlaces places, RepositoryBlobs blobs, BlobTable links, AccessRules access,
    Locations locations, LimitSettings limits, ILogger<UploadEndpoints> log)
{
    /// <summary>How many repositories are tried when a mount names none.</summary>
    private const int MountCandidates = 100;

    /// <summary>POST: mounts a blob, accepts a whole one, or starts an upload.</summary>
    public async Task<RegistryError?> StartAsync(V2Request request)
    {
        if (request.Query("mount") is { } mount)
        {
            if (Digest.TryParse(mount, out var mounted) && await TryMountAsync(request, mounted)) return null;
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

        await uploads.Quotas.CheckStartAsync(request.Repository, request.Aborted);
        var id = await uploads.StartAsync(request.Repository, algorithm, request.Caller.Name, request.Aborted);
        SetLocation(request, id);
        request.Answer(StatusCodes.Status202Accepted);
        return null;
    }

    /// <summary>PATCH: appends a chunk, or a stream of unknown length.</summary>
    public async Task<RegistryError?> AppendAsync(V2Request request)
    {
        if (TakePlace(request, out var place) is { } refusal) return refusal;
        using var held = place;
        var taking = await TakeAsync(request);
        if (taking.Lease is not { } lease) return Refusal(taking);
        await using (lease)
        {
            if (await ReceiveAsync(request, place, lease) is { } error) return error;
            if (!await lease.KeepAsync(CancellationToken.None)) return RegistryError.UploadBusy();
            SetLocation(request, lease.Id);
            SetRange(request, lease.Offset);
            request.Answer(StatusCodes.Status202Accepted);
            return null;
        }
    }

    /// <summary>PUT: appends the rest, checks the digest, and turns the upload into a blob.</summary>
    public async Task<RegistryError?> FinishAsync(V2Request request)
    {
        if (TakePlace(request, out var place) is { } refusal) return refusal;
        using var held = place;
        Digest? becomes = Digest.TryParse(request.Query("digest"), out var parsed) ? parsed : null;
        var taking = await TakeAsync(request, becomes);
        if (taking.Lease is not { } lease) return taking.IsBusy ? Refusal(taking) : await FinishAgainAsync(request);
        await using (lease)
        {
            if (becomes is not { } digest)
                return RegistryError.DigestInvalid("the query must have digest=… with a sha256 or sha512 digest");

            // If the body breaks off, what it appended is undone: the client is not told how far it came, so it resends
            // all of it.
            lease.Otherwise = UploadEnd.Restore;
            lease.Expect(digest);
            return await ReceiveAsync(request, place, lease, digest) ?? await CommitAsync(request, lease, digest);
        }
    }

    /// <summary>
    /// Answers a repeated PUT: the upload is gone because it became the blob, and only the first answer was lost with a
    /// connection or a node.
    /// </summary>
    private async Task<RegistryError?> FinishAgainAsync(V2Request request)
    {
        if (request.Target.Upload is null || !Digest.TryParse(request.Query("digest"), out var digest)
            || await blobs.FindAsync(request.Repository, digest, request.Aborted) is null)
        {
            return RegistryError.UploadUnknown();
        }

        AnswerCreated(request, digest);
        return null;
    }

    /// <summary>GET: reports how far the upload came.</summary>
    public async Task<RegistryError?> StatusAsync(V2Request request)
    {
        if (request.Target.Upload is not { } id
            || await uploads.FindOffsetAsync(request.Repository, id, request.Aborted) is not { } offset)
        {
            return RegistryError.UploadUnknown();
        }

        SetLocation(request, id);
        SetRange(request, offset);
        request.Answer(StatusCodes.Status204NoContent);
        return null;
    }

    /// <summary>DELETE: cancels the upload and deletes its bytes.</summary>
    public async Task<RegistryError?> CancelAsync(V2Request request)
    {
        var taking = await TakeAsync(request);
        if (taking.Lease is not { } lease) return Refusal(taking);
        await using (lease)
        {
            await lease.DiscardAsync(CancellationToken.None);
            request.Answer(StatusCodes.Status204NoContent);
            return null;
        }
    }

    /// <summary>POST with a digest: the whole blob in one request, which leaves no upload behind.</summary>
    private async Task<RegistryError?> TakeWholeAsync(V2Request request, Digest digest)
    {
        if (TakePlace(request, out var place) is { } refusal) return refusal;
        using var held = place;
        await using var lease = await uploads.TakeNewAsync(
            request.Repository, digest, request.Caller.Name, request.Aborted);
        lease.Expect(digest);
        return await ReceiveAsync(request, place, lease, digest) ?? await CommitAsync(request, lease, digest);
    }

    private async ValueTask<UploadTaking> TakeAsync(V2Request request, Digest? becomes = null) =>
        request.Target.Upload is { } id
        ? await uploads.TakeAsync(request.Repository, id, becomes, request.Aborted)
        : UploadTaking.Unknown;

    private static RegistryError Refusal(UploadTaking taking) =>
        taking.IsBusy ? RegistryError.UploadBusy() : RegistryError.UploadUnknown();

    /// <summary>Appends the request's body, if it is the next chunk.</summary>
    private async Task<RegistryError?> ReceiveAsync(
        V2Request request, UploadPlace place, UploadLease lease, Digest? becomes = null)
    {
        var begun = lease.Offset;
        if (CheckRange(request, begun, out var stated) is { } error) return error;
        await lease.ReserveAsync(request.Http.Request.ContentLength, becomes, request.Aborted);
        try
        {
            place.ReceivedBytes = () => lease.Offset - begun;
            await lease.AppendAsync(request.Http.Request.BodyReader, MaxBytes, place.Evicted);
        }
        catch (OperationCanceledException) when (place.Evicted.IsCancellationRequested)
        {
            return RegistryError.TooManyRequests("others are waiting, and this client has the most uploads");
        }
        catch (Exception e) when (e is ConnectionResetException or OperationCanceledException)
        {
            // The server believes that the failed read is still pending, and would complain when the request ends.
            request.Http.Abort();
            throw;
        }
        catch (UploadTooLargeException e)
        {
            return RegistryError.TooLarge(e.Message);
        }
        catch (UploadLostException e)
        {
            LogLost(lease.Id, e.Message);
            return RegistryError.UploadUnknown();
        }

        var received = lease.Offset - begun;
        if (stated is null || stated == received) return null;

        // A body of unknown length did not match its Content-Range: none of it counts.
        await lease.RewindAsync(CancellationToken.None);
        return RegistryError.SizeInvalid($"Content-Range has {stated} bytes and the body {received}");
    }

    /// <summary>Compares Content-Range, if given, with what the upload needs next.</summary>
    private RegistryError? CheckRange(V2Request request, long offset, out long? stated)
    {
        stated = null;
        var http = request.Http.Request;
        if (http.Headers.ContentRange.Count == 0 || IsEmptyEnd(request.Http)) return null;
        if (http.Headers.ContentRange is not [{ } header] || !ByteRange.TryReadContentRange(header, out var range))
        {
            return RegistryError.UploadInvalid("Content-Range must be given once and look like 0-1023");
        }

        if (range.Offset != offset)
        {
            SetLocation(request, request.Target.Upload!.Value);
            SetRange(request, offset);
            return RegistryError.UploadOutOfOrder(offset);
        }

        if (http.ContentLength is { } length && length != range.Count)
        {
            return RegistryError.SizeInvalid($"Content-Range has {range.Count} bytes and Content-Length {length}");
        }

        stated = range.Count;
        return null;
    }

    /// <summary>On a final PUT without a body, clients repeat the range of the whole upload.</summary>
    private static bool IsEmptyEnd(HttpContext http) =>
        HttpMethods.IsPut(http.Request.Method) && (http.Request.ContentLength == 0
            || http.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false });

    private async Task<RegistryError?> CommitAsync(V2Request request, UploadLease lease, Digest digest)
    {
        try
        {
            var found = await lease.ComputeDigestAsync(digest.Algorithm, request.Aborted);
            if (found != digest)
            {
                await lease.DiscardAsync(CancellationToken.None);
                return RegistryError.DigestInvalid(
                    $"the {lease.Offset} bytes received have the digest {found}, not {digest}");
            }

            await lease.CommitAsync(digest, CancellationToken.None);
        }
        catch (UploadLostException e)
        {
            LogLost(lease.Id, e.Message);
            lease.Otherwise = UploadEnd.Discard;
            return RegistryError.UploadUnknown();
        }
        catch (UploadTakenException)
        {
            return RegistryError.UploadBusy();
        }

        AnswerCreated(request, digest);
        return null;
    }

    /// <summary>
    /// Links a blob from a repository that the client may pull from. If that fails for any reason, the answer is an
    /// upload instead: clients give up on any error here (distribution-spec, "Mounting a blob from another
    /// repository").
    /// </summary>
    private async Task<bool> TryMountAsync(V2Request request, Digest digest)
    {
        List<RepositoryName> candidates = request.Query("from") is { } text
            ? RepositoryName.TryParse(text, out var from) ? [from] : []
            : await links.RepositoriesWithAsync(digest, MountCandidates, request.Aborted);
        foreach (var candidate in candidates)
        {
            if (!await MayPullAsync(request, candidate)) continue;
            if (!await blobs.MountAsync(candidate, request.Repository, digest, request.Aborted)) continue;
            AnswerCreated(request, digest);
            return true;
        }

        return false;
    }

    private async ValueTask<bool> MayPullAsync(V2Request request, RepositoryName from) =>
        await access.AskAsync(request.Caller, AccessAction.Pull, from, request.Aborted) == AccessAnswer.Allowed;

    private void AnswerCreated(V2Request request, Digest digest)
    {
        request.Response.Headers.Location = locations.Of(request.Http, $"/v2/{request.Repository}/blobs/{digest}");
        request.SetDigest(digest);
        request.Answer(StatusCodes.Status201Created);
    }

    private void SetLocation(V2Request request, UploadId id)
    {
        request.Response.Headers.Location = locations.Of(
            request.Http, $"/v2/{request.Repository}/blobs/uploads/{id}");
        request.Response.Headers["Docker-Upload-UUID"] = id.Text;
    }

    /// <summary>docker reads a layer's size from this header, which has no unit; an empty upload is 0-0 too.</summary>
    private static void SetRange(V2Request request, long offset) =>
        request.Response.Headers.Range = $"0-{Math.Max(0, offset - 1)}";

    private static bool TryReadAlgorithm(string? text, out DigestAlgorithm algorithm)
    {
        algorithm = text is "sha512" ? DigestAlgorithm.Sha512 : DigestAlgorithm.Sha256;
        return text is null or "sha256" or "sha512";
    }

    private long MaxBytes => limits.MaximumUploadBytes > 0 ? limits.MaximumUploadBytes : long.MaxValue;

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upload {Id} is lost: {Reason}")]
    private partial void LogLost(UploadId id, string reason);

    private RegistryError? TakePlace(V2Request request, out UploadPlace place)
    {
        var account = request.Caller.Kind == CallerKind.Anonymous ? null : request.Caller.Name;
        var taken = places.TryTake(request.Http.Connection.RemoteIpAddress, account, out var refusal);
        place = taken!;
        return taken is null ? RegistryError.TooManyRequests(refusal) : null;
    }
}
