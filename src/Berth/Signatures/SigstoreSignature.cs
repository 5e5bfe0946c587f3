namespace Berth.Signatures;

/// <summary>A signature of Sigstore with all that proves it, whether from a bundle or from cosign's annotations.
/// </summary>
internal sealed record SigstoreSignature
{
    /// <summary>What was signed.</summary>
    public required SignedContent Content { get; init; }

    /// <summary>The signature itself, which logs and timestamps are about.</summary>
    public required byte[] Signature { get; init; }

    /// <summary>The signer's certificate; null if a key signed.</summary>
    public byte[]? Certificate { get; init; }

    /// <summary>Certificates that came with it.</summary>
    public IReadOnlyList<byte[]> Intermediates { get; init; } = [];

    /// <summary>What logs say.</summary>
    public IReadOnlyList<LogEntry> Entries { get; init; } = [];

    /// <summary>Timestamps (RFC 3161).</summary>
    public IReadOnlyList<byte[]> Timestamps { get; init; } = [];
}
