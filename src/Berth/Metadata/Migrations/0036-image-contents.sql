-- oldest: 36
-- The module of a distribution that a package is part of (rpm's modularity label, without its build): empty if it is
-- part of none. Packages of another module are others, with other fixes. An older Berth can't note packages any more.
ALTER TABLE package ADD COLUMN module {text} NOT NULL DEFAULT '';
DROP INDEX package_key;
CREATE UNIQUE INDEX package_key ON package (name, type, version, ecosystem, source, source_version, module);

-- The licences of an image's packages, a line for each, with a package that is under it; null if they were not noted.
ALTER TABLE image_scan ADD COLUMN licenses TEXT;

-- Whether an image is of a distribution whose packages are in a database, and has none: it is not known what is in it.
ALTER TABLE image_scan ADD COLUMN lacks_packages BIGINT NOT NULL DEFAULT 0;

-- The days on which distributions got their last fixes, or will: a line for each.
ALTER TABLE vulnerability_data ADD COLUMN ends TEXT NOT NULL DEFAULT '';
