-- oldest: 1
-- Signing keys shared by all nodes. Whoever can read this table can forge tokens for anyone.

CREATE TABLE signing_key (
    purpose {text} PRIMARY KEY,
    secret {bytes} NOT NULL,
    created_at BIGINT NOT NULL
);
