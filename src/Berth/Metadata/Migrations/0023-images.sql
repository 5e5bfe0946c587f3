-- oldest: 1
-- What lists say of a manifest: its platforms, separated by spaces; the bytes of its config and layers; when it was built;
-- the labels of its config, as JSON. content_bytes is null where that was not read yet: a job does it.
ALTER TABLE manifest_body ADD COLUMN platforms TEXT;
ALTER TABLE manifest_body ADD COLUMN content_bytes BIGINT;
ALTER TABLE manifest_body ADD COLUMN built_at BIGINT;
ALTER TABLE manifest_body ADD COLUMN labels TEXT;
CREATE INDEX manifest_body_unread ON manifest_body (digest) WHERE content_bytes IS NULL;
