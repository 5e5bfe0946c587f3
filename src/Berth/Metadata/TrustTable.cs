using System.Data.Common;

namespace Berth.Metadata;

/// <summary>The kinds of entries that say whose signatures count, as the API and the table have them.</summary>
internal static class TrustKinds
{
    /// <summary>Public keys of cosign.</summary>
    public const string Key = "keys";

    /// <summary>Identities of keyless signatures.</summary>
    public const string Identity = "identities";

    /// <summary>Trusted roots of Sigstore.</summary>
    public const string Root = "roots";

    /// <summary>Certificates for policies of Notary Project.</summary>
    public const string Store = "stores";

    /// <summary>Policies of Notary Project.</summary>
    public const string Policy = "policies";

    public static IReadOnlyList<string> All { get; } = [Key, Identity, Root, Store, Policy];

    /// <summary>Whether another entry of a kind only lets more signatures count. A policy of Notary Project may take a
    /// repository from a more general one, and a store decides about timestamps.</summary>
    public static bool OnlyAdds(string kind) => kind is Key or Identity or Root;
}

/// <summary>Something that says whose signatures count.</summary>
/// <param name="Kind">One of <see cref="TrustKinds"/>.</param>
/// <param name="Namespace">Where; empty: in the whole registry.</param>
/// <param name="Name">As people call it.</param>
/// <param name="Body">A key, certificates or JSON; of an identity two lines, its issuer and its subject.</param>
internal sealed record TrustRow(string Kind, string Namespace, string Name, string Body)
{
    public long Id { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public string CreatedBy { get; init; } = "";

    /// <summary>Grows with each change.</summary>
    public long Version { get; init; } = 1;
}

/// <summary>By which state of the entries something was verified.</summary>
/// <param name="Registry">The number of the registry's.</param>
/// <param name="Namespace">The number of the namespace's.</param>
internal readonly record struct TrustVersions(long Registry, long Namespace)
{
    public bool IsSince(TrustVersions other) => Registry >= other.Registry && Namespace >= other.Namespace;

    /// <summary>Whether what an entry of the registry, or of the namespace, verified by this state still counts. What
    /// the registry trusts does not depend on namespaces.</summary>
    /// <param name="kept">The numbers since when what was verified counts.</param>
    /// <param name="isOfRegistry">Whether the entry is of the registry.</param>
    public bool Counts(TrustVersions kept, bool isOfRegistry) =>
        Registry >= kept.Registry && (isOfRegistry || Namespace >= kept.Namespace);
}

/// <summary>The present state of the entries.</summary>
/// <param name="Present">Its numbers.</param>
/// <param name="Kept">The numbers since when entries were only added: what was verified since still counts.</param>
internal readonly record struct TrustState(TrustVersions Present, TrustVersions Kept);

/// <summary>The numbers of one namespace; of the registry with an empty name.</summary>
internal readonly record struct TrustNumbers(string Namespace, long Present, long Kept);

/// <summary>Whose signatures count.</summary>
internal static class TrustTable
{
    private const string Columns = "id, kind, namespace, name, body, created_at, created_by, version FROM trust_entry";

    public static ValueTask<TrustRow?> FindAsync(Session session, string space, string kind, string name) =>
        session.FirstAsync(
            $"SELECT {Columns} WHERE namespace = $1 AND kind = $2 AND name = $3", Read, space, kind, name);

    /// <summary>The entries of a namespace with ids after one, of a kind or of all.</summary>
    public static ValueTask<List<TrustRow>> ListAsync(
        Session session, string space, string? kind, long after, int count) => session.AllAsync(
            $"""
            SELECT {Columns} WHERE namespace = $1 AND id > $3 AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
            ORDER BY id LIMIT $4
            """,
            Read, space, kind, after, count);

    public static async ValueTask<long> CountAsync(Session session, string space) =>
        await session.NumberAsync("SELECT count(*) FROM trust_entry WHERE namespace = $1", space) ?? 0;

    public static async ValueTask<TrustRow> AddAsync(Session session, TrustRow entry)
    {
        await AdvanceAsync(session, entry.Namespace, TrustKinds.OnlyAdds(entry.Kind));
        return entry with
        {
            Id = await session.NumberAsync(
                """
                INSERT INTO trust_entry (kind, namespace, name, body, created_at, created_by, version)
                VALUES ($1, $2, $3, $4, $5, $6, 1) RETURNING id
                """,
                entry.Kind, entry.Namespace, entry.Name, entry.Body, entry.CreatedAt.ToUnixTimeMilliseconds(),
                entry.CreatedBy) ?? 0,
        };
    }

    /// <summary>Writes what it is. The version grows.</summary>
    public static async ValueTask<TrustRow> UpdateAsync(Session session, TrustRow entry)
    {
        await AdvanceAsync(session, entry.Namespace, onlyAdds: false);
        await session.RunAsync(
            "UPDATE trust_entry SET body = $2, version = version + 1 WHERE id = $1", entry.Id, entry.Body);
        return entry with { Version = entry.Version + 1 };
    }

    public static async ValueTask RemoveAsync(Session session, TrustRow entry)
    {
        await AdvanceAsync(session, entry.Namespace, onlyAdds: false);
        await session.RunAsync("DELETE FROM trust_entry WHERE id = $1", entry.Id);
    }

    /// <summary>Removes the entries of a namespace: somebody else may have its name one day.</summary>
    public static async ValueTask RemoveNamespaceAsync(Session session, string space)
    {
        if (await session.RunAsync("DELETE FROM trust_entry WHERE namespace = $1", space) > 0)
            await AdvanceAsync(session, space, onlyAdds: false);
    }

    /// <summary>The present numbers for a namespace.</summary>
    public static async ValueTask<TrustState> StateAsync(Session session, string space)
    {
        var found = await session.AllAsync(
            "SELECT namespace, number, kept FROM trust_version WHERE namespace IN ('', $1)", ReadNumbers, space);
        var (registry, own) = (found.Find(one => one.Namespace == ""), found.Find(one => one.Namespace == space));
        return new TrustState(
            new TrustVersions(registry.Present, own.Present), new TrustVersions(registry.Kept, own.Kept));
    }

    /// <summary>The numbers of all namespaces that ever had an entry, with the empty one for the registry.</summary>
    public static ValueTask<List<TrustNumbers>> AllNumbersAsync(Session session) => session.AllAsync(
        "SELECT namespace, number, kept FROM trust_version ORDER BY namespace", ReadNumbers);

    private static TrustNumbers ReadNumbers(DbDataReader row) =>
        new(row.GetString(0), row.GetInt64(1), row.GetInt64(2));

    private static async ValueTask AdvanceAsync(Session session, string space, bool onlyAdds) => await session.RunAsync(
        """
        INSERT INTO trust_version (namespace, number, kept) VALUES ($1, 1, 1 - $2)
        ON CONFLICT (namespace) DO UPDATE SET number = trust_version.number + 1,
            kept = CASE WHEN $2 = 1 THEN trust_version.kept ELSE trust_version.number + 1 END
        """,
        space, onlyAdds ? 1L : 0L);

    private static TrustRow Read(DbDataReader row) =>
        new(row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4))
        {
            Id = row.GetInt64(0),
            CreatedAt = row.Time(5),
            CreatedBy = row.GetString(6),
            Version = row.GetInt64(7),
        };
}
