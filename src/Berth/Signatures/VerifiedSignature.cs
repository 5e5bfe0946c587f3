namespace Berth.Signatures;

/// <summary>By which rules a signature was verified.</summary>
internal enum SignatureKind
{
    /// <summary>Sigstore, with a key that is configured.</summary>
    CosignKey,

    /// <summary>Sigstore, with a certificate for an identity.</summary>
    CosignKeyless,

    /// <summary>Notary Project.</summary>
    Notation,
}

/// <summary>Who says when something was signed.</summary>
internal enum TimeSource
{
    /// <summary>A transparency log.</summary>
    Log,

    /// <summary>A timestamp authority.</summary>
    Timestamp,

    /// <summary>Only the signer.</summary>
    Signer,
}

/// <summary>When something was signed, and who says so.</summary>
internal sealed record SigningTime(DateTimeOffset Time, TimeSource Source);

/// <summary>A signature that holds for the image, by somebody who is trusted.</summary>
/// <param name="Kind">By which rules.</param>
/// <param name="Signer">Who signed, for people: the name of a key, an identity, or a certificate's subject.</param>
/// <param name="TrustedBy">What in the configuration says to trust it: a key, an identity or a policy.</param>
internal sealed record VerifiedSignature(SignatureKind Kind, string Signer, string TrustedBy)
{
    /// <summary>Who vouches for the identity of a keyless signature.</summary>
    public string? Issuer { get; init; }

    /// <summary>Null if nobody says.</summary>
    public SigningTime? SignedAt { get; init; }

    /// <summary>What an attestation says of the image; null for a plain signature.</summary>
    public string? PredicateType { get; init; }

    /// <summary>The statement of an attestation, as it was signed; null for a plain signature.</summary>
    public ReadOnlyMemory<byte>? Statement { get; init; }

    /// <summary>What the signer added, and signed.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    /// <summary>What is wrong with it, but is only logged by the policy that trusts it.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
