using System.Runtime.InteropServices;
using System.Text.Json;

namespace Berth.Oci;

/// <summary>Takes a bill of materials out of what was attached to an image, however it is wrapped.</summary>
internal static class SbomDocument
{
    public const string Spdx = "spdx-json";
    public const string CycloneDx = "cyclonedx-json";

    /// <param name="json">What was pushed: the bill, or a statement of in-toto that has it.</param>
    /// <param name="format">The format that is asked for.</param>
    /// <param name="image">The image that a statement must be about.</param>
    /// <returns>The bill as it was written; null if it is in another format, or about another image.</returns>
    public static byte[]? Read(ReadOnlyMemory<byte> json, string format, Digest image) => StatementJson.Read(
        json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json,
        root => JsonFacts.Field(root, "predicate") is not { } predicate ? Find(root, format)
            : IsAbout(root, image) ? Find(predicate, format) : null);

    private static byte[]? Find(JsonElement root, string format)
    {
        var found = JsonFacts.Text(root, "spdxVersion")?.StartsWith("SPDX-", StringComparison.Ordinal) == true ? Spdx
            : JsonFacts.Text(root, "bomFormat") == "CycloneDX" ? CycloneDx : null;
        return found == format ? JsonMarshal.GetRawUtf8Value(root).ToArray() : null;
    }

    private static bool IsAbout(JsonElement statement, Digest image) =>
        JsonFacts.Field(statement, "subject") is { ValueKind: JsonValueKind.Array } subjects
        && subjects.EnumerateArray().Take(100).Any(
            one => JsonFacts.Text(one, "digest", image.Text.Split(':')[0]) == image.Hex);
}
