-- oldest: 1
-- What repositories are found by. A word is of the kind 0 (a mark: official), 1 (the whole name), 2 (in the name), 3 (in
-- the description), 4 (of a tag, which is the source), 5 (in labels and annotations) or 6 (facts such as
-- platform:linux/amd64). The source of the last two is the set that a manifest belongs to: images of a repository mostly
-- say the same of themselves, which is here once. Namespace and visibility are in each row, so that a search walks only along what its caller may see.
-- A rebuild goes through the repositories in the order of their names, so that what it adds to each index is mostly
-- beside what it has just added.
CREATE TABLE search_word (
    repository_id BIGINT NOT NULL,
    word {text} NOT NULL,
    kind BIGINT NOT NULL,
    source {text} NOT NULL,
    namespace {text} NOT NULL,
    is_public BIGINT NOT NULL,
    PRIMARY KEY (repository_id, word, kind, source)
) {clustered};
CREATE INDEX search_word_by_kind ON search_word (kind, word, namespace, repository_id);
CREATE INDEX search_word_by_namespace ON search_word (namespace, is_public, kind, word, repository_id);
CREATE INDEX search_word_of_name ON search_word (repository_id, is_public) WHERE kind <= 3;
CREATE INDEX search_word_by_set ON search_word (repository_id, source) WHERE kind >= 5;
CREATE INDEX search_word_public ON search_word (kind, word, namespace, repository_id) WHERE is_public = 1;

-- Passes that compare the index with what is stored, and mend it. One without an end goes on after its position,
-- the name of a repository. There is none before the first.
CREATE TABLE search_rebuild (
    id {identity},
    requested_at BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    position {text} NOT NULL DEFAULT '',
    repositories BIGINT NOT NULL DEFAULT 0,
    tags BIGINT NOT NULL DEFAULT 0
);

-- Repositories whose words are to be looked at: shown, hidden, deleted, restored, moved, or filled with much at once. The
-- mark is another with each change, so that what changes while it is looked at stays.
CREATE TABLE search_pending (
    repository_id BIGINT PRIMARY KEY,
    mark BIGINT NOT NULL
);

-- Whoever shows, hides, deletes or restores a repository, also an older version.
{search triggers}

ALTER TABLE manifest ADD COLUMN search_set {text};
CREATE INDEX manifest_by_search_set ON manifest (repository_id, search_set) WHERE search_set IS NOT NULL;
