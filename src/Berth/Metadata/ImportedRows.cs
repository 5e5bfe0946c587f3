using Berth.Oci;

namespace Berth.Metadata;

/// <summary>Where a tag is, since when, and who moved it there.</summary>
internal sealed record TagPlace(string Digest, DateTimeOffset MovedAt, string MovedBy);

/// <summary>What an import writes beside what a push writes: the times of the source; and what it asks.</summary>
internal static class ImportedRows
{
    /// <summary>Where a tag is now; null if there is no such tag.</summary>
    public static ValueTask<TagPlace?> FindTagAsync(Session session, long repositoryId, Tag tag) => session.FirstAsync(
        "SELECT digest, moved_at, moved_by FROM tag WHERE repository_id = $1 AND name = $2",
        row => new TagPlace(
            row.GetString(0), row.Time(1), row.GetString(2)),
        repositoryId, tag.Text);

    /// <summary>Records where a tag was before, at the source.</summary>
    public static async ValueTask AddHistoryAsync(
        Session session, long repositoryId, Tag tag, Digest digest, DateTimeOffset movedAt, string actor) =>
        await session.RunAsync(
            "INSERT INTO tag_history (repository_id, name, digest, moved_at, moved_by) VALUES ($1, $2, $3, $4, $5)",
            repositoryId, tag.Text, digest.Text, movedAt.ToUnixTimeMilliseconds(), actor);

    /// <summary>Gives the last move of a tag its time at the source.</summary>
    public static async ValueTask SetMovedAsync(Session session, long repositoryId, Tag tag, DateTimeOffset movedAt)
    {
        var time = movedAt.ToUnixTimeMilliseconds();
        await session.RunAsync(
            "UPDATE tag SET moved_at = $3 WHERE repository_id = $1 AND name = $2", repositoryId, tag.Text, time);
        await session.RunAsync(
            """
            UPDATE tag_history SET moved_at = $3
            WHERE id = (SELECT max(id) FROM tag_history WHERE repository_id = $1 AND name = $2)
            """,
            repositoryId, tag.Text, time);
    }

    /// <summary>Gives a manifest that an import has brought its time at the source.</summary>
    public static async ValueTask SetPushedAsync(
        Session session, RepositoryName repository, Digest digest, DateTimeOffset pushedAt, string actor) =>
        await session.RunAsync(
            """
            UPDATE manifest SET pushed_at = $3
            WHERE repository_id = (SELECT id FROM repository WHERE name = $1) AND digest = $2 AND pushed_by = $4
            """,
            repository.Text, digest.Text, pushedAt.ToUnixTimeMilliseconds(), actor);

    /// <summary>Those digests that no blob and no manifest here has.</summary>
    public static async ValueTask<HashSet<string>> UnknownAsync(Session session, IReadOnlyCollection<string> digests)
    {
        var known = await session.AllAsync(
            $"""
            SELECT digest FROM blob WHERE digest IN ({session.TextsIn("$1")})
            UNION SELECT digest FROM manifest_body WHERE digest IN ({session.TextsIn("$1")})
            """,
            row => row.GetString(0), Session.ToTexts(digests));
        return [.. digests.Except(known, StringComparer.Ordinal)];
    }
}
