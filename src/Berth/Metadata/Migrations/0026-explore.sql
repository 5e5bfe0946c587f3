-- oldest: 1
-- What lists of repositories are sorted and filtered by. The newest tag is the one that moved last, by name where two
-- moved at once; platforms and artifact_type are those of its image. Triggers maintain them, because older versions that
-- do not know them may write beside this one.
ALTER TABLE repository ADD COLUMN pushed_at BIGINT;
ALTER TABLE repository ADD COLUMN newest_tag {text};
ALTER TABLE repository ADD COLUMN platforms TEXT;
ALTER TABLE repository ADD COLUMN artifact_type {text};
-- Whether administrators vouch for it.
ALTER TABLE repository ADD COLUMN is_official BIGINT NOT NULL DEFAULT 0;

-- First, so that no tag moves meanwhile without being noticed.
{newest tag triggers}
UPDATE repository SET (pushed_at, newest_tag, platforms, artifact_type) = (
    SELECT t.moved_at, t.name, b.platforms,
        (SELECT m.artifact_type FROM manifest m WHERE m.repository_id = t.repository_id AND m.digest = t.digest)
    FROM tag t JOIN manifest_body b ON b.digest = t.digest
    WHERE t.repository_id = repository.id AND {own tag} ORDER BY t.moved_at DESC, t.name DESC LIMIT 1);

-- Lists pass over what must not be seen within the index. What does not fit they pass over there on SQLite alone: it has
-- no better way, and PostgreSQL refuses rows whose platforms are too long for an index.
CREATE INDEX repository_by_push ON repository (coalesce(pushed_at, 0) DESC, name{filtered columns}) WHERE listed = 1;
CREATE INDEX repository_by_pulls ON repository (pulls DESC, name{filtered columns}) WHERE listed = 1;
CREATE INDEX repository_by_stars ON repository (stars DESC, name{filtered columns}) WHERE listed = 1;
{filtered names}
CREATE INDEX repository_official ON repository (name) WHERE is_official = 1;

-- Indexes are read again for the platforms of their images and for what build caches list, images for Windows for foreign
-- layers that are not stored, and those that were built in the year 1, which says that nobody knows when.
UPDATE manifest_body SET content_bytes = NULL
WHERE built_at < 0 OR platforms LIKE '%windows/%'
    OR digest IN (SELECT m.digest FROM manifest m WHERE m.media_type IN
        ('application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'))
    OR digest IN (SELECT t.digest FROM trash_manifest t WHERE t.media_type IN
        ('application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'));
