using System.Globalization;
using System.Text.Json;

namespace Berth.Vulnerabilities;

/// <summary>What a JSON document is.</summary>
internal enum JsonDataKind
{
    Osv,
    KnownExploited,
    OpenVex,
    Csaf,

    /// <summary>OpenVEX in a statement of in-toto.</summary>
    InToto,
}

/// <summary>Tells the JSON documents of sources apart, and reads those of the United States' CISA.</summary>
internal static class JsonData
{
    private const int MaxDepth = 64;
    private const int MaxExploited = 1_000_000;

    /// <exception cref="InvalidDataException">It is not JSON, or too deep.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Span.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
        try
        {
            return JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = MaxDepth });
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"is not JSON ({e.Message})", e);
        }
    }

    /// <summary>Null if it is not JSON, or too deep.</summary>
    public static JsonDocument? TryParse(string text)
    {
        try
        {
            return JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = MaxDepth });
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <exception cref="InvalidDataException">It is nothing that is known here.</exception>
    public static JsonDataKind KindOf(JsonElement root)
    {
        if (Starts(Text(root, "@context"), "https://openvex.dev/")) return JsonDataKind.OpenVex;
        if (Starts(Text(root, "predicateType"), "https://openvex.dev/")) return JsonDataKind.InToto;
        if (Text(Property(root, "document"), "category") == "csaf_vex") return JsonDataKind.Csaf;
        if (Text(root, "catalogVersion") is not null && IsList(root, "vulnerabilities"))
            return JsonDataKind.KnownExploited;
        var isRecord = Text(root, "id") is not null && (Text(root, "modified") is not null || IsList(root, "affected"));
        if (isRecord) return JsonDataKind.Osv;
        throw new InvalidDataException("is JSON, but no record of OSV, no VEX and no list of known exploits");
    }

    /// <summary>The list of vulnerabilities that are known to be exploited.</summary>
    public static IEnumerable<(string Cve, ExploitFacts Facts)> ReadKnownExploited(JsonElement root)
    {
        foreach (var entry in Items(root, "vulnerabilities").Take(MaxExploited))
        {
            if (Text(entry, "cveID") is not { } cve || !OsvRecord.IsCve(cve)) continue;
            if (DateOf(Text(entry, "dateAdded")) is not { } added) continue;
            yield return (cve, new ExploitFacts(
                Epss: null, EpssPercentile: null, added, Text(entry, "knownRansomwareCampaignUse") == "Known"));
        }
    }

    public static DateOnly? DateOf(string? text) => text is { Length: >= 10 } && DateOnly.TryParseExact(
        text.AsSpan(0, 10), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
        ? date : null;

    public static JsonElement Property(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : default;

    /// <summary>Null if it is none, or no Unicode.</summary>
    public static string? Text(JsonElement json, string name) => Text(Property(json, name));

    public static string? Text(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) return null;
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    public static IEnumerable<JsonElement> Items(JsonElement json, string name) =>
        Property(json, name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray() : [];

    public static IEnumerable<string> Texts(JsonElement json, string name) =>
        Items(json, name).Select(Text).OfType<string>();

    private static bool IsList(JsonElement json, string name) =>
        Property(json, name).ValueKind == JsonValueKind.Array;

    private static bool Starts(string? text, string prefix) =>
        text?.StartsWith(prefix, StringComparison.Ordinal) == true;
}
