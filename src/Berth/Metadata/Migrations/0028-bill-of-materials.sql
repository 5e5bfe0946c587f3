-- oldest: 1
-- The form of the packages of a layer, which are read again by themselves when they are told in another one.
ALTER TABLE layer_index ADD COLUMN packages_form BIGINT NOT NULL DEFAULT 0;
CREATE INDEX layer_index_packages_form ON layer_index (packages_form, added_at, digest) WHERE state = 'indexed';

-- What is installed in images, for those who ask which images have something: one row for each image whose layers were
-- looked into, which goes with the last repository that has it. State is waiting, read or fault. It can be made again at
-- any time from the packages of its layers. Looks counts how often its layers were not known yet.
CREATE TABLE image_scan (
    id {identity},
    digest {text} NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    looks BIGINT NOT NULL,
    form BIGINT NOT NULL,
    ecosystem {text} NOT NULL,
    distribution TEXT,
    packages BIGINT NOT NULL,
    is_complete BIGINT NOT NULL,
    read_at BIGINT
);
CREATE UNIQUE INDEX image_scan_digest ON image_scan (digest);
CREATE INDEX image_scan_due ON image_scan (due_at, id);
CREATE INDEX image_scan_form ON image_scan (form, id) WHERE state <> 'waiting';
CREATE INDEX image_scan_partial ON image_scan (id) WHERE state <> 'read' OR is_complete = 0;

-- Each package once, however many images have it. Ecosystem, source and source_version are what vulnerabilities are
-- told of.
CREATE TABLE package (
    id {identity},
    type {text} NOT NULL,
    name {text} NOT NULL,
    version {text} NOT NULL,
    ecosystem {text} NOT NULL,
    source {text} NOT NULL,
    source_version {text} NOT NULL
);
CREATE UNIQUE INDEX package_key ON package (name, type, version, ecosystem, source, source_version);
CREATE INDEX package_source ON package (source, id);

CREATE TABLE image_package (
    image_id BIGINT NOT NULL,
    package_id BIGINT NOT NULL,
    layer BIGINT NOT NULL,
    PRIMARY KEY (image_id, package_id)
) {clustered};
CREATE INDEX image_package_by_package ON image_package (package_id, image_id);
