-- oldest: 1
-- What tokens of an issuer in the settings (auth.keyless) may do, besides what the settings' own rules allow. names are
-- patterns of repositories with spaces between. version grows with each change, for If-Match.
CREATE TABLE keyless_rule (
    id {identity},
    issuer {text} NOT NULL,
    condition TEXT NOT NULL,
    actions TEXT NOT NULL,
    names TEXT NOT NULL,
    user_name TEXT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    version BIGINT NOT NULL
);
