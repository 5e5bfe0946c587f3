namespace Berth.Metadata;

/// <summary>
/// What keeps a repository's newest tag, and what lists say of its image, as the tags are, whichever version writes. A
/// tag that attaches something to an image does not count: a signature is not what people would pull.
/// On PostgreSQL they wait for the commit, so that a push locks its repository last, as the counts of pulls do.
/// </summary>
internal static class NewestTagTriggers
{
    /// <summary>Of a repository {0}: one row of the index by which its tags are in the order of their moves.</summary>
    private static readonly string Refresh =
        $$"""
        UPDATE repository SET (pushed_at, newest_tag, platforms, artifact_type) = (
            SELECT t.moved_at, t.name, b.platforms,
                (SELECT m.artifact_type FROM manifest m WHERE m.digest = t.digest LIMIT 1)
            FROM tag t JOIN manifest_body b ON b.digest = t.digest
            WHERE t.repository_id = {0}.repository_id AND {{TagTable.IsOwn("t.name")}}
            ORDER BY t.moved_at DESC, t.name DESC LIMIT 1)
        WHERE id = {0}.repository_id
        """;

    /// <summary>Those whose newest tag points to a manifest that was read just now.</summary>
    private const string Described =
        """
        SELECT t.repository_id FROM manifest m
        JOIN tag t ON t.repository_id = m.repository_id AND t.digest = m.digest
        JOIN repository r ON r.id = t.repository_id AND r.newest_tag = t.name WHERE m.digest = NEW.digest
        """;

    private const string IsMoved =
        "OLD.digest <> NEW.digest OR OLD.moved_at <> NEW.moved_at OR OLD.repository_id <> NEW.repository_id";

    /// <summary>
    /// Whether a tag that came or moved is the newest now, or was before. For all others there is nothing to do: a
    /// repository that is moved or copied has very many.
    /// </summary>
    private static readonly string IsNewest =
        "((coalesce(pushed_at, 0), coalesce(newest_tag, '')) < (NEW.moved_at, NEW.name) OR newest_tag = NEW.name) AND "
        + TagTable.IsOwn("NEW.name");

    private const string WasNewest = "newest_tag = OLD.name";

    public static string Sqlite { get; } =
        $"""
        CREATE TRIGGER tag_is_newest AFTER INSERT ON tag BEGIN
            {Of("NEW")} AND {IsNewest};
        END;
        CREATE TRIGGER newest_tag_is_moved AFTER UPDATE OF digest, moved_at, repository_id ON tag WHEN {IsMoved} BEGIN
            {Of("NEW")} AND {IsNewest};
            {Of("OLD")} AND id <> NEW.repository_id AND {WasNewest};
        END;
        CREATE TRIGGER newest_tag_is_removed AFTER DELETE ON tag BEGIN
            {Of("OLD")} AND {WasNewest};
        END;
        CREATE TRIGGER newest_tag_is_read AFTER UPDATE OF platforms ON manifest_body
            WHEN OLD.platforms IS NOT NEW.platforms BEGIN
            UPDATE repository SET platforms = NEW.platforms WHERE id IN ({Described});
        END;
        """;

    public static string Postgres { get; } =
        $"""
        {OnPostgres("tag_is_newest", "INSERT ON tag", "true", Locked("NEW", IsNewest))}
        {OnPostgres(
            "newest_tag_is_moved", "UPDATE OF digest, moved_at, repository_id ON tag", IsMoved,
            Locked("NEW", IsNewest) + Locked("OLD", "id <> NEW.repository_id AND " + WasNewest))}
        {OnPostgres("newest_tag_is_removed", "DELETE ON tag", "true", Locked("OLD", WasNewest))}
        {OnPostgres(
            "newest_tag_is_read", "UPDATE OF platforms ON manifest_body",
            "OLD.platforms IS DISTINCT FROM NEW.platforms",
            $"""
            PERFORM 1 FROM repository WHERE id IN ({Described}) ORDER BY name FOR NO KEY UPDATE;
            UPDATE repository SET platforms = NEW.platforms WHERE id IN ({Described});
            """)}
        """;

    /// <summary>
    /// Waits for others that are at it, and looks only then: a statement sees what was committed before it began. The
    /// lock is the one of an UPDATE: a stronger one waits for pushes whose new rows refer to the repository.
    /// </summary>
    private static string Locked(string row, string condition) =>
        $"""
        PERFORM 1 FROM repository WHERE id = {row}.repository_id AND {condition} FOR NO KEY UPDATE;
        IF FOUND THEN
            {Of(row)};
        END IF;

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
