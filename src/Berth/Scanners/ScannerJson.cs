using System.Buffers;
using System.Text.Json;
using Berth.Access;
using Berth.Oci;

namespace Berth.Scanners;

/// <summary>What is read and written of Harbor's scanner API.</summary>
internal static class ScannerJson
{
    public const int MaxTextChars = 250;

    public const string Report = "application/vnd.security.vulnerability.report; version=1.1";

    /// <summary>What adapters have in place of it that are older.</summary>
    public const string OldReport = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0";

    public const string Request = "application/vnd.scanner.adapter.scan.request+json; version=1.1";

    /// <summary>Where it can't be said what is wanted.</summary>
    public const string OldRequest = "application/vnd.scanner.adapter.scan.request+json; version=1.0";

    public static readonly JsonDocumentOptions Options = new() { MaxDepth = 32 };

    /// <summary>A text in an object, as it may be shown and kept; empty if there is none.</summary>
    public static string TextOf(JsonElement json, string name, int maxChars = MaxTextChars) =>
        Find(json, name) is { ValueKind: JsonValueKind.String } value ? PlainText.Of(Raw(value), maxChars) : "";

    public static JsonElement? Find(JsonElement json, string name)
    {
        try
        {
            return json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : null;
        }
        catch (InvalidOperationException)
        {
            // The name of another field is no Unicode: see Raw.
            return null;
        }
    }

    /// <summary>The texts of a list; none if there is no list.</summary>
    public static IEnumerable<string> TextsOf(JsonElement json, string name) =>
        Find(json, name) is { ValueKind: JsonValueKind.Array } list
            ? list.EnumerateArray().Where(one => one.ValueKind == JsonValueKind.String).Select(Raw) : [];

    /// <summary>Asks for a scan.</summary>
    /// <param name="registry">How the scanner reaches this registry.</param>
    /// <param name="token">What lets it in.</param>
    /// <param name="repository">Where the image is.</param>
    /// <param name="image">Which.</param>
    /// <param name="mediaType">What its manifest is.</param>
    /// <param name="produces">The report that is wanted; null: the scanner can't be told.</param>
    public static byte[] WriteRequest(
        string registry, string token, string repository, Digest image, string mediaType, string? produces)
    {
        var body = new ArrayBufferWriter<byte>(2048);
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteStartObject("registry");
        json.WriteString("url", registry);
        json.WriteString("authorization", "Bearer " + token);
        json.WriteEndObject();
        json.WriteStartObject("artifact");
        json.WriteString("repository", repository);
        json.WriteString("digest", image.Text);
        json.WriteString("mime_type", mediaType);
        json.WriteEndObject();
        if (produces is not null)
        {
            json.WriteStartArray("enabled_capabilities");
            json.WriteStartObject();
            json.WriteString("type", ScannerMetadata.Vulnerabilities);
            json.WriteStartArray("produces_mime_types");
            json.WriteStringValue(produces);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.Flush();
        return body.WrittenSpan.ToArray();
    }

    /// <summary>A text of strangers, which may be no Unicode.</summary>
    private static string Raw(JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair, or bytes that are no UTF-8: parsing does not look into texts.
            return "?";
        }
    }
}
