using Berth.Blobs;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Berth.Transport;
using Microsoft.Net.Http.Headers;

namespace Berth.Distribution;

/// <summary>Pulling and deleting blobs (distribution-spec, end-2 and end-10).</summary>
internal sealed class BlobEndpoints(
    RepositoryBlobs blobs, SmallBlobCache small, Redirection redirection, LimitSettings limits)
{
    public async Task<RegistryError?> GetAsync(V2Request request)
    {
        var digest = request.Target.Digest;
        var held = small.Find(digest);
        using var content = held is null
            ? await blobs.OpenAsync(request.Repository, digest, request.Aborted)
            : null;
        var length = held is null
            ? content?.Length
            : (await blobs.FindAsync(request.Repository, digest, request.Aborted))?.SizeBytes;
        if (length is not { } sizeBytes) return RegistryError.BlobUnknown(digest);
        var etag = EntityTags.Of(digest);
        if (request.IsNotWhatMatches(etag)) return RegistryError.NotWhatMatches(digest);
        SetHeaders(request, digest, etag);
        if (request.IsNotModified(etag))
        {
            request.Answer(StatusCodes.Status304NotModified);
            return null;
        }

        if (!TryReadRange(request, etag, sizeBytes, out var range, out var several))
        {
            request.ForgetContent();
            request.Response.Headers.ContentRange = $"bytes */{sizeBytes}";
            return RegistryError.RangeNotSatisfiable(sizeBytes);
        }

        // S3 answers multiple ranges with the whole blob, so Berth serves these itself.
        if (several is null && content is not null
            && await redirection.AddressForAsync(request, content) is { } address)
        {
            Redirect(request, address);
            return null;
        }

        held ??= await small.KeepAsync(digest, content!, request.Aborted);
        if (several is null) await SendAsync(StartAnswer(request, range, sizeBytes));
        else await new MultipartRanges(several, sizeBytes).SendAsync(request, SendAsync);
        return null;

        Task SendAsync(ByteRange part) => BlobEndpoints.SendAsync(request, held, content, part);
    }

    public async Task<RegistryError?> HeadAsync(V2Request request)
    {
        var digest = request.Target.Digest;
        if (await blobs.FindAsync(request.Repository, digest, request.Aborted) is not { } link)
        {
            return RegistryError.BlobUnknown(digest);
        }

        var etag = EntityTags.Of(digest);
        if (request.IsNotWhatMatches(etag)) return RegistryError.NotWhatMatches(digest);
        SetHeaders(request, digest, etag);
        if (request.IsNotModified(etag)) request.Answer(StatusCodes.Status304NotModified);
        else request.Response.ContentLength = link.SizeBytes;
        return null;
    }

    public async Task<RegistryError?> DeleteAsync(V2Request request)
    {
        var digest = request.Target.Digest;
        var result = await blobs.UnlinkAsync(request.Repository, digest, request.Aborted);
        if (result.NeededBy is { } image) return RegistryError.BlobNeeded(digest, image);
        if (!result.IsUnlinked) return RegistryError.BlobUnknown(digest);

        request.Answer(StatusCodes.Status202Accepted);
        return null;
    }

    /// <summary>The signed URL is for this client and this moment: no cache may give it to others.</summary>
    private static void Redirect(V2Request request, Uri address)
    {
        var headers = request.Response.Headers;
        headers.Location = address.AbsoluteUri;
        headers.CacheControl = "no-store";
        headers.Remove(HeaderNames.ETag);
        request.Answer(StatusCodes.Status307TemporaryRedirect);
    }

    /// <summary>Sets status, length and range; returns the requested part of the blob.</summary>
    private static ByteRange StartAnswer(V2Request request, ByteRange? range, long length)
    {
        request.Response.ContentLength = length;
        if (range is not { } part) return new ByteRange(0, length);
        request.Response.ContentLength = part.Count;
        request.Response.StatusCode = StatusCodes.Status206PartialContent;
        request.Response.Headers.ContentRange = part.HeaderOf(length);
        return part;
    }

    /// <summary>Sends a range of the bytes held in memory, or else of the open content.</summary>
    private static async Task SendAsync(V2Request request, byte[]? held, BlobContent? content, ByteRange part)
    {
        var (offset, count) = (part.Offset, part.Count);
        var output = request.Response.BodyWriter;
        if (held is not null) await output.WriteAsync(held.AsMemory((int)offset, (int)count), request.Aborted);
        else if (content!.File is not { } file || !await FileSending.TrySendAsync(request.Http, file, offset, count))
            await content.CopyToAsync(output, offset, count, request.Aborted);
    }

    /// <summary>If-Range with another entity tag asks for the whole blob (RFC 9110, 13.1.5).</summary>
    private bool TryReadRange(
        V2Request request, string etag, long length, out ByteRange? range, out List<ByteRange>? several)
    {
        (range, several) = (null, null);
        var headers = request.Http.Request.Headers;
        if (headers.Range is not [{ } header]) return true;
        if (headers.IfRange is [{ } ifRange] && ifRange != etag) return true;
        if (!header.Contains(',', StringComparison.Ordinal)) return ByteRange.TryRead(header, length, out range);
        if (!ByteRange.TryReadSeveral(header, length, limits.RangesPerPull, out var parts)) return false;
        if (parts.Count == 1) range = parts[0];
        else if (parts.Count > 1) several = parts;
        return true;
    }

    private static void SetHeaders(V2Request request, Digest digest, string etag)
    {
        var headers = request.Response.Headers;
        request.SetDigest(digest);
        headers.ETag = etag;
        headers.AcceptRanges = "bytes";
        headers.CacheControl = "max-age=31536000, immutable";
        request.Response.ContentType = MediaTypes.OctetStream;
        request.SetInert();
    }
}
