// Usage: node mock.mjs FOLDER
//
// Writes bundles made by Sigstore's own stand-in for its services (the npm package @sigstore/mock), as folders in the
// form of the conformance suite: those whose names end in _fail must not verify.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import fulcio from '@sigstore/mock/dist/fulcio/index.js';
import rekor from '@sigstore/mock/dist/rekor/index.js';
import timestamp from '@sigstore/mock/dist/timestamp/index.js';

const folder = process.argv[2];
const identity = 'https://forge.example/acme/app/.github/workflows/release.yml@refs/heads/main';
const issuer = 'https://token.forge.example';
const issuerExtension = '1.3.6.1.4.1.57264.1.8';
const artifact = Buffer.from('an image');
const statementType = 'application/vnd.in-toto+json';
const start = new Date(Date.now() - 3600_000).toISOString();

const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const pem = (der) => `-----BEGIN CERTIFICATE-----\n${base64(der).replace(/(.{64})/g, '$1\n').trim()}\n-----END CERTIFICATE-----\n`;

async function services(withCertificateLog = true) {
  const certificateLog = await fulcio.initializeCTLog(keyPair());
  return {
    certificateLog,
    authority: await fulcio.initializeCA(keyPair(), withCertificateLog ? certificateLog : undefined),
    log: await rekor.initializeTLog('https://rekor.example', keyPair()),
    timestamps: await timestamp.initializeTSA(keyPair()),
  };
}

function trustedRoot({ authority, certificateLog, log, timestamps }) {
  const authorityOf = (...chain) => ({
    uri: 'https://authority.example',
    certChain: { certificates: chain.map((one) => ({ rawBytes: base64(one) })) },
    validFor: { start },
  });
  const logOf = (one) => ({
    baseUrl: 'https://rekor.example',
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: base64(one.publicKey), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: { start } },
    logId: { keyId: base64(sha256(one.publicKey)) },
  });
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [logOf(log)],
    certificateAuthorities: [authorityOf(authority.rootCertificate)],
    ctlogs: [logOf(certificateLog)],
    timestampAuthorities: [authorityOf(timestamps.intCertificate, timestamps.rootCertificate)],
  };
}

// What the log says, as a bundle has it.
function entryOf(logged, kind) {
  const [entry] = Object.values(logged);
  const proof = entry.verification.inclusionProof;
  return {
    logIndex: `${entry.logIndex}`,
    logId: { keyId: Buffer.from(entry.logID, 'hex').toString('base64') },
    kindVersion: { kind, version: '0.0.1' },
    integratedTime: `${entry.integratedTime}`,
    inclusionPromise: { signedEntryTimestamp: entry.verification.signedEntryTimestamp },
    inclusionProof: {
      logIndex: `${proof.logIndex}`, rootHash: Buffer.from(proof.rootHash, 'hex').toString('base64'),
      treeSize: `${proof.treeSize}`, hashes: [], checkpoint: { envelope: proof.checkpoint },
    },
    canonicalizedBody: entry.body,
  };
}

async function signed(used, { envelope = false, subject = identity, withTimestamp = false } = {}) {
  const key = keyPair();
  const certificate = await used.authority.issueCertificate({
    publicKey: key.publicKey.export({ format: 'der', type: 'spki' }), subjectAltName: subject,
    extensions: [{ oid: issuerExtension, value: issuer }],
  });
  const statement = Buffer.from(JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1', subject: [{ digest: { sha256: sha256(artifact).toString('hex') } }],
    predicateType: 'https://slsa.dev/provenance/v1', predicate: {},
  }));
  const content = envelope
    ? Buffer.concat([Buffer.from(`DSSEv1 ${statementType.length} ${statementType} ${statement.length} `), statement])
    : artifact;
  const signature = sign('sha256', content, key.privateKey);
  const hash = (bytes) => ({ algorithm: 'sha256', value: sha256(bytes).toString('hex') });
  const verifier = base64(pem(certificate));
  const spec = envelope
    ? { payloadHash: hash(statement), signatures: [{ signature: base64(signature), verifier }] }
    : { data: { hash: hash(artifact) }, signature: { content: base64(signature), publicKey: { content: verifier } } };
  const kind = envelope ? 'dsse' : 'hashedrekord';
  const bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: {
      certificate: { rawBytes: base64(certificate) },
      tlogEntries: [entryOf(await used.log.log({ apiVersion: '0.0.1', kind, spec }), kind)],
    },
  };
  if (envelope) {
    bundle.dsseEnvelope = {
      payload: base64(statement), payloadType: statementType, signatures: [{ sig: base64(signature) }],
    };
  } else {
    bundle.messageSignature = {
      messageDigest: { algorithm: 'SHA2_256', digest: base64(sha256(artifact)) }, signature: base64(signature),
    };
  }

  if (withTimestamp) await stamp(used, bundle, signature);
  return bundle;
}

