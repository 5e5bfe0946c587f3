-- oldest: 1
-- Before the next one, which locks manifest_body: pushes of older versions lock repositories first, too.
-- What a repository is for, in a line of plain text; how often it was pulled from in all; and how many have starred it.
ALTER TABLE repository ADD COLUMN description {text};
ALTER TABLE repository ADD COLUMN pulls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE repository ADD COLUMN stars BIGINT NOT NULL DEFAULT 0;
UPDATE repository SET pulls = coalesce(
    (SELECT CAST(sum(d.pulls) AS BIGINT) FROM pull_day d WHERE d.repository_id = repository.id), 0);

-- A page about a repository, in Markdown. Not a column of repository, whose rows are written again as they are pulled.
CREATE TABLE repository_readme (
    repository_id BIGINT PRIMARY KEY REFERENCES repository (id),
    text TEXT NOT NULL
) {clustered};

-- When a tag of a repository last moved.
CREATE INDEX IF NOT EXISTS tag_by_move ON tag (repository_id, moved_at, name);

-- Repositories that a user wants to find again. An account's id is never used again, so that one that an older Berth
-- removes leaves nothing to another.
CREATE TABLE star (
    account_id BIGINT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repository (id),
    starred_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, repository_id)
) {clustered};
CREATE INDEX star_by_repository ON star (repository_id, account_id);

-- The old names of repositories that were moved, from which pulls are served in the new place. A push to such a name
-- makes a repository of its own, and ends it.
CREATE TABLE repository_redirect (
    name {text} PRIMARY KEY,
    target_id BIGINT NOT NULL REFERENCES repository (id),
    moved_at BIGINT NOT NULL,
    moved_by TEXT NOT NULL
) {clustered};
CREATE INDEX repository_redirect_by_target ON repository_redirect (target_id, moved_at);
