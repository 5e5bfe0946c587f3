using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>How far a scanner is with an image, as the table has it.</summary>
internal static class ReportStates
{
    /// <summary>It never ended a scan.</summary>
    public const string Waiting = "waiting";

    public const string Running = "running";

    /// <summary>The last scan ended well.</summary>
    public const string Read = "read";

    /// <summary>The last scan did not.</summary>
    public const string Fault = "fault";
}

/// <summary>A scan of an image that is due, or runs.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Image">The image.</param>
/// <param name="Attempts">How many went wrong in a row.</param>
/// <param name="Misses">How often its report could not be had in a row.</param>
/// <param name="Request">What the scanner calls it.</param>
/// <param name="BegunAt">Since when it runs.</param>
internal sealed record ScanTurn(
    long Id, Digest Image, long Attempts, long Misses, string Request, DateTimeOffset? BegunAt);

/// <summary>What a scanner found in an image.</summary>
internal sealed record ScannerReportRow(long Id, string Scanner, string State)
{
    /// <summary>What went wrong in the last scan; empty: nothing.</summary>
    public string Fault { get; init; } = "";

    /// <summary>What others say of that, for staff alone.</summary>
    public string Detail { get; init; } = "";

    /// <summary>When the last scan ended that went well: what follows is of that.</summary>
    public DateTimeOffset? ScannedAt { get; init; }

    public string Product { get; init; } = "";

    public string Vendor { get; init; } = "";

    public string Version { get; init; } = "";

    /// <summary>What is not in the table of findings; empty: all is.</summary>
    public string Note { get; init; } = "";

    /// <summary>How many it told of.</summary>
    public long Findings { get; init; }

    public FindingCounts Counts { get; init; } = new();
}

/// <summary>A vulnerability that a scanner found in a package.</summary>
internal sealed record ScannerFindingRow(
    long Position, string Name, string Package, string Version, string FixedIn, long Severity, long? Score,
    string Links);

/// <summary>Which findings are asked for.</summary>
/// <param name="Severity">At least as bad as this.</param>
/// <param name="IsFixable">Those with or without a fix; null: both.</param>
/// <param name="Part">Of the name or the package, in whatever case; null: any.</param>
internal sealed record ScannerFindingQuery(long Severity, bool? IsFixable, string? Part);

/// <summary>What other scanners found in images.</summary>
internal static class ScannerReportTable
{
    private const string Wanted =
        """
        report_id = $1 AND severity >= $2 AND ($3 < 0 OR (fixed_in <> '') = ($3 = 1))
            AND (lower(name) LIKE $4 ESCAPE '!' OR lower(package) LIKE $4 ESCAPE '!')
        """;

    private const string Turn =
        "SELECT r.id, s.digest, r.attempts, r.misses, r.request, r.begun_at FROM scanner_report r "
        + "JOIN image_scan s ON s.id = r.image_id";

    /// <summary>Notes images that a scanner has not seen, after one in the order of their numbers. They come before
    /// those that are only scanned again.</summary>
    /// <returns>The last that was looked at; null if there are no more.</returns>
    public static async ValueTask<long?> AddMissingAsync(
        Session session, string scanner, long after, int count)
    {
        var last = await session.NumberAsync(
            "SELECT max(id) FROM (SELECT id FROM image_scan WHERE id > $1 ORDER BY id LIMIT $2) AS part", after, count);
        if (last is null) return null;
        await session.RunAsync(
            """
            INSERT INTO scanner_report (image_id, scanner, state, due_at, attempts, misses, request, stamp, fault)
            SELECT s.id, $1, 'waiting', 0, 0, 0, '', '', '' FROM image_scan s WHERE s.id > $2 AND s.id <= $3
                AND NOT EXISTS (SELECT 1 FROM scanner_report r WHERE r.image_id = s.id AND r.scanner = $1)
            ORDER BY s.id
            ON CONFLICT (image_id, scanner) DO NOTHING
            """,
            scanner, after, last);
        return last;
    }

    /// <summary>Makes images due whose report is of another version of the scanner or of its data, some at a time.
    /// Returns how many.</summary>
    public static ValueTask<int> HastenAsync(
        Session session, string scanner, string stamp, DateTimeOffset now, int count) => session.RunAsync(
            """
            UPDATE scanner_report SET due_at = CASE WHEN due_at > $4 THEN $4 ELSE due_at END, stamp = $2
            WHERE id IN (SELECT id FROM scanner_report
                WHERE scanner = $1 AND stamp <> $2 AND state <> 'running' ORDER BY id LIMIT $3)
            """,
            scanner, stamp, count, now.ToUnixTimeMilliseconds());

    /// <summary>The image that is due longest; null if none is.</summary>
    public static ValueTask<ScanTurn?> NextAsync(Session session, string scanner, DateTimeOffset now) =>
        session.FirstAsync(
            $"""
            {Turn} WHERE r.scanner = $1 AND r.state <> 'running' AND r.due_at <= $2 ORDER BY r.due_at, r.id LIMIT 1
            """,
            ReadTurn, scanner, now.ToUnixTimeMilliseconds());

