-- oldest: 1
-- When a manifest or a tag was last pulled, to the minute. expires_after_ms is what an annotation or a label of the image
-- says of its tags; expires_at, when the tag goes. A pinned tag is removed by no rule.
ALTER TABLE manifest ADD COLUMN pulled_at BIGINT;
ALTER TABLE manifest ADD COLUMN expires_after_ms BIGINT;
ALTER TABLE tag ADD COLUMN pulled_at BIGINT;
ALTER TABLE tag ADD COLUMN expires_at BIGINT;
ALTER TABLE tag ADD COLUMN is_pinned BIGINT NOT NULL DEFAULT 0;
CREATE INDEX tag_by_expiry ON tag (expires_at) WHERE expires_at IS NOT NULL;

-- How often a repository was pulled from, each day (since 1970, in UTC).
CREATE TABLE pull_day (
    repository_id BIGINT NOT NULL REFERENCES repository (id),
    day BIGINT NOT NULL,
    pulls BIGINT NOT NULL,
    PRIMARY KEY (repository_id, day)
) {clustered};

-- Which tags stay, go, or never move. names is a pattern of repositories; namespace is its first part, or empty. spec is
-- the rest as JSON. version grows with each change, for If-Match.
CREATE TABLE tag_rule (
    id {identity},
    names {text} NOT NULL,
    namespace {text} NOT NULL,
    spec TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX tag_rule_by_namespace ON tag_rule (namespace, id);

-- Digests in use, as clusters post them. An empty repository means any.
CREATE TABLE pin_list (
    name {text} PRIMARY KEY,
    posted_at BIGINT NOT NULL,
    posted_by TEXT NOT NULL,
    expires_at BIGINT
);
CREATE TABLE pin (
    list {text} NOT NULL,
    digest {text} NOT NULL,
    repository {text} NOT NULL,
    PRIMARY KEY (list, digest, repository)
) {clustered};
CREATE INDEX pin_by_digest ON pin (digest);

-- Runs of the rules that somebody asked for. state is waiting, running, done or failed.
CREATE TABLE retention_run (
    id {identity},
    repository TEXT,
    namespace TEXT,
    state {text} NOT NULL,
    requested_at BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    tags BIGINT NOT NULL,
    manifests BIGINT NOT NULL,
    error TEXT
);
