namespace Berth.Signatures;

/// <summary>What a policy does about a check that fails.</summary>
internal enum NotationAction
{
    Enforce,
    Log,
    Skip,
}

/// <summary>
/// Whose signatures of Notary Project count in which repositories (notation, specs/trust-store-trust-policy.md).
/// </summary>
/// <param name="Name">As people call it.</param>
/// <param name="Scopes">Repositories, exactly; or a single <c>*</c> for all that no other policy names.</param>
/// <param name="Stores">References to trust stores: <c>ca:acme</c>.</param>
/// <param name="Identities">Who; null for everybody with a certificate from the stores.</param>
internal sealed record NotationPolicy(
    string Name, IReadOnlyList<string> Scopes, IReadOnlyList<string> Stores,
    IReadOnlyList<DistinguishedName>? Identities)
{
    public const string AnyRepository = "*";

    /// <summary>Whether signatures there are not looked at.</summary>
    public bool IsSkipped { get; init; }

    /// <summary>If a certificate had expired, and no timestamp is trusted.</summary>
    public NotationAction OnTime { get; init; }

    /// <summary>If the signature itself has expired.</summary>
    public NotationAction OnExpiry { get; init; }

    /// <summary>Whether a timestamp is needed only for certificates that have expired.</summary>
    public bool IsTimestampForExpired { get; init; }

    /// <param name="json">A <c>trustpolicy.json</c>.</param>
    /// <exception cref="FormatException">It is none. Says what is wrong.</exception>
    public static IReadOnlyList<NotationPolicy> ParseAll(ReadOnlyMemory<byte> json) => NotationPolicyReader.Read(json);

    /// <returns>The policy that names the repository, else the one for all others; null if there is none.</returns>
    public static NotationPolicy? For(string repository, IReadOnlyList<NotationPolicy> policies) =>
        policies.FirstOrDefault(one => one.Scopes.Contains(repository))
        ?? policies.FirstOrDefault(one => one.Scopes.Contains(AnyRepository));
}
