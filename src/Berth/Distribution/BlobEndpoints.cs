using System.Globalization;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Transport;
using Microsoft.Net.Http.Headers;

namespace Berth.Distribution;

/// <summary>Pulling and deleting blobs (distribution-spec, end-2 and end-10).</summary>
internal sealed partial class BlobEndpoints(
    BlobTable blobs, IBlobStore store, SmallBlobCache small, Redirection redirection, ILogger<BlobEndpoints> log)
{
    public async Task<RegistryError?> GetAsync(V2Request request)
    {
        var digest = request.Target.Digest;
        if (await blobs.FindAsync(request.Repository, digest) is not { } link) return RegistryError.BlobUnknown(digest);
        var held = small.Find(digest);
        using var content = held is null ? await store.OpenAsync(digest) : null;
        var length = held is null ? content?.Length : await store.LengthOfAsync(digest);
        if (!IsWhole(link, length)) return RegistryError.BlobUnknown(digest);
        var etag = EntityTags.Of(digest);
        if (request.IsNotWhatMatches(etag)) return RegistryError.NotWhatMatches(digest);
        SetHeaders(request, digest, etag);
        if (request.IsNotModified(etag))
        {
            request.Answer(StatusCodes.Status304NotModified);
            return null;
        }

        if (content is not null && await redirection.AddressForAsync(request, content) is { } address)
        {
            Redirect(request, address);
            return null;
        }

        if (!TryReadRange(request, etag, link.SizeBytes, out var range))
        {
            request.ForgetContent();
            request.Response.Headers.ContentRange = $"bytes */{link.SizeBytes}";
            return RegistryError.RangeNotSatisfiable(link.SizeBytes);
        }

        var (offset, count) = StartAnswer(request, range, link.SizeBytes);
        held ??= small.Keep(digest, content!);
        if (held is null) await SendAsync(request, content!, offset, count);
        else await request.Response.BodyWriter.WriteAsync(held.AsMemory((int)offset, (int)count), request.Aborted);
        return null;
    }

    public async Task<RegistryError?> HeadAsync(V2Request request)
    {
        var digest = request.Target.Digest;
        var link = await blobs.FindAsync(request.Repository, digest);
        if (link is null || !IsWhole(link, await store.LengthOfAsync(digest))) return RegistryError.BlobUnknown(digest);
        var etag = EntityTags.Of(digest);
        if (request.IsNotWhatMatches(etag)) return RegistryError.NotWhatMatches(digest);
        SetHeaders(request, digest, etag);
        if (request.IsNotModified(etag)) request.Answer(StatusCodes.Status304NotModified);
        else request.Response.ContentLength = link.SizeBytes;
        return null;
    }

    public async Task<RegistryError?> DeleteAsync(V2Request request)
    {
        if (!await blobs.UnlinkAsync(request.Repository, request.Target.Digest))
        {
            return RegistryError.BlobUnknown(request.Target.Digest);
        }

        request.Answer(StatusCodes.Status202Accepted);
        return null;
    }

    /// <summary>The address is for this client and this moment: no cache may give it to another one.</summary>
    private static void Redirect(V2Request request, Uri address)
    {
        var headers = request.Response.Headers;
        headers.Location = address.AbsoluteUri;
        headers.CacheControl = "no-store";
        headers.Remove(HeaderNames.ETag);
        request.Answer(StatusCodes.Status307TemporaryRedirect);
    }

    /// <summary>Sets status, length and range; returns the part of the blob that is asked for.</summary>
    private static (long Offset, long Count) StartAnswer(V2Request request, ByteRange? range, long length)
    {
        request.Response.ContentLength = length;
        if (range is not { } part) return (0, length);
        request.Response.ContentLength = part.Count;
        request.Response.StatusCode = StatusCodes.Status206PartialContent;
        request.Response.Headers.ContentRange = string.Create(
            CultureInfo.InvariantCulture, $"bytes {part.Offset}-{part.Offset + part.Count - 1}/{length}");
        return (part.Offset, part.Count);
    }

    private static async Task SendAsync(V2Request request, BlobContent content, long offset, long count)
    {
        if (content.File is { } file && await FileSending.TrySendAsync(request.Http, file, offset, count)) return;
        await content.CopyToAsync(request.Response.BodyWriter, offset, count, request.Aborted);
    }

    /// <summary>If-Range with another entity tag asks for the whole (RFC 9110, 13.1.5).</summary>
    private static bool TryReadRange(V2Request request, string etag, long length, out ByteRange? range)
    {
        range = null;
        var headers = request.Http.Request.Headers;
        if (headers.Range is not [{ } header]) return true;
        if (headers.IfRange is [{ } ifRange] && ifRange != etag) return true;
        return ByteRange.TryRead(header, length, out range);
    }

    private static void SetHeaders(V2Request request, Digest digest, string etag)
    {
        var headers = request.Response.Headers;
        request.SetDigest(digest);
        headers.ETag = etag;
        headers.AcceptRanges = "bytes";
        headers.CacheControl = "max-age=31536000, immutable";
        request.Response.ContentType = MediaTypes.OctetStream;
    }

    /// <summary>A file that is missing or has another length counts as absent, so that a push replaces it.</summary>
    private bool IsWhole(BlobLink link, long? length)
    {
        if (length == link.SizeBytes) return true;
        LogDamaged(link.Digest, link.SizeBytes, length);
        return false;
    }

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} should have {Expected} bytes and has {Found}: answering 404 until it is pushed again")]
    private partial void LogDamaged(Digest digest, long expected, long? found);
}
