namespace Berth.Vulnerabilities;

/// <summary>What matters here of a vulnerability in the Open Source Vulnerability format (osv-schema, 1.7).</summary>
/// <param name="Id">Its name in the database that it comes from, such as GHSA-…, DEBIAN-CVE-… or MAL-….</param>
internal sealed record OsvRecord(string Id)
{
    private const int MaxCves = 1_000;

    public DateTimeOffset? Published { get; init; }

    public DateTimeOffset? Modified { get; init; }

    /// <summary>When it was found to be none.</summary>
    public DateTimeOffset? Withdrawn { get; init; }

    /// <summary>Names of the same vulnerability elsewhere.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>What it was made from: distributions name the CVE here.</summary>
    public IReadOnlyList<string> Upstream { get; init; } = [];

    /// <summary>Others that have to do with it. AlmaLinux names here what its advisories are about.</summary>
    public IReadOnlyList<string> Related { get; init; } = [];

    /// <summary>One line, if there is one.</summary>
    public string? Summary { get; init; }

    /// <summary>How bad it is, unless what is affected says it for itself.</summary>
    public IReadOnlyList<OsvSeverity> Severities { get; init; } = [];

    /// <summary>The word that its database has for how bad it is.</summary>
    public string? SeverityWord { get; init; }

    public IReadOnlyList<OsvAffected> Affected { get; init; } = [];

    /// <summary>A package that was made to do harm, and not one that can be made to.</summary>
    public bool IsMalicious => Id.StartsWith("MAL-", StringComparison.Ordinal);

    /// <summary>The name that people know: its CVE, of several the first, if there is one.</summary>
    public string Name => Cves is [var first, ..] ? first : Id;

    /// <summary>All CVEs that it is about: what it is, and what it was made from; only if there are none, those that
    /// have to do with it.</summary>
    public IReadOnlyList<string> Cves
    {
        get
        {
            var own = CvesOf(Aliases.Concat(Upstream).Prepend(Id));
            return own.Count > 0 ? own : CvesOf(Related);
        }
    }

    private static List<string> CvesOf(IEnumerable<string> names) =>
        [.. names.Where(IsCve).Distinct(StringComparer.Ordinal).Take(MaxCves)];

    internal static bool IsCve(string id) =>
        id.StartsWith("CVE-", StringComparison.Ordinal) && id.Length is > 4 and < 30;
}

/// <summary>How bad it is: a vector, or a word.</summary>
/// <param name="Type">CVSS_V2, CVSS_V3, CVSS_V4, or a name such as Ubuntu.</param>
/// <param name="Score">The vector or the word.</param>
internal sealed record OsvSeverity(string Type, string Score);

/// <summary>A package and those of its versions that are vulnerable.</summary>
/// <param name="Ecosystem">As <c>npm</c>, or with a release, as <c>Debian:12</c>.</param>
/// <param name="Name">Its name there, as the record has it.</param>
internal sealed record OsvAffected(string Ecosystem, string Name)
{
    public IReadOnlyList<OsvSeverity> Severities { get; init; } = [];

    public IReadOnlyList<OsvRange> Ranges { get; init; } = [];

    /// <summary>Versions that are vulnerable whatever the ranges say.</summary>
    public IReadOnlyList<string> Versions { get; init; } = [];

    /// <summary>Its database's word for how bad it is in this package: Debian's urgency, or a severity.</summary>
    public string? SeverityWord { get; init; }

    /// <summary>The module of the distribution that it is part of, as <c>nodejs:18</c>: empty if it is part of none,
    /// and null if nobody has said it.</summary>
    public string? Module { get; init; }

    /// <summary>The packages that are built from it, as far as the record names them: files do not keep them here.
    /// </summary>
    public IReadOnlyList<string> Binaries { get; init; } = [];

    /// <summary>Whether its distribution says that it will not fix it.</summary>
    public bool WillNotBeFixed { get; init; }

    /// <summary>The packages of a Go module that are vulnerable; if empty, all are.</summary>
    public IReadOnlyList<string> Imports { get; init; } = [];
}

/// <summary>Versions between events, which need not be in order.</summary>
/// <param name="IsSemver">Whether they are ordered as Semantic Versioning has it, and not as the ecosystem has.</param>
/// <param name="Events">Where it begins and ends.</param>
internal sealed record OsvRange(bool IsSemver, IReadOnlyList<OsvEvent> Events);

/// <summary>A version with which something changes.</summary>
internal readonly record struct OsvEvent(OsvEventKind Kind, string Version);

/// <summary>What changes with a version.</summary>
internal enum OsvEventKind
{
    /// <summary>It and later ones are vulnerable.</summary>
    Introduced,

    /// <summary>It and later ones are not.</summary>
    Fixed,

    /// <summary>Later ones are not, and it is.</summary>
    LastAffected,

    /// <summary>Nothing is said of it and later ones.</summary>
    Limit,
}
