-- oldest: 1
-- What is in layers, for those who look into images: one row for a blob, which goes with it. State is waiting, indexed or
-- fault. A list can be made again at any time: made_with says in which form, and within which limits, it was made.
CREATE TABLE layer_index (
    digest {text} PRIMARY KEY,
    state TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    is_wanted BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    made_with TEXT NOT NULL,
    entries BIGINT NOT NULL,
    file_bytes BIGINT NOT NULL,
    fault TEXT,
    content {bytes}
);
CREATE INDEX layer_index_waiting ON layer_index (is_wanted DESC, added_at, digest) WHERE state = 'waiting';

-- Images that were pushed before. What is no image has another config.
INSERT INTO layer_index (digest, state, added_at, is_wanted, attempts, made_with, entries, file_bytes)
    SELECT DISTINCT r.target_digest, 'waiting', 0, 0, 0, '', 0, 0
    FROM manifest m
    JOIN manifest_reference r ON r.repository_id = m.repository_id AND r.manifest_digest = m.digest
    JOIN blob b ON b.digest = r.target_digest
    WHERE r.kind = 'Layer' AND m.artifact_type IN (
        'application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json');
