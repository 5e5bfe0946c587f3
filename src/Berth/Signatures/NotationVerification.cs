using System.Security.Cryptography.X509Certificates;

namespace Berth.Signatures;

/// <summary>
/// Verifies signatures of Notary Project (notation, specs/trust-store-trust-policy.md, "Signature Verification"). What
/// a policy leaves to choose is the time and the expiry. That nobody altered it, and that the signer is trusted, is
/// enforced at every level, since Berth names the signer. Revocation is not checked: that would mean to ask addresses
/// that certificates hold.
/// </summary>
internal sealed class NotationVerification
{
    private readonly NotationEnvelope _envelope;
    private readonly NotationPolicy _policy;
    private readonly Trust _trust;
    private readonly IReadOnlyList<X509Certificate2> _chain;
    private readonly List<string> _warnings = [];

    private NotationVerification(
        NotationEnvelope envelope, NotationPolicy policy, Trust trust, IReadOnlyList<X509Certificate2> chain)
    {
        (_envelope, _policy, _trust, _chain) = (envelope, policy, trust, chain);
    }

    private X509Certificate2 Leaf => _chain[0];

    public static SignatureVerdict Verify(
        NotationEnvelope envelope, SignedImage image, Trust trust, DateTimeOffset now)
    {
        if (NotationPolicy.For(image.Repository, trust.Policies) is not { } policy)
            return SignatureFault.Untrusted("no trust policy is for this repository");
        if (policy.IsSkipped) return SignatureFault.Untrusted($"the policy {policy.Name} skips signatures here");
        if (envelope.Chain.Count == 0) return SignatureFault.Unreadable("it has no certificates");
        using var chain = new CertificateSet(envelope.Chain);
        return new NotationVerification(envelope, policy, trust, chain.All).Verify(image, now);
    }

    private SignatureVerdict Verify(SignedImage image, DateTimeOffset now)
    {
        var key = VerificationKey.Parse(Leaf.PublicKey.ExportSubjectPublicKeyInfo());
        if (!_envelope.IsSignedBy(key))
            return SignatureFault.Invalid("it was altered, or is not by the certificate's key and its algorithm");
        if (_envelope.CheckHeaders() is { } headerFault) return SignatureFault.Invalid(headerFault);
        if (_envelope.CheckTarget(image, out var annotations) is { } targetFault) return targetFault;
        if ((CheckLeaf() ?? CheckPath()) is { } pathFault) return SignatureFault.Invalid(pathFault);
        if (CheckTrusted() is { } trustFault) return SignatureFault.Untrusted(trustFault);
        var (signedAt, timeFault) = TimeOf(now);
        var fault = Weigh(_policy.OnTime, timeFault) ?? Weigh(_policy.OnExpiry, CheckExpiry(now));
        return fault is not null ? SignatureFault.Invalid(fault)
            : new VerifiedSignature(SignatureKind.Notation, Leaf.Subject, _policy.Name)
            {
                SignedAt = signedAt,
                Annotations = annotations,
                Warnings = _warnings,
            };
    }

    /// <summary>signature-specification.md, "Certificate Requirements".</summary>
    private string? CheckLeaf()
    {
        if (CertificatePath.IsAuthority(Leaf)) return "the certificate is that of an authority";
        var usage = Leaf.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault();
        return usage is null || !usage.KeyUsages.HasFlag(X509KeyUsageFlags.DigitalSignature)
            ? "the certificate is not for signatures" : null;
    }

    /// <summary>Only the path: whether it is valid at the right time is another question.</summary>
    private string? CheckPath()
    {
        if (!CertificatePath.IsSelfIssued(_chain[^1])) return "the certificate chain does not end with its root";
        var time = _chain.Max(one => one.NotBefore.ToUniversalTime());
        if (CertificatePath.Check(Leaf, _chain.Skip(1), _chain[^1], time, CertificatePath.CodeSigning, out var path)
            is { } reason)
        {
            return reason;
        }

        // A trusted certificate beside the path would lend its trust to a stranger's.
        var isWhole = path.Count == _chain.Count
            && path.Zip(_envelope.Chain).All(one => one.First.AsSpan().SequenceEqual(one.Second));
        return isWhole ? null : "the certificate chain has certificates that are not on the way to its root";
    }

    private string? CheckTrusted()
    {
        var type = _envelope.IsByAuthority ? NotationStoreType.SigningAuthority : NotationStoreType.Ca;
        if (!StoresOf(type).Any(store => _envelope.Chain.Any(store.Holds)))
            return $"the certificate is issued by {Leaf.Issuer}, which no trust store of the policy {_policy.Name} has";
        return _policy.Identities?.Any(one => one.Matches(Leaf)) == false
            ? $"it is signed by {Leaf.Subject}, whom the policy {_policy.Name} does not trust" : null;
    }

    /// <summary>Finds the time that the certificates must have been valid at.</summary>
    private (SigningTime? SignedAt, string? Fault) TimeOf(DateTimeOffset now)
    {
        if (_envelope.IsByAuthority)
        {
            var said = new SigningTime(_envelope.AuthenticTime!.Value, TimeSource.Signer);
            return (said, CheckValid(said.Time));
        }

        var own = _envelope.SigningTime is { } time ? new SigningTime(time, TimeSource.Signer) : null;
        var isValid = CheckValid(now) is null;
        if (!StoresOf(NotationStoreType.Tsa).Any() || (_policy.IsTimestampForExpired && isValid))
            return (own, CheckValid(now));
        if (_envelope.Timestamp is not { } timestamp) return (own, "it has no timestamp, which the policy asks for");
        var token = TimestampToken.Parse(timestamp);
        var reasons = StoresOf(NotationStoreType.Tsa).SelectMany(store => store.Certificates)
            .Select(root => token.Check(_envelope.Signature, new TrustedAuthority([root], new(null, null)))).ToList();
        return reasons.Contains(null)
            ? (new SigningTime(token.Time, TimeSource.Timestamp), CheckValid(token.Time)) : (own, reasons[0]);
    }

    private string? CheckValid(DateTimeOffset time) =>
        _chain.FirstOrDefault(one => time < one.NotBefore || time > one.NotAfter) is { } invalid
            ? $"the certificate of {invalid.Subject} was not valid at {CertificatePath.TimeText(time)}" : null;

    private string? CheckExpiry(DateTimeOffset now) => _envelope.Expiry is { } expiry && expiry < now
        ? $"the signature expired at {CertificatePath.TimeText(expiry)}" : null;

    /// <summary>What remains of a reason after the policy has had its say.</summary>
    private string? Weigh(NotationAction action, string? reason)
    {
        if (reason is null || action == NotationAction.Enforce) return reason;
        if (action == NotationAction.Log) _warnings.Add(reason);
        return null;
    }

    private IEnumerable<NotationStore> StoresOf(NotationStoreType type) =>
        _trust.Stores.Where(store => store.Type == type && _policy.Stores.Contains(store.Reference));
}
