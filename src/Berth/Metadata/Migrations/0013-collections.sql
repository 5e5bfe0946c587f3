-- oldest: 1
-- Collections of garbage that somebody asked for, with what they have done so far. state is waiting, running, done or
-- failed.
CREATE TABLE garbage_collection (
    id {identity},
    grace_ms BIGINT NOT NULL,
    state {text} NOT NULL,
    requested_at BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    manifests BIGINT NOT NULL,
    links BIGINT NOT NULL,
    blobs BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    error TEXT
);
