using Berth.Oci;

namespace Berth.Metadata;

/// <summary>Old names of repositories that were moved, and where they are now.</summary>
internal static class RedirectTable
{
    /// <summary>Where a repository of this name was moved to; null if it was not, or there is one of this name again.
    /// </summary>
    public static ValueTask<string?> FindAsync(Session session, RepositoryName name) => session.TextAsync(
        """
        SELECT r.name FROM repository_redirect d JOIN repository r ON r.id = d.target_id
        WHERE d.name = $1 AND r.deleted_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM repository o WHERE o.name = d.name AND o.deleted_at IS NULL)
        """,
        name.Text);

    /// <summary>The repository that has left a name; null if none has.</summary>
    public static ValueTask<long?> TargetOfAsync(Session session, RepositoryName name) =>
        session.NumberAsync("SELECT target_id FROM repository_redirect WHERE name = $1", name.Text);

    /// <summary>All old names.</summary>
    public static ValueTask<List<string>> NamesAsync(Session session) =>
        session.AllAsync("SELECT name FROM repository_redirect", row => row.GetString(0));

    /// <summary>Ends what leads away from a name.</summary>
    public static async ValueTask RemoveAsync(Session session, RepositoryName name) =>
        await session.RunAsync("DELETE FROM repository_redirect WHERE name = $1", name.Text);

    /// <summary>
    /// Leads the name of a repository, and all its older ones, to another. Of too many, the oldest end.
    /// </summary>
    public static async ValueTask AddAsync(
        Session session, (long Id, RepositoryName Name) from, long to, Actor actor, long now, int most)
    {
        await session.RunAsync("UPDATE repository_redirect SET target_id = $2 WHERE target_id = $1", from.Id, to);
        await session.RunAsync(
            """
            INSERT INTO repository_redirect (name, target_id, moved_at, moved_by) VALUES ($1, $2, $3, $4)
            ON CONFLICT (name) DO UPDATE SET target_id = $2, moved_at = $3, moved_by = $4
            """,
            from.Name.Text, to, now, actor.Name);
        await session.RunAsync(
            """
            DELETE FROM repository_redirect WHERE target_id = $1 AND name NOT IN (
                SELECT name FROM repository_redirect WHERE target_id = $1 ORDER BY moved_at DESC, name LIMIT $2)
            """,
            to, most);
    }
}
