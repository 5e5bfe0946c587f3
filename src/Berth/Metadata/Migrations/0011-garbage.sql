-- oldest: 1
-- What may have become garbage. review_since says since when: then the collector looks whether anything still needs it.
-- Rows that are needed have null there, so the indexes hold candidates only.
ALTER TABLE repository_blob ADD COLUMN review_since BIGINT;
ALTER TABLE manifest ADD COLUMN review_since BIGINT;

-- A condemned link is not served any more, but a manifest that needs it brings it back.
ALTER TABLE repository_blob ADD COLUMN condemned_at BIGINT;

-- Since when a node deletes the blob from the store. Nobody may push it until the row is gone.
ALTER TABLE blob ADD COLUMN deleting_at BIGINT;

-- The blob that an upload is about to become, which must not be deleted meanwhile.
ALTER TABLE upload ADD COLUMN digest {text};

-- Once, everything there is; except where older versions may not have noted what manifests of other types need.
UPDATE repository_blob SET review_since = linked_at WHERE NOT EXISTS (
    SELECT 1 FROM manifest m WHERE m.repository_id = repository_blob.repository_id AND m.media_type NOT IN (
        'application/vnd.oci.image.manifest.v1+json', 'application/vnd.oci.image.index.v1+json',
        'application/vnd.docker.distribution.manifest.v2+json',
        'application/vnd.docker.distribution.manifest.list.v2+json',
        'application/vnd.oci.artifact.manifest.v1+json'));
UPDATE blob SET condemned_at = stored_at
    WHERE NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = blob.digest);
CREATE INDEX repository_blob_by_review ON repository_blob (review_since) WHERE review_since IS NOT NULL;
CREATE INDEX repository_blob_by_condemnation ON repository_blob (condemned_at) WHERE condemned_at IS NOT NULL;
CREATE INDEX manifest_by_review ON manifest (review_since) WHERE review_since IS NOT NULL;
CREATE INDEX upload_by_digest ON upload (digest) WHERE digest IS NOT NULL;
