-- oldest: 1
-- A blob in the store. Linking it clears condemned_at in the same transaction: a collector that condemned it checks
-- again before deleting.
CREATE TABLE blob (
    digest {text} PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    condemned_at BIGINT
) {clustered};
CREATE INDEX blob_by_condemnation ON blob (condemned_at, digest) WHERE condemned_at IS NOT NULL;
INSERT INTO blob (digest, size_bytes, stored_at)
    SELECT digest, max(size_bytes), min(linked_at) FROM repository_blob GROUP BY digest;

-- People and robots.
CREATE TABLE account (
    id {identity},
    kind TEXT NOT NULL,
    name {text} NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- Only repositories that hold a manifest are listed, and the list is a page over this index however many others there
-- are. Triggers maintain the mark, because older versions that do not know it may write beside this one.
ALTER TABLE repository ADD COLUMN listed BIGINT NOT NULL DEFAULT 0;
UPDATE repository SET listed = 1 WHERE EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = repository.id);
CREATE INDEX repository_listed ON repository (name) WHERE listed = 1;
{listing triggers}
