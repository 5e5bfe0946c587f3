using System.Text.Json;

namespace Berth.Vulnerabilities;

/// <summary>
/// Reads records in the OSV format. What it does not know, or what has another type than it should, is left out; a
/// record without a name, and one that is too large or too deep, is an error.
/// </summary>
internal static class OsvReader
{
    /// <summary>The largest record of a public database in 2026, of a Linux kernel, has less than 2 MiB.</summary>
    public const int MaxBytes = 4 << 20;

    private const int MaxDepth = 32;
    private const int MaxSummary = 300;
    private const int MaxNames = 1_000;

    /// <summary>Reads one record.</summary>
    /// <exception cref="InvalidDataException">It is none. Says why.</exception>
    public static OsvRecord Read(ReadOnlyMemory<byte> json)
    {
        if (json.Length > MaxBytes) throw new InvalidDataException($"It has more than {MaxBytes} bytes.");
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth });
            return Read(document.RootElement);
        }
        // The latter is what text that is no Unicode ends in.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"It is not JSON: {e.Message}", e);
        }
    }

    /// <summary>Reads one record that is parsed.</summary>
    /// <exception cref="InvalidDataException">It has no name.</exception>
    public static OsvRecord Read(JsonElement json)
    {
        if (TextOf(json, "id") is not { Length: > 0 and < 200 } id) throw new InvalidDataException("It has no id.");
        var summary = SummaryOf(TextOf(json, "summary") ?? TextOf(json, "details"));
        var affected = ItemsOf(json, "affected").Select(AffectedOf).OfType<OsvAffected>();
        return new OsvRecord(id)
        {
            Published = TimeOf(json, "published"),
            Modified = TimeOf(json, "modified"),
            Withdrawn = TimeOf(json, "withdrawn"),
            Aliases = TextsOf(json, "aliases", MaxNames),
            Upstream = TextsOf(json, "upstream", MaxNames),
            Related = TextsOf(json, "related", MaxNames),
            Summary = summary,
            Severities = SeveritiesOf(json),
            SeverityWord = WordOf(json),
            Affected = [.. affected.Select(one => one with { Module = OsvModules.Of(one, summary) })],
        };
    }

    /// <summary>Null if it names no package: then it is about commits.</summary>
    private static OsvAffected? AffectedOf(JsonElement json)
    {
        var package = PropertyOf(json, "package");
        if (TextOf(package, "ecosystem") is not { } ecosystem || TextOf(package, "name") is not { } name) return null;
        return new OsvAffected(ecosystem, name)
        {
            Severities = SeveritiesOf(json),
            Ranges = [.. ItemsOf(json, "ranges").Select(RangeOf).OfType<OsvRange>()],
            Versions = TextsOf(json, "versions", int.MaxValue),
            SeverityWord = WordOf(json),
            Binaries = [.. BinariesOf(PropertyOf(json, "ecosystem_specific")).Distinct().Take(MaxNames)],
            Imports =
            [
                .. ItemsOf(PropertyOf(json, "ecosystem_specific"), "imports")
                    .Select(import => TextOf(import, "path")).OfType<string>(),
            ],
        };
    }

    /// <summary>Of Ubuntu: an object for each, or, before 2025, one with the version of each under its name.</summary>
    private static IEnumerable<string> BinariesOf(JsonElement json)
    {
        foreach (var one in ItemsOf(json, "binaries"))
        {
            if (TextOf(one, "binary_name") is { } name)
            {
                yield return name;
                continue;
            }

            if (one.ValueKind != JsonValueKind.Object) continue;
            foreach (var named in one.EnumerateObject()) yield return named.Name;
        }
    }

    /// <summary>Null for one of commits.</summary>
    private static OsvRange? RangeOf(JsonElement json)
    {
        var type = TextOf(json, "type");
        if (type is not ("SEMVER" or "ECOSYSTEM")) return null;
        return new OsvRange(type == "SEMVER", [.. ItemsOf(json, "events").SelectMany(EventsOf)]);
    }

    private static IEnumerable<OsvEvent> EventsOf(JsonElement json)
    {
        if (TextOf(json, "introduced") is { } introduced) yield return new(OsvEventKind.Introduced, introduced);
        if (TextOf(json, "fixed") is { } fixedIn) yield return new(OsvEventKind.Fixed, fixedIn);
        if (TextOf(json, "last_affected") is { } last) yield return new(OsvEventKind.LastAffected, last);
        if (TextOf(json, "limit") is { } limit) yield return new(OsvEventKind.Limit, limit);
    }

    private static OsvSeverity[] SeveritiesOf(JsonElement json) =>
    [
        .. from item in ItemsOf(json, "severity")
           let type = TextOf(item, "type")
           let score = TextOf(item, "score")
           where type is not null && score is not null
           select new OsvSeverity(type, score),
    ];

    /// <summary>GitHub has a severity, Debian an urgency.</summary>
    private static string? WordOf(JsonElement json)
    {
        var (ecosystem, database) = (PropertyOf(json, "ecosystem_specific"), PropertyOf(json, "database_specific"));
        return TextOf(ecosystem, "urgency") ?? TextOf(ecosystem, "severity") ?? TextOf(database, "severity");
    }

    /// <summary>The first line of a text, cut off if it is long.</summary>
    public static string? SummaryOf(string? text)
    {
        if (text is null) return null;
        var line = text.AsSpan().Trim();
        if (line.IndexOfAny('\r', '\n') is >= 0 and var end) line = line[..end];
        if (line.Length <= MaxSummary) return line.ToString();
        return string.Concat(line[..(char.IsHighSurrogate(line[MaxSummary - 1]) ? MaxSummary - 1 : MaxSummary)], "…");
    }

    private static JsonElement PropertyOf(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : default;

    private static string? TextOf(JsonElement json, string name) =>
        PropertyOf(json, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static DateTimeOffset? TimeOf(JsonElement json, string name) =>
        PropertyOf(json, name) is { ValueKind: JsonValueKind.String } value && value.TryGetDateTimeOffset(out var time)
            ? time
            : null;

    private static JsonElement.ArrayEnumerator ItemsOf(JsonElement json, string name) =>
        PropertyOf(json, name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray() : default;

    private static string[] TextsOf(JsonElement json, string name, int most) =>
    [
        .. ItemsOf(json, name)
            .Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!).Take(most),
    ];
}
