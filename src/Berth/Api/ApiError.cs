using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Distribution;

namespace Berth.Api;

/// <summary>
/// An error of the API: problem details (RFC 9457). There is one factory per case; handlers return it, and <see
/// cref="WriteAsync"/> is the only place that writes it.
/// </summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Title">What kind of error it is, always the same words.</param>
/// <param name="Detail">What is wrong with this request.</param>
internal sealed record ApiError(int Status, string Title, string Detail) : IResult
{
    public const string MediaType = "application/problem+json";

    private static readonly ApiJson Relaxed = new(new JsonSerializerOptions(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    });

    private int? RetryAfterSeconds { get; init; }

    /// <summary>The field of the body that it is about; null if it is about no single one.</summary>
    public string? Field { get; init; }

    /// <summary>Which of the ways to go on there are, for programs; null where the status says all.</summary>
    public string? Code { get; init; }

    /// <summary>What is wrong, without how to go on, for pages that offer that as buttons; null: as in the detail.
    /// </summary>
    public string? Reason { get; init; }

    /// <summary>The same, about a field of the body: forms show it there.</summary>
    public ApiError At(string field) => this with { Field = field };

    public static ApiError Invalid(string detail) => new(400, "The request is invalid", detail);

    public static ApiError SignIn(string detail) => new(401, "Sign in", detail);

    public static ApiError Denied(string detail) => new(403, "Not allowed", detail);

    /// <summary>It does not exist, or this caller must not learn whether it does.</summary>
    public static ApiError NotFound(string what) => new(404, "Not found", $"there is no {what}");

    public static ApiError NoSuchPath() => new(404, "Not found", "the API has no such path; see /api/v1/openapi.json");

    public static ApiError MethodNotAllowed(string method) =>
        new(405, "The method is not supported", $"{method} is not supported here");

    public static ApiError Conflict(string detail) => new(409, "It conflicts with what is there", detail);

    public static ApiError Changed() => new(
        412, "It was changed", "its version is not the one in If-Match: read it again, and repeat the change on that");

    public static ApiError TooLarge(int limitBytes) =>
        new(413, "The body is too large", $"a request has at most {limitBytes / 1024} KiB");

    public static ApiError NotJson() =>
        new(415, "The body is not JSON", "send the body with Content-Type: application/json");

    /// <summary>Others have all places for such a request.</summary>
    public static ApiError Busy(string detail) => new(503, "Too busy", detail) { RetryAfterSeconds = 10 };

    public static ApiError Unexpected(string id) => new(
        500, "An unexpected error", $"the registry's log has the cause under the id {id}");

    /// <summary>What the distribution API has words for: a failure of the storage, or too many requests.</summary>
    public static ApiError Of(RegistryError failure) => new(
        failure.Status,
        failure.Status switch
        {
            StatusCodes.Status429TooManyRequests => "Too many requests",
            < StatusCodes.Status500InternalServerError => "The request is invalid",
            _ => "The storage fails",
        },
        failure.Message)
    {
        RetryAfterSeconds = failure.RetryAfterSeconds,
    };

    public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext.Response);

    public Task WriteAsync(HttpResponse response)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new Problem(Title, Status, Detail, Field, Code), Relaxed.Problem);
        response.StatusCode = Status;
        response.ContentType = MediaType;
        response.ContentLength = body.Length;
        SetRetry(response);
        return HttpMethods.IsHead(response.HttpContext.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(body).AsTask();
    }

    /// <summary>Says when to try again, if that is known.</summary>
    public void SetRetry(HttpResponse response)
    {
        if (RetryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
    }
}

/// <summary>
/// Problem details (RFC 9457), the field of the body that they are about, if it is one, and a word for programs that
/// can go on from there.
/// </summary>
internal sealed record Problem(string Title, int Status, string Detail, string? Field = null, string? Code = null);

/// <summary>Answers errors otherwise than with problem details, where a route has it in its metadata.</summary>
internal interface IErrorAnswer
{
    Task WriteAsync(HttpContext http, ApiError error);
}
