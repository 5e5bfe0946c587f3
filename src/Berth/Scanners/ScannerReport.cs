using System.Text.Json;
using Berth.Metadata;
using Berth.Oci;
using Berth.Vulnerabilities;

namespace Berth.Scanners;

/// <summary>What a scanner found in an image: as much of its report as is kept.</summary>
internal sealed class ScannerReport
{
    /// <summary>Twice those of an image with the headers of a kernel.</summary>
    private const int MaxKept = 10_000;

    /// <summary>Four times what so many take as a rule.</summary>
    private const int MaxKeptChars = 8 << 20;

    /// <summary>More are no report.</summary>
    private const int MaxTold = 200_000;

    private const int MaxPartBytes = 256 << 10;
    private const int MaxLinks = 5;
    private const int MaxLinkChars = 500;

    private readonly Dictionary<string, (long Severity, bool IsFixable)> worst = new(StringComparer.Ordinal);
    private readonly HashSet<(string, string, string)> seen = [];
    private readonly List<ScannerFindingRow> found = [];

    /// <summary>A report may have the list several times.</summary>
    private int told;

    private ScannerReport()
    {
    }

    public string Product { get; private set; } = "";

    public string Vendor { get; private set; } = "";

    public string Version { get; private set; } = "";

    /// <summary>How many it told of: each vulnerability of each package.</summary>
    public int Count => found.Count;

    /// <summary>What is not among <see cref="Findings"/>; empty: all is.</summary>
    public string Note => found.Count > Findings.Count
        ? $"it told of {found.Count}: the worst {Findings.Count} are kept" : "";

    /// <summary>The worst first: as many as are kept.</summary>
    public IReadOnlyList<ScannerFindingRow> Findings { get; private set; } = [];

    /// <summary>Each vulnerability counted once, at its worst.</summary>
    public FindingCounts Counts => new()
    {
        Critical = CountOf(Severity.Critical),
        High = CountOf(Severity.High),
        Medium = CountOf(Severity.Medium),
        Low = CountOf(Severity.Low),
        Harmless = CountOf(Severity.None),
        Unknown = worst.Values.Count(one => one.Severity < 0),
        Fixable = worst.Values.Count(one => one.IsFixable),
    };

    /// <summary>Reads a report, without building a document of it.</summary>
    /// <param name="body">The report.</param>
    /// <param name="image">The image that was to be scanned.</param>
    /// <exception cref="ScannerException">It is none, or one of another image.</exception>
    public static ScannerReport Parse(ReadOnlySpan<byte> body, Digest image)
    {
        var report = new ScannerReport();
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = ScannerJson.Options.MaxDepth });
            report.Read(ref reader, body, image);
            while (reader.Read())
            {
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ScannerException("its report is no valid JSON", e);
        }

        report.Findings = report.Worst();
        return report;
    }

    private List<ScannerFindingRow> Worst()
    {
        var chars = 0;
        return [.. found
            .OrderByDescending(one => one.Severity).ThenBy(one => one.Name, StringComparer.Ordinal)
            .ThenBy(one => one.Package, StringComparer.Ordinal).Take(MaxKept)
            .TakeWhile(one => (chars += CharsOf(one)) <= MaxKeptChars)
            .Select((one, position) => one with { Position = position })];
    }

    private static int CharsOf(ScannerFindingRow row) =>
        row.Name.Length + row.Package.Length + row.Version.Length + row.FixedIn.Length + row.Links.Length;

    private void Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> body, Digest image)
    {
        var hasList = false;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new ScannerException("its report is no JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "artifact":
                    MustBeOf(image, PartOf(ref reader, body));
                    break;
                case "scanner":
                    var scanner = PartOf(ref reader, body);
                    (Product, Vendor, Version) = (
                        ScannerJson.TextOf(scanner, "name"), ScannerJson.TextOf(scanner, "vendor"),
                        ScannerJson.TextOf(scanner, "version"));
                    break;
                case "vulnerabilities":
                    hasList = true;
                    ReadList(ref reader, body);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        if (!hasList) throw new ScannerException("its report has no vulnerabilities, not even an empty list");
    }

    private void ReadList(ref Utf8JsonReader reader, ReadOnlySpan<byte> body)
    {
        if (reader.TokenType == JsonTokenType.Null) return;
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new ScannerException("the vulnerabilities in its report are no list");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (++told > MaxTold) throw new ScannerException($"its report has more than {MaxTold} vulnerabilities");
            Add(PartOf(ref reader, body));
        }
    }

    /// <summary>A value of the report by itself, which must be small.</summary>
    private static JsonElement PartOf(ref Utf8JsonReader reader, ReadOnlySpan<byte> body)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        var part = body[start..(int)reader.BytesConsumed];
        return part.Length <= MaxPartBytes ? JsonElement.Parse(part, ScannerJson.Options)
            : throw new ScannerException($"its report has an entry of more than {MaxPartBytes} bytes");
    }

    private static void MustBeOf(Digest image, JsonElement artifact)
    {
        var digest = ScannerJson.TextOf(artifact, "digest");
        if (digest.Length > 0 && digest != image.Text)
            throw new ScannerException("its report is about another image") { Detail = digest };
    }

    private void Add(JsonElement json)
    {
        var (name, package, version) = (
            ScannerJson.TextOf(json, "id"), ScannerJson.TextOf(json, "package"), ScannerJson.TextOf(json, "version"));
        if (name.Length == 0) throw new ScannerException("its report has a vulnerability without an id");
        if (!seen.Add((name, package, version))) return;
        var (severity, fix) = (SeverityOf(json), ScannerJson.TextOf(json, "fix_version"));
        found.Add(new ScannerFindingRow(0, name, package, version, fix, severity, ScoreOf(json), LinksOf(json)));
        var known = worst.GetValueOrDefault(name, (-1, false));
        worst[name] = (Math.Max(known.Severity, severity), known.IsFixable || fix.Length > 0);
    }

    private static long SeverityOf(JsonElement json) => ScannerJson.TextOf(json, "severity").ToUpperInvariant() switch
    {
        "CRITICAL" => (long)Severity.Critical,
        "HIGH" => (long)Severity.High,
        "MEDIUM" => (long)Severity.Medium,
        "LOW" => (long)Severity.Low,
        "NEGLIGIBLE" or "NONE" => (long)Severity.None,
        _ => -1,
    };

    /// <summary>In tenths.</summary>
    private static long? ScoreOf(JsonElement json)
    {
        if (ScannerJson.Find(json, "preferred_cvss") is not { } cvss) return null;
        foreach (var name in (ReadOnlySpan<string>)["score_v3", "score_v2"])
        {
            if (ScannerJson.Find(cvss, name) is { ValueKind: JsonValueKind.Number } value
                && value.TryGetDouble(out var score) && score is > 0 and <= 10)
            {
                return (long)Math.Round(score * 10);
            }
        }

        return null;
    }

    private static string LinksOf(JsonElement json) => string.Join('\n', ScannerJson.TextsOf(json, "links")
        .Where(link => link.Length <= MaxLinkChars && link.All(c => c is > ' ' and <= '~')
            && Uri.TryCreate(link, UriKind.Absolute, out var url) && url.Scheme is ("https" or "http"))
        .Take(MaxLinks));

    private long CountOf(Severity severity) => worst.Values.Count(one => one.Severity == (long)severity);
}
