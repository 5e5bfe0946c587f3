using System.Data.Common;
using System.Globalization;

namespace Berth.Metadata;

/// <summary>A vulnerability, under the name that people know.</summary>
/// <param name="Name">Its CVE if it has one.</param>
/// <param name="Aliases">Its other names, with spaces between them.</param>
/// <param name="Summary">One line; may be empty.</param>
internal sealed record VulnerabilityRow(string Name, string Aliases, string Summary)
{
    public DateTimeOffset? PublishedAt { get; init; }

    /// <summary>Since when it is known to be exploited (CISA's list).</summary>
    public DateTimeOffset? ExploitedAt { get; init; }

    /// <summary>Whether it is known to be used for ransom.</summary>
    public bool IsRansomware { get; init; }

    /// <summary>How likely it is to be exploited within 30 days, in millionths (EPSS).</summary>
    public long? Epss { get; init; }

    /// <summary>How many others are at most as likely, in millionths.</summary>
    public long? EpssPercentile { get; init; }
}

/// <summary>What a vulnerability means for a package.</summary>
/// <param name="Name">The vulnerability.</param>
/// <param name="Record">Which entry of which database says so: GHSA-…, DSA-….</param>
/// <param name="Severity">From 0 (none) to 4 (critical); -1: nobody says.</param>
/// <param name="FixedIn">The version without it; empty: there is none.</param>
internal sealed record FindingRow(string Name, string Record, long Severity, string FixedIn)
{
    /// <summary>In tenths (CVSS).</summary>
    public long? Score { get; init; }

    /// <summary>The vector of the score; may be empty.</summary>
    public string Vector { get; init; } = "";

    /// <summary>When there was a fix, as far as that is known.</summary>
    public DateTimeOffset? FixAt { get; init; }

    public DateTimeOffset FirstSeen { get; init; }

    /// <summary>What those who know the package say: not_affected or fixed; empty: nothing.</summary>
    public string Vex { get; init; } = "";

    /// <summary>Why they say so.</summary>
    public string VexReason { get; init; } = "";

    /// <summary>Whether the vulnerability is known to be exploited.</summary>
    public bool IsExploited { get; init; }
}

/// <summary>How what is known of a package changed.</summary>
/// <param name="Package">Its number.</param>
/// <param name="Changed">Those that are new or another.</param>
/// <param name="Gone">The names of those that it does not have any more.</param>
internal sealed record FindingChange(
    long Package, IReadOnlyList<FindingRow> Changed, IReadOnlyList<string> Gone)
{
    public bool IsNone => Changed.Count == 0 && Gone.Count == 0;
}

/// <summary>A package that has a vulnerability.</summary>
internal sealed record VulnerablePackageRow(PackageRow Package, FindingRow Finding);

/// <summary>Which vulnerabilities packages have.</summary>
internal static class FindingTable
{
    /// <summary>Whether there is a package that was not compared with this data.</summary>
    public static async ValueTask<bool> IsAnyDueAsync(Session session, long number) => await session.NumberAsync(
        "SELECT 1 FROM package WHERE matched_with < $1 LIMIT 1", number) is not null;

    /// <summary>Packages that were not compared with this data, some at a time.</summary>
    public static ValueTask<List<PackageRow>> DueAsync(Session session, long number, long last, int count) =>
        session.AllAsync(
            $"""
            SELECT {PackageSearchTable.Columns} FROM package WHERE matched_with < $1 AND id > $2 ORDER BY id LIMIT $3
            """,
            PackageSearchTable.Read, number, last, count);

