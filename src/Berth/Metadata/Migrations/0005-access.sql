-- oldest: 1
-- An account is a user, a robot or an organization. Users and organizations own the namespace of their name, so all of
-- them share one list of names. version grows with each change, for If-Match.
ALTER TABLE account ADD COLUMN full_name TEXT;
ALTER TABLE account ADD COLUMN email {text};
ALTER TABLE account ADD COLUMN password_hash TEXT;
ALTER TABLE account ADD COLUMN role {text};
ALTER TABLE account ADD COLUMN is_disabled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN expires_at BIGINT;
-- The namespace that a robot belongs to; null: the registry.
ALTER TABLE account ADD COLUMN owner_id BIGINT REFERENCES account (id);
ALTER TABLE account ADD COLUMN may_make_robots BIGINT NOT NULL DEFAULT 0;
-- Whether repositories pushed to this namespace from now on are public.
ALTER TABLE account ADD COLUMN makes_public BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
CREATE INDEX account_by_kind ON account (kind, name);
CREATE INDEX account_by_owner ON account (owner_id, name) WHERE owner_id IS NOT NULL;
CREATE INDEX account_by_email ON account (email) WHERE email IS NOT NULL;
CREATE INDEX account_of_staff ON account (role, name) WHERE role IS NOT NULL;

-- Which accounts of other directories a user signs in with.
CREATE TABLE identity (
    source {text} NOT NULL,
    subject {text} NOT NULL,
    account_id BIGINT NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    linked_at BIGINT NOT NULL,
    PRIMARY KEY (source, subject)
) {clustered};
CREATE INDEX identity_by_account ON identity (account_id);

-- The groups that a directory named when the user last signed in.
CREATE TABLE account_group (
    account_id BIGINT NOT NULL REFERENCES account (id),
    source {text} NOT NULL,
    name {text} NOT NULL,
    PRIMARY KEY (account_id, source, name)
) {clustered};

CREATE TABLE organization_member (
    organization_id BIGINT NOT NULL REFERENCES account (id),
    account_id BIGINT NOT NULL REFERENCES account (id),
    role {text} NOT NULL,
    added_at BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    PRIMARY KEY (organization_id, account_id)
) {clustered};
CREATE INDEX organization_member_by_account ON organization_member (account_id);

CREATE TABLE team (
    id {identity},
    organization_id BIGINT NOT NULL REFERENCES account (id),
    name {text} NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE team_member (
    team_id BIGINT NOT NULL REFERENCES team (id),
    account_id BIGINT NOT NULL REFERENCES account (id),
    PRIMARY KEY (team_id, account_id)
) {clustered};
CREATE INDEX team_member_by_account ON team_member (account_id);

-- Members of these groups are members of the team.
CREATE TABLE team_group (
    team_id BIGINT NOT NULL REFERENCES team (id),
    source {text} NOT NULL,
    name {text} NOT NULL,
    PRIMARY KEY (team_id, source, name)
) {clustered};
CREATE INDEX team_group_by_name ON team_group (source, name);

-- What an account or a team may do in the repositories that a pattern matches. The namespace is the pattern's first
-- component, or empty if the pattern reaches into several.
CREATE TABLE access_grant (
    id {identity},
    account_id BIGINT REFERENCES account (id),
    team_id BIGINT REFERENCES team (id),
    namespace {text} NOT NULL,
    pattern {text} NOT NULL,
    actions TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);
CREATE INDEX access_grant_by_account ON access_grant (account_id, pattern) WHERE account_id IS NOT NULL;
CREATE INDEX access_grant_by_team ON access_grant (team_id, pattern) WHERE team_id IS NOT NULL;
CREATE INDEX access_grant_by_namespace ON access_grant (namespace, id);

-- Secrets that are used as a password (personal, robot), or in place of one (refresh). Only their hash is kept.
CREATE TABLE token (
    id {identity},
    account_id BIGINT NOT NULL REFERENCES account (id),
    kind {text} NOT NULL,
    name TEXT NOT NULL,
    hash {text} NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    actions TEXT,
    patterns TEXT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT,
    used_at BIGINT,
    used_from TEXT
);
CREATE INDEX token_by_account ON token (account_id, kind, id);
CREATE INDEX token_by_expiry ON token (expires_at) WHERE expires_at IS NOT NULL;

-- The keys that sign access tokens. Whoever can read this table can forge tokens for anyone.
CREATE TABLE token_key (
    id {text} PRIMARY KEY,
    private_key {bytes} NOT NULL,
    created_at BIGINT NOT NULL
);

-- One row, from the first change on: a number that grows with each change to what anyone may do. Nodes look at it once
-- a second.
CREATE TABLE access_version (
    id BIGINT PRIMARY KEY,
    number BIGINT NOT NULL
);

ALTER TABLE repository ADD COLUMN is_public BIGINT NOT NULL DEFAULT 0;
CREATE INDEX repository_public ON repository (name) WHERE is_public = 1 AND listed = 1;
