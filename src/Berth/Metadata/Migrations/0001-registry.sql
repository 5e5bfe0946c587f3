-- oldest: 1
-- Names in braces are placeholders for differences between the engines, filled in from Session.Dialect.
-- Times are milliseconds since 1970 in UTC. Digests are strings like sha256:….

CREATE TABLE repository (
    id {identity},
    name {text} NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- A blob is only served in repositories that link it. The content is in the blob store.
CREATE TABLE repository_blob (
    repository_id BIGINT NOT NULL REFERENCES repository (id),
    digest {text} NOT NULL,
    size_bytes BIGINT NOT NULL,
    linked_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, digest)
) {clustered};
CREATE INDEX repository_blob_by_digest ON repository_blob (digest, repository_id);

-- The bytes of manifests, shared by all repositories.
CREATE TABLE manifest_body (
    digest {text} PRIMARY KEY,
    body {bytes} NOT NULL
);

CREATE TABLE manifest (
    repository_id BIGINT NOT NULL REFERENCES repository (id),
    digest {text} NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    artifact_type {text},
    subject_digest {text},
    annotations TEXT,
    pushed_at BIGINT NOT NULL,
    pushed_by TEXT NOT NULL,
    PRIMARY KEY (repository_id, digest)
) {clustered};
CREATE INDEX manifest_by_digest ON manifest (digest);
CREATE INDEX manifest_by_subject ON manifest (repository_id, subject_digest, digest)
    WHERE subject_digest IS NOT NULL;

-- What each manifest needs: config, layer, child, subject.
CREATE TABLE manifest_reference (
    repository_id BIGINT NOT NULL,
    manifest_digest {text} NOT NULL,
    target_digest {text} NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (repository_id, manifest_digest, target_digest, kind)
) {clustered};
CREATE INDEX manifest_reference_by_target ON manifest_reference (repository_id, target_digest);

CREATE TABLE tag (
    repository_id BIGINT NOT NULL REFERENCES repository (id),
    name {text} NOT NULL,
    digest {text} NOT NULL,
    moved_at BIGINT NOT NULL,
    moved_by TEXT NOT NULL,
    PRIMARY KEY (repository_id, name)
) {clustered};
CREATE INDEX tag_by_digest ON tag (repository_id, digest);

-- Every move of a tag; a null digest is its deletion.
CREATE TABLE tag_history (
    id {identity},
    repository_id BIGINT NOT NULL,
    name {text} NOT NULL,
    digest {text},
    moved_at BIGINT NOT NULL,
    moved_by TEXT NOT NULL
);
CREATE INDEX tag_history_by_tag ON tag_history (repository_id, name, id);

-- The state is what the blob store needs to resume elsewhere; the version tells who claimed the upload last.
CREATE TABLE upload (
    id {text} PRIMARY KEY,
    repository_id BIGINT NOT NULL REFERENCES repository (id),
    algorithm TEXT NOT NULL,
    started_by TEXT NOT NULL,
    active_at BIGINT NOT NULL,
    state TEXT,
    version BIGINT NOT NULL
);
CREATE INDEX upload_by_activity ON upload (active_at, id);

-- Work that outlives a request. A claim moves due_at to the end of its lease, so that a dead node's job becomes due
-- again by itself, and increments attempt: a holder with an older attempt has lost the job. At most one job in the
-- cluster has a given unique_key.
CREATE TABLE job (
    id {identity},
    kind TEXT NOT NULL,
    unique_key {text} UNIQUE,
    payload TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    leased_by TEXT,
    attempt BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    last_error TEXT
);
CREATE INDEX job_by_due ON job (due_at, id);
