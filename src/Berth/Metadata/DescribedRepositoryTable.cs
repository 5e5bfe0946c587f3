using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A repository with what its owners say of it, and what others make of it.</summary>
internal sealed record DescribedRepository(string Name, DateTimeOffset CreatedAt, bool IsPublic, bool IsEmpty)
{
    /// <summary>A line of plain text, or null.</summary>
    public string? Description { get; init; }

    public bool HasReadme { get; init; }

    /// <summary>How often it was pulled from in all, up to a minute ago.</summary>
    public long Pulls { get; init; }

    /// <summary>When a tag last moved; null: there is none.</summary>
    public DateTimeOffset? PushedAt { get; init; }

    /// <summary>The tag that moved last; null: there is none.</summary>
    public string? NewestTag { get; init; }

    /// <summary>What its image is for; none while that has not been read.</summary>
    public IReadOnlyList<string> Platforms { get; init; } = [];

    /// <summary>What it points to is; for images, the type of the config.</summary>
    public string? ArtifactType { get; init; }

    /// <summary>Whether administrators vouch for it.</summary>
    public bool IsOfficial { get; init; }

    /// <summary>How many have starred it.</summary>
    public long Stars { get; init; }

    /// <summary>Whether the account that was asked for has.</summary>
    public bool IsStarred { get; init; }
}

/// <summary>What repositories are for, and how much they are used.</summary>
internal static class DescribedRepositoryTable
{
    private const string Columns =
        """
        r.name, r.created_at, r.is_public, r.listed, r.description, r.pulls, r.stars, r.pushed_at, r.newest_tag,
            r.platforms, r.artifact_type, r.is_official,
            EXISTS (SELECT 1 FROM repository_readme d WHERE d.repository_id = r.id),
            EXISTS (SELECT 1 FROM star s WHERE s.account_id = $1 AND s.repository_id = r.id)
        FROM repository r
        """;

    /// <param name="session">A read.</param>
    /// <param name="name">The repository.</param>
    /// <param name="accountId">Who may have starred it; null: nobody.</param>
    public static ValueTask<DescribedRepository?> FindAsync(Session session, string name, long? accountId) =>
        session.FirstAsync(
            $"SELECT {Columns} WHERE r.name = $2 AND r.deleted_at IS NULL", Read, accountId ?? -1, name);

    /// <summary>Those of these repositories that exist, in the order of their names.</summary>
    public static ValueTask<List<DescribedRepository>> FindAllAsync(
        Session session, IEnumerable<string> names, long? accountId) => session.AllAsync(
            $"""
            SELECT {Columns} WHERE r.name IN ({session.TextsIn("$2")}) AND r.deleted_at IS NULL ORDER BY r.name
            """,
            Read, accountId ?? -1, Session.ToTexts(names));

    /// <summary>
    /// What the newest tag's image says of itself: its annotations and labels, and those of a platform's image where it
    /// is an index; as JSON objects, those of the whole first.
    /// </summary>
    public static ValueTask<List<string>> NewestSaysAsync(Session session, string name) => session.AllAsync(
        """
        SELECT said FROM (
            SELECT 1 AS place, m.annotations AS said FROM repository r
            JOIN tag t ON t.repository_id = r.id AND t.name = r.newest_tag
            JOIN manifest m ON m.repository_id = r.id AND m.digest = t.digest WHERE r.name = $1
            UNION ALL SELECT 2, b.labels FROM repository r
            JOIN tag t ON t.repository_id = r.id AND t.name = r.newest_tag
            JOIN manifest_body b ON b.digest = t.digest WHERE r.name = $1
            UNION ALL SELECT 3, c.labels FROM repository r
            JOIN tag t ON t.repository_id = r.id AND t.name = r.newest_tag
            JOIN manifest_body c ON c.digest = (SELECT f.target_digest FROM manifest_reference f
                JOIN manifest i ON i.repository_id = f.repository_id AND i.digest = f.target_digest
                JOIN manifest_body l ON l.digest = f.target_digest AND l.labels IS NOT NULL
                WHERE f.repository_id = r.id AND f.manifest_digest = t.digest AND f.kind = 'Child' LIMIT 1)
            WHERE r.name = $1) s
        WHERE said IS NOT NULL ORDER BY place
        """,
        row => row.GetString(0), name);

