-- oldest: 14
-- An older Berth would delete bodies that only the trash needs, so it can't run beside this one.
-- What was deleted and can be brought back until purge_at. kind is tag, manifest or repository; name is the tag or the
-- digest, empty for a repository. reason is deleted, untagged, retention or expired.
CREATE TABLE trash (
    id {identity},
    repository_id BIGINT NOT NULL REFERENCES repository (id),
    kind TEXT NOT NULL,
    name {text} NOT NULL,
    digest {text},
    reason TEXT NOT NULL,
    is_public BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL,
    deleted_by TEXT NOT NULL,
    purge_at BIGINT NOT NULL
);
CREATE INDEX trash_by_purge ON trash (purge_at, id);
CREATE INDEX trash_by_repository ON trash (repository_id, id);

-- Manifests in the trash are in no list and not served. Their bodies and references stay where they are, so that blobs
-- which they need are kept.
CREATE TABLE trash_manifest (
    repository_id BIGINT NOT NULL REFERENCES repository (id),
    digest {text} NOT NULL,
    trash_id BIGINT NOT NULL REFERENCES trash (id),
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    artifact_type {text},
    subject_digest {text},
    annotations TEXT,
    pushed_at BIGINT NOT NULL,
    pushed_by TEXT NOT NULL,
    review_since BIGINT,
    expires_after_ms BIGINT,
    PRIMARY KEY (repository_id, digest)
) {clustered};
CREATE INDEX trash_manifest_by_trash ON trash_manifest (trash_id, digest);
CREATE INDEX trash_manifest_by_digest ON trash_manifest (digest);

CREATE TABLE trash_tag (
    trash_id BIGINT NOT NULL REFERENCES trash (id),
    name {text} NOT NULL,
    digest {text} NOT NULL,
    moved_at BIGINT NOT NULL,
    moved_by TEXT NOT NULL,
    pulled_at BIGINT,
    is_pinned BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (trash_id, name)
) {clustered};

-- Since when a repository is in the trash; a push makes it anew.
ALTER TABLE repository ADD COLUMN deleted_at BIGINT;

-- A condemned link that only manifests in the trash need, which keep it.
ALTER TABLE repository_blob ADD COLUMN is_trashed BIGINT NOT NULL DEFAULT 0;
DROP INDEX repository_blob_by_condemnation;
CREATE INDEX repository_blob_by_condemnation ON repository_blob (condemned_at)
    WHERE condemned_at IS NOT NULL AND is_trashed = 0;
CREATE INDEX repository_blob_in_trash ON repository_blob (repository_id, digest) WHERE is_trashed = 1;

-- How a tag moved (push, move, restore, delete, untag), and the address of who did it.
ALTER TABLE tag_history ADD COLUMN action TEXT;
ALTER TABLE tag_history ADD COLUMN address TEXT;

-- Whether the trash is emptied too, and how many manifests were moved there.
ALTER TABLE garbage_collection ADD COLUMN empties_trash BIGINT NOT NULL DEFAULT 0;
ALTER TABLE garbage_collection ADD COLUMN trashed BIGINT NOT NULL DEFAULT 0;

-- With SQLite: what a command has changed beside the server, for the server's cache. With PostgreSQL, nodes tell each
-- other without a table.
CREATE TABLE notice (
    id {identity},
    text TEXT NOT NULL
);
