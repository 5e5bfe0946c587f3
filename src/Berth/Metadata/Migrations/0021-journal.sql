-- oldest: 1
-- What the journal beside the blobs lacks: a manifest by its digest, a tag by its name, or a move of a tag by its id. Rows
-- say only what is to be looked at, and go once it is written there. Triggers add them, because older versions that do not
-- know them may write beside this one.
CREATE TABLE journal_change (
    id {identity},
    repository_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL
);
{journal triggers}

-- The mark of the database that this one is a copy of, which the store has until the copy is first started.
ALTER TABLE store_mark ADD COLUMN replaces {text};

-- Days long ago are removed.
CREATE INDEX pull_day_by_day ON pull_day (day);

-- Once for a repository whose manifests go in one statement, and not for each of them.
{unlisting trigger}

-- One row: which node writes the journal, and until when, in milliseconds since 1970. No file of the journal has a higher
-- number than last_number, unless this database is older than the journal (is_behind). With needs_snapshot, what the
-- files say is not all there is.
CREATE TABLE journal_writer (
    id BIGINT PRIMARY KEY,
    node TEXT NOT NULL,
    leased_until BIGINT NOT NULL,
    last_number BIGINT NOT NULL DEFAULT 0,
    is_behind BIGINT NOT NULL DEFAULT 0,
    needs_snapshot BIGINT NOT NULL DEFAULT 0
);
