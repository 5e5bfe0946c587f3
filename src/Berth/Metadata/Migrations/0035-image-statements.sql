-- oldest: 1
-- What verified documents (VEX) that lie beside an image, or an index that has it, say of its vulnerabilities. Document
-- is what was verified: the blob of an attestation, or the manifest of an artifact that somebody signed; whether it
-- still is, signed_artifact and signature_result tell. About is the image, or empty: the subject and what is in it.
-- Names are those of the vulnerability, in capitals, with spaces between them; purls are lines, * is the whole image.
-- Vex is not_affected, fixed, or empty: it counts. Derived: it can be made again at any time.
CREATE TABLE image_statement (
    repository_id BIGINT NOT NULL,
    subject_digest {text} NOT NULL,
    document {text} NOT NULL,
    position BIGINT NOT NULL,
    about {text} NOT NULL,
    names TEXT NOT NULL,
    purls TEXT NOT NULL,
    vex TEXT NOT NULL,
    reason TEXT NOT NULL,
    said_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, subject_digest, document, position)
) {clustered};

-- What was verified before is read again for what it says.
UPDATE signed_artifact SET due_at = 0, attempts = 0 WHERE state = 'read'
    AND EXISTS (SELECT 1 FROM signature_result s WHERE s.artifact_id = signed_artifact.id AND s.verdict = 'verified');

-- Images that were looked at for a bill of materials, which the registry attaches to those that have none (artifact;
-- empty: it attached none). They are looked at again at due_at.
CREATE TABLE sbom_attachment (
    repository_id BIGINT NOT NULL,
    digest {text} NOT NULL,
    artifact {text} NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, digest)
) {clustered};
