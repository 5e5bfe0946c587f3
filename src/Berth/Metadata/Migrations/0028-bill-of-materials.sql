-- oldest: 1
-- The form of the packages of a layer, which are read again by themselves when they are told in another one.
ALTER TABLE layer_index ADD COLUMN packages_form BIGINT NOT NULL DEFAULT 0;
CREATE INDEX layer_index_packages_form ON layer_index (packages_form, digest) WHERE state = 'indexed';
