using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Access;
using Berth.Identity;
using Berth.Oci;

namespace Berth.Distribution;

/// <summary>
/// An error response (distribution-spec, "Error Codes"). There is one factory per case; endpoints return it, and <see
/// cref="WriteAsync"/> is the only place that writes it.
/// </summary>
internal sealed record RegistryError(int Status, string Code, string Message, string? Detail = null)
{
    private const string ImmutableTag = "the tag is immutable";

    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>If one error applies to several things, it is listed once for each.</summary>
    public IReadOnlyList<string> Details { get; init; } = [];

    /// <summary>Seconds after which a retry makes sense.</summary>
    public int? RetryAfterSeconds { get; init; }

    public static RegistryError NotFound() => new(404, "NOT_FOUND", "the API has no such path");

    /// <summary>
    /// A request that violates HTTP, with the error code of what it asked for. The specification has no such code for
    /// lists; <c>UNSUPPORTED</c> comes closest.
    /// </summary>
    public static RegistryError Malformed(V2Kind kind, string reason, int status = StatusCodes.Status400BadRequest)
    {
        var code = kind switch
        {
            _ when status == StatusCodes.Status413PayloadTooLarge => "SIZE_INVALID",
            V2Kind.Manifest => "MANIFEST_INVALID",
            V2Kind.Uploads or V2Kind.Upload => "BLOB_UPLOAD_INVALID",
            V2Kind.Blob or V2Kind.Referrers => "DIGEST_INVALID",
            V2Kind.Tags or V2Kind.TagDetails or V2Kind.RepositoryExtensions => "NAME_INVALID",
            _ => "UNSUPPORTED",
        };
        return new RegistryError(status, code, reason);
    }

    public static RegistryError MethodNotAllowed(string method) =>
        new(405, "UNSUPPORTED", $"{method} is not supported here");

    public static RegistryError NameInvalid(string name) => new(400, "NAME_INVALID",
        "invalid repository name: use lower-case letters and digits, joined by '.', '_', '__', '-' or '/'", name);

    public static RegistryError NameUnknown(RepositoryName name) =>
        new(404, "NAME_UNKNOWN", "repository name not known to registry", name.Text);

    public static RegistryError RepositoryNotMade(RepositoryName name) => new(404, "NAME_UNKNOWN",
        "the repository does not exist, and pushes do not make any here (repositories.createonpush)", name.Text);

    public static RegistryError TagInvalid(string tag) => new(400, "TAG_INVALID",
        "invalid tag: use at most 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'", tag);

    public static RegistryError DigestInvalid(string reason) => new(400, "DIGEST_INVALID", reason);

    public static RegistryError SizeInvalid(string reason) => new(400, "SIZE_INVALID", reason);

    public static RegistryError BlobUnknown(Digest digest) =>
        new(404, "BLOB_UNKNOWN", "blob unknown to registry", digest.Text);

