-- oldest: 1
-- Keys that all nodes sign with. Whoever reads this table can make tokens for anybody.

CREATE TABLE signing_key (
    purpose {text} PRIMARY KEY,
    secret {bytes} NOT NULL,
    created_at BIGINT NOT NULL
);
