namespace Berth.Metadata;

/// <summary>What keeps the usage of repositories and namespaces exact, whichever version writes, on SQLite.</summary>
internal static class SqliteUsageTriggers
{
    private const string Space =
        "(SELECT substr(r.name, 1, instr(r.name || '/', '/') - 1) FROM repository r WHERE r.id = {0}.repository_id)";

    private static readonly string New = Space.Replace("{0}", "NEW", StringComparison.Ordinal);
    private static readonly string Old = Space.Replace("{0}", "OLD", StringComparison.Ordinal);

    public static string Text { get; } =
        $"""
        CREATE TRIGGER blob_is_used AFTER INSERT ON repository_blob BEGIN
            INSERT INTO repository_usage (repository_id, used_bytes) VALUES (NEW.repository_id, NEW.size_bytes)
                ON CONFLICT (repository_id) DO UPDATE SET used_bytes = used_bytes + NEW.size_bytes;
            INSERT INTO namespace_usage (namespace, used_bytes) VALUES ({New}, 0) ON CONFLICT DO NOTHING;
            INSERT INTO namespace_blob (namespace, digest, size_bytes, links)
                VALUES ({New}, NEW.digest, NEW.size_bytes, 1)
                ON CONFLICT (namespace, digest) DO UPDATE SET links = links + 1;
            UPDATE namespace_usage SET used_bytes = used_bytes + NEW.size_bytes WHERE namespace = {New}
                AND 1 = (SELECT links FROM namespace_blob b
                    WHERE b.namespace = namespace_usage.namespace AND b.digest = NEW.digest);
        END;
        CREATE TRIGGER blob_is_unused AFTER DELETE ON repository_blob BEGIN
            UPDATE repository_usage SET used_bytes = used_bytes - OLD.size_bytes
                WHERE repository_id = OLD.repository_id;
            UPDATE namespace_usage SET used_bytes = used_bytes - coalesce((SELECT size_bytes FROM namespace_blob b
                    WHERE b.namespace = namespace_usage.namespace AND b.digest = OLD.digest AND b.links = 1), 0)
                WHERE namespace = {Old};
            DELETE FROM namespace_blob WHERE namespace = {Old} AND digest = OLD.digest AND links = 1;
            UPDATE namespace_blob SET links = links - 1 WHERE namespace = {Old} AND digest = OLD.digest AND links > 1;
        END;
        CREATE TRIGGER blob_is_resized AFTER UPDATE OF size_bytes ON repository_blob
            WHEN OLD.size_bytes <> NEW.size_bytes BEGIN
            UPDATE repository_usage SET used_bytes = used_bytes + NEW.size_bytes - OLD.size_bytes
                WHERE repository_id = NEW.repository_id;
            UPDATE namespace_usage SET used_bytes = used_bytes + NEW.size_bytes - (SELECT size_bytes
                    FROM namespace_blob b WHERE b.namespace = namespace_usage.namespace AND b.digest = NEW.digest)
                WHERE namespace = {New};
            UPDATE namespace_blob SET size_bytes = NEW.size_bytes WHERE namespace = {New} AND digest = NEW.digest;
        END;
        """;
}
