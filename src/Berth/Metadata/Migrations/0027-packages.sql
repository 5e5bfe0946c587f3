-- oldest: 1
-- The packages that files of a layer list, made with the list of its files; null if there are none. Layers that were
-- read before are read again.
ALTER TABLE layer_index ADD COLUMN packages {bytes};
UPDATE layer_index SET state = 'waiting', attempts = 0, made_with = '' WHERE state = 'indexed';