    public static RegistryError UploadUnknown() =>
        new(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry: it ended, expired or never began");

    public static RegistryError UploadInvalid(string reason) => new(400, "BLOB_UPLOAD_INVALID", reason);

    public static RegistryError UploadBusy() =>
        new(409, "BLOB_UPLOAD_INVALID", "another request is writing to this upload") { RetryAfterSeconds = 1 };

    public static RegistryError UploadOutOfOrder(long offset) =>
        new(416, "RANGE_INVALID", $"the upload resumes at byte {offset}");

    public static RegistryError TooLarge(string reason) => new(413, "SIZE_INVALID", reason);

    public static RegistryError RangeNotSatisfiable(long length) =>
        new(416, "RANGE_INVALID", $"the range lies outside the blob's {length} bytes");

    public static RegistryError ManifestUnknown(string reference) =>
        new(404, "MANIFEST_UNKNOWN", "manifest unknown to registry", reference);

    public static RegistryError ManifestInvalid(string reason) => new(400, "MANIFEST_INVALID", reason);

    public static RegistryError ManifestReferencesUnknown(IEnumerable<string> digests) =>
        new(404, "MANIFEST_BLOB_UNKNOWN", "the manifest references content that this repository does not have")
        {
            Details = [.. digests],
        };

    public static RegistryError TooManyTags(int limit) =>
        new(414, "TAG_INVALID", $"at most {limit} tags in one push (limits.tagsperpush)");

    public static RegistryError NotWhatMatches(Digest digest) =>
        PreconditionFailed($"If-Match does not match {digest}");

    public static RegistryError PreconditionFailed(string reason) => new(412, "DENIED", reason);

    public static RegistryError PageSizeInvalid(string value) =>
        new(400, "PAGINATION_NUMBER_INVALID", "n must be a whole number of at least 0", value);

    public static RegistryError ReadOnly() =>
        new(405, "UNSUPPORTED", "the registry is read-only for maintenance (storage.maintenance.readonly)");

    public static RegistryError DeleteDisabled() =>
        new(405, "UNSUPPORTED", "deletion is switched off (storage.delete.enabled)");

    public static RegistryError TagImmutable(string rule) =>
        new(403, "DENIED", $"{ImmutableTag}: {rule} keeps it where it is");

    /// <summary>Whether a message of a server is that one: all that is denied has the same code.</summary>
    public static bool IsTagImmutable(string message) => message.StartsWith(ImmutableTag, StringComparison.Ordinal);

    public static RegistryError BlobNeeded(Digest digest, string image) => new(405, "DENIED",
        $"the image {image} in this repository needs the blob: delete the image first (storage.delete.neededblobs)",
        digest.Text);

    public static RegistryError Unauthorized(string reason) => new(401, "UNAUTHORIZED", reason);

    public static RegistryError TokenRequestInvalid(string reason) => new(400, "UNSUPPORTED", reason);

    public static RegistryError Denied(string reason) => new(403, "DENIED", reason);

    public static RegistryError TooManyRequests(string reason, TimeSpan? retryAfter = null) =>
        new(429, "TOOMANYREQUESTS", reason)
        {
            RetryAfterSeconds = RateLimits.SecondsOf(retryAfter ?? TimeSpan.Zero),
        };

    /// <summary>Credentials that could not be checked now.</summary>
    public static RegistryError NotChecked(SignInResult found) => found.IsAway
        ? new(503, "UNAVAILABLE", found.Reason!) { RetryAfterSeconds = 5 }
        : TooManyRequests(found.Reason!, found.RetryAfter);

    public static RegistryError RateExceeded(TimeSpan wait) =>
        TooManyRequests(
            "you have reached the limit of requests (ratelimits); try again in "
            + $"{RateLimits.SecondsOf(wait)} seconds", wait);

    /// <param name="reason">The numbers.</param>
    public static RegistryError QuotaExceeded(string reason) => Denied($"over quota: {reason}");

    public static RegistryError StorageFull() =>
        new(507, "UNAVAILABLE", "the registry's disk is full: nothing was changed; free space and push again")
        {
            RetryAfterSeconds = 60,
        };

    public static RegistryError PushesRefused() =>
        new(503, "UNAVAILABLE", "the registry accepts only pulls at the moment: /readyz and its log say why")
        {
            RetryAfterSeconds = 5,
        };

    /// <param name="words">The system's error message, without paths.</param>
    public static RegistryError StorageFails(string words) =>
        new(503, "UNAVAILABLE", $"the registry's disk or database failed ({words}): nothing was changed; try again")
        {
            RetryAfterSeconds = 5,
        };

    public static RegistryError Unavailable() =>
        new(503, "UNAVAILABLE", "the registry can't reach its database: try again in a moment")
        {
            RetryAfterSeconds = 1,
        };

    public static RegistryError StoreUnavailable() =>
        new(503, "UNAVAILABLE", "the registry's blob store does not respond: nothing was changed; try again")
        {
            RetryAfterSeconds = 5,
        };

    public static RegistryError Unknown(string id) =>
        new(500, "UNKNOWN", $"unexpected error; the registry's log has the cause under the id {id}", id);

    /// <summary>Writes the response. The server drains an unread request body, or cuts it off.</summary>
    public Task WriteAsync(HttpResponse response)
    {
        var body = ToJson();
        response.StatusCode = Status;
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        if (RetryAfterSeconds is { } seconds) response.Headers.RetryAfter = seconds.ToString();
        return HttpMethods.IsHead(response.HttpContext.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(body).AsTask();
    }

    public byte[] ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Relaxed))
        {
            json.WriteStartObject();
            json.WriteStartArray("errors");
            if (Details.Count == 0) WriteOne(json, Detail);
            foreach (var detail in Details) WriteOne(json, detail);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private void WriteOne(Utf8JsonWriter json, string? detail)
    {
        json.WriteStartObject();
        json.WriteString("code", Code);
        json.WriteString("message", Message);
        if (detail is not null) json.WriteString("detail", detail);
        json.WriteEndObject();
    }
}
