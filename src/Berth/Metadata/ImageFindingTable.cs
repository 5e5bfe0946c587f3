using System.Data.Common;
using System.Globalization;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>How many vulnerabilities an image has, each counted once, at its worst.</summary>
internal sealed record FindingCounts
{
    public long Critical { get; init; }

    public long High { get; init; }

    public long Medium { get; init; }

    public long Low { get; init; }

    /// <summary>Those that do no harm in what the distribution builds.</summary>
    public long Harmless { get; init; }

    /// <summary>Those of which nobody says how bad they are.</summary>
    public long Unknown { get; init; }

    /// <summary>Those with a fix.</summary>
    public long Fixable { get; init; }

    /// <summary>Those that are known to be exploited.</summary>
    public long Exploited { get; init; }

    /// <summary>Of each kind, what comes of both.</summary>
    public FindingCounts With(FindingCounts other, Func<long, long, long> combine) => new()
    {
        Critical = combine(Critical, other.Critical),
        High = combine(High, other.High),
        Medium = combine(Medium, other.Medium),
        Low = combine(Low, other.Low),
        Harmless = combine(Harmless, other.Harmless),
        Unknown = combine(Unknown, other.Unknown),
        Fixable = combine(Fixable, other.Fixable),
        Exploited = combine(Exploited, other.Exploited),
    };
}

/// <summary>What is known of an image's vulnerabilities.</summary>
/// <param name="Id">The number of the image.</param>
/// <param name="State">One of <see cref="ScanStates"/>.</param>
/// <param name="IsComplete">Whether all its layers could be read.</param>
/// <param name="IsCounted">Whether all its packages were compared with what is known.</param>
/// <param name="CountedAt">When that was.</param>
/// <param name="Distribution">Its distribution, for people.</param>
/// <param name="Counts">How many it has.</param>
internal sealed record ImageFindingsRow(
    long Id, string State, bool IsComplete, bool IsCounted, DateTimeOffset? CountedAt, string? Distribution,
    FindingCounts Counts)
{
    /// <summary>The ecosystem of its distribution; empty: none that is known.</summary>
    public string Ecosystem { get; init; } = "";

    /// <summary>Whether its distribution has a list of packages, and it has none.</summary>
    public bool LacksPackages { get; init; }
}

/// <summary>How many packages of a kind an image has.</summary>
/// <param name="Type">The kind.</param>
/// <param name="Ecosystem">Their distribution's ecosystem; empty: none that is known, or they have none.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Sourceless">How many of them do not say what they were built from.</param>
internal sealed record PackageKindRow(string Type, string Ecosystem, long Count, long Sourceless);

/// <summary>A vulnerability of a package in an image.</summary>
internal sealed record ImageFindingRow(
    long Package, PackageKey Key, long Layer, string Path, FindingRow Finding, VulnerabilityRow Vulnerability)
{
    /// <summary>The statement that comes with the image and says so; null if the data does.</summary>
    public FoundStatement? Stated { get; init; }
}

/// <summary>Which vulnerabilities images have.</summary>
internal static class ImageFindingTable
{
    /// <summary>What those who know the package say does not count.</summary>
    private const string Counts = "f.vex = ''";

    /// <summary>What is known of an image; null if nobody looked into it.</summary>
    public static ValueTask<ImageFindingsRow?> FindAsync(Session session, Digest image) => session.FirstAsync(
        """
        SELECT id, state, is_complete, counted, count_due, counted_at, distribution, critical, high, medium, low,
            harmless, unknown, fixable, exploited, ecosystem, lacks_packages
        FROM image_scan WHERE digest = $1
        """,
        row => new ImageFindingsRow(
            row.GetInt64(0), row.GetString(1), row.GetInt64(2) != 0, row.GetInt64(3) == row.GetInt64(4),
            row.TimeOrNull(5), row.TextOrNull(6), ReadCounts(row, 7))
        {
            Ecosystem = row.GetString(15),
            LacksPackages = row.GetInt64(16) != 0,
        },
        image.Text);