    /// <summary>The scan whose report is due longest to be asked for; null if none is.</summary>
    public static ValueTask<ScanTurn?> NextRunningAsync(Session session, string scanner, DateTimeOffset now) =>
        session.FirstAsync(
            $"""
            {Turn} WHERE r.scanner = $1 AND r.state = 'running' AND r.due_at <= $2 ORDER BY r.due_at, r.id LIMIT 1
            """,
            ReadTurn, scanner, now.ToUnixTimeMilliseconds());

    /// <summary>How many scans run.</summary>
    public static async ValueTask<long> RunningAsync(Session session, string scanner) => await session.NumberAsync(
        "SELECT count(*) FROM scanner_report WHERE scanner = $1 AND state = 'running'", scanner) ?? 0;

    /// <summary>When the next report is to be asked for; null if no scan runs.</summary>
    public static async ValueTask<DateTimeOffset?> NextPollAsync(Session session, string scanner) =>
        await session.NumberAsync(
            "SELECT min(due_at) FROM scanner_report WHERE scanner = $1 AND state = 'running'", scanner) is { } at
            ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null;

    /// <summary>Where the image can be pulled; null: nowhere.</summary>
    public static async ValueTask<(string Repository, string MediaType)?> PlaceOfAsync(Session session, Digest image)
    {
        var places = await session.AllAsync(
            """
            SELECT r.name, m.media_type FROM manifest m JOIN repository r ON r.id = m.repository_id
            WHERE m.digest = $1 ORDER BY r.id LIMIT 1
            """,
            row => (row.GetString(0), row.GetString(1)), image.Text);
        return places.Count > 0 ? places[0] : null;
    }

    /// <summary>Notes that a scan runs. 0 if another runs that the scanner calls the same.</summary>
    public static ValueTask<int> BeginAsync(
        Session session, long id, string request, string stamp, DateTimeOffset now, DateTimeOffset pollAt) =>
        session.RunAsync(
            """
            UPDATE scanner_report SET state = 'running', request = $2, stamp = $3, begun_at = $4, due_at = $5,
                misses = 0
            WHERE id = $1 AND NOT EXISTS (
                SELECT 1 FROM scanner_report other JOIN scanner_report own ON own.id = $1
                WHERE other.scanner = own.scanner AND other.state = 'running' AND other.request = $2
                    AND other.id <> $1)
            """,
            id, request, stamp, now.ToUnixTimeMilliseconds(), pollAt.ToUnixTimeMilliseconds());

    /// <summary>Puts off asking for a report, or scanning what can't be pulled now.</summary>
    public static ValueTask<int> PostponeAsync(Session session, long id, DateTimeOffset until, long misses) =>
        session.RunAsync(
            "UPDATE scanner_report SET due_at = $2, misses = $3 WHERE id = $1",
            id, until.ToUnixTimeMilliseconds(), misses);

    /// <summary>Ends a scan that went wrong. What an earlier one found stays.</summary>
    public static ValueTask<int> FailAsync(
        Session session, long id, string fault, string detail, DateTimeOffset until) => session.RunAsync(
            """
            UPDATE scanner_report SET state = 'fault', fault = $2, detail = $4, due_at = $3,
                attempts = attempts + 1, request = '', begun_at = NULL, misses = 0
            WHERE id = $1
            """,
            id, fault, until.ToUnixTimeMilliseconds(), detail);

    /// <summary>Ends a scan with what it found, in place of what was found before.</summary>
    public static async ValueTask EndAsync(
        Session session, ScannerReportRow report, IReadOnlyList<ScannerFindingRow> findings, DateTimeOffset until)
    {
        var counts = report.Counts;
        var isThere = await session.RunAsync(
            """
            UPDATE scanner_report SET state = 'read', fault = '', detail = '', due_at = $2, attempts = 0, misses = 0,
                request = '', begun_at = NULL, scanned_at = $3, product = $4, vendor = $5, version = $6, note = $7,
                findings = $8, critical = $9, high = $10, medium = $11, low = $12, harmless = $13, unknown = $14,
                fixable = $15
            WHERE id = $1
            """,
            report.Id, until.ToUnixTimeMilliseconds(), report.ScannedAt!.Value.ToUnixTimeMilliseconds(),
            report.Product, report.Vendor, report.Version, report.Note, report.Findings, counts.Critical, counts.High,
            counts.Medium, counts.Low, counts.Harmless, counts.Unknown, counts.Fixable);

        // The image may be gone by now.
        if (isThere == 0) return;
        await session.RunAsync("DELETE FROM scanner_finding WHERE report_id = $1", report.Id);
        await session.RunEachAsync(
            """
            INSERT INTO scanner_finding (
                report_id, position, name, package, version, fixed_in, severity, score, links)
            VALUES ($1, $2, $3, $4, $5, $6, $7, CAST($8 AS BIGINT), $9)
            """,
            [.. findings.Select(one => new object?[]
            {
                report.Id, one.Position, one.Name, one.Package, one.Version, one.FixedIn, one.Severity, one.Score,
                one.Links,
            })]);
    }

