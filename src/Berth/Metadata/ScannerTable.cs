using System.Data.Common;

namespace Berth.Metadata;

/// <summary>What another scanner says of itself.</summary>
/// <param name="Name">As the settings name it.</param>
/// <param name="Product">What it calls itself; empty: nothing is known.</param>
/// <param name="Vendor">Whose it is.</param>
/// <param name="Version">Its version.</param>
/// <param name="DataUpdatedAt">How old its data is; null: it does not say.</param>
/// <param name="Stamp">Another one makes its reports old.</param>
/// <param name="AskedAt">When it was last asked.</param>
/// <param name="AnsweredAt">When it last answered as it should.</param>
/// <param name="Fault">What is wrong with it; empty: nothing.</param>
internal sealed record ScannerRow(
    string Name, string Product, string Vendor, string Version, DateTimeOffset? DataUpdatedAt, string Stamp,
    DateTimeOffset AskedAt, DateTimeOffset? AnsweredAt, string Fault);

/// <summary>Other scanners.</summary>
internal static class ScannerTable
{
    private const string Columns =
        "name, product, vendor, version, data_updated_at, stamp, asked_at, answered_at, fault";

    /// <summary>All that were ever asked, as long as they have reports.</summary>
    public static ValueTask<List<ScannerRow>> AllAsync(Session session) =>
        session.AllAsync($"SELECT {Columns} FROM scanner ORDER BY name", Read);

    public static ValueTask<ScannerRow?> FindAsync(Session session, string name) =>
        session.FirstAsync($"SELECT {Columns} FROM scanner WHERE name = $1", Read, name);

    public static ValueTask<int> SaveAsync(Session session, ScannerRow row) => session.RunAsync(
        $"""
        INSERT INTO scanner ({Columns})
        VALUES ($1, $2, $3, $4, CAST($5 AS BIGINT), $6, $7, CAST($8 AS BIGINT), $9)
        ON CONFLICT (name) DO UPDATE SET product = excluded.product, vendor = excluded.vendor,
            version = excluded.version, data_updated_at = excluded.data_updated_at, stamp = excluded.stamp,
            asked_at = excluded.asked_at, answered_at = excluded.answered_at, fault = excluded.fault
        """,
        row.Name, row.Product, row.Vendor, row.Version, row.DataUpdatedAt?.ToUnixTimeMilliseconds(), row.Stamp,
        row.AskedAt.ToUnixTimeMilliseconds(), row.AnsweredAt?.ToUnixTimeMilliseconds(), row.Fault);

    private static ScannerRow Read(DbDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.TimeOrNull(4), row.GetString(5),
        row.Time(6), row.TimeOrNull(7), row.GetString(8));
}