    /// <summary>What is noted of packages.</summary>
    public static async ValueTask<ILookup<long, FindingRow>> OfAsync(Session session, IEnumerable<long> packages)
    {
        var rows = await session.AllAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            SELECT f.package_id, v.name, f.record, f.severity, f.fixed_in, f.score, f.vector, f.fix_at, f.first_seen,
                f.vex, f.vex_reason, f.is_exploited
            FROM finding f JOIN vulnerability v ON v.id = f.vulnerability_id
            WHERE f.package_id IN (SELECT CAST(id AS BIGINT) FROM wanted)
            """,
            row => (row.GetInt64(0), ReadFinding(row, row.GetString(1), 2)), Numbers(packages));
        return rows.ToLookup(one => one.Item1, one => one.Item2);
    }

    /// <summary>A vulnerability under any of its names.</summary>
    /// <param name="session">A read.</param>
    /// <param name="name">The name, in whatever case.</param>
    public static ValueTask<VulnerabilityRow?> FindAsync(Session session, string name) =>
        session.FirstAsync(
            """
            SELECT name, aliases, summary, published_at, exploited_at, is_ransomware, epss, epss_percentile
            FROM vulnerability
            WHERE id IN (SELECT vulnerability_id FROM vulnerability_alias WHERE name = $1) ORDER BY name LIMIT 1
            """,
            row => ReadVulnerability(row, 0), name.ToUpperInvariant());

    /// <summary>The vulnerabilities that these are names of, in whatever case: of one that several databases have, some
    /// packages are noted with the names of some.</summary>
    /// <param name="session">A read.</param>
    /// <param name="aliases">The names.</param>
    /// <returns>Each with the name under which it is noted.</returns>
    public static ValueTask<List<(string Alias, string Name)>> NamesOfAsync(
        Session session, IEnumerable<string> aliases) => session.AllAsync(
        $"""
        SELECT a.name, v.name FROM vulnerability_alias a JOIN vulnerability v ON v.id = a.vulnerability_id
        WHERE a.name IN ({session.TextsIn("$1")})
        """,
        row => (row.GetString(0), row.GetString(1)),
        Session.ToTexts(aliases.Select(name => name.ToUpperInvariant()).Distinct()));

    /// <summary>Whether an image has a vulnerability, in repositories whose names lie in a range.</summary>
    /// <param name="session">A read.</param>
    /// <param name="name">The vulnerability's name, in any database.</param>
    /// <param name="package">In this package, as it or its source is called; empty: in any.</param>
    /// <param name="range">The first name, and what comes after the last.</param>
    public static async ValueTask<bool> IsAnyAsync(
        Session session, string name, string package, (string Start, string End) range) => await session.NumberAsync(
        """
        SELECT 1 FROM vulnerability_alias a
        JOIN finding f ON f.vulnerability_id = a.vulnerability_id
        JOIN package p ON p.id = f.package_id
        JOIN image_package h ON h.package_id = p.id
        JOIN image_scan s ON s.id = h.image_id
        JOIN manifest m ON m.digest = s.digest
        JOIN repository r ON r.id = m.repository_id
        WHERE a.name = $1 AND ($2 = '' OR lower(p.name) = $2 OR lower(p.source) = $2) AND r.name >= $3 AND r.name < $4
        LIMIT 1
        """,
        name.ToUpperInvariant(), package.ToLowerInvariant(), range.Start, range.End) is not null;

    /// <summary>The packages that have a vulnerability.</summary>
    public static ValueTask<List<VulnerablePackageRow>> PackagesWithAsync(Session session, string name, int count) =>
        session.AllAsync(
            """
            SELECT p.id, p.type, p.name, p.version, p.ecosystem, p.source, p.source_version, p.module,
                f.record, f.severity, f.fixed_in, f.score, f.vector, f.fix_at, f.first_seen, f.vex, f.vex_reason,
                f.is_exploited
            FROM vulnerability v JOIN finding f ON f.vulnerability_id = v.id JOIN package p ON p.id = f.package_id
            WHERE v.name = $1 ORDER BY p.id LIMIT $2
            """,
            row => new VulnerablePackageRow(PackageSearchTable.Read(row), ReadFinding(row, name, 8)), name, count);

    /// <summary>Notes vulnerabilities, and what is new of those that were noted. In the order of their names, so that
    /// no two nodes wait for each other.</summary>
    public static async ValueTask NoteAsync(Session session, IReadOnlyCollection<VulnerabilityRow> vulnerabilities)
    {
        await session.RunEachAsync(
            """
            INSERT INTO vulnerability (name, aliases, summary, published_at, exploited_at, is_ransomware, epss,
                epss_percentile)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (name) DO UPDATE SET aliases = excluded.aliases, summary = excluded.summary,
                published_at = excluded.published_at, exploited_at = excluded.exploited_at,
                is_ransomware = excluded.is_ransomware, epss = excluded.epss,
                epss_percentile = excluded.epss_percentile
            WHERE vulnerability.aliases <> excluded.aliases OR vulnerability.summary <> excluded.summary
                OR vulnerability.published_at IS DISTINCT FROM excluded.published_at
                OR vulnerability.exploited_at IS DISTINCT FROM excluded.exploited_at
                OR vulnerability.is_ransomware <> excluded.is_ransomware
                OR vulnerability.epss IS DISTINCT FROM excluded.epss
                OR vulnerability.epss_percentile IS DISTINCT FROM excluded.epss_percentile
            """,
            [.. vulnerabilities.OrderBy(one => one.Name, StringComparer.Ordinal).Select(one => (object?[])
                [
                    one.Name, one.Aliases, one.Summary, one.PublishedAt?.ToUnixTimeMilliseconds(),
                    one.ExploitedAt?.ToUnixTimeMilliseconds(), one.IsRansomware ? 1L : 0L, one.Epss, one.EpssPercentile,
                ])]);
        var names =
            from one in vulnerabilities
            from alias in one.Aliases.Split(' ', StringSplitOptions.RemoveEmptyEntries).Append(one.Name)
            select (Alias: alias.ToUpperInvariant(), one.Name);
        await session.RunEachAsync(
            """
            INSERT INTO vulnerability_alias (name, vulnerability_id) SELECT $1, id FROM vulnerability WHERE name = $2
            ON CONFLICT DO NOTHING
            """,
            [.. names.Distinct().Order().Select(one => (object?[])[one.Alias, one.Name])]);
    }

    /// <summary>Notes what changed, and that these packages were compared with this data. Images with a package of
    /// which something changed are counted again.</summary>
    public static async ValueTask ChangeAsync(
        Session session, IReadOnlyCollection<FindingChange> changes, IEnumerable<long> packages, long number)
    {
        await session.RunEachAsync(
            """
            DELETE FROM finding WHERE package_id = $1
                AND vulnerability_id = (SELECT id FROM vulnerability WHERE name = $2)
            """,
            [.. changes.SelectMany(one => one.Gone.Select(name => (object?[])[one.Package, name]))]);
        await session.RunEachAsync(
            """
            INSERT INTO finding (package_id, vulnerability_id, record, severity, score, vector, fixed_in, fix_at,
                first_seen, vex, vex_reason, is_exploited)
            SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM vulnerability WHERE name = $2
            ON CONFLICT (package_id, vulnerability_id) DO UPDATE SET record = excluded.record,
                severity = excluded.severity, score = excluded.score, vector = excluded.vector,
                fixed_in = excluded.fixed_in, fix_at = excluded.fix_at, vex = excluded.vex,
                vex_reason = excluded.vex_reason, is_exploited = excluded.is_exploited
            """,
            [.. changes.SelectMany(one => one.Changed.Select(row => ValuesOf(one.Package, row)))]);
        await session.RunAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            UPDATE image_scan SET count_due = count_due + 1 WHERE id IN (
                SELECT p.image_id FROM wanted JOIN image_package p ON p.package_id = CAST(wanted.id AS BIGINT))
            """,
            Numbers(changes.Where(one => !one.IsNone).Select(one => one.Package)));
        await session.RunAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            UPDATE package SET matched_with = $2
            WHERE id IN (SELECT CAST(id AS BIGINT) FROM wanted)
            """,
            Numbers(packages), number);
    }

    /// <summary>Forgets packages that no image has any more, with what is known of them, among some after one. Returns
    /// the last that was looked at; null at the end.</summary>
    public static async ValueTask<long?> RemoveUnusedAsync(Session session, long last, int count)
    {
        // Locked first, and looked at again then: an image that is noted meanwhile has locked those that it has.
        var ids = await session.AllAsync(
            $"""
            SELECT id FROM package p WHERE id > $1
                AND NOT EXISTS (SELECT 1 FROM image_package i WHERE i.package_id = p.id)
            ORDER BY id LIMIT $2{session.ForUpdateSkipLocked}
            """,
            row => row.GetInt64(0), last, count);
        if (ids.Count == 0) return null;
        var gone = await session.AllAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            DELETE FROM package WHERE id IN (SELECT CAST(id AS BIGINT) FROM wanted)
                AND NOT EXISTS (SELECT 1 FROM image_package i WHERE i.package_id = package.id)
            RETURNING id
            """,
            row => row.GetInt64(0), Numbers(ids));
        await session.RunAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            DELETE FROM finding WHERE package_id IN (SELECT CAST(id AS BIGINT) FROM wanted)
            """,
            Numbers(gone));
        return ids.Count < count ? null : ids[^1];
    }

    private static object?[] ValuesOf(long package, FindingRow row) =>
    [
        package, row.Name, row.Record, row.Severity, row.Score, row.Vector, row.FixedIn,
        row.FixAt?.ToUnixTimeMilliseconds(), row.FirstSeen.ToUnixTimeMilliseconds(), row.Vex, row.VexReason,
        row.IsExploited ? 1L : 0L,
    ];

    /// <summary>Reads record, severity, fixed_in, score, vector, fix_at, first_seen, vex, vex_reason and is_exploited.
    /// </summary>
    public static FindingRow ReadFinding(DbDataReader row, string name, int first) =>
        new(name, row.GetString(first), row.GetInt64(first + 1), row.GetString(first + 2))
        {
            Score = row.NumberOrNull(first + 3),
            Vector = row.GetString(first + 4),
            FixAt = row.TimeOrNull(first + 5),
            FirstSeen = row.Time(first + 6),
            Vex = row.GetString(first + 7),
            VexReason = row.GetString(first + 8),
            IsExploited = row.GetInt64(first + 9) != 0,
        };

    /// <summary>Reads the columns of a vulnerability, from its name on.</summary>
    public static VulnerabilityRow ReadVulnerability(DbDataReader row, int first) =>
        new(row.GetString(first), row.GetString(first + 1), row.GetString(first + 2))
        {
            PublishedAt = row.TimeOrNull(first + 3),
            ExploitedAt = row.TimeOrNull(first + 4),
            IsRansomware = row.GetInt64(first + 5) != 0,
            Epss = row.NumberOrNull(first + 6),
            EpssPercentile = row.NumberOrNull(first + 7),
        };

    private static string Numbers(IEnumerable<long> numbers) =>
        Session.ToTexts(numbers.Select(number => number.ToString(CultureInfo.InvariantCulture)));
}
