namespace Berth.Metadata;

/// <summary>
/// What notes that the words of a repository are to be looked at, whoever changes it. Those of its name and
/// description, which are few, are shown or hidden at once.
/// </summary>
internal static class SearchTriggers
{
    private const string When =
        "OLD.is_public <> NEW.is_public OR OLD.name <> NEW.name OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at";

    /// <summary>By the index of these words: SQLite would otherwise look at all of the repository's.</summary>
    private const string Change =
        """
        UPDATE search_word SET is_public = NEW.is_public
            WHERE repository_id = NEW.id AND is_public = OLD.is_public AND kind <= 3;
        """;

    public const string Sqlite =
        $"""
        CREATE TRIGGER repository_shows AFTER UPDATE OF is_public, name, deleted_at ON repository
        WHEN {When} BEGIN
            {Change}
            INSERT INTO search_pending (repository_id, mark) VALUES (NEW.id, random())
            ON CONFLICT (repository_id) DO UPDATE SET mark = excluded.mark;
            {SearchPendingTable.AddJob};
        END;
        """;

    public const string Postgres =
        $"""
        CREATE FUNCTION repository_shows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            {Change}
            INSERT INTO search_pending (repository_id, mark)
            VALUES (NEW.id, CAST(random() * 9000000000000000 AS BIGINT))
            ON CONFLICT (repository_id) DO UPDATE SET mark = excluded.mark;
            {SearchPendingTable.AddJob};
            RETURN NULL;
        END $$;
        CREATE TRIGGER repository_shows AFTER UPDATE OF is_public, name, deleted_at ON repository FOR EACH ROW
            WHEN ({When}) EXECUTE FUNCTION repository_shows();
        """;
}
