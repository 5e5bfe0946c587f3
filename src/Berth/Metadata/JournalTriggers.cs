namespace Berth.Metadata;

/// <summary>What notes for the journal that manifests and tags have changed, whichever version writes.</summary>
internal static class JournalTriggers
{
    public static string Sqlite { get; } =
        $"""
        {OnSqlite("manifest_is_added", "INSERT ON manifest", "NEW", "'manifest'", "NEW.digest")}
        {OnSqlite(
            "manifest_is_changed", "UPDATE OF media_type, pushed_at ON manifest", "NEW", "'manifest'", "NEW.digest")}
        {OnSqlite("manifest_is_removed", "DELETE ON manifest", "OLD", "'manifest'", "OLD.digest")}
        {OnSqlite(
            "tag_is_changed",
            "UPDATE OF is_pinned, expires_at ON tag "
            + "WHEN OLD.is_pinned <> NEW.is_pinned OR OLD.expires_at IS NOT NEW.expires_at",
            "NEW", "'tag'", "NEW.name")}
        {OnSqlite("tag_is_moved", "INSERT ON tag_history", "NEW", "'move'", "CAST(NEW.id AS TEXT)")}
        {OnSqlite("move_is_removed", "DELETE ON tag_history", "OLD", "'move'", "CAST(OLD.id AS TEXT)")}
        """;

    public static string Postgres { get; } =
        $"""
        {OnPostgres("manifest_is_added", "INSERT ON manifest", "", "NEW", "'manifest'", "NEW.digest")}
        {OnPostgres(
            "manifest_is_changed", "UPDATE OF media_type, pushed_at ON manifest", "",
            "NEW", "'manifest'", "NEW.digest")}
        {OnPostgres("manifest_is_removed", "DELETE ON manifest", "", "OLD", "'manifest'", "OLD.digest")}
        {OnPostgres(
            "tag_is_changed", "UPDATE OF is_pinned, expires_at ON tag",
            "WHEN (OLD.is_pinned <> NEW.is_pinned OR OLD.expires_at IS DISTINCT FROM NEW.expires_at)",
            "NEW", "'tag'", "NEW.name")}
        {OnPostgres("tag_is_moved", "INSERT ON tag_history", "", "NEW", "'move'", "CAST(NEW.id AS TEXT)")}
        {OnPostgres("move_is_removed", "DELETE ON tag_history", "", "OLD", "'move'", "CAST(OLD.id AS TEXT)")}
        """;

    private static string OnSqlite(string name, string when, string row, string kind, string key) =>
        $"""
        CREATE TRIGGER {name} AFTER {when} BEGIN
            INSERT INTO journal_change (repository_id, kind, name) VALUES ({row}.repository_id, {kind}, {key});
        END;
        """;

    private static string OnPostgres(string name, string when, string condition, string row, string kind, string key) =>
        $"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO journal_change (repository_id, kind, name) VALUES ({row}.repository_id, {kind}, {key});
            RETURN NULL;
        END $$;
        CREATE TRIGGER {name} AFTER {when} FOR EACH ROW {condition} EXECUTE FUNCTION {name}();
        """;
}
