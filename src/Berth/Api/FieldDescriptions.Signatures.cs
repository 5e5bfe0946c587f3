namespace Berth.Api;

/// <content>Whose signatures count, and what came of verifying them.</content>
internal static partial class FieldDescriptions
{
    private static readonly Dictionary<string, string> OfSignatures = new(StringComparer.Ordinal)
    {
        ["TrustView.kind"] = "keys, identities, roots, stores or policies.",
        ["TrustView.name"] = "Its name; of a store type:name, as policies refer to it.",
        ["TrustView.namespace"] = "Where it counts; absent: in the whole registry.",
        ["TrustView.content"] = "A key or certificates as PEM, a trusted_root.json or a trustpolicy.json; absent: it "
            + "is an identity.",
        ["TrustView.issuer"] = "Who vouches for the identity; absent: it is none.",
        ["TrustView.subject"] = "The identity, which may have * for text without slashes and ** for any text.",
        ["NewTrust.content"] = "A key or certificates as PEM, a trusted_root.json or a trustpolicy.json.",
        ["NewTrust.issuer"] = "Of an identity: who vouches for it, exactly.",
        ["NewTrust.subject"] = "Of an identity: the name in the certificate. * stands for text without slashes, ** for "
            + "any text.",
        ["SignaturesView.digest"] = "The manifest.",
        ["SignaturesView.isVerified"] = "Whether one that is no attestation is by somebody who is trusted here.",
        ["SignaturesView.items"] = "The signatures, verified ones first: 100 at most.",
        ["SignatureView.verdict"] = "verified; failed: it is broken or of another image; untrusted: by nobody who is "
            + "trusted here; or pending: it is not verified yet.",
        ["SignatureView.reason"] = "Why it does not count; absent: it does.",
        ["SignatureView.artifact"] = "The manifest that holds it.",
        ["SignatureView.tag"] = "The tag that attaches it; absent: it refers to its subject.",
        ["SignatureView.index"] = "The index that is signed, and has the image; absent: the image itself is.",
        ["SignatureView.layer"] = "The layer that holds it.",
        ["SignatureView.kind"] = "cosign-key, cosign-keyless or notation; cosign if it is not verified.",
        ["SignatureView.signer"] = "Who signed: the name of a key, an identity, or a certificate's subject.",
        ["SignatureView.issuer"] = "Who vouches for the identity.",
        ["SignatureView.trustedBy"] = "The key, identity or policy that says to trust it.",
        ["SignatureView.trustedIn"] = "The namespace that says so; absent: the registry does.",
        ["SignatureView.predicateType"] = "What an attestation says of the image; absent: it is only signed.",
        ["SignatureView.signedAt"] = "When it was signed; absent: nobody says.",
        ["SignatureView.timeSource"] = "Who says when: log, timestamp or signer.",
        ["SignatureView.warnings"] = "What is wrong with it, but let through by the policy.",
        ["SignatureView.checkedAt"] = "When it was verified last.",
    };
}
