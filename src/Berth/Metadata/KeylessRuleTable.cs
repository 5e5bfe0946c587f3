using System.Data.Common;

namespace Berth.Metadata;

/// <summary>What tokens of an issuer with certain claims may do.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Issuer">The issuer's name in the settings.</param>
/// <param name="Condition">The condition on the claims.</param>
/// <param name="Actions">Names of actions with commas between.</param>
/// <param name="Names">Patterns of repositories with spaces between.</param>
internal sealed record KeylessRuleRow(long Id, string Issuer, string Condition, string Actions, string Names)
{
    /// <summary>The name for logs, with claims in braces; null: the token's subject.</summary>
    public string? UserName { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public string CreatedBy { get; init; } = "";

    /// <summary>Grows with each change.</summary>
    public long Version { get; init; } = 1;
}

/// <summary>The rules on tokens of issuers that are not in the settings.</summary>
internal static class KeylessRuleTable
{
    private const string Columns =
        "id, issuer, condition, actions, names, user_name, created_at, created_by, version FROM keyless_rule";

    public static ValueTask<KeylessRuleRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE id = $1", Read, id);

    /// <summary>The rules with ids after one.</summary>
    public static ValueTask<List<KeylessRuleRow>> ListAsync(Session session, long after, int count) =>
        session.AllAsync($"SELECT {Columns} WHERE id > $1 ORDER BY id LIMIT $2", Read, after, count);

    /// <summary>All of them: whoever adds one bounds their number.</summary>
    public static ValueTask<List<KeylessRuleRow>> AllAsync(Session session) =>
        ListAsync(session, after: 0, int.MaxValue);

    public static async ValueTask<long> CountAsync(Session session) =>
        await session.NumberAsync("SELECT count(*) FROM keyless_rule") ?? 0;

    public static async ValueTask<KeylessRuleRow> AddAsync(Session session, KeylessRuleRow rule) => rule with
    {
        Id = await session.NumberAsync(
            """
            INSERT INTO keyless_rule (
                issuer, condition, actions, names, user_name, created_at, created_by, version)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 1) RETURNING id
            """,
            rule.Issuer, rule.Condition, rule.Actions, rule.Names, rule.UserName,
            rule.CreatedAt.ToUnixTimeMilliseconds(), rule.CreatedBy) ?? 0,
        Version = 1,
    };

    /// <summary>Writes everything but its origin. The version grows.</summary>
    public static async ValueTask<KeylessRuleRow> UpdateAsync(Session session, KeylessRuleRow rule)
    {
        await session.RunAsync(
            """
            UPDATE keyless_rule SET issuer = $2, condition = $3, actions = $4, names = $5, user_name = $6,
                version = version + 1
            WHERE id = $1
            """,
            rule.Id, rule.Issuer, rule.Condition, rule.Actions, rule.Names, rule.UserName);
        return rule with { Version = rule.Version + 1 };
    }

    /// <summary>Takes what rules allow in a namespace out of them; rules that then allow nothing go.</summary>
    public static async ValueTask RemoveNamespaceAsync(Session session, string space)
    {
        foreach (var rule in await AllAsync(session))
        {
            var names = rule.Names.Split(' ');
            var kept = names.Where(pattern => pattern.Split('/')[0] != space).ToList();
            if (kept.Count == names.Length) continue;
            if (kept.Count == 0) await RemoveAsync(session, rule.Id);
            else await UpdateAsync(session, rule with { Names = string.Join(' ', kept) });
        }
    }

    public static async ValueTask<bool> RemoveAsync(Session session, long id) =>
        await session.RunAsync("DELETE FROM keyless_rule WHERE id = $1", id) > 0;

    private static KeylessRuleRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4))
    {
        UserName = row.TextOrNull(5),
        CreatedAt = row.Time(6),
        CreatedBy = row.GetString(7),
        Version = row.GetInt64(8),
    };
}
