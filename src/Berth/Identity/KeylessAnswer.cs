using Berth.Access;

namespace Berth.Identity;

/// <summary>What became of a token that was sent in place of a password.</summary>
internal enum KeylessOutcome
{
    /// <summary>It is valid, and at least one rule matches it.</summary>
    Accepted,

    /// <summary>It is not valid, or no rule matches it. The same token has no other answer later.</summary>
    Refused,

    /// <summary>It could not be checked, since its issuer is away. The client may try again.</summary>
    Unavailable,
}

/// <summary>Who sent a valid token.</summary>
/// <param name="Issuer">The issuer's name in the settings.</param>
/// <param name="Subject">The token's <c>sub</c>.</param>
/// <param name="User">
/// For logs: the issuer's name, a colon, and what the first matching rule with a name makes of the claims, or the
/// subject. No account has a colon in its name.
/// </param>
/// <param name="Grants">What all matching rules allow.</param>
/// <param name="Expires">When the token expires.</param>
internal sealed record KeylessIdentity(
    string Issuer, string Subject, string User, IReadOnlyList<Grant> Grants, DateTimeOffset Expires);

/// <summary>The answer to a token.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Identity">Who sent it; null unless it is accepted.</param>
/// <param name="Reason">Why not, in words that the client may read; null if it is accepted.</param>
internal sealed record KeylessAnswer(KeylessOutcome Outcome, KeylessIdentity? Identity, string? Reason)
{
    public static KeylessAnswer Accepted(KeylessIdentity identity) => new(KeylessOutcome.Accepted, identity, null);

    public static KeylessAnswer Refused(string reason) => new(KeylessOutcome.Refused, null, reason);

    public static KeylessAnswer Unavailable(string reason) => new(KeylessOutcome.Unavailable, null, reason);
}

/// <summary>Why a token got its answer, for the people who write the rules.</summary>
/// <param name="Answer">The answer.</param>
/// <param name="Facts">
/// What the token says of itself, whether it is true or not: <c>alg</c>, <c>kid</c>, <c>iss</c>, <c>sub</c>, <c>aud</c>
/// and its times. Not its signature.
/// </param>
/// <param name="Issuers">Each of the settings' issuers; empty if this is no token at all.</param>
internal sealed record KeylessExplanation(
    KeylessAnswer Answer, IReadOnlyList<(string Name, string Value)> Facts, IReadOnlyList<IssuerExplanation> Issuers);

/// <summary>What an issuer has to do with a token.</summary>
/// <param name="Name">The issuer's name in the settings.</param>
/// <param name="Fault">Why the token is not a valid one of this issuer; null if it is.</param>
/// <param name="Rules">
/// Its rules, asked even if the token is not valid; empty if the token is of another issuer.
/// </param>
internal sealed record IssuerExplanation(string Name, string? Fault, IReadOnlyList<RuleExplanation> Rules);

/// <summary>What a rule says to a token's claims.</summary>
/// <param name="Through">What the rule is called.</param>
/// <param name="Condition">Its condition.</param>
/// <param name="Matches">Whether they match.</param>
/// <param name="Reasons">If not, the comparisons because of which, with the claims' values.</param>
internal sealed record RuleExplanation(
    string Through, string Condition, bool Matches, IReadOnlyList<string> Reasons);
