using Berth.Metadata;
using Berth.Packages;
using Berth.Sbom;
using Berth.Vulnerabilities;

namespace Berth.Scanning;

/// <summary>The vulnerabilities of a package: each once, whatever databases say so.</summary>
/// <param name="Findings">What they mean for it, by name.</param>
/// <param name="Vulnerabilities">What they are.</param>
internal sealed record PackageFindings(
    IReadOnlyDictionary<string, FindingRow> Findings, IReadOnlyList<VulnerabilityRow> Vulnerabilities)
{
    /// <summary>The kernel of Debian has some 5,000.</summary>
    private const int MaxFindings = 20_000;

    private const int MaxSummary = 300;
    private const int MaxAliases = 20;
    private const int MaxVersion = 256;

    public static PackageFindings None { get; } = new(new Dictionary<string, FindingRow>(), []);

    /// <param name="file">What is known.</param>
    /// <param name="package">The package.</param>
    /// <param name="now">When that is first seen which is new.</param>
    public static PackageFindings Find(VulnerabilityFile file, PackageKey package, DateTimeOffset now)
    {
        var named =
            from known in PackageMatching.NamesOf(package)
            from name in package.Source.Length > 0 ? [known] : file.SourcesOf(known)
            from hit in file.Find(name)
            from called in NamesOf(hit.Record)
            select (Name: called, Hit: hit);
        var groups = named.Where(one => IsClean(one.Name))
            .GroupBy(one => one.Name, one => one.Hit, StringComparer.Ordinal).Take(MaxFindings);
        var (findings, vulnerabilities) = (new Dictionary<string, FindingRow>(), new List<VulnerabilityRow>());
        foreach (var group in groups)
        {
            var hits = group.OrderByDescending(hit => hit.Severity ?? (Severity)(-1))
                .ThenBy(hit => hit.Record.Id, StringComparer.Ordinal).ToList();
            var exploit = file.ExploitOf(group.Key);
            findings[group.Key] = FindingOf(group.Key, hits, StatementOn(group.Key, hits, package, file), now) with
            {
                IsExploited = exploit.KnownExploitedSince is not null,
            };
            vulnerabilities.Add(VulnerabilityOf(group.Key, hits, exploit));
        }

        return new PackageFindings(findings, vulnerabilities);
    }

    /// <summary>What is another than it was noted. When it was first seen stays.</summary>
    public FindingChange ChangeOf(long package, IEnumerable<FindingRow> noted)
    {
        var before = noted.ToDictionary(one => one.Name, StringComparer.Ordinal);
        var kept = Findings.Values.Select(one => before.GetValueOrDefault(one.Name) is { } old
            ? one with { FirstSeen = old.FirstSeen, FixAt = FixOf(one, old) } : one);
        return new FindingChange(
            package, [.. kept.Where(one => before.GetValueOrDefault(one.Name) != one)],
            [.. before.Keys.Where(name => !Findings.ContainsKey(name))]);
    }

    /// <summary>A vulnerability of several packages: what databases call it differs with what they say it is in.
    /// </summary>
    public static VulnerabilityRow Merge(IEnumerable<VulnerabilityRow> same)
    {
        var rows = same.ToList();
        return rows.Count == 1 ? rows[0] : rows[0] with
        {
            Aliases = string.Join(
                ' ', rows.SelectMany(one => one.Aliases.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Distinct()
                    .Order(StringComparer.Ordinal).Take(MaxAliases)),
        };
    }

    /// <summary>A fix that was not there before is there since now.</summary>
    private static DateTimeOffset? FixOf(FindingRow found, FindingRow old) =>
        found.FixedIn.Length == 0 ? null : old.FixedIn.Length == 0 ? found.FirstSeen : old.FixAt ?? found.FixAt;

    /// <summary>The names that people know. An advisory of a distribution may be about many.</summary>
    private static IReadOnlyList<string> NamesOf(OsvRecord record) => record.Cves.Count > 0 ? record.Cves
        : [record.Aliases.Prepend(record.Id).FirstOrDefault(IsGitHub) ?? record.Id];

    private static bool IsGitHub(string id) => id.StartsWith("GHSA-", StringComparison.Ordinal);

    /// <summary>What those who know the package say of it. Whose distribution it is must be known: what one says of its
    /// own does not hold for others.</summary>
    private static VexStatement? StatementOn(string name, List<OsvHit> hits, PackageKey package, VulnerabilityFile file)
    {
        var system = package.Ecosystem.Length > 0 ? Ecosystems.SystemOf(package.Ecosystem) : null;
        if (system is null && PackageTypes.IsOfDistribution(package.Type)) return null;
        var statements = hits.Select(hit => hit.Record.Id).Prepend(name).Distinct().SelectMany(file.VexOf)
            .Where(one => !IsForSomeMachines(one)).ToList();
        return statements.Count == 0 ? null : VexMatch.Find(
            statements, new VexSubject(PackageUrl.Of(PackageMatching.PackageOf(package), system), [], []));
    }

    /// <summary>What holds on some architectures only: which one a package is for is not known any more.</summary>
    private static bool IsForSomeMachines(VexStatement statement) => statement.Products
        .SelectMany(product => product.Subcomponents.Append(product.Product)).SelectMany(one => one.Purls)
        .Select(purl => PurlName.Parse(purl)?.Qualifiers.GetValueOrDefault("arch"))
        .Any(machine => machine is not (null or "src" or "noarch" or "all"));

    private static FindingRow FindingOf(
        string name, List<OsvHit> hits, VexStatement? statement, DateTimeOffset now)
    {
        var worst = hits[0];
        var shown = hits.Select(hit => hit.Shown).FirstOrDefault(one => one is not null);
        var fix = hits.Find(hit => hit.FixedIn is not null);
        return new FindingRow(name, worst.Record.Id, (long?)worst.Severity ?? -1, Clean(fix?.FixedIn ?? "", MaxVersion))
        {
            Score = shown is { } known ? (long)(known.Score.Score * 10) : null,
            Vector = Clean(shown?.Vector ?? "", MaxVersion),
            FixAt = fix is null ? null
                : Earlier(hits.Where(hit => hit.FixedIn == fix.FixedIn).Max(hit => hit.Record.Published), now),
            FirstSeen = ToMilliseconds(now),
            Vex = statement?.Status switch
            {
                VexStatus.NotAffected => "not_affected",
                VexStatus.Fixed => "fixed",
                _ => "",
            },
            VexReason = Clean(ReasonOf(statement), MaxSummary),
        };
    }

    private static string ReasonOf(VexStatement? statement) => string.Join(
        ": ", new[] { statement?.Author, statement?.Justification?.Replace('_', ' '), statement?.Impact }
            .Where(one => one is { Length: > 0 }));

    private static DateTimeOffset Earlier(DateTimeOffset? published, DateTimeOffset now) =>
        ToMilliseconds(published < now ? published.Value : now);

    /// <summary>As the database has it, so that what did not change is the same.</summary>
    private static DateTimeOffset ToMilliseconds(DateTimeOffset time) =>
        DateTimeOffset.FromUnixTimeMilliseconds(time.ToUnixTimeMilliseconds());

    private static VulnerabilityRow VulnerabilityOf(string name, List<OsvHit> hits, ExploitFacts exploit)
    {
        var aliases = hits.SelectMany(hit => hit.Record.Aliases.Prepend(hit.Record.Id))
            .Where(one => one != name && IsClean(one)).Distinct().Order(StringComparer.Ordinal);
        var summary = hits.Select(hit => hit.Record.Summary).FirstOrDefault(one => one is { Length: > 0 });
        return new VulnerabilityRow(
            name, string.Join(' ', aliases.Take(MaxAliases)), Clean(summary ?? "", MaxSummary))
        {
            PublishedAt = hits.Min(hit => hit.Record.Published) is { } published ? ToMilliseconds(published) : null,
            ExploitedAt = exploit.KnownExploitedSince is { } day
                ? new DateTimeOffset(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero) : null,
            IsRansomware = exploit.IsRansomware,
            Epss = Millionths(exploit.Epss),
            EpssPercentile = Millionths(exploit.EpssPercentile),
        };
    }

    /// <summary>Whether it is a name that can be noted and asked for.</summary>
    private static bool IsClean(string name) =>
        name.Length is > 0 and <= MaxVersion && name.All(c => c is > ' ' and <= '~');

    private static long? Millionths(double? part) => part is { } known ? (long)Math.Round(known * 1_000_000) : null;

    /// <summary>Text of strangers, as both engines take it.</summary>
    private static string Clean(string text, int max)
    {
        var kept = text.Length > max ? text[..max] : text;
        return string.Concat(kept.EnumerateRunes().Where(one => !System.Text.Rune.IsControl(one)));
    }
}
