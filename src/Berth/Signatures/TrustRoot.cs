namespace Berth.Signatures;

/// <summary>
/// What keyless signatures are verified with: a <c>trusted_root.json</c> of Sigstore (protobuf-specs,
/// sigstore_trustroot.proto). A root without logs asks for no entry in one.
/// </summary>
internal sealed record TrustRoot
{
    /// <summary>Fulcio.</summary>
    public IReadOnlyList<TrustedAuthority> CertificateAuthorities { get; init; } = [];

    /// <summary>Rekor.</summary>
    public IReadOnlyList<TrustedLog> Logs { get; init; } = [];

    /// <summary>Logs of certificates.</summary>
    public IReadOnlyList<TrustedLog> CertificateLogs { get; init; } = [];

    /// <summary>Timestamp authorities.</summary>
    public IReadOnlyList<TrustedAuthority> TimestampAuthorities { get; init; } = [];

    /// <exception cref="FormatException">It is no trusted root. Says what is wrong.</exception>
    public static TrustRoot Parse(ReadOnlyMemory<byte> json) => TrustRootReader.Read(json);
}
