namespace Berth.Signatures;

/// <summary>
/// How much of what strangers push is read. Each is several times what the tools of the field write, and small enough
/// that the worst layer costs less than a second for each key.
/// </summary>
internal static class SignatureLimits
{
    /// <summary>Of a layer. Attestations hold lists of parts, which take megabytes.</summary>
    public const int MaxLayerBytes = 32 << 20;

    /// <summary>Of a signature without an attestation.</summary>
    public const int MaxEnvelopeBytes = 1 << 20;

    /// <summary>Of layers in an artifact, log entries or timestamps in a bundle: the limit of sigstore-go.</summary>
    public const int MaxItems = 32;

    /// <summary>In a chain.</summary>
    public const int MaxCertificates = 10;

    public const int MaxCertificateBytes = 32 << 10;

    /// <summary>Of a proof of inclusion: a tree with more levels can't exist.</summary>
    public const int MaxProofHashes = 64;

    /// <summary>Of a statement: the limit of sigstore-go.</summary>
    public const int MaxSubjects = 1024;

    /// <summary>Of annotations that are told.</summary>
    public const int MaxAnnotations = 50;
}
