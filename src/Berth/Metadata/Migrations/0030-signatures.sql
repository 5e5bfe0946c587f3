-- oldest: 1
-- Whose signatures count: in a namespace, or with an empty one in the whole registry. Kind is keys, identities, roots,
-- stores or policies, and body what it is: a key, certificates or JSON, and of an identity two lines, its issuer and its
-- subject.
CREATE TABLE trust_entry (
    id {identity},
    kind {text} NOT NULL,
    namespace {text} NOT NULL,
    name {text} NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX trust_entry_name ON trust_entry (namespace, kind, name);

-- Grows with each change to the entries of a namespace: what was verified before counts no more.
CREATE TABLE trust_version (
    namespace {text} NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);

-- Manifests that may be signatures of others: those with a subject, and those that a tag of cosign attaches (tag; empty
-- if none does). State is waiting, read, none (it is no signature) or fault (given up). Derived: it can be made again
-- at any time. The two numbers are those of trust_version, of the registry and of the namespace, that it was verified
-- by. Looks counts how often its subject was not there.
CREATE TABLE signed_artifact (
    id {identity},
    repository_id BIGINT NOT NULL,
    digest {text} NOT NULL,
    subject_digest {text} NOT NULL,
    tag {text} NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    looks BIGINT NOT NULL,
    registry_trust BIGINT NOT NULL,
    namespace_trust BIGINT NOT NULL,
    checked_at BIGINT
);
CREATE UNIQUE INDEX signed_artifact_key ON signed_artifact (repository_id, digest, tag);
CREATE INDEX signed_artifact_subject ON signed_artifact (repository_id, subject_digest, id);
CREATE INDEX signed_artifact_due ON signed_artifact (due_at, id);
CREATE INDEX signed_artifact_registry_trust ON signed_artifact (registry_trust, id);
CREATE INDEX signed_artifact_namespace_trust ON signed_artifact (repository_id, namespace_trust, id);

-- What came of each signature in them, by its place among the layers. Verdict is verified, failed or untrusted;
-- trusted_in the namespace whose entry says to trust it, empty for the registry's.
CREATE TABLE signature_result (
    artifact_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    layer {text} NOT NULL,
    verdict {text} NOT NULL,
    kind TEXT NOT NULL,
    signer TEXT,
    issuer TEXT,
    trusted_by TEXT,
    trusted_in TEXT,
    predicate_type TEXT,
    signed_at BIGINT,
    time_source TEXT,
    warnings TEXT NOT NULL,
    fault TEXT,
    PRIMARY KEY (artifact_id, position)
) {clustered};
