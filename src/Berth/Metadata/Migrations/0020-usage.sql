-- oldest: 1
-- What repositories and namespaces keep, in bytes: all that is linked, served or not. Triggers maintain it, because older
-- versions that do not know it may write beside this one.
CREATE TABLE repository_usage (
    repository_id BIGINT PRIMARY KEY,
    used_bytes BIGINT NOT NULL
) {clustered};

-- A namespace's blobs, with the number of its repositories that link each: a shared one counts once.
CREATE TABLE namespace_blob (
    namespace {text} NOT NULL,
    digest {text} NOT NULL,
    size_bytes BIGINT NOT NULL,
    links BIGINT NOT NULL,
    PRIMARY KEY (namespace, digest)
) {clustered};
CREATE TABLE namespace_usage (
    namespace {text} PRIMARY KEY,
    used_bytes BIGINT NOT NULL
) {clustered};

-- First, so that nothing is linked meanwhile without being counted.
{usage triggers}
INSERT INTO repository_usage (repository_id, used_bytes)
    SELECT repository_id, CAST(sum(size_bytes) AS BIGINT) FROM repository_blob GROUP BY repository_id;
INSERT INTO namespace_blob (namespace, digest, size_bytes, links)
    SELECT {namespace of r.name}, l.digest, max(l.size_bytes), count(*)
    FROM repository_blob l JOIN repository r ON r.id = l.repository_id GROUP BY 1, 2;
INSERT INTO namespace_usage (namespace, used_bytes)
    SELECT namespace, CAST(sum(size_bytes) AS BIGINT) FROM namespace_blob GROUP BY namespace;

-- All that the usage of the whole registry is counted from, in the order in which it is.
DROP INDEX repository_blob_by_digest;
CREATE INDEX repository_blob_by_digest ON repository_blob (digest, repository_id, size_bytes);

-- How much a namespace or a repository may keep, and how many tags it may have; null: as much as it likes. warn_percent
-- is the share at which the log says so. version grows with each change, for If-Match.
CREATE TABLE quota (
    scope {text} PRIMARY KEY,
    max_bytes BIGINT,
    max_tags BIGINT,
    warn_percent BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    version BIGINT NOT NULL
);
