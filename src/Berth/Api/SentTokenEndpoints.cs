using System.Globalization;
using Berth.Access;
using Berth.Identity;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A token that somebody asks about. It is not kept, and never logged.</summary>
internal sealed record SentSecret(string Token);

/// <summary>Whose a token is, whether it is good, and why.</summary>
/// <param name="Kind">
/// <c>personal</c>, <c>robot</c> or <c>refresh</c>: a secret of this registry; <c>registry</c>: an access token of
/// <c>/token</c>; <c>issuer</c>: a token of somebody else; <c>unknown</c>: no token.
/// </param>
/// <param name="IsAccepted">Whether it lets anybody in at this moment.</param>
/// <param name="Reason">Why not; null if it does.</param>
/// <param name="User">Whom it lets in, or once did.</param>
/// <param name="ExpiresAt">When it ends; null: never, or it is not known.</param>
/// <param name="Secret">What is known of a personal, robot or refresh token.</param>
/// <param name="Scopes">What an access token allows, or one of the server that <c>auth.token</c> trusts.</param>
/// <param name="Grants">What a token of an issuer allows, and through which rule.</param>
/// <param name="Facts">What a JSON Web Token says of itself, whether it is true or not.</param>
/// <param name="Issuers">What each issuer of the settings, and each of its rules, has to do with it.</param>
internal sealed record TokenExplanation(
    string Kind, bool IsAccepted, string? Reason = null, string? User = null, DateTimeOffset? ExpiresAt = null,
    TokenView? Secret = null, IReadOnlyList<string>? Scopes = null, IReadOnlyList<ExplainedGrant>? Grants = null,
    IReadOnlyList<TokenFact>? Facts = null, IReadOnlyList<ExplainedIssuer>? Issuers = null);

/// <summary>Something that a token allows, and through what.</summary>
internal sealed record ExplainedGrant(string Names, IReadOnlyList<string> Actions, string Through);

/// <summary>Something that a token says of itself.</summary>
internal sealed record TokenFact(string Name, string Value);

/// <summary>An issuer of the settings, why the token is not a valid one of it, and what its rules say.</summary>
internal sealed record ExplainedIssuer(string Name, string? Fault, IReadOnlyList<ExplainedRule> Rules);

/// <summary>A rule, and if it does not match, the comparisons because of which.</summary>
internal sealed record ExplainedRule(string Name, string If, bool Matches, IReadOnlyList<string> Reasons);

