-- oldest: 1
-- Whether the manifest that an attachment's tag (sha256-….sig) is about was here and went. Only then nothing holds what
-- the tag points to: the subject of others may be in another repository.
ALTER TABLE tag ADD COLUMN is_subject_gone BIGINT NOT NULL DEFAULT 0;
