-- oldest: 1
-- How runs of jobs ended. It is bounded: a job removes what is older, or more, than the settings allow.
CREATE TABLE job_history (
    id {identity},
    job_id BIGINT NOT NULL,
    kind {text} NOT NULL,
    payload TEXT NOT NULL,
    outcome {text} NOT NULL,
    attempt BIGINT NOT NULL,
    node TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    error TEXT
);
CREATE INDEX job_history_by_end ON job_history (ended_at);
CREATE INDEX job_history_of_failures ON job_history (id) WHERE outcome <> 'done';
