using System.Net.Http.Headers;
using Berth.Metadata;
using Berth.Oci;
using Berth.Policies;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>Pulling, pushing and deleting manifests (distribution-spec, end-3, end-7 and end-9).</summary>
internal sealed class ManifestEndpoints(
    ManifestTable manifests, PullTimes pulls, ManifestWriter writer, Removal removal, ManifestBodies bodies,
    LargeAnswers answers, Locations locations, ImagePolicies policies, LimitSettings limits)
{
    /// <summary>Some proxies reject longer header lines, so further tags go into another one.</summary>
    private const int MaxTagsPerHeader = 20;

    public async Task<RegistryError?> GetAsync(V2Request request)
    {
        var (manifest, error) = await AnswerAsync(request);
        if (manifest is null || request.Response.StatusCode != StatusCodes.Status200OK) return error;
        if (manifest.SizeBytes > AnswerBody.PieceBytes) return await SendLargeAsync(request, manifest);
        await AnswerBody.SendAsync(request.Response.BodyWriter, manifest.Body!, request.Aborted);
        return null;
    }

    public async Task<RegistryError?> HeadAsync(V2Request request) => (await AnswerAsync(request)).Error;

    public async Task<RegistryError?> PutAsync(V2Request request)
    {
        if (TagsOf(request, out var tags) is { } tagError) return tagError;
        using var body = await bodies.ReadAsync(
            request.Http.Request.BodyReader, request.Http.Request.ContentLength, request.Aborted);
        return body.Refusal switch
        {
            BodyRefusal.TooLarge => RegistryError.TooLarge(
                $"manifests may have at most {limits.ManifestBytes} bytes (limits.manifestbytes)"),
            BodyRefusal.NoRoom => RegistryError.TooManyRequests(
                "other manifests use all the memory for manifest bodies (limits.manifestmemorybytes)"),
            _ => await PutAsync(request, body.Bytes, tags),
        };
    }

    private async Task<RegistryError?> PutAsync(V2Request request, byte[] body, List<Tag> tags)
    {
        var expected = request.Target.Reference.Digest;
        var digest = Digest.Of(expected?.Algorithm ?? DigestAlgorithm.Sha256, body);
        if (expected is { } e && e != digest)
        {
            return RegistryError.DigestInvalid($"the body has the digest {digest}, not {e}");
        }

        if (!TryReadContentType(request, out var contentType))
        {
            return RegistryError.ManifestInvalid($"'{request.Http.Request.ContentType}' is not a media type");
        }

        var push = new ManifestPush(
            request.Repository, digest, body, contentType, tags, PreconditionOf(request), request.Actor);
        var result = await writer.WriteAsync(push, request.Aborted);
        return result.Refusal switch
        {
            ManifestRefusal.Invalid => RegistryError.ManifestInvalid(result.Reason),
            ManifestRefusal.ReferencesUnknown => RegistryError.ManifestReferencesUnknown(result.Missing),
            ManifestRefusal.Immutable => RegistryError.TagImmutable(result.Reason),
            ManifestRefusal.PreconditionFailed => RegistryError.PreconditionFailed(result.Reason),
            ManifestRefusal.Denied => RegistryError.Denied(result.Reason),
            _ => AnswerCreated(request, push, result),
        };
    }

    public async Task<RegistryError?> DeleteAsync(V2Request request)
    {
        var reference = request.Target.Reference;
        var outcome = await removal.RemoveAsync(
            request.Repository, reference, PreconditionOf(request), request.Actor, request.Aborted);
        if (outcome.Outcome == RemovalOutcome.Unknown) return RegistryError.ManifestUnknown(reference.ToString());
        if (outcome.Outcome == RemovalOutcome.Immutable) return RegistryError.TagImmutable(outcome.Rule!);
        if (outcome.Outcome == RemovalOutcome.PreconditionFailed)
        {
            return RegistryError.PreconditionFailed("it was changed in the meantime");
        }

        request.Answer(StatusCodes.Status202Accepted);
        return null;
    }

    private async Task<RegistryError?> SendLargeAsync(V2Request request, StoredManifest manifest)
    {
        using var hold = await answers.TryHoldAsync(
            manifest.Digest, manifest.SizeBytes,
            () => manifest.Body is { } body ? new(body) : manifests.LoadBodyAsync(manifest.Digest), request.Aborted);
        if (hold is null) return LargeAnswers.NoRoom(request.Response);
        if (hold.Bytes is not { } bytes)
        {
            request.Response.Headers.ETag = default;
            return RegistryError.ManifestUnknown(request.Target.Reference.ToString());
        }

        await AnswerBody.SendAsync(request.Response.BodyWriter, bytes, request.Aborted);
        return null;
    }

    /// <summary>Sets status and headers of a pull; GET writes the body if the status is 200.</summary>
    private async ValueTask<(StoredManifest? Manifest, RegistryError? Error)> AnswerAsync(V2Request request)
    {
        var reference = request.Target.Reference;
        if (await manifests.FindAsync(request.Repository, reference, request.Aborted) is not { } manifest)
        {
            return (null, RegistryError.ManifestUnknown(reference.ToString()));
        }

        if (await policies.OfPullAsync(request.Caller, request.Repository, manifest, request.Aborted) is { } word)
        {
            if (word.IsRefusal) return (null, RegistryError.Denied(word.Text));
            request.Response.Headers.Warning = PolicyWord.HeaderOf(word.Text);
        }

        pulls.Note(
            request.Repository, reference, manifest, request.Caller.Name,
            request.Http.Request.Headers.UserAgent is [{ } agent, ..] ? agent : null,
            HttpMethods.IsHead(request.Http.Request.Method));
        var etag = EntityTags.Of(manifest.Digest);
        if (request.IsNotWhatMatches(etag)) return (null, RegistryError.NotWhatMatches(manifest.Digest));
        request.SetDigest(manifest.Digest);
        request.Response.Headers.ETag = etag;
        request.Response.ContentType = manifest.MediaType;
        request.SetInert();
        if (request.IsNotModified(etag)) request.Answer(StatusCodes.Status304NotModified);
        else request.Response.ContentLength = manifest.SizeBytes;
        return (manifest, null);
    }

    private RegistryError? AnswerCreated(V2Request request, ManifestPush push, ManifestResult result)
    {
        var headers = request.Response.Headers;
        if (result.Warning is { } warning) headers.Warning = PolicyWord.HeaderOf(warning);
        headers.Location = locations.Of(
            request.Http, $"/v2/{request.Repository}/manifests/{request.Target.Reference}");
        headers.ETag = EntityTags.Of(push.Digest);
        request.SetDigest(push.Digest);
        if (result.Manifest!.Subject is { } subject) headers["OCI-Subject"] = subject.Digest.Text;
        if (request.Http.Request.Query.ContainsKey("tag") && push.Tags.Count > 0)
        {
            headers["OCI-Tag"] = push.Tags.Chunk(MaxTagsPerHeader)
                .Select(chunk => string.Join(", ", chunk.Select(t => t.Text))).ToArray();
        }

        request.Answer(StatusCodes.Status201Created);
        return null;
    }

    /// <summary>The tags to set: the path's, or those that the query adds to a push by digest (end-7b).</summary>
    private RegistryError? TagsOf(V2Request request, out List<Tag> tags)
    {
        tags = request.Target.Reference.Tag is { } own ? [own] : [];
        var named = request.Http.Request.Query["tag"];
        if (named.Count > limits.TagsPerPush) return RegistryError.TooManyTags(limits.TagsPerPush);
        foreach (var text in named)
        {
            if (!Tag.TryParse(text, out var tag)) return RegistryError.TagInvalid(text ?? "");
            if (!tags.Contains(tag)) tags.Add(tag);
        }

        return null;
    }

    private static bool TryReadContentType(V2Request request, out string? contentType)
    {
        contentType = null;
        if (string.IsNullOrWhiteSpace(request.Http.Request.ContentType)) return true;
        if (!MediaTypeHeaderValue.TryParse(request.Http.Request.ContentType, out var parsed)) return false;
        contentType = MediaTypes.Canonical(parsed.MediaType ?? "");
        return contentType.Length is > 0 and <= 255;
    }

    /// <summary>
    /// If-Match and If-None-Match turn a push or deletion into a compare-and-swap (RFC 9110, 13.1). Given the tag's
    /// current digest, or null if there is none, the function tells whether the request may proceed.
    /// </summary>
    private static Func<string?, bool>? PreconditionOf(V2Request request)
    {
        var headers = request.Http.Request.Headers;
        var (match, noneMatch) = (headers.IfMatch.ToString(), headers.IfNoneMatch.ToString());
        if (match.Length == 0 && noneMatch.Length == 0) return null;
        return current =>
            (match.Length == 0 || (current is not null && EntityTags.Match(match, $"\"{current}\"")))
            && (noneMatch.Length == 0 || current is null || !EntityTags.Match(noneMatch, $"\"{current}\""));
    }
}