    public static ValueTask<string?> ReadmeAsync(Session session, string name) => session.TextAsync(
        """
        SELECT d.text FROM repository_readme d JOIN repository r ON r.id = d.repository_id
        WHERE r.name = $1 AND r.deleted_at IS NULL
        """,
        name);

    /// <param name="session">A write.</param>
    /// <param name="name">The repository, which exists.</param>
    /// <param name="text">A line of plain text; null for none.</param>
    public static async ValueTask DescribeAsync(Session session, string name, string? text)
    {
        await session.RunAsync("UPDATE repository SET description = $2 WHERE name = $1", name, text);
        if (await session.NumberAsync("SELECT id FROM repository WHERE name = $1", name) is { } id)
            await SearchWordTable.IndexNameAsync(session, id);
    }

    public static async ValueTask SetOfficialAsync(Session session, string name, bool isOfficial)
    {
        await session.RunAsync("UPDATE repository SET is_official = $2 WHERE name = $1", name, isOfficial ? 1 : 0);
        if (await session.NumberAsync("SELECT id FROM repository WHERE name = $1", name) is { } id)
            await SearchWordTable.IndexNameAsync(session, id);
    }

    /// <param name="session">A write.</param>
    /// <param name="name">The repository, which exists.</param>
    /// <param name="text">Markdown; null for none.</param>
    public static async ValueTask SetReadmeAsync(Session session, string name, string? text)
    {
        if (text is null)
        {
            await session.RunAsync(
                "DELETE FROM repository_readme WHERE repository_id = (SELECT id FROM repository WHERE name = $1)",
                name);
            return;
        }

        await session.RunAsync(
            """
            INSERT INTO repository_readme (repository_id, text) SELECT id, $2 FROM repository WHERE name = $1
            ON CONFLICT (repository_id) DO UPDATE SET text = excluded.text
            """,
            name, text);
    }

    /// <summary>
    /// Forgets all that was said of a repository in the trash: another owner may have one of this name.
    /// </summary>
    public static async ValueTask ForgetAsync(Session session, long id)
    {
        const string Where = "(SELECT id FROM repository WHERE id = $1 AND deleted_at IS NOT NULL)";
        foreach (var table in new[] { "repository_readme", "star", "pull_day" })
            await session.RunAsync($"DELETE FROM {table} WHERE repository_id IN {Where}", id);
        await session.RunAsync($"DELETE FROM repository_redirect WHERE target_id IN {Where}", id);
        await session.RunAsync(
            $"""
            UPDATE repository SET description = NULL, pulls = 0, stars = 0, is_official = 0 WHERE id IN {Where}
            """,
            id);
        await SearchWordTable.IndexNameAsync(session, id);
    }

    /// <summary>The same once it is purged, unless the trash has it once more.</summary>
    public static async ValueTask ForgetPurgedAsync(Session session, long id)
    {
        var other = await session.NumberAsync(
            "SELECT 1 FROM trash WHERE repository_id = $1 AND kind = $2 LIMIT 1", id, TrashKinds.Repository);
        if (other is null) await ForgetAsync(session, id);
    }

    private static DescribedRepository Read(DbDataReader row) => new(
        row.GetString(0), row.Time(1), IsTrue(row, 2), !IsTrue(row, 3))
    {
        Description = row.TextOrNull(4),
        Pulls = row.GetInt64(5),
        Stars = row.GetInt64(6),
        PushedAt = row.TimeOrNull(7),
        NewestTag = row.TextOrNull(8),
        Platforms = row.TextOrNull(9) is { Length: > 0 } platforms ? platforms.Split(' ') : [],
        ArtifactType = row.TextOrNull(10),
        IsOfficial = IsTrue(row, 11),
        HasReadme = IsTrue(row, 12),
        IsStarred = IsTrue(row, 13),
    };

    /// <summary>PostgreSQL has truth values, SQLite numbers.</summary>
    private static bool IsTrue(DbDataReader row, int column) => Convert.ToInt64(row.GetValue(column)) != 0;
}
