-- oldest: 1
-- Imports of other registries and of archives, with what they have done so far. source is a path on the machine that
-- runs the import; target is the repository, and maybe the tag, that an archive goes to. state is waiting, running,
-- done or failed.
CREATE TABLE registry_import (
    id {identity},
    source TEXT NOT NULL,
    target TEXT,
    overwrites BIGINT NOT NULL,
    state {text} NOT NULL,
    requested_at BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    repositories BIGINT NOT NULL,
    manifests BIGINT NOT NULL,
    tags BIGINT NOT NULL,
    blobs BIGINT NOT NULL,
    linked BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    found_manifests BIGINT NOT NULL,
    found_tags BIGINT NOT NULL,
    total_files BIGINT NOT NULL,
    total_bytes BIGINT NOT NULL,
    left_files BIGINT NOT NULL,
    left_bytes BIGINT NOT NULL,
    notes BIGINT NOT NULL,
    error TEXT
);

-- What an import found that it could not take, or left as it is.
CREATE TABLE import_note (
    id {identity},
    import_id BIGINT NOT NULL REFERENCES registry_import (id),
    kind {text} NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX import_note_by_import ON import_note (import_id, id);
