-- oldest: 1
-- While there is a row that has not expired, the collector deletes no blob: a backup that began when the row was there
-- will find all that it needs.
CREATE TABLE store_hold (
    id {text} PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

-- Backups that this registry made, as they were when they were last made, checked or removed. state is running,
-- whole, damaged, failed or removed; waiting, if somebody asked for it and it has not begun.
CREATE TABLE backup (
    id {identity},
    place TEXT NOT NULL,
    name TEXT,
    state {text} NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    tags BIGINT NOT NULL,
    manifests BIGINT NOT NULL,
    blobs BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    new_bytes BIGINT NOT NULL,
    checked_at BIGINT,
    error TEXT
);