async function stamp(used, bundle, content) {
  const response = await used.timestamps.timestamp({
    artifactHash: sha256(content), hashAlgorithmOID: '2.16.840.1.101.3.4.2.1', nonce: 7, policyOID: '1.2.3', certReq: true,
  });
  bundle.verificationMaterial.timestampVerificationData =
    { rfc3161Timestamps: [{ signedTimestamp: base64(response) }] };
}

function write(name, bundle, used, content = artifact) {
  mkdirSync(`${folder}/${name}`);
  writeFileSync(`${folder}/${name}/bundle.sigstore.json`, JSON.stringify(bundle));
  writeFileSync(`${folder}/${name}/trusted_root.json`, JSON.stringify(trustedRoot(used)));
  writeFileSync(`${folder}/${name}/artifact`, content);
  writeFileSync(`${folder}/${name}/identity`, identity);
  writeFileSync(`${folder}/${name}/issuer`, issuer);
}

// With the first version of bundles, which has chains, and no proofs.
function first(bundle) {
  bundle.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.1';
  const material = bundle.verificationMaterial;
  material.x509CertificateChain = { certificates: [material.certificate] };
  delete material.certificate;
  delete material.tlogEntries[0].inclusionProof;
  return bundle;
}

function changed(bundle, change) {
  const copy = structuredClone(bundle);
  change(copy, copy.verificationMaterial.tlogEntries[0]);
  return copy;
}

const flip = (text) => text.slice(0, 20) + (text[20] === 'A' ? 'B' : 'A') + text.slice(21);
const [used, other] = [await services(), await services()];
for (const envelope of [false, true]) {
  const [kind, right] = [envelope ? 'envelope' : 'message', await signed(used, { envelope })];
  const another = (await signed(used, { envelope })).verificationMaterial;
  write(kind, right, used);
  write(`${kind}-timestamped`, await signed(used, { envelope, withTimestamp: true }), used);
  write(`${kind}-first-version`, first(await signed(used, { envelope })), used);
  write(`${kind}-other-root_fail`, right, other);
  write(`${kind}-other-artifact_fail`, right, used, Buffer.from('another image'));
  write(`${kind}-other-signer_fail`, await signed(used, { envelope, subject: `${identity}2` }), used);
  write(`${kind}-other-entry_fail`, changed(right, (b) => {
    b.verificationMaterial.tlogEntries = another.tlogEntries;
  }), used);
  write(`${kind}-other-certificate_fail`, changed(right, (b) => {
    b.verificationMaterial.certificate = another.certificate;
  }), used);
  write(`${kind}-altered-promise_fail`, changed(right, (_, entry) => {
    entry.integratedTime = `${Number(entry.integratedTime) + 1}`;
  }), used);
  write(`${kind}-altered-checkpoint_fail`, changed(right, (_, entry) => {
    entry.inclusionProof.checkpoint.envelope = entry.inclusionProof.checkpoint.envelope.replace('\n1\n', '\n2\n');
  }), used);
  write(`${kind}-altered-signature_fail`, changed(right, (b) => {
    if (envelope) b.dsseEnvelope.signatures[0].sig = flip(b.dsseEnvelope.signatures[0].sig);
    else b.messageSignature.signature = flip(b.messageSignature.signature);
  }), used);
}

const unlogged = await services(false);
write('in-no-log-of-certificates_fail', await signed(unlogged), unlogged);
