using Berth.Oci;

namespace Berth.Metadata;

/// <summary>
/// Gives all that a repository has to another row, which has nothing: the id of a name never changes, since all nodes
/// remember it.
/// </summary>
/// <param name="From">The id of the first.</param>
/// <param name="To">The id of the other.</param>
internal sealed record RepositoryMoveTable(long From, long To)
{
    /// <summary>Tables whose rows are given away as they are.</summary>
    private static readonly string[] Tables =
    [
        "tag", "manifest", "manifest_reference", "tag_history", "trash", "trash_manifest", "pull_day",
        "repository_readme", "star", "sbom_attachment",
    ];

    /// <summary>Whether something that was deleted in a repository can still be brought back.</summary>
    public static async ValueTask<bool> HasTrashAsync(Session session, long repositoryId) =>
        await session.NumberAsync("SELECT 1 FROM trash WHERE repository_id = $1 LIMIT 1", repositoryId) is not null;

    /// <summary>
    /// Locks what is moved, before anything else is: tags, manifests, and both repositories by their names, as the
    /// counts of pulls do (<see cref="PullTable.AddAsync"/>), so that neither waits for the other in turn.
    /// </summary>
    public static async ValueTask LockAsync(Session session, long from, RepositoryName name, RepositoryName to)
    {
        foreach (var (table, key) in new[] { ("tag", "name"), ("manifest", "digest"), ("pull_day", "day") })
        {
            await session.EachAsync(
                $"SELECT 1 FROM {table} WHERE repository_id = $1 ORDER BY {key}{session.ForUpdate}", _ => { }, from);
        }

        foreach (var one in new[] { name.Text, to.Text }.Order(StringComparer.Ordinal))
            await session.RunAsync("UPDATE repository SET pulls = pulls WHERE name = $1", one);
    }

    /// <param name="session">A write that excludes all others to both.</param>
    /// <param name="isPublic">Whether the other is public then.</param>
    /// <param name="now">The time, in milliseconds since 1970.</param>
    public async ValueTask MoveAsync(Session session, bool isPublic, long now)
    {
        await NoteForJournalAsync(session);

        // Of images that were there once: they are forgotten only later.
        await session.RunAsync("DELETE FROM sbom_attachment WHERE repository_id = $1", To);
        foreach (var table in Tables)
            await session.RunAsync($"UPDATE {table} SET repository_id = $2 WHERE repository_id = $1", From, To);
        await MoveLinksAsync(session, now);
        await session.RunAsync(
            """
            UPDATE repository SET
                created_at = (SELECT f.created_at FROM repository f WHERE f.id = $2),
                description = (SELECT f.description FROM repository f WHERE f.id = $2),
                pulls = (SELECT f.pulls FROM repository f WHERE f.id = $2),
                stars = (SELECT f.stars FROM repository f WHERE f.id = $2),
                listed = (SELECT f.listed FROM repository f WHERE f.id = $2), is_public = $3
            WHERE id = $1
            """,
            To, From, isPublic ? 1 : 0);
        await session.RunAsync(
            """
            UPDATE repository SET description = NULL, pulls = 0, stars = 0, listed = 0, is_public = 0, is_official = 0,
                deleted_at = $2
            WHERE id = $1
            """,
            From, now);
        foreach (var id in new[] { From, To })
        {
            await SearchWordTable.IndexNameAsync(session, id);
            await SearchPendingTable.AddAsync(session, id);
        }
    }

    /// <summary>Pins are of names, and clusters go on running what was moved.</summary>
    public static async ValueTask MovePinsAsync(Session session, string from, string to)
    {
        await session.RunAsync(
            """
            INSERT INTO pin (list, digest, repository) SELECT list, digest, CAST($2 AS TEXT) FROM pin
            WHERE repository = $1 ON CONFLICT DO NOTHING
            """,
            from, to);
        await session.RunAsync("DELETE FROM pin WHERE repository = $1", from);
    }

    /// <summary>
    /// Triggers count what a namespace uses when links come and go, but not when they are changed. Uploads link
    /// without a lock: what one has linked meanwhile stays where it was.
    /// </summary>
    private async ValueTask MoveLinksAsync(Session session, long now)
    {
        await session.RunAsync(
            """
            INSERT INTO repository_blob (repository_id, digest, size_bytes, linked_at, review_since, condemned_at,
                is_trashed)
            SELECT CAST($2 AS BIGINT), digest, size_bytes, linked_at, review_since, condemned_at, is_trashed
            FROM repository_blob WHERE repository_id = $1 ORDER BY digest
            ON CONFLICT (repository_id, digest) DO UPDATE SET linked_at = $3, review_since = $3, condemned_at = NULL,
                is_trashed = 0
            """,
            From, To, now);
        await session.RunAsync(
            """
            DELETE FROM repository_blob WHERE repository_id = $1
                AND digest IN (SELECT digest FROM repository_blob WHERE repository_id = $2)
            """,
            From, To);
    }

    /// <summary>
    /// The journal has all of it by the names of repositories: manifests and tags are gone from the old one and are in
    /// the new one, and so is the history.
    /// </summary>
    private async ValueTask NoteForJournalAsync(Session session)
    {
        foreach (var (kind, name, table) in new[]
        {
            (ChangeKinds.Manifest, "digest", "manifest"), (ChangeKinds.Tag, "name", "tag"),
            (ChangeKinds.Move, "CAST(id AS TEXT)", "tag_history"),
        })
        {
            foreach (var id in kind == ChangeKinds.Move ? [To] : new[] { From, To })
            {
                await session.RunAsync(
                    $"""
                    INSERT INTO journal_change (repository_id, kind, name)
                    SELECT CAST($2 AS BIGINT), '{kind}', {name} FROM {table} WHERE repository_id = $1 ORDER BY 3
                    """,
                    From, id);
            }
        }
    }
}
