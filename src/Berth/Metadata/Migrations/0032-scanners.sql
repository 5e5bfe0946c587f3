-- oldest: 1
-- What other scanners say of themselves. Stamp is a digest of what makes their reports old when it changes.
CREATE TABLE scanner (
    name {text} NOT NULL PRIMARY KEY,
    product TEXT NOT NULL,
    vendor TEXT NOT NULL,
    version TEXT NOT NULL,
    data_updated_at BIGINT,
    stamp {text} NOT NULL,
    asked_at BIGINT NOT NULL,
    answered_at BIGINT,
    fault TEXT NOT NULL
);

-- What a scanner found in an image (image_scan), which it goes with. State is waiting (it never ended), running, read or
-- fault (how the last scan ended). Request is the scanner's name for a scan that runs, and misses is how often its
-- report could not be had in a row. What is below fault is of the last scan that ended well.
CREATE TABLE scanner_report (
    id {identity},
    image_id BIGINT NOT NULL,
    scanner {text} NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    misses BIGINT NOT NULL,
    request TEXT NOT NULL,
    begun_at BIGINT,
    stamp {text} NOT NULL,
    fault TEXT NOT NULL,
    scanned_at BIGINT,
    product TEXT NOT NULL DEFAULT '',
    vendor TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',
    findings BIGINT NOT NULL DEFAULT 0,
    critical BIGINT NOT NULL DEFAULT 0,
    high BIGINT NOT NULL DEFAULT 0,
    medium BIGINT NOT NULL DEFAULT 0,
    low BIGINT NOT NULL DEFAULT 0,
    harmless BIGINT NOT NULL DEFAULT 0,
    unknown BIGINT NOT NULL DEFAULT 0,
    fixable BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX scanner_report_key ON scanner_report (image_id, scanner);
CREATE INDEX scanner_report_due ON scanner_report (scanner, due_at, id) WHERE state <> 'running';
CREATE INDEX scanner_report_running ON scanner_report (scanner, due_at, id) WHERE state = 'running';
CREATE INDEX scanner_report_stamp ON scanner_report (scanner, stamp, id);

-- Severity is 0 (harmless) to 4 (critical), or -1: unknown. Scores are in tenths. Links are lines.
CREATE TABLE scanner_finding (
    report_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    fixed_in TEXT NOT NULL,
    severity BIGINT NOT NULL,
    score BIGINT,
    links TEXT NOT NULL,
    PRIMARY KEY (report_id, position)
) {clustered};
