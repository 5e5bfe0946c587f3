namespace Berth.Metadata;

/// <summary>How far a scan is that others asked for, as the table has it.</summary>
internal static class AdapterScanStates
{
    /// <summary>It waits or runs.</summary>
    public const string Waiting = "waiting";

    public const string Done = "done";

    public const string Fault = "fault";
}

/// <summary>A scan that others asked for.</summary>
/// <param name="Id">What they call it.</param>
/// <param name="State">One of <see cref="AdapterScanStates"/>.</param>
/// <param name="Fault">Why it failed; empty: it did not.</param>
/// <param name="AddedAt">When it was asked for.</param>
/// <param name="HeldUntil">How long its node has it, in milliseconds by the clock of jobs.</param>
/// <param name="EndsAt">When it is forgotten.</param>
internal sealed record AdapterScanRow(
    string Id, string State, string Fault, DateTimeOffset AddedAt, long HeldUntil, DateTimeOffset EndsAt);

/// <summary>Scans that others asked for, and their reports.</summary>
internal static class AdapterScanTable
{
    public static ValueTask<int> AddAsync(Session session, AdapterScanRow row, string digest) => session.RunAsync(
        """
        INSERT INTO adapter_scan (id, state, digest, fault, added_at, held_until, ends_at)
        VALUES ($1, $2, $3, '', $4, $5, $6)
        """,
        row.Id, row.State, digest, row.AddedAt.ToUnixTimeMilliseconds(), row.HeldUntil,
        row.EndsAt.ToUnixTimeMilliseconds());

    public static ValueTask<AdapterScanRow?> FindAsync(Session session, string id) => session.FirstAsync(
        "SELECT id, state, fault, added_at, held_until, ends_at FROM adapter_scan WHERE id = $1",
        row => new AdapterScanRow(
            row.GetString(0), row.GetString(1), row.GetString(2), row.Time(3), row.GetInt64(4), row.Time(5)),
        id);

    /// <summary>A report, compressed; null if the scan made none of that kind.</summary>
    public static ValueTask<byte[]?> LoadReportAsync(Session session, string id, string kind) => session.FirstAsync(
        "SELECT body FROM adapter_report WHERE scan_id = $1 AND kind = $2", row => (byte[])row.GetValue(0), id, kind);

    /// <summary>Says that the node still has some.</summary>
    public static ValueTask<int> HoldAsync(Session session, IEnumerable<string> ids, long until) => session.RunAsync(
        $"""
        UPDATE adapter_scan SET held_until = $2 WHERE id IN ({session.TextsIn("$1")}) AND state = 'waiting'
        """,
        Session.ToTexts(ids), until);

    /// <summary>Keeps what came of one.</summary>
    public static async ValueTask<bool> EndAsync(
        Session session, string id, IReadOnlyList<(string Kind, byte[] Body)> reports, DateTimeOffset endsAt)
    {
        var changed = await session.RunAsync(
            "UPDATE adapter_scan SET state = 'done', ends_at = $2 WHERE id = $1 AND state = 'waiting'",
            id, endsAt.ToUnixTimeMilliseconds());
        if (changed == 0) return false;
        foreach (var (kind, body) in reports)
        {
            await session.RunAsync(
                "INSERT INTO adapter_report (scan_id, kind, body) VALUES ($1, $2, $3)", id, kind, body);
        }

        return true;
    }

    /// <summary>Says why some came to nothing.</summary>
    public static ValueTask<int> FailAsync(
        Session session, IEnumerable<string> ids, string fault, DateTimeOffset endsAt) => session.RunAsync(
        $"""
        UPDATE adapter_scan SET state = 'fault', fault = $2, ends_at = $3
        WHERE id IN ({session.TextsIn("$1")}) AND state = 'waiting'
        """,
        Session.ToTexts(ids), fault, endsAt.ToUnixTimeMilliseconds());

    /// <summary>Forgets some whose time is over. Returns how many.</summary>
    /// <param name="session">A write.</param>
    /// <param name="now">The time.</param>
    /// <param name="heldNow">The same by the clock of jobs: what a node still has stays.</param>
    /// <param name="count">The most.</param>
    public static async ValueTask<int> RemoveEndedAsync(
        Session session, DateTimeOffset now, long heldNow, int count)
    {
        var ids = Session.ToTexts(await session.AllAsync(
            """
            SELECT id FROM adapter_scan WHERE ends_at <= $1 AND (state <> 'waiting' OR held_until < $2)
            ORDER BY ends_at, id LIMIT $3
            """,
            row => row.GetString(0), now.ToUnixTimeMilliseconds(), heldNow, count));
        await session.RunAsync($"DELETE FROM adapter_report WHERE scan_id IN ({session.TextsIn("$1")})", ids);
        return await session.RunAsync($"DELETE FROM adapter_scan WHERE id IN ({session.TextsIn("$1")})", ids);
    }
}
