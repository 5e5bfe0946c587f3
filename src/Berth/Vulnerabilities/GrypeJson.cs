using System.Text.Json;

namespace Berth.Vulnerabilities;

/// <summary>The JSON in Grype's database: what it says of a package, and of a vulnerability.</summary>
internal static class GrypeJson
{
    private const int MaxNames = 1_000;
    private const int MaxRanges = 1_000;

    /// <summary>What it says of a package; null if that is not affected.</summary>
    /// <param name="package">The package.</param>
    /// <param name="json">Its JSON.</param>
    public static (OsvAffected Affected, IReadOnlyList<string> Cves)? Affected(OsvAffected package, JsonElement json)
    {
        var qualifiers = JsonData.Property(json, "qualifiers");
        // Packages of another distributor, which are not told apart by their names.
        if (JsonData.Property(qualifiers, "rootio").ValueKind == JsonValueKind.True) return null;
        var ranges = new List<OsvRange>();
        var willNotBeFixed = false;
        foreach (var range in JsonData.Items(json, "ranges").Take(MaxRanges))
        {
            var (version, fix) = (JsonData.Property(range, "version"), JsonData.Property(range, "fix"));
            var state = JsonData.Text(fix, "state");
            if (state == "not-affected") continue;
            willNotBeFixed |= state == "wont-fix";
            var fixedIn = state == "fixed" && JsonData.Text(fix, "version") is { Length: > 0 } text ? text : null;
            ranges.AddRange(GrypeRanges.Read(JsonData.Text(version, "constraint") ?? "", fixedIn));
        }

        if (ranges.Count == 0) return null;
        var affected = package with
        {
            Ranges = ranges,
            Module = JsonData.Text(qualifiers, "rpm_modularity"),
            WillNotBeFixed = willNotBeFixed && !ranges.Exists(HasFix),
            Imports =
            [
                .. JsonData.Items(qualifiers, "go_imports").Take(MaxNames)
                    .Select(import => JsonData.Text(import, "path")).OfType<string>(),
            ],
        };
        return (affected, [.. JsonData.Texts(json, "cves").Take(MaxNames)]);
    }

    /// <summary>A vulnerability.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="provider">Who says it, such as rhel or github.</param>
    /// <param name="json">Its JSON.</param>
    /// <param name="packages">What it affects.</param>
    public static OsvRecord Record(
        string name, string provider, JsonElement json,
        IReadOnlyList<(OsvAffected Affected, IReadOnlyList<string> Cves)> packages)
    {
        // Several say something else of one CVE, and are named as in OSV: DEBIAN-CVE-….
        var id = OsvRecord.IsCve(name) ? $"{provider.ToUpperInvariant()}-{name}" : name;
        var aliases = JsonData.Texts(json, "aliases").Concat(packages.SelectMany(one => one.Cves)).Prepend(name)
            .Where(alias => alias != id).Distinct(StringComparer.Ordinal).Take(MaxNames).ToList();
        var (word, severities) = Severities(json);
        var isLanguage = provider is "github" or "govulndb";
        return new OsvRecord(id)
        {
            Aliases = isLanguage ? aliases : [],
            Upstream = isLanguage ? [] : aliases,
            Summary = OsvReader.SummaryOf(JsonData.Text(json, "description")),
            Severities = severities,
            SeverityWord = word,
            // A distribution's word is about what it builds.
            Affected =
            [
                .. packages.Select(one => isLanguage ? one.Affected : one.Affected with { SeverityWord = word }),
            ],
        };
    }

    private static (string? Word, List<OsvSeverity> Severities) Severities(JsonElement json)
    {
        string? word = null;
        var severities = new List<OsvSeverity>();
        foreach (var item in JsonData.Items(json, "severities").Take(MaxNames))
        {
            var value = JsonData.Property(item, "value");
            if (JsonData.Text(value) is { Length: < 100 } text) word ??= text;
            if (JsonData.Text(value, "vector") is not { Length: < 1_000 } vector) continue;
            var version = JsonData.Text(value, "version");
            if (version is "3.0" or "3.1" or "4.0" && !vector.StartsWith("CVSS:", StringComparison.Ordinal))
                vector = $"CVSS:{version}/{vector}";
            severities.Add(new OsvSeverity(vector switch
            {
                _ when vector.StartsWith("CVSS:3", StringComparison.Ordinal) => "CVSS_V3",
                _ when vector.StartsWith("CVSS:4", StringComparison.Ordinal) => "CVSS_V4",
                _ => "CVSS_V2",
            }, vector));
        }

        return (word, severities);
    }

    private static bool HasFix(OsvRange range) =>
        range.Events.Any(one => one.Kind == OsvEventKind.Fixed);
}
