using System.Data.Common;

namespace Berth.Metadata;

/// <summary>Something that somebody did, or tried.</summary>
/// <param name="At">When.</param>
/// <param name="Action">What, as docs/audit.md lists: <c>push</c>, <c>sign-in</c>, <c>users.add</c>.</param>
/// <param name="Result"><c>done</c>, or <c>denied</c>.</param>
/// <param name="Actor">Who; for a failed sign-in the name that was sent.</param>
/// <param name="Method">How they signed in.</param>
internal sealed record AuditEntry(DateTimeOffset At, string Action, string Result, string Actor, string Method)
{
    /// <summary>Its place in the log; 0 until it is written.</summary>
    public long Id { get; init; }

    /// <summary>The personal, robot or refresh token that was used.</summary>
    public long? SecretId { get; init; }

    /// <summary>The client's address.</summary>
    public string? Address { get; init; }

    /// <summary>The client's User-Agent.</summary>
    public string? Agent { get; init; }

    public string? Repository { get; init; }

    /// <summary>What was acted on: a tag, a digest, a user.</summary>
    public string? Target { get; init; }

    public string? Digest { get; init; }

    /// <summary>Anything else, for people.</summary>
    public string? Detail { get; init; }

    /// <summary>The X-Request-Id of the answer.</summary>
    public string? RequestId { get; init; }
}

/// <summary>Which entries are wanted. What is null does not matter.</summary>
internal sealed record AuditFilter(
    string? Actor = null, string? Repository = null, string? Action = null, string? Result = null,
    DateTimeOffset? Since = null, DateTimeOffset? Until = null, bool OnlyChanges = false);

/// <summary>The audit log.</summary>
internal static class AuditTable
{
    /// <summary>The action of the entry that each start makes.</summary>
    public const string StartAction = "start";

    /// <summary>What was refused counts, whatever it was.</summary>
    private const string IsNoRead =
        """
        (result <> 'done' OR (action NOT IN ('sign-in', 'sign-out', 'pull') AND action NOT LIKE 'GET %'))
        """;

    private const string Columns =
        """
        id, at, action, result, actor, method, secret_id, address, agent, repository, target, digest, detail,
        request_id
        """;

    public static ValueTask AddAsync(Session session, IEnumerable<AuditEntry> entries) => session.RunEachAsync(
        """
        INSERT INTO audit_entry (
            at, action, result, actor, method, secret_id, address, agent, repository, target, digest, detail,
            request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        [.. entries.Select(entry => new object?[]
        {
            entry.At.ToUnixTimeMilliseconds(), entry.Action, entry.Result, entry.Actor, entry.Method, entry.SecretId,
            entry.Address, entry.Agent, entry.Repository, entry.Target, entry.Digest, entry.Detail, entry.RequestId,
        })]);

    /// <summary>Entries that match, the newest first.</summary>
    /// <param name="session">The read.</param>
    /// <param name="filter">Which.</param>
    /// <param name="before">Only entries with a lower id; null from the newest on.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<AuditEntry>> ListAsync(
        Session session, AuditFilter filter, long? before, int count)
    {
        var parameters = new List<object?>();
        var conditions = new List<string>();
        Add("id < ", before);
        Add("actor = ", filter.Actor);
        Add("repository = ", filter.Repository);
        Add("action = ", filter.Action);
        Add("result = ", filter.Result);
        Add("at >= ", filter.Since?.ToUnixTimeMilliseconds());
        Add("at < ", filter.Until?.ToUnixTimeMilliseconds());
        if (filter.OnlyChanges) conditions.Add(IsNoRead);
        var where = conditions.Count == 0 ? "" : "WHERE " + string.Join(" AND ", conditions);
        parameters.Add(count);
        return session.AllAsync(
            $"SELECT {Columns} FROM audit_entry {where} ORDER BY id DESC LIMIT ${parameters.Count}", Read,
            [.. parameters]);

        void Add(string condition, object? value)
        {
            if (value is null) return;
            parameters.Add(value);
            conditions.Add($"{condition}${parameters.Count}");
        }
    }

    /// <summary>Deletes entries from before a time, at most so many.</summary>
    public static ValueTask<int> TrimAsync(Session session, DateTimeOffset before, int count) => session.RunAsync(
        "DELETE FROM audit_entry WHERE id IN (SELECT id FROM audit_entry WHERE at < $1 ORDER BY at LIMIT $2)",
        before.ToUnixTimeMilliseconds(), count);

    private static AuditEntry Read(DbDataReader row) => new(
        row.Time(1), row.GetString(2), row.GetString(3), row.GetString(4),
        row.GetString(5))
    {
        Id = row.GetInt64(0),
        SecretId = row.NumberOrNull(6),
        Address = row.TextOrNull(7),
        Agent = row.TextOrNull(8),
        Repository = row.TextOrNull(9),
        Target = row.TextOrNull(10),
        Digest = row.TextOrNull(11),
        Detail = row.TextOrNull(12),
        RequestId = row.TextOrNull(13),
    };
}
