-- oldest: 1
-- The number since when entries were only added, of kinds that only let more signatures count: what was verified since
-- then still counts while it waits to be verified again.
ALTER TABLE trust_version ADD COLUMN kept BIGINT NOT NULL DEFAULT 0;
UPDATE trust_version SET kept = number;
