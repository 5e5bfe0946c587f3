-- oldest: 1
-- What vulnerabilities were compared with: one row. Number grows whenever what is known of them moved, and stamp tells
-- nodes whether they have the same. Ecosystems are lines, sources are JSON.
CREATE TABLE vulnerability_data (
    id BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    stamp {text} NOT NULL,
    built_at BIGINT,
    checked_at BIGINT NOT NULL,
    ecosystems TEXT NOT NULL,
    sources TEXT NOT NULL
);

-- Each vulnerability that a package here has, under the name that people know. Scores are in tenths, probabilities
-- (EPSS) in millionths.
CREATE TABLE vulnerability (
    id {identity},
    name {text} NOT NULL,
    aliases TEXT NOT NULL,
    summary TEXT NOT NULL,
    published_at BIGINT,
    exploited_at BIGINT,
    is_ransomware BIGINT NOT NULL,
    epss BIGINT,
    epss_percentile BIGINT
);
CREATE UNIQUE INDEX vulnerability_name ON vulnerability (name);

-- All names that any database has for it, in capitals, so that it is found by each.
CREATE TABLE vulnerability_alias (
    name {text} NOT NULL,
    vulnerability_id BIGINT NOT NULL,
    PRIMARY KEY (name, vulnerability_id)
) {clustered};

-- Severity is 0 (none) to 4 (critical), or -1: nobody says. Fixed_in is empty if there is no fix. Fix_at is when there
-- was one, as far as that is known. Vex is what those who know the package say of it: not_affected, fixed, or empty.
CREATE TABLE finding (
    package_id BIGINT NOT NULL,
    vulnerability_id BIGINT NOT NULL,
    record {text} NOT NULL,
    severity BIGINT NOT NULL,
    score BIGINT,
    vector TEXT NOT NULL,
    fixed_in TEXT NOT NULL,
    fix_at BIGINT,
    first_seen BIGINT NOT NULL,
    vex TEXT NOT NULL,
    vex_reason TEXT NOT NULL,
    is_exploited BIGINT NOT NULL,
    PRIMARY KEY (package_id, vulnerability_id)
) {clustered};
CREATE INDEX finding_by_vulnerability ON finding (vulnerability_id, package_id);
CREATE INDEX finding_first_seen ON finding (first_seen, package_id, vulnerability_id);

-- The number of the data that a package was compared with.
ALTER TABLE package ADD COLUMN matched_with BIGINT NOT NULL DEFAULT 0;
CREATE INDEX package_matched_with ON package (matched_with, id);
CREATE INDEX package_kind ON package (type, ecosystem);

-- Where it is, unless that is the database of the distribution's package manager.
ALTER TABLE image_package ADD COLUMN path TEXT NOT NULL DEFAULT '';

-- How many vulnerabilities an image has by severity, those that have a fix, and those that are known to be exploited.
-- They are to be counted again when count_due is not counted.
ALTER TABLE image_scan ADD COLUMN count_due BIGINT NOT NULL DEFAULT 1;
ALTER TABLE image_scan ADD COLUMN counted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE image_scan ADD COLUMN counted_at BIGINT;
ALTER TABLE image_scan ADD COLUMN critical BIGINT NOT NULL DEFAULT 0;
ALTER TABLE image_scan ADD COLUMN high BIGINT NOT NULL DEFAULT 0;
ALTER TABLE image_scan ADD COLUMN medium BIGINT NOT NULL DEFAULT 0;
ALTER TABLE image_scan ADD COLUMN low BIGINT NOT NULL DEFAULT 0;
ALTER TABLE image_scan ADD COLUMN harmless BIGINT NOT NULL DEFAULT 0;
ALTER TABLE image_scan ADD COLUMN unknown BIGINT NOT NULL DEFAULT 0;
ALTER TABLE image_scan ADD COLUMN fixable BIGINT NOT NULL DEFAULT 0;
ALTER TABLE image_scan ADD COLUMN exploited BIGINT NOT NULL DEFAULT 0;
CREATE INDEX image_scan_uncounted ON image_scan (id) WHERE counted <> count_due;

-- Their packages are noted with their paths.
UPDATE image_scan SET form = 0;