    private const string Findings =
        """
        SELECT p.id, p.type, p.name, p.version, p.ecosystem, p.source, p.source_version, p.module,
            i.layer, i.path,
            f.record, f.severity, f.fixed_in, f.score, f.vector, f.fix_at, f.first_seen, f.vex, f.vex_reason,
            f.is_exploited, v.name, v.aliases, v.summary, v.published_at, v.exploited_at, v.is_ransomware, v.epss,
            v.epss_percentile
        FROM image_package i JOIN package p ON p.id = i.package_id JOIN finding f ON f.package_id = i.package_id
        JOIN vulnerability v ON v.id = f.vulnerability_id
        WHERE i.image_id = $1
        """;

    /// <summary>The vulnerabilities of an image: each package with each of its own.</summary>
    /// <param name="session">A read.</param>
    /// <param name="image">The number of the image.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<ImageFindingRow>> OfAsync(Session session, long image, int count) => session.AllAsync(
        $"{Findings} ORDER BY f.severity DESC, v.name, p.name, p.id LIMIT $2", Read, image, count);

    /// <summary>The vulnerabilities of an image that have some names, which are in capitals.</summary>
    public static ValueTask<List<ImageFindingRow>> NamedAsync(
        Session session, long image, IEnumerable<string> names, int count) => session.AllAsync(
        $"""
        {Findings} AND (upper(f.record) IN ({session.TextsIn("$2")})
            OR v.id IN (SELECT vulnerability_id FROM vulnerability_alias WHERE name IN ({session.TextsIn("$2")})))
        ORDER BY f.severity DESC, v.name, p.name, p.id LIMIT $3
        """,
        Read, image, Session.ToTexts(names), count);

    /// <summary>The worst vulnerabilities of an image that count.</summary>
    /// <param name="session">A read.</param>
    /// <param name="image">The number of the image.</param>
    /// <param name="above">Those that are worse than this, and those that are known to be exploited.</param>
    /// <param name="isAll">Whether those that do not count are among them.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<ImageFindingRow>> WorstOfAsync(
        Session session, long image, long above, bool isAll, int count) => session.AllAsync(
        $"""
        {Findings} {(isAll ? "" : $"AND {Counts}")} AND (f.severity > $2 OR f.is_exploited = 1)
        ORDER BY f.is_exploited DESC, f.severity DESC, v.name, p.name, p.id LIMIT $3
        """,
        Read, image, above, count);

    /// <summary>How many each of some manifests has, and of an index each of its images.</summary>
    public static ValueTask<List<(string Digest, string Image, long Id, FindingCounts Counts)>> CountsOfAsync(
        Session session, long repositoryId, IEnumerable<string> digests) => session.AllAsync(
            $"""
            WITH wanted (digest) AS ({session.TextsIn("$1")}), images (digest, image) AS (
                SELECT digest, digest FROM wanted
                UNION ALL SELECT wanted.digest, r.target_digest FROM wanted
                JOIN manifest_reference r ON r.repository_id = $2 AND r.manifest_digest = wanted.digest
                    AND r.kind = 'Child')
            SELECT DISTINCT images.digest, images.image, s.id, critical, high, medium, low, harmless, unknown,
                fixable, exploited
            FROM images JOIN image_scan s ON s.digest = images.image
            WHERE s.state = 'read' AND s.counted_at IS NOT NULL
            """,
            row => (row.GetString(0), row.GetString(1), row.GetInt64(2), ReadCounts(row, 3)),
            Session.ToTexts(digests.Distinct()), repositoryId);

    /// <summary>Whether the vulnerabilities of an image are to be counted.</summary>
    public static async ValueTask<bool> IsAnyUncountedAsync(Session session) => await session.NumberAsync(
        "SELECT 1 FROM image_scan WHERE counted <> count_due LIMIT 1") is not null;

    /// <summary>The kinds and distributions of an image's packages, and how many it has of each.</summary>
    public static ValueTask<List<PackageKindRow>> KindsAsync(
        Session session, long image) => session.AllAsync(
        """
        SELECT p.type, p.ecosystem, count(*), CAST(sum(CASE WHEN p.source = '' THEN 1 ELSE 0 END) AS BIGINT)
        FROM image_package i JOIN package p ON p.id = i.package_id
        WHERE i.image_id = $1 GROUP BY p.type, p.ecosystem ORDER BY p.type, p.ecosystem
        """,
        row => new PackageKindRow(row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3)), image);

    /// <summary>Whether an image has a package that was not compared with this data.</summary>
    public static async ValueTask<bool> IsDueAsync(Session session, long image, long number) =>
        await session.NumberAsync(
            """
            SELECT 1 FROM image_package i JOIN package p ON p.id = i.package_id
            WHERE i.image_id = $1 AND p.matched_with < $2 LIMIT 1
            """,
            image, number) is not null;

    /// <summary>Images whose vulnerabilities are to be counted, and the state that they were seen in. Those wait that
    /// have packages which were never compared.</summary>
    public static ValueTask<List<(long Id, long Due)>> UncountedAsync(Session session, long last, int count) =>
        session.AllAsync(
            """
            SELECT id, count_due FROM image_scan s WHERE counted <> count_due AND state = 'read' AND id > $1
                AND NOT EXISTS (SELECT 1 FROM image_package i JOIN package p ON p.id = i.package_id
                    WHERE i.image_id = s.id AND p.matched_with = 0)
            ORDER BY id LIMIT $2
            """,
            row => (row.GetInt64(0), row.GetInt64(1)), last, count);

    /// <summary>Counts the vulnerabilities of images.</summary>
    /// <param name="session">A write.</param>
    /// <param name="images">Which, as they were seen: what changes after that is counted again.</param>
    /// <param name="now">The time.</param>
    public static async ValueTask CountAsync(
        Session session, IReadOnlyCollection<(long Id, long Due)> images, DateTimeOffset now)
    {
        var rows = await session.AllAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")}), worst AS (
                SELECT p.image_id, max(f.severity) AS severity,
                    max(CASE WHEN f.fixed_in <> '' THEN 1 ELSE 0 END) AS fixable,
                    max(f.is_exploited) AS exploited
                FROM wanted JOIN image_package p ON p.image_id = CAST(wanted.id AS BIGINT)
                JOIN finding f ON f.package_id = p.package_id
                WHERE {Counts} GROUP BY p.image_id, f.vulnerability_id)
            SELECT image_id, {Number("severity = 4")}, {Number("severity = 3")}, {Number("severity = 2")},
                {Number("severity = 1")}, {Number("severity = 0")}, {Number("severity = -1")}, {Number("fixable = 1")},
                {Number("exploited = 1")}
            FROM worst GROUP BY image_id
            """,
            row => (row.GetInt64(0), ReadCounts(row, 1)),
            Session.ToTexts(images.Select(one => one.Id.ToString(CultureInfo.InvariantCulture))));
        var counts = rows.ToDictionary(row => row.Item1, row => row.Item2);
        await session.RunEachAsync(
            """
            UPDATE image_scan SET counted = $2, counted_at = $3, critical = $4, high = $5, medium = $6, low = $7,
                harmless = $8, unknown = $9, fixable = $10, exploited = $11
            WHERE id = $1
            """,
            [.. images.OrderBy(one => one.Id).Select(one =>
                ValuesOf(one, counts.GetValueOrDefault(one.Id) ?? new FindingCounts(), now))]);
    }

    private static string Number(string condition) =>
        $"CAST(sum(CASE WHEN {condition} THEN 1 ELSE 0 END) AS BIGINT)";

    private static object?[] ValuesOf((long Id, long Due) image, FindingCounts counts, DateTimeOffset now) =>
    [
        image.Id, image.Due, now.ToUnixTimeMilliseconds(), counts.Critical, counts.High, counts.Medium, counts.Low,
        counts.Harmless, counts.Unknown, counts.Fixable, counts.Exploited,
    ];

    private static FindingCounts ReadCounts(DbDataReader row, int first) => new()
    {
        Critical = row.GetInt64(first),
        High = row.GetInt64(first + 1),
        Medium = row.GetInt64(first + 2),
        Low = row.GetInt64(first + 3),
        Harmless = row.GetInt64(first + 4),
        Unknown = row.GetInt64(first + 5),
        Fixable = row.GetInt64(first + 6),
        Exploited = row.GetInt64(first + 7),
    };

    private static ImageFindingRow Read(DbDataReader row)
    {
        var package = PackageSearchTable.Read(row);
        var vulnerability = FindingTable.ReadVulnerability(row, 20);
        return new ImageFindingRow(
            package.Id, package.Key, row.GetInt64(8), row.GetString(9),
            FindingTable.ReadFinding(row, vulnerability.Name, 10), vulnerability);
    }
}
