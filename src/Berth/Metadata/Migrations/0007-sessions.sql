-- oldest: 1
-- Browsers that are signed in. hash is that of the cookie's value, which only the browser has.
CREATE TABLE session (
    hash {text} PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES account (id),
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    address TEXT,
    agent TEXT
) {clustered};
CREATE INDEX session_by_account ON session (account_id, created_at);
CREATE INDEX session_by_expiry ON session (expires_at);

-- Programs without a browser that wait until somebody lets them in (RFC 8628). account_id is who did; is_denied, that
-- somebody refused.
CREATE TABLE device_request (
    hash {text} PRIMARY KEY,
    user_code {text} NOT NULL UNIQUE,
    name TEXT NOT NULL,
    address TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    account_id BIGINT REFERENCES account (id),
    is_denied BIGINT NOT NULL DEFAULT 0
) {clustered};
CREATE INDEX device_request_by_account ON device_request (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX device_request_by_expiry ON device_request (expires_at);

-- Whether an administrator or a directory that has verified it set the address. Users may write any into their account.
ALTER TABLE account ADD COLUMN is_email_verified BIGINT NOT NULL DEFAULT 0;
