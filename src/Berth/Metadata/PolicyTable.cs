using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Metadata;

/// <summary>
/// What images of some repositories must be like. A list that JSON does not name is empty: the generated reader gives
/// properties null that a row of an older version lacks.
/// </summary>
internal sealed record PolicySpec
{
    /// <summary>Whether it only warns: what it is about is told, and nothing is refused.</summary>
    public bool OnlyWarns { get; init; }

    /// <summary>When it counts: pull, push, promotion. Empty: on pull and promotion.</summary>
    public IReadOnlyList<string> On { get => field ?? []; init; }

    /// <summary>Accounts that it is not about.</summary>
    public IReadOnlyList<string> Exempt { get => field ?? []; init; }

    /// <summary>The worst severity that a vulnerability may have: none, low, medium or high; null: any.</summary>
    public string? MaxSeverity { get; init; }

    /// <summary>Whether a vulnerability that is known to be exploited is too much, however bad it is.</summary>
    public bool RefusesExploited { get; init; }

    /// <summary>Whether only vulnerabilities with a fix count.</summary>
    public bool OnlyFixable { get; init; }

    /// <summary>How long there must have been a fix for a vulnerability to count, in seconds.</summary>
    public double? FixGraceSeconds { get; init; }

    /// <summary>How long an image that was not looked into yet is let through after its push, in seconds. Null: a day.
    /// </summary>
    public double? ScanGraceSeconds { get; init; }

    /// <summary>Whether images are let through whose vulnerabilities can't be found out.</summary>
    public bool AllowsUnscanned { get; init; }

    /// <summary>Whether somebody who is trusted must have signed it.</summary>
    public bool IsSigned { get; init; }

    /// <summary>The names of keys, identities or policies of trust, one of which must have verified it.</summary>
    public IReadOnlyList<string> SignedBy { get => field ?? []; init; }

    /// <summary>Whether it must come with a bill of materials.</summary>
    public bool HasSbom { get; init; }

    /// <summary>Whether it must come with its provenance.</summary>
    public bool HasProvenance { get; init; }

    /// <summary>Labels that it must have: a name, or name=value.</summary>
    public IReadOnlyList<string> Labels { get => field ?? []; init; }

    /// <summary>How old it may be, in seconds.</summary>
    public double? MaxAgeSeconds { get; init; }

    /// <summary>Patterns of base images, one of which it must name as its own.</summary>
    public IReadOnlyList<string> BaseImages { get => field ?? []; init; }

    /// <summary>Licences that its packages may be under, as SPDX names them, or patterns; empty: any.</summary>
    public IReadOnlyList<string> AllowedLicenses { get => field ?? []; init; }

    /// <summary>Licences that its packages may not be under.</summary>
    public IReadOnlyList<string> DeniedLicenses { get => field ?? []; init; }

    /// <summary>Whether only certain licences are allowed, and besides those that nobody knows.</summary>
    public bool AllowsUnknownLicenses { get; init; }

    [JsonIgnore]
    public bool AsksForLicenses => AllowedLicenses.Count + DeniedLicenses.Count > 0;

    [JsonIgnore]
    public bool AsksForVulnerabilities => MaxSeverity is not null || RefusesExploited;

    [JsonIgnore]
    public bool AsksForSignatures => IsSigned || SignedBy.Count > 0;

    [JsonIgnore]
    public bool AsksForDocuments => HasSbom || HasProvenance;
}

/// <summary>A policy.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Names">A pattern of repositories.</param>
/// <param name="Namespace">The pattern's first part; empty if it has a wildcard.</param>
/// <param name="Spec">What it says.</param>
internal sealed record PolicyRow(long Id, string Names, string Namespace, PolicySpec Spec)
{
    /// <summary>Whether only administrators change it, and only what they say satisfies it.</summary>
    public bool IsMandatory { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public string CreatedBy { get; init; } = "";

    /// <summary>Grows with each change.</summary>
    public long Version { get; init; } = 1;
}

/// <summary>A vulnerability that policies pass over.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Names">A pattern of repositories.</param>
/// <param name="Namespace">The pattern's first part; empty if it has a wildcard.</param>
/// <param name="Vulnerability">Its name, in any database.</param>
/// <param name="Package">In this package alone; empty: in any.</param>
/// <param name="Reason">Why.</param>
/// <param name="Until">Until when; null: for good.</param>
internal sealed record WaiverRow(
    long Id, string Names, string Namespace, string Vulnerability, string Package, string Reason,
    DateTimeOffset? Until)
{
    /// <summary>Whether it counts for mandatory policies: an administrator made it.</summary>
    public bool IsMandatory { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public string CreatedBy { get; init; } = "";
}

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(PolicySpec))]
internal sealed partial class PolicyJson : JsonSerializerContext;

/// <summary>The policies.</summary>
internal static class PolicyTable
{
    private const string Columns =
        "id, names, namespace, spec, is_mandatory, created_at, created_by, version FROM policy";

    public static ValueTask<PolicyRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE id = $1", Read, id);

