-- oldest: 1
-- Who did what, when and from where. A row never changes; a job deletes the old ones.
CREATE TABLE audit_entry (
    id {identity},
    at BIGINT NOT NULL,
    action {text} NOT NULL,
    result {text} NOT NULL,
    actor {text} NOT NULL,
    method TEXT NOT NULL,
    secret_id BIGINT,
    address {text},
    agent TEXT,
    repository {text},
    target TEXT,
    digest TEXT,
    detail TEXT,
    request_id TEXT
);
CREATE INDEX audit_entry_by_time ON audit_entry (at);
CREATE INDEX audit_entry_by_actor ON audit_entry (actor, id);
CREATE INDEX audit_entry_by_repository ON audit_entry (repository, id) WHERE repository IS NOT NULL;
CREATE INDEX audit_entry_by_action ON audit_entry (action, id);
