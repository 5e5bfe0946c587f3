namespace Berth.Signatures;

/// <summary>
/// Verifies signatures of Sigstore with keys that are configured. Such a key says enough by itself: that a log has the
/// signature is verified only if it is said, and by a log that is trusted.
/// </summary>
internal static class KeyVerification
{
    /// <summary>The first key that made the signature, which may have come with a certificate all the same: cosign
    /// signs with both if an organization has certificates of its own.</summary>
    public static TrustedKey? SignerOf(SigstoreSignature signature, Trust trust) =>
        trust.Keys.FirstOrDefault(one => signature.Content.IsSignedBy(one.Key, signature.Signature));

    public static SignatureVerdict Verify(SigstoreSignature signature, SignedImage image, Trust trust)
    {
        if (SignerOf(signature, trust) is not { } signer)
        {
            return SignatureFault.Untrusted(trust.Keys.Count == 0
                ? "it is signed with a key, and none is configured" : "no trusted key made this signature");
        }

        var claim = signature.Content.ReadClaim();
        if (claim.Check(image.Digest) is { } fault) return fault;
        var times = new List<SigningTime>();
        foreach (var root in trust.Roots)
        {
            if (CheckEntries(signature, root, signer.Key) is { } reason) return SignatureFault.Invalid(reason);
            times.AddRange(AttestedTimes.Of(signature, root).Times);
        }

        return new VerifiedSignature(SignatureKind.CosignKey, signer.Name, signer.Name)
        {
            SignedAt = times.MinBy(one => one.Time),
            PredicateType = claim.PredicateType,
            Statement = (signature.Content as SignedEnvelope)?.Payload,
            Annotations = claim.Annotations,
        };
    }

    private static string? CheckEntries(SigstoreSignature signature, TrustRoot root, VerificationKey key) =>
        signature.Entries
            .Select(entry => LogVerification.LogOf(entry, root) is { } log
                ? LogVerification.Check(entry, log, signature, key) : null)
            .FirstOrDefault(reason => reason is not null);
}
