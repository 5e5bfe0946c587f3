using System.Security.Cryptography.X509Certificates;

namespace Berth.Signatures;

/// <summary>
/// Verifies signatures with short-lived certificates of Fulcio, offline (Sigstore, client specification, section 4):
/// 1. The log has an entry for exactly this signature, which also gives a time; or an authority gives one.
/// 2. The certificate was valid at each of these times, by an authority that was trusted then.
/// 3. It is for signing, and a log of certificates has it.
/// 4. Its key made the signature.
/// 5. What is signed names the image.
/// 6. Who it is for is trusted.
/// </summary>
internal sealed class KeylessVerification(
    SigstoreSignature signature, X509Certificate2 leaf, IReadOnlyList<X509Certificate2> between, TrustRoot root)
{
    public static SignatureVerdict Verify(SigstoreSignature signature, SignedImage image, Trust trust)
    {
        if (trust.Roots.Count == 0)
            return SignatureFault.Untrusted("it is keyless, and no trusted root is configured to verify it with");
        using var leaf = CertificatePath.Load(signature.Certificate!);
        using var between = new CertificateSet(signature.Intermediates);
        var faults = new List<SignatureFault>();
        foreach (var root in trust.Roots)
        {
            var verdict = new KeylessVerification(signature, leaf, between.All, root).Verify(image, trust.Identities);
            if (verdict.Fault is not { } fault) return verdict;
            faults.Add(fault);
        }

        return SignatureFault.MostTelling(faults);
    }

    private SignatureVerdict Verify(SignedImage image, IReadOnlyList<KeylessIdentity> identities)
    {
        if (!IsIssuerKnown)
            return SignatureFault.Untrusted($"the certificate is issued by {leaf.Issuer}, which no trusted root has");
        var key = VerificationKey.Parse(leaf.PublicKey.ExportSubjectPublicKeyInfo());
        if (CheckEntries(key) is { } entryFault) return SignatureFault.Invalid(entryFault);
        var times = AttestedTimes.Of(signature, root);
        if (times.First is null)
            return SignatureFault.Invalid(times.Reason ?? "nobody who is trusted says when it was signed");
        if (CheckCertificate(times.Times) is { } certificateFault) return SignatureFault.Invalid(certificateFault);
        if (!signature.Content.IsSignedBy(key, signature.Signature))
            return SignatureFault.Invalid("the signature is not over this content, or not by the certificate's key");
        var claim = signature.Content.ReadClaim();
        if (claim.Check(image.Digest) is { } imageFault) return imageFault;
        var signer = FulcioCertificate.Read(leaf);
        return identities.FirstOrDefault(one => one.Matches(signer.Issuer, signer.Subject)) is not { } identity
            ? SignatureFault.Untrusted($"it is signed by {signer}, and no trusted identity matches that")
            : new VerifiedSignature(SignatureKind.CosignKeyless, signer.Subject, identity.ToString())
            {
                Issuer = signer.Issuer,
                SignedAt = times.First,
                PredicateType = claim.PredicateType,
                Statement = (signature.Content as SignedEnvelope)?.Payload,
                Annotations = claim.Annotations,
            };
    }

    /// <summary>Only by name: what tells strangers' signatures from broken ones.</summary>
    private bool IsIssuerKnown => root.CertificateAuthorities.SelectMany(authority => authority.Chain).Any(
        known => between.Prepend(leaf).Any(
            one => known.SubjectName.RawData.AsSpan().SequenceEqual(one.IssuerName.RawData)));

    /// <summary>Entries in logs that are not trusted don't matter, unless there are no others.</summary>
    private string? CheckEntries(VerificationKey key)
    {
        var isLogged = root.Logs.Count == 0;
        foreach (var entry in signature.Entries)
        {
            if (LogVerification.LogOf(entry, root) is not { } log) continue;
            if (LogVerification.Check(entry, log, signature, key) is { } reason) return reason;
            isLogged = true;
        }

        return isLogged ? null : "it has no entry in a log that is trusted";
    }

    private string? CheckCertificate(IReadOnlyList<SigningTime> times)
    {
        if (!CertificatePath.HasUsage(leaf, CertificatePath.CodeSigning))
            return "the certificate is not for signing code";
        if (CertificatePath.IsAuthority(leaf)) return "the certificate is that of an authority";
        if (between.Any(CertificatePath.IsSelfIssued)) return "it brings a root certificate of its own";
        foreach (var time in times.Select(one => one.Time))
        {
            if (CheckPath(time) is { } reason) return reason;
            var logs = signature.Entries.Select(entry => LogVerification.LogOf(entry, root)).OfType<TrustedLog>();
            if (logs.FirstOrDefault(one => !one.ValidFor.Contains(time)) is { } log)
                return $"the log {log.Host} was not trusted at {CertificatePath.TimeText(time)}";
        }

        return null;
    }

    /// <summary>By one of the authorities that were trusted at the time.</summary>
    private string? CheckPath(DateTimeOffset time)
    {
        var reason = $"the certificate's issuer was not trusted at {CertificatePath.TimeText(time)}";
        foreach (var authority in root.CertificateAuthorities.Where(one => one.ValidFor.Contains(time)))
        {
            var fault = CertificatePath.Check(
                leaf, authority.Chain.SkipLast(1).Concat(between), authority.Root, time, CertificatePath.CodeSigning,
                out var path);
            fault ??= root.CertificateLogs.Count == 0 ? null
                : CertificateTransparency.Check(leaf, path[Math.Min(1, path.Count - 1)], root.CertificateLogs);
            if (fault is null) return null;
            reason = fault;
        }

        return reason;
    }
}
