using System.Text.Json;

namespace Berth.Oci;

/// <summary>
/// Opens what holds a statement about an image: a statement of in-toto as it is, one in an envelope (DSSE), or a bundle
/// of Sigstore that has one. Whether anybody signed it is found out elsewhere.
/// </summary>
internal static class StatementJson
{
    /// <param name="json">What was pushed.</param>
    /// <param name="find">Finds something in the statement, or in whatever else the JSON is.</param>
    /// <returns>Null if it is no JSON, or nothing is found.</returns>
    public static T? Read<T>(ReadOnlyMemory<byte> json, Func<JsonElement, T?> find)
        where T : class
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (PayloadOf(document.RootElement) is not { } payload) return find(document.RootElement);
            using var statement = JsonDocument.Parse(payload);
            return find(statement.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or text in it that is not valid Unicode.
            return null;
        }
    }

    private static byte[]? PayloadOf(JsonElement root)
    {
        var (own, bundled) = (JsonFacts.Field(root, "payload"), JsonFacts.Field(root, "dsseEnvelope", "payload"));

        // Only one of them is what was signed, and anybody may add the other.
        if (own is not null && bundled is not null) throw new JsonException("there are two payloads");
        var payload = own ?? bundled;
        return payload is { ValueKind: JsonValueKind.String } text && text.TryGetBytesFromBase64(out var bytes)
            ? bytes : null;
    }
}
