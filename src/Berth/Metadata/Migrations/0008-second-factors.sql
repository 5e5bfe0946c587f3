-- oldest: 1
-- Whether a password alone does not sign in: the account has a confirmed authenticator app, or a passkey.
ALTER TABLE account ADD COLUMN has_second_factor BIGINT NOT NULL DEFAULT 0;

-- Authenticator apps (RFC 6238). Whoever can read the secrets can make codes, but still needs the passwords. last_step is
-- that of the last code that was used: each is good once.
CREATE TABLE authenticator (
    account_id BIGINT PRIMARY KEY REFERENCES account (id),
    secret {bytes} NOT NULL,
    created_at BIGINT NOT NULL,
    is_confirmed BIGINT NOT NULL DEFAULT 0,
    last_step BIGINT NOT NULL DEFAULT 0
) {clustered};

-- Codes for whoever has lost the app. Each is good once.
CREATE TABLE recovery_code (
    account_id BIGINT NOT NULL REFERENCES account (id),
    hash {text} NOT NULL,
    PRIMARY KEY (account_id, hash)
) {clustered};

-- Passkeys (Web Authentication). last_ticket_at is when the challenge was made that was last answered: an answer is good
-- once.
CREATE TABLE passkey (
    id {text} PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    public_key {bytes} NOT NULL,
    sign_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    last_ticket_at BIGINT NOT NULL
) {clustered};
CREATE INDEX passkey_by_account ON passkey (account_id, created_at);

-- Links with which somebody may make an account. name is the one that they get; null: they choose. role is that in the
-- organization.
CREATE TABLE invitation (
    id {identity},
    hash {text} NOT NULL UNIQUE,
    name {text},
    email TEXT,
    organization_id BIGINT REFERENCES account (id),
    role {text},
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX invitation_by_organization ON invitation (organization_id) WHERE organization_id IS NOT NULL;
CREATE INDEX invitation_by_expiry ON invitation (expires_at);
