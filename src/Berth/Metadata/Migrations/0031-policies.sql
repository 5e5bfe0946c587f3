-- oldest: 1
-- What images must be like to be pulled, pushed or promoted. names is a pattern of repositories; namespace is its first
-- part, or empty. spec is the rest as JSON. is_mandatory: only administrators change it, and only what they say
-- satisfies it. version grows with each change, for If-Match.
CREATE TABLE policy (
    id {identity},
    names {text} NOT NULL,
    namespace {text} NOT NULL,
    spec TEXT NOT NULL,
    is_mandatory BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX policy_by_namespace ON policy (namespace, id);

-- Vulnerabilities that policies pass over: in some repositories, of one package or (empty) of any, until a time or (null)
-- for good. Those of administrators alone count for mandatory policies.
CREATE TABLE waiver (
    id {identity},
    names {text} NOT NULL,
    namespace {text} NOT NULL,
    vulnerability {text} NOT NULL,
    package {text} NOT NULL,
    reason TEXT NOT NULL,
    until BIGINT,
    is_mandatory BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);
CREATE INDEX waiver_by_namespace ON waiver (namespace, id);
