-- oldest: 1
-- What a scanner or the system said of a fault, which may name what not everybody may know: for staff alone.
ALTER TABLE scanner_report ADD COLUMN detail TEXT NOT NULL DEFAULT '';
