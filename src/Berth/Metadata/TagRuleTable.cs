using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Metadata;

/// <summary>Which tags of some repositories stay, go, or never move.</summary>
internal sealed record TagRuleSpec
{
    /// <summary>Patterns of the tags that it is about; empty: all.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Patterns of tags that it is not about.</summary>
    public IReadOnlyList<string> Except { get; init; } = [];

    /// <summary>Whether these tags never move, and are never deleted. Then it says nothing else.</summary>
    public bool IsImmutable { get; init; }

    /// <summary>Whether all of them stay, whatever other rules say.</summary>
    public bool KeepsAlways { get; init; }

    /// <summary>How many images stay, those that were pushed or tagged last.</summary>
    public int? KeepLastPushed { get; init; }

    /// <summary>How many images stay, those that were pulled last.</summary>
    public int? KeepLastPulled { get; init; }

    /// <summary>How long an image stays after it was last pushed, tagged or pulled, in seconds.</summary>
    public double? KeepForSeconds { get; init; }

    /// <summary>A range of versions that stay, as npm writes them: <c>&gt;=1.2 &lt;2 || ^3.0.0</c>.</summary>
    public string? KeepVersions { get; init; }

    /// <summary>Whether it says of tags that they stay: one on untagged manifests alone is about none.</summary>
    [JsonIgnore]
    public bool Keeps => KeepsAlways || KeepLastPushed is not null || KeepLastPulled is not null
        || KeepForSeconds is not null || KeepVersions is not null;

    /// <summary>
    /// A regular expression: the numbers above count for each text that its first group matches, not for all tags.
    /// </summary>
    public string? GroupBy { get; init; }

    /// <summary>How long a manifest stays that no tag or index holds, even one that never had a tag, in seconds.
    /// </summary>
    public double? UntaggedSeconds { get; init; }

    /// <summary>
    /// How long a tag that attaches something stays after it was last pushed or pulled, if what it is attached to is
    /// nowhere in the registry, in seconds.
    /// </summary>
    public double? OrphanedSeconds { get; init; }
}

/// <summary>A rule on tags.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Names">A pattern of repositories.</param>
/// <param name="Namespace">The pattern's first part; empty if it has a wildcard.</param>
/// <param name="Spec">What it says.</param>
internal sealed record TagRuleRow(long Id, string Names, string Namespace, TagRuleSpec Spec)
{
    public DateTimeOffset CreatedAt { get; init; }

    public string CreatedBy { get; init; } = "";

    /// <summary>Grows with each change.</summary>
    public long Version { get; init; } = 1;
}

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(TagRuleSpec))]
internal sealed partial class TagRuleJson : JsonSerializerContext;

/// <summary>The rules on tags.</summary>
internal static class TagRuleTable
{
    private const string Columns = "id, names, namespace, spec, created_at, created_by, version FROM tag_rule";

    public static ValueTask<TagRuleRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE id = $1", Read, id);

    /// <summary>The rules with ids after one: of a namespace, or of all.</summary>
    public static ValueTask<List<TagRuleRow>> ListAsync(Session session, string? space, long after, int count) =>
        session.AllAsync(
            $"""
            SELECT {Columns} WHERE id > $1 AND (CAST($3 AS TEXT) IS NULL OR namespace = $3) ORDER BY id LIMIT $2
            """,
            Read, after, count, space);

    /// <summary>All of them: whoever adds one bounds their number.</summary>
    public static ValueTask<List<TagRuleRow>> AllAsync(Session session) =>
        ListAsync(session, space: null, after: 0, int.MaxValue);

    public static async ValueTask<long> CountAsync(Session session, string space) =>
        await session.NumberAsync("SELECT count(*) FROM tag_rule WHERE namespace = $1", space) ?? 0;

    public static async ValueTask<TagRuleRow> AddAsync(Session session, TagRuleRow rule) => rule with
    {
        Id = await session.NumberAsync(
            """
            INSERT INTO tag_rule (names, namespace, spec, created_at, created_by, version)
            VALUES ($1, $2, $3, $4, $5, 1) RETURNING id
            """,
            rule.Names, rule.Namespace, Write(rule.Spec), rule.CreatedAt.ToUnixTimeMilliseconds(),
            rule.CreatedBy) ?? 0,
    };

    /// <summary>Writes what it says, and where. The version grows.</summary>
    public static async ValueTask<TagRuleRow> UpdateAsync(Session session, TagRuleRow rule)
    {
        await session.RunAsync(
            "UPDATE tag_rule SET names = $2, namespace = $3, spec = $4, version = version + 1 WHERE id = $1",
            rule.Id, rule.Names, rule.Namespace, Write(rule.Spec));
        return rule with { Version = rule.Version + 1 };
    }

    public static async ValueTask RemoveAsync(Session session, long id) =>
        await session.RunAsync("DELETE FROM tag_rule WHERE id = $1", id);

    /// <summary>Removes the rules of a namespace: somebody else may have its name one day.</summary>
    public static async ValueTask RemoveNamespaceAsync(Session session, string space) =>
        await session.RunAsync("DELETE FROM tag_rule WHERE namespace = $1", space);

    private static string Write(TagRuleSpec spec) => JsonSerializer.Serialize(spec, TagRuleJson.Default.TagRuleSpec);

    private static TagRuleRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2),
        JsonSerializer.Deserialize(row.GetString(3), TagRuleJson.Default.TagRuleSpec)!)
    {
        CreatedAt = row.Time(4),
        CreatedBy = row.GetString(5),
        Version = row.GetInt64(6),
    };
}
