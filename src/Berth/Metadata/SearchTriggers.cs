namespace Berth.Metadata;

/// <summary>What keeps the visibility in the search index the same as that of repositories.</summary>
internal static class SearchTriggers
{
    private const string Update =
        "UPDATE search_word SET is_public = NEW.is_public WHERE repository_id = NEW.id AND is_public <> NEW.is_public;";

    public const string Sqlite =
        $"""
        CREATE TRIGGER repository_shows AFTER UPDATE OF is_public ON repository
        WHEN OLD.is_public <> NEW.is_public BEGIN
            {Update}
        END;
        """;

    public const string Postgres =
        $"""
        CREATE FUNCTION repository_shows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            {Update}
            RETURN NULL;
        END $$;
        CREATE TRIGGER repository_shows AFTER UPDATE OF is_public ON repository FOR EACH ROW
            WHEN (OLD.is_public <> NEW.is_public) EXECUTE FUNCTION repository_shows();
        """;
}
