-- oldest: 1
-- The packages that files of a layer list, made with the list of its files; null if there are none.
ALTER TABLE layer_index ADD COLUMN packages {bytes};
