-- oldest: 1
-- One row: how far the pass is that reads all blobs again, in the order of their digests. position is the last one that
-- was read; ended_at, when this pass ended; last_ended_at, when the one before did.
CREATE TABLE scrub (
    id BIGINT PRIMARY KEY,
    position {text} NOT NULL,
    began_at BIGINT NOT NULL,
    ended_at BIGINT,
    last_ended_at BIGINT,
    blobs BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    total_blobs BIGINT NOT NULL,
    total_bytes BIGINT NOT NULL
);

-- Blobs that were found damaged or missing, and what became of them. healed_from is push, backup, or gone if no image
-- needs the blob any more.
CREATE TABLE blob_fault (
    digest {text} PRIMARY KEY,
    found_at BIGINT NOT NULL,
    fault TEXT NOT NULL,
    healed_at BIGINT,
    healed_from {text}
) {clustered};
CREATE INDEX blob_fault_by_time ON blob_fault (found_at, digest);
