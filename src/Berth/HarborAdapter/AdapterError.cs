using System.Buffers;
using System.Text.Json;
using Berth.Access;

namespace Berth.HarborAdapter;

/// <summary>An error as Harbor's scanner API has it: <c>{"error":{"message":"…"}}</c>.</summary>
/// <param name="Status">The status.</param>
/// <param name="Message">What is wrong, and what to do.</param>
internal sealed record AdapterError(int Status, string Message)
{
    public const int MaxChars = 1000;

    /// <summary>Seconds after which a retry makes sense.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>How somebody can sign in.</summary>
    public string? Challenge { get; init; }

    public static AdapterError Refused(string scheme) => new(
        StatusCodes.Status401Unauthorized,
        "requests need the header that scanneradapter.authorization of this server says")
    {
        Challenge = $"{scheme} realm=\"berth scanner\"",
    };

    public static AdapterError Malformed(string message) => new(StatusCodes.Status400BadRequest, message);

    public static AdapterError Invalid(string message) => new(StatusCodes.Status422UnprocessableEntity, message);

    public static AdapterError Incapable(string message) => new(StatusCodes.Status501NotImplemented, message);

    public static AdapterError Unknown() => new(
        StatusCodes.Status404NotFound, "there is no such scan, or its time is over: scan again");

    public static AdapterError Failed(string fault) => new(StatusCodes.Status500InternalServerError, fault);

    public Task WriteAsync(HttpResponse response)
    {
        var body = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteStartObject("error");
            json.WriteString("message", PlainText.Of(Message, MaxChars));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        response.StatusCode = Status;
        response.ContentType = ReportKinds.Error;
        response.ContentLength = body.WrittenCount;
        if (RetryAfterSeconds is { } seconds) response.Headers.RetryAfter = $"{seconds}";
        if (Challenge is not null) response.Headers.WWWAuthenticate = Challenge;
        return response.Body.WriteAsync(body.WrittenMemory).AsTask();
    }
}

/// <summary>A scan can't be done, for a reason that whoever asked for it is told.</summary>
internal sealed class ScanFaultException(string message, Exception? inner = null) : Exception(message, inner);