/// <summary><c>POST /access/explain</c>: what a token is, and why it lets somebody in, or does not.</summary>
/// <param name="database">The registry's own secrets.</param>
/// <param name="access">Whether an account may still do anything.</param>
/// <param name="tokens">The registry's access tokens.</param>
/// <param name="keyless">Tokens of issuers; null if none are accepted.</param>
/// <param name="trusted">Tokens of the server that is trusted in this one's place; null if there is none.</param>
/// <param name="auth">What the registry calls itself.</param>
/// <param name="clock">The time.</param>
internal sealed class SentTokenEndpoints(
    Database database, AccessRules access, AccessTokens tokens, Func<KeylessTokens?> keyless,
    Func<TrustedTokens?> trusted, AuthSettings auth, TimeProvider clock)
{
    private const string NotToken =
        "this is not a token: those of this registry begin with berth_pat_, berth_rob_ or berth_ref_, and those of "
        + "issuers with ey";

    public async Task<ApiAnswer<TokenExplanation>> ExplainAsync(HttpContext http, [FromBody] SentSecret sent)
    {
        var text = sent.Token.Trim();
        if (text.Length == 0) return ApiError.Invalid("token is empty");
        if (TokenSecret.IsMeant(text)) return await ExplainSecretAsync(text, http.RequestAborted);
        if (!SentToken.TryParse(text, out var token, out var reason))
            return new TokenExplanation("unknown", IsAccepted: false, IsLikely(text) ? reason : NotToken);
        if (trusted() is { } server) return await ExplainTrustedAsync(server, token, http.RequestAborted);
        var isOwn = token.Issuer == auth.Issuer && auth.Keyless?.Issuers.Any(each => each.Url == token.Issuer) != true;
        return isOwn
            ? await ExplainOwnAsync(token, http.RequestAborted)
            : await ExplainForeignAsync(token, http.RequestAborted);
    }

    /// <summary>Whether it was meant to be a JSON Web Token: its header is an object.</summary>
    private static bool IsLikely(string text) =>
        text.StartsWith("ey", StringComparison.Ordinal) || text.Length > SentToken.MaxChars;

    private async Task<TokenExplanation> ExplainSecretAsync(string text, CancellationToken cancellation)
    {
        var kind = text.Split('_')[1] switch
        {
            "pat" => TokenKinds.Personal,
            "rob" => TokenKinds.Robot,
            "ref" => TokenKinds.Refresh,
            _ => "unknown",
        };
        if (!TokenSecret.TryParse(text, out var secret))
            return new TokenExplanation(kind, false, "it is mistyped or cut off: its checksum is wrong");
        if (text.StartsWith("berth_inv_", StringComparison.Ordinal))
            return new TokenExplanation(kind, false, "it belongs to the link of an invitation, and signs nobody in");
        var (token, account) = await database.ReadAsync(
            async session =>
            {
                var row = await TokenTable.FindAsync(session, secret.Hash);
                return (row, row is null ? null : await AccountTable.FindAsync(session, row.AccountId));
            },
            cancellation);
        if (token is null || account is null)
        {
            return new TokenExplanation(
                kind, false, "it was revoked or replaced, ended long ago, or is a secret of another registry");
        }

        var now = clock.GetUtcNow();
        var fault = account switch
        {
            _ when token.IsOver(now) => $"it expired at {Write(token.ExpiresAt!.Value)}",
            { IsDisabled: true } => $"the account {account.Name} is disabled",
            { ExpiresAt: { } end } when end <= now => $"the account {account.Name} expired at {Write(end)}",
            _ => null,
        };
        return new TokenExplanation(
            token.Kind, fault is null, fault, account.Name, token.ExpiresAt ?? account.ExpiresAt, TokenView.Of(token));
    }

    private async Task<TokenExplanation> ExplainOwnAsync(SentToken token, CancellationToken cancellation)
    {
        var caller = await tokens.FindAsync(token.Text, TimeSpan.Zero, cancellation);
        var fault = caller is null
            ? FindFaultOfOwn(token)
            : (await access.RightsOfAsync(caller, cancellation)).AreValid
                ? null
                : $"{caller.Name} is gone, disabled or expired, or the secret that the token was made with was revoked";
        return new TokenExplanation(
            "registry", fault is null, fault, caller?.Name ?? Printable(token.Subject), token.Expires,
            Scopes: caller?.Scopes?.Select(scope => scope.ToString()).ToList(), Facts: FactsOf(token));
    }

    private string FindFaultOfOwn(SentToken token) => token switch
    {
        { Expires: { } end } when end <= clock.GetUtcNow() => $"it expired at {Write(end)}",
        _ when !token.IsFor([tokens.Service]) => $"it is not for this registry, which is called {tokens.Service}",
        _ => "no key that this registry has at present has signed it",
    };

    /// <summary>Here, this registry's own tokens would be worth nothing either.</summary>
    private static async Task<TokenExplanation> ExplainTrustedAsync(
        TrustedTokens server, SentToken token, CancellationToken cancellation)
    {
        var caller = await server.FindAsync(token.Text, TimeSpan.Zero, cancellation);
        return new TokenExplanation(
            "issuer", caller is not null, caller is null ? server.WhyNot(token) : null,
            caller?.Name ?? Printable(token.Subject), token.Expires,
            Scopes: caller?.Scopes?.Select(scope => scope.ToString()).ToList(), Facts: FactsOf(token));
    }

    private async Task<TokenExplanation> ExplainForeignAsync(SentToken token, CancellationToken cancellation)
    {
        if (keyless() is not { } issuers)
        {
            return new TokenExplanation(
                "issuer", false, "tokens of issuers are not accepted here: the settings have no auth.keyless",
                ExpiresAt: token.Expires, Facts: FactsOf(token));
        }

        var found = await issuers.ExplainAsync(token.Text, cancellation);
        var identity = found.Answer.Identity;
        return new TokenExplanation(
            "issuer", identity is not null, found.Answer.Reason, identity?.User, token.Expires,
            Grants: identity?.Grants.Select(grant => new ExplainedGrant(
                grant.Names.Text, [.. Roles.NamesOf(grant.Actions)], grant.Through)).ToList(),
            Facts: FactsOf(token), Issuers: [.. found.Issuers.Select(Of)]);
    }

    private static ExplainedIssuer Of(IssuerExplanation issuer) => new(
        issuer.Name, issuer.Fault,
        [.. issuer.Rules.Select(rule => new ExplainedRule(rule.Through, rule.Condition, rule.Matches, rule.Reasons))]);

    private static List<TokenFact> FactsOf(SentToken token) =>
        [.. KeylessRules.FactsOf(token).Select(fact => new TokenFact(fact.Name, fact.Value))];

    private static string Printable(string text) => PlainText.Of(text);

    private static string Write(DateTimeOffset time) => time.ToString("u", CultureInfo.InvariantCulture);
}
