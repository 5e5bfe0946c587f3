using System.Data.Common;

namespace Berth.Metadata;

/// <summary>How much a namespace or a repository may keep.</summary>
/// <param name="Scope">A repository's name, which has a slash, or a namespace's, which has none.</param>
/// <param name="MaxBytes">The most bytes; null: as many as it likes.</param>
/// <param name="MaxTags">The most tags; null: as many as it likes.</param>
/// <param name="WarnPercent">The share from which on it is nearly full.</param>
/// <param name="Version">Grows with each change.</param>
internal sealed record QuotaRow(string Scope, long? MaxBytes, long? MaxTags, int WarnPercent, long Version)
{
    public DateTimeOffset ChangedAt { get; init; }

    public string ChangedBy { get; init; } = "";

    /// <summary>Whether it is about one repository.</summary>
    public bool IsOfRepository => Scope.Contains('/');

    public string Namespace => Scope.Split('/')[0];

    public UsageScope Repositories => IsOfRepository ? new(Scope, null) : new(null, Scope);
}

/// <summary>The quotas there are, and what counts against them.</summary>
internal static class QuotaTable
{
    private const string Columns =
        "scope, max_bytes, max_tags, warn_percent, changed_at, changed_by, version FROM quota";

    public static ValueTask<List<QuotaRow>> AllAsync(Session session) =>
        session.AllAsync($"SELECT {Columns} ORDER BY scope", Read);

    /// <summary>Those after one, of a namespace and its repositories or of all.</summary>
    public static ValueTask<List<QuotaRow>> ListAsync(Session session, string? space, string last, int count) =>
        session.AllAsync(
            $"""
            SELECT {Columns} WHERE scope > $1 AND (CAST($2 AS TEXT) IS NULL OR scope = $2
                OR (scope > $2 || '/' AND scope < $2 || '0'))
            ORDER BY scope LIMIT $3
            """,
            Read, last, space, count);

    public static ValueTask<QuotaRow?> FindAsync(Session session, string scope) =>
        session.FirstAsync($"SELECT {Columns} WHERE scope = $1", Read, scope);

    public static async ValueTask<long> CountAsync(Session session) =>
        await session.NumberAsync("SELECT count(*) FROM quota") ?? 0;

    public static async ValueTask PutAsync(Session session, QuotaRow row) => await session.RunAsync(
        """
        INSERT INTO quota (scope, max_bytes, max_tags, warn_percent, changed_at, changed_by, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (scope) DO UPDATE SET max_bytes = $2, max_tags = $3, warn_percent = $4, changed_at = $5,
            changed_by = $6, version = $7
        """,
        row.Scope, row.MaxBytes, row.MaxTags, row.WarnPercent, row.ChangedAt.ToUnixTimeMilliseconds(), row.ChangedBy,
        row.Version);

    public static async ValueTask RemoveAsync(Session session, string scope) =>
        await session.RunAsync("DELETE FROM quota WHERE scope = $1", scope);

    /// <summary>What a namespace or a repository keeps, in bytes.</summary>
    public static async ValueTask<long> UsedAsync(Session session, QuotaRow quota) => await session.NumberAsync(
        quota.IsOfRepository
            ? """
              SELECT u.used_bytes FROM repository_usage u JOIN repository r ON r.id = u.repository_id
              WHERE r.name = $1
              """
            : "SELECT used_bytes FROM namespace_usage WHERE namespace = $1",
        quota.Scope) ?? 0;

    public static async ValueTask<long> TagsAsync(Session session, QuotaRow quota) => await session.NumberAsync(
        $"""
        SELECT count(*) FROM tag t JOIN repository r ON r.id = t.repository_id
        WHERE {quota.Repositories.Condition}
        """,
        quota.Repositories.First, quota.Repositories.Last) ?? 0;

    /// <summary>Excludes other writes that count against the same quotas, until this one ends.</summary>
    public static async ValueTask LockAsync(Session session, IEnumerable<string> scopes) => await session.AllAsync(
        $"SELECT scope FROM quota WHERE scope IN ({session.TextsIn("$1")}) ORDER BY scope{session.ForUpdate}",
        row => row.GetString(0), Session.ToTexts(scopes));

    /// <summary>Whether a namespace or a repository has a blob.</summary>
    public static async ValueTask<bool> HasBlobAsync(Session session, QuotaRow quota, string digest) =>
        await session.NumberAsync(
            quota.IsOfRepository
                ? """
                  SELECT 1 FROM repository_blob l JOIN repository r ON r.id = l.repository_id
                  WHERE r.name = $1 AND l.digest = $2
                  """
                : "SELECT 1 FROM namespace_blob WHERE namespace = $1 AND digest = $2",
            quota.Scope, digest) is not null;

    /// <summary>Whether a blob that was just linked is the only link of it in a namespace or a repository.</summary>
    public static async ValueTask<bool> IsFirstAsync(Session session, QuotaRow quota, string digest) =>
        quota.IsOfRepository || await session.NumberAsync(
            "SELECT links FROM namespace_blob WHERE namespace = $1 AND digest = $2", quota.Scope, digest) == 1;

    private static QuotaRow Read(DbDataReader row) => new(
        row.GetString(0), row.NumberOrNull(1), row.NumberOrNull(2),
        Convert.ToInt32(row.GetValue(3)), row.GetInt64(6))
    {
        ChangedAt = row.Time(4),
        ChangedBy = row.GetString(5),
    };
}
