using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A list of digests in use, as a cluster posts it.</summary>
/// <param name="Name">The account that posts it and the cluster's name, with a slash between.</param>
/// <param name="PostedAt">When it was posted last.</param>
/// <param name="PostedBy">By whom.</param>
/// <param name="ExpiresAt">When it does not count any more; null: never.</param>
/// <param name="Count">How many digests it has.</param>
internal sealed record PinListRow(
    string Name, DateTimeOffset PostedAt, string PostedBy, DateTimeOffset? ExpiresAt, long Count);

/// <summary>Digests in use, which rules pass over.</summary>
internal static class PinTable
{
    private const string Columns =
        """
        l.name, l.posted_at, l.posted_by, l.expires_at, (SELECT count(*) FROM pin p WHERE p.list = l.name)
        FROM pin_list l
        """;

    public static ValueTask<PinListRow?> FindAsync(Session session, string name) =>
        session.FirstAsync($"SELECT {Columns} WHERE l.name = $1", Read, name);

    public static ValueTask<List<PinListRow>> ListAsync(Session session, string last, int count) => session.AllAsync(
        $"SELECT {Columns} WHERE l.name > $1 ORDER BY l.name LIMIT $2", Read, last, count);

    /// <summary>The digests of a list after one of them, each with its repository, which is empty for any.</summary>
    public static ValueTask<List<(string Digest, string Repository)>> DigestsAsync(
        Session session, string name, (string Digest, string Repository) last, int count) => session.AllAsync(
            """
            SELECT digest, repository FROM pin WHERE list = $1 AND (digest, repository) > ($2, $3)
            ORDER BY digest, repository LIMIT $4
            """,
            row => (row.GetString(0), row.GetString(1)), name, last.Digest, last.Repository, count);

    /// <summary>
    /// Whether a manifest, or a child of it, is in a list. Lists that have expired count until they are removed.
    /// </summary>
    public static async ValueTask<bool> IsPinnedAsync(Session session, long repositoryId, Digest digest) =>
        await session.NumberAsync(
            """
            SELECT 1 FROM pin p WHERE (p.repository = '' OR p.repository = (SELECT name FROM repository WHERE id = $1))
                AND (p.digest = $2 OR p.digest IN (SELECT r.target_digest FROM manifest_reference r
                    WHERE r.repository_id = $1 AND r.manifest_digest = $2 AND r.kind = 'Child'))
            LIMIT 1
            """,
            repositoryId, digest.Text) is not null;

    /// <summary>Removes the lists that have expired.</summary>
    public static async ValueTask TrimAsync(Session session, long now)
    {
        await session.RunAsync(
            "DELETE FROM pin WHERE list IN (SELECT name FROM pin_list WHERE expires_at <= $1)", now);
        await session.RunAsync("DELETE FROM pin_list WHERE expires_at <= $1", now);
    }

    /// <summary>How many lists an account has.</summary>
    public static async ValueTask<long> CountAsync(Session session, string owner) => await session.NumberAsync(
        "SELECT count(*) FROM pin_list WHERE name >= $1 AND name < $2", owner + "/", owner + "0") ?? 0;

    /// <summary>Removes the lists of an account: somebody else may have its name one day.</summary>
    public static async ValueTask RemoveOwnerAsync(Session session, string owner)
    {
        await session.RunAsync("DELETE FROM pin WHERE list >= $1 AND list < $2", owner + "/", owner + "0");
        await session.RunAsync("DELETE FROM pin_list WHERE name >= $1 AND name < $2", owner + "/", owner + "0");
    }

    /// <summary>Puts a list in the place of what it had.</summary>
    public static async ValueTask PutAsync(
        Session session, PinListRow row, IEnumerable<(string Digest, string Repository)> pins)
    {
        await session.RunAsync(
            """
            INSERT INTO pin_list (name, posted_at, posted_by, expires_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (name) DO UPDATE SET posted_at = $2, posted_by = $3, expires_at = $4
            """,
            row.Name, row.PostedAt.ToUnixTimeMilliseconds(), row.PostedBy, row.ExpiresAt?.ToUnixTimeMilliseconds());
        await session.RunAsync("DELETE FROM pin WHERE list = $1", row.Name);
        await session.RunEachAsync(
            "INSERT INTO pin (list, digest, repository) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            [.. pins.Select(pin => new object?[] { row.Name, pin.Digest, pin.Repository })]);
    }

    public static async ValueTask<bool> RemoveAsync(Session session, string name)
    {
        await session.RunAsync("DELETE FROM pin WHERE list = $1", name);
        return await session.RunAsync("DELETE FROM pin_list WHERE name = $1", name) > 0;
    }

    private static PinListRow Read(DbDataReader row) => new(
        row.GetString(0), row.Time(1), row.GetString(2),
        row.TimeOrNull(3), row.GetInt64(4));
}
