namespace Berth.Signatures;

/// <summary>Whose signatures count.</summary>
internal sealed record Trust
{
    /// <summary>Keys of cosign.</summary>
    public IReadOnlyList<TrustedKey> Keys { get; init; } = [];

    /// <summary>Identities of keyless signatures. Without a root none of them can be verified.</summary>
    public IReadOnlyList<KeylessIdentity> Identities { get; init; } = [];

    /// <summary>What keyless signatures are verified with.</summary>
    public IReadOnlyList<TrustRoot> Roots { get; init; } = [];

    /// <summary>The certificates that the policies name.</summary>
    public IReadOnlyList<NotationStore> Stores { get; init; } = [];

    /// <summary>Policies of Notary Project.</summary>
    public IReadOnlyList<NotationPolicy> Policies { get; init; } = [];
}