    /// <summary>The reports about an image.</summary>
    public static ValueTask<List<ScannerReportRow>> OfImageAsync(Session session, Digest image) => session.AllAsync(
        """
        SELECT r.id, r.scanner, r.state, r.fault, r.scanned_at, r.product, r.vendor, r.version, r.note, r.findings,
            r.critical, r.high, r.medium, r.low, r.harmless, r.unknown, r.fixable, r.detail
        FROM image_scan s JOIN scanner_report r ON r.image_id = s.id WHERE s.digest = $1 ORDER BY r.scanner
        """,
        Read, image.Text);

    /// <summary>Findings of a report, the worst first, after one of them (-1: from the first).</summary>
    public static ValueTask<List<ScannerFindingRow>> FindingsOfAsync(
        Session session, long report, ScannerFindingQuery query, long after, int count) => session.AllAsync(
        $"""
        SELECT position, name, package, version, fixed_in, severity, score, links FROM scanner_finding
        WHERE {Wanted} AND position > $5 ORDER BY position LIMIT $6
        """,
        row => new ScannerFindingRow(
            row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetInt64(5),
            row.NumberOrNull(6), row.GetString(7)),
        [.. ValuesOf(report, query), after, count]);

    /// <summary>How many findings of a report there are.</summary>
    public static async ValueTask<long> CountFindingsAsync(
        Session session, long report, ScannerFindingQuery query) => await session.NumberAsync(
            $"SELECT count(*) FROM scanner_finding WHERE {Wanted}", ValuesOf(report, query)) ?? 0;

    private static object?[] ValuesOf(long report, ScannerFindingQuery query) =>
    [
        report, query.Severity, query.IsFixable is { } isFixable ? isFixable ? 1L : 0L : -1L,
        query.Part is { } part ? Session.LikeOf(part.ToLowerInvariant()) : "%",
    ];

    /// <summary>Forgets what was found in an image that is gone.</summary>
    public static async ValueTask RemoveOfAsync(Session session, long image)
    {
        // The reports first: whoever adds findings to one at the same time ends before that, or finds none.
        var gone = await session.AllAsync(
            "DELETE FROM scanner_report WHERE image_id = $1 RETURNING id", row => row.GetInt64(0), image);
        await RemoveFindingsAsync(session, gone);
    }

    /// <summary>Forgets reports of scanners that are not set here, and that no other node has asked lately, some at a
    /// time. Returns how many.</summary>
    public static async ValueTask<int> RemoveOthersAsync(
        Session session, IEnumerable<string> scanners, DateTimeOffset askedBefore, int count)
    {
        var names = Session.ToTexts(scanners);
        await session.RunAsync(
            $"DELETE FROM scanner WHERE asked_at < $2 AND name NOT IN ({session.TextsIn("$1")})",
            names, askedBefore.ToUnixTimeMilliseconds());
        var gone = await session.AllAsync(
            $"""
            DELETE FROM scanner_report WHERE id IN (
                SELECT id FROM scanner_report WHERE scanner NOT IN ({session.TextsIn("$1")})
                    AND scanner NOT IN (SELECT name FROM scanner) ORDER BY id LIMIT $2)
            RETURNING id
            """,
            row => row.GetInt64(0), names, count);
        await RemoveFindingsAsync(session, gone);
        return gone.Count;
    }

    private static ValueTask RemoveFindingsAsync(Session session, List<long> reports) => session.RunEachAsync(
        "DELETE FROM scanner_finding WHERE report_id = $1", [.. reports.Select(id => new object?[] { id })]);

    private static ScanTurn ReadTurn(DbDataReader row) => new(
        row.GetInt64(0), Digest.Parse(row.GetString(1)), row.GetInt64(2), row.GetInt64(3), row.GetString(4),
        row.TimeOrNull(5));

    private static ScannerReportRow Read(DbDataReader row) => new(row.GetInt64(0), row.GetString(1), row.GetString(2))
    {
        Fault = row.GetString(3),
        ScannedAt = row.TimeOrNull(4),
        Product = row.GetString(5),
        Vendor = row.GetString(6),
        Version = row.GetString(7),
        Note = row.GetString(8),
        Findings = row.GetInt64(9),
        Counts = new FindingCounts
        {
            Critical = row.GetInt64(10),
            High = row.GetInt64(11),
            Medium = row.GetInt64(12),
            Low = row.GetInt64(13),
            Harmless = row.GetInt64(14),
            Unknown = row.GetInt64(15),
            Fixable = row.GetInt64(16),
        },
        Detail = row.GetString(17),
    };
}