    /// <summary>The policies with ids after one: of a namespace, or of all.</summary>
    public static ValueTask<List<PolicyRow>> ListAsync(Session session, string? space, long after, int count) =>
        session.AllAsync(
            $"""
            SELECT {Columns} WHERE id > $1 AND (CAST($3 AS TEXT) IS NULL OR namespace = $3) ORDER BY id LIMIT $2
            """,
            Read, after, count, space);

    /// <summary>All of them: whoever adds one bounds their number.</summary>
    public static ValueTask<List<PolicyRow>> AllAsync(Session session) =>
        ListAsync(session, space: null, after: 0, int.MaxValue);

    public static async ValueTask<long> CountAsync(Session session, string space) =>
        await session.NumberAsync("SELECT count(*) FROM policy WHERE namespace = $1", space) ?? 0;

    public static async ValueTask<PolicyRow> AddAsync(Session session, PolicyRow policy) => policy with
    {
        Id = await session.NumberAsync(
            """
            INSERT INTO policy (names, namespace, spec, is_mandatory, created_at, created_by, version)
            VALUES ($1, $2, $3, $4, $5, $6, 1) RETURNING id
            """,
            policy.Names, policy.Namespace, Write(policy.Spec), policy.IsMandatory ? 1L : 0L,
            policy.CreatedAt.ToUnixTimeMilliseconds(), policy.CreatedBy) ?? 0,
    };

    /// <summary>Writes what it says, and where. The version grows.</summary>
    public static async ValueTask<PolicyRow> UpdateAsync(Session session, PolicyRow policy)
    {
        await session.RunAsync(
            """
            UPDATE policy SET names = $2, namespace = $3, spec = $4, is_mandatory = $5, version = version + 1
            WHERE id = $1
            """,
            policy.Id, policy.Names, policy.Namespace, Write(policy.Spec), policy.IsMandatory ? 1L : 0L);
        return policy with { Version = policy.Version + 1 };
    }

    public static async ValueTask RemoveAsync(Session session, long id) =>
        await session.RunAsync("DELETE FROM policy WHERE id = $1", id);

    /// <summary>Removes the policies and waivers that a namespace's owners made: somebody else may have its name one
    /// day.</summary>
    public static async ValueTask RemoveNamespaceAsync(Session session, string space)
    {
        await session.RunAsync("DELETE FROM policy WHERE namespace = $1 AND is_mandatory = 0", space);
        await session.RunAsync("DELETE FROM waiver WHERE namespace = $1 AND is_mandatory = 0", space);
    }

    private static string Write(PolicySpec spec) => JsonSerializer.Serialize(spec, PolicyJson.Default.PolicySpec);

    private static PolicyRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2),
        JsonSerializer.Deserialize(row.GetString(3), PolicyJson.Default.PolicySpec)!)
    {
        IsMandatory = row.GetInt64(4) != 0,
        CreatedAt = row.Time(5),
        CreatedBy = row.GetString(6),
        Version = row.GetInt64(7),
    };
}

/// <summary>The vulnerabilities that policies pass over.</summary>
internal static class WaiverTable
{
    private const string Columns =
        """
        id, names, namespace, vulnerability, package, reason, until, is_mandatory, created_at, created_by FROM waiver
        """;

    public static ValueTask<WaiverRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE id = $1", Read, id);

    /// <summary>The waivers with ids after one: of a namespace, or of all.</summary>
    public static ValueTask<List<WaiverRow>> ListAsync(Session session, string? space, long after, int count) =>
        session.AllAsync(
            $"""
            SELECT {Columns} WHERE id > $1 AND (CAST($3 AS TEXT) IS NULL OR namespace = $3) ORDER BY id LIMIT $2
            """,
            Read, after, count, space);

    /// <summary>All of them: whoever adds one bounds their number.</summary>
    public static ValueTask<List<WaiverRow>> AllAsync(Session session) =>
        ListAsync(session, space: null, after: 0, int.MaxValue);

    public static async ValueTask<long> CountAsync(Session session, string space) =>
        await session.NumberAsync("SELECT count(*) FROM waiver WHERE namespace = $1", space) ?? 0;

    public static async ValueTask<WaiverRow> AddAsync(Session session, WaiverRow waiver) => waiver with
    {
        Id = await session.NumberAsync(
            """
            INSERT INTO waiver (names, namespace, vulnerability, package, reason, until, is_mandatory, created_at,
                created_by)
            VALUES ($1, $2, $3, $4, $5, CAST($6 AS BIGINT), $7, $8, $9) RETURNING id
            """,
            waiver.Names, waiver.Namespace, waiver.Vulnerability, waiver.Package, waiver.Reason,
            waiver.Until?.ToUnixTimeMilliseconds(), waiver.IsMandatory ? 1L : 0L,
            waiver.CreatedAt.ToUnixTimeMilliseconds(), waiver.CreatedBy) ?? 0,
    };

    public static async ValueTask RemoveAsync(Session session, long id) =>
        await session.RunAsync("DELETE FROM waiver WHERE id = $1", id);

    private static WaiverRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5),
        row.TimeOrNull(6))
    {
        IsMandatory = row.GetInt64(7) != 0,
        CreatedAt = row.Time(8),
        CreatedBy = row.GetString(9),
    };
}
