-- oldest: 1
-- Images that others have scanned here, over Harbor's scanner API. State is waiting (it waits or runs), done or fault.
-- Held until is how long the node has it that took the request: after that, a scan that still waits has failed, since
-- only that node has what the image is pulled with. Ends at is when it is forgotten.
CREATE TABLE adapter_scan (
    id {text} NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    digest {text} NOT NULL,
    fault TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX adapter_scan_ends_at ON adapter_scan (ends_at, id);

-- What came of them, compressed. Kind is vulnerability, or the media type of a bill of materials.
CREATE TABLE adapter_report (
    scan_id {text} NOT NULL,
    kind {text} NOT NULL,
    body {bytes} NOT NULL,
    PRIMARY KEY (scan_id, kind)
);

-- What is in layers of such images, so that they are pulled once: files and packages as layer_index has them. Registry
-- is the scheme, host and port that a layer is from: what one registry has, another can't ask for by its digest.
CREATE TABLE adapter_layer (
    registry {text} NOT NULL,
    digest {text} NOT NULL,
    seen_at BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    made_with {text} NOT NULL,
    packages {bytes},
    content {bytes} NOT NULL,
    PRIMARY KEY (registry, digest)
);
CREATE INDEX adapter_layer_seen_at ON adapter_layer (seen_at, registry, digest, size_bytes);

-- The ecosystems of their packages, for which data about vulnerabilities is wanted.
CREATE TABLE adapter_ecosystem (
    name {text} NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
