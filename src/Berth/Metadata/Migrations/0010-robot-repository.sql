-- oldest: 1
-- The repository that a robot is of, and reaches no further than; null for one of a namespace or of the registry.
ALTER TABLE account ADD COLUMN repository {text};
CREATE INDEX account_by_repository ON account (repository, name) WHERE repository IS NOT NULL;
