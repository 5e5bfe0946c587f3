namespace Berth.Metadata;

/// <summary>
/// What keeps a repository's newest tag, and what lists say of its image, as the tags are, whichever version writes.
/// On PostgreSQL they wait for the commit, so that a push locks its repository last, as the counts of pulls do.
/// </summary>
internal static class NewestTagTriggers
{
    /// <summary>Of a repository {0}: one row of the index by which its tags are in the order of their moves.</summary>
    private const string Refresh =
        """
        UPDATE repository SET (pushed_at, newest_tag, platforms, artifact_type) = (
            SELECT t.moved_at, t.name, b.platforms,
                (SELECT m.artifact_type FROM manifest m WHERE m.digest = t.digest LIMIT 1)
            FROM tag t JOIN manifest_body b ON b.digest = t.digest
            WHERE t.repository_id = {0}.repository_id ORDER BY t.moved_at DESC, t.name DESC LIMIT 1)
        WHERE id = {0}.repository_id
        """;

    /// <summary>Of those whose newest tag points to a manifest that was read just now.</summary>
    private const string Describe =
        """
        UPDATE repository SET platforms = NEW.platforms WHERE id IN (
            SELECT t.repository_id FROM manifest m
            JOIN tag t ON t.repository_id = m.repository_id AND t.digest = m.digest
            JOIN repository r ON r.id = t.repository_id AND r.newest_tag = t.name WHERE m.digest = NEW.digest)
        """;

    private const string IsMoved =
        "OLD.digest <> NEW.digest OR OLD.moved_at <> NEW.moved_at OR OLD.repository_id <> NEW.repository_id";

    public static string Sqlite { get; } =
        $"""
        CREATE TRIGGER tag_is_newest AFTER INSERT ON tag BEGIN
            {Of("NEW")} AND coalesce(pushed_at, 0) <= NEW.moved_at;
        END;
        CREATE TRIGGER newest_tag_is_moved AFTER UPDATE OF digest, moved_at, repository_id ON tag WHEN {IsMoved} BEGIN
            {Of("NEW")};
            {Of("OLD")} AND id <> NEW.repository_id;
        END;
        CREATE TRIGGER newest_tag_is_removed AFTER DELETE ON tag BEGIN
            {Of("OLD")} AND newest_tag = OLD.name;
        END;
        CREATE TRIGGER newest_tag_is_read AFTER UPDATE OF platforms ON manifest_body
            WHEN OLD.platforms IS NOT NEW.platforms BEGIN
            {Describe};
        END;
        """;

    public static string Postgres { get; } =
        $"""
        {OnPostgres("tag_is_newest", "INSERT ON tag", "true",
            $"{Of("NEW")} AND coalesce(pushed_at, 0) <= NEW.moved_at;")}
        {OnPostgres("newest_tag_is_moved", "UPDATE OF digest, moved_at, repository_id ON tag", IsMoved,
            $"{Of("NEW")}; {Of("OLD")} AND id <> NEW.repository_id;")}
        {OnPostgres("newest_tag_is_removed", "DELETE ON tag", "true", $"{Of("OLD")} AND newest_tag = OLD.name;")}
        {OnPostgres("newest_tag_is_read", "UPDATE OF platforms ON manifest_body",
            "OLD.platforms IS DISTINCT FROM NEW.platforms", $"{Describe};")}
        """;

    private static string Of(string row) => Refresh.Replace("{0}", row, StringComparison.Ordinal);

    private static string OnPostgres(string name, string when, string condition, string body) =>
        $"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            {body}
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER {name} AFTER {when} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {name}();
        """;
}
