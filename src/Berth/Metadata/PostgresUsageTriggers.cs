namespace Berth.Metadata;

/// <summary>
/// What keeps the usage of repositories and namespaces exact, whichever version writes, on PostgreSQL. The row of a
/// namespace's usage is locked before those of its blobs, so that transactions with several blobs can't deadlock. The
/// collector removes many links in one statement, which changes that row once.
/// </summary>
internal static class PostgresUsageTriggers
{
    /// <summary>All of them, which are on <c>repository_blob</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = ["blob_is_used", "blobs_are_unused", "blob_is_resized"];

    public const string Text =
        """
        CREATE FUNCTION blob_is_used() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            space TEXT;
            holders BIGINT;
        BEGIN
            INSERT INTO repository_usage AS u (repository_id, used_bytes) VALUES (NEW.repository_id, NEW.size_bytes)
                ON CONFLICT (repository_id) DO UPDATE SET used_bytes = u.used_bytes + NEW.size_bytes;
            SELECT split_part(name, '/', 1) INTO space FROM repository WHERE id = NEW.repository_id;
            PERFORM 1 FROM namespace_usage WHERE namespace = space FOR UPDATE;
            IF NOT FOUND THEN
                INSERT INTO namespace_usage (namespace, used_bytes) VALUES (space, 0) ON CONFLICT DO NOTHING;
                PERFORM 1 FROM namespace_usage WHERE namespace = space FOR UPDATE;
            END IF;
            INSERT INTO namespace_blob AS b (namespace, digest, size_bytes, links)
                VALUES (space, NEW.digest, NEW.size_bytes, 1)
                ON CONFLICT (namespace, digest) DO UPDATE SET links = b.links + 1
                RETURNING b.links INTO holders;
            IF holders = 1 THEN
                UPDATE namespace_usage SET used_bytes = used_bytes + NEW.size_bytes WHERE namespace = space;
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER blob_is_used AFTER INSERT ON repository_blob
            FOR EACH ROW EXECUTE FUNCTION blob_is_used();

        CREATE FUNCTION blobs_are_unused() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            space TEXT;
            freed BIGINT;
        BEGIN
            PERFORM 1 FROM repository_usage WHERE repository_id IN (SELECT repository_id FROM unlinked)
                ORDER BY repository_id FOR UPDATE;
            UPDATE repository_usage u SET used_bytes = u.used_bytes - g.size_bytes
                FROM (SELECT repository_id, sum(size_bytes) AS size_bytes FROM unlinked GROUP BY repository_id) g
                WHERE u.repository_id = g.repository_id;
            FOR space IN SELECT DISTINCT split_part(r.name, '/', 1) FROM unlinked l
                JOIN repository r ON r.id = l.repository_id ORDER BY 1
            LOOP
                PERFORM 1 FROM namespace_usage WHERE namespace = space FOR UPDATE;
                UPDATE namespace_blob b SET links = b.links - g.links
                    FROM (SELECT l.digest, count(*) AS links FROM unlinked l JOIN repository r ON r.id = l.repository_id
                        WHERE split_part(r.name, '/', 1) = space GROUP BY l.digest) g
                    WHERE b.namespace = space AND b.digest = g.digest;
                WITH gone AS (
                    DELETE FROM namespace_blob WHERE namespace = space AND links <= 0
                        AND digest IN (SELECT digest FROM unlinked) RETURNING size_bytes)
                SELECT coalesce(sum(size_bytes), 0) INTO freed FROM gone;
                UPDATE namespace_usage SET used_bytes = used_bytes - freed WHERE namespace = space AND freed <> 0;
            END LOOP;
            RETURN NULL;
        END $$;
        CREATE TRIGGER blobs_are_unused AFTER DELETE ON repository_blob REFERENCING OLD TABLE AS unlinked
            FOR EACH STATEMENT EXECUTE FUNCTION blobs_are_unused();

        CREATE FUNCTION blob_is_resized() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            space TEXT;
        BEGIN
            UPDATE repository_usage SET used_bytes = used_bytes + NEW.size_bytes - OLD.size_bytes
                WHERE repository_id = NEW.repository_id;
            SELECT split_part(name, '/', 1) INTO space FROM repository WHERE id = NEW.repository_id;
            UPDATE namespace_usage u SET used_bytes = u.used_bytes + NEW.size_bytes - (SELECT b.size_bytes
                FROM namespace_blob b WHERE b.namespace = space AND b.digest = NEW.digest) WHERE u.namespace = space;
            UPDATE namespace_blob SET size_bytes = NEW.size_bytes WHERE namespace = space AND digest = NEW.digest;
            RETURN NULL;
        END $$;
        CREATE TRIGGER blob_is_resized AFTER UPDATE OF size_bytes ON repository_blob
            FOR EACH ROW WHEN (OLD.size_bytes <> NEW.size_bytes) EXECUTE FUNCTION blob_is_resized();
        """;
}
