using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Sign-in by OpenID Connect: the code flow of OpenID Connect Core 1.0, section 3.1, with a proof key (RFC 7636).
/// <code>
///   browser               Berth                          issuer
///   GET /auth/NAME/start -> 1. endpoints and keys  ----> discovery, if they are old
///                        &lt;- 2. to the issuer, with state, nonce and the hash of the verifier; a cookie
///   signs in ------------------------------------------> 3. back to Berth, with a code and the state
///   GET …/callback ------> 4. is it the cookie's state?
///                          5. code and verifier    ----> tokens
///                          6. verifies the ID token: signature, iss, aud, exp, nonce
///                          7. if claims are missing ---> userinfo
/// </code>
/// </summary>
internal sealed class OpenIdSignIn : BrowserSignIn
{
    private readonly KeylessIssuer issuer;
    private readonly TimeProvider clock;
    private readonly ClaimPath[] groups;

    public OpenIdSignIn(OpenIdSettings settings, TimeProvider clock, ILogger log)
        : base(settings)
    {
        this.clock = clock;
        groups = [new ClaimPath([settings.GroupsClaim]), new ClaimPath(settings.GroupsClaim.Split('.'))];

        // The code proves that the token is new, so it does not matter for how long it is valid.
        issuer = new KeylessIssuer(
            new KeylessIssuerSettings
            {
                Name = settings.Name,
                Url = settings.IssuerOrDefault,
                Audience = [settings.ClientId],
                Ca = settings.Ca,
            },
            new KeylessSettings
            {
                MaximumLifetime = TimeSpan.FromDays(3650),
                Timeout = settings.Timeout,
                ResponseBytes = settings.ResponseBytes,
            },
            clock, log);
    }

    public override async ValueTask<string?> FindPageAsync(
        SignInAttempt attempt, string returnUrl, CancellationToken cancellation)
    {
        if (await issuer.Keys.CurrentAsync(cancellation) is null || issuer.Keys.Document is not { } document)
            return null;
        if (!IssuerDocuments.TryReadAddress(document.AuthorizationEndpoint, out _)) return null;
        return WithQuery(
            document.AuthorizationEndpoint, ("response_type", "code"), ("client_id", Settings.ClientId),
            ("redirect_uri", returnUrl), ("scope", Settings.ScopeOrDefault), ("state", attempt.State),
            ("nonce", attempt.Nonce), ("code_challenge", attempt.Challenge), ("code_challenge_method", "S256"));
    }

    public override async Task<BrowserAnswer> FinishAsync(
        SignInAttempt attempt, IQueryCollection query, string returnUrl, CancellationToken cancellation)
    {
        if (await issuer.Keys.CurrentAsync(cancellation) is null || issuer.Keys.Document is not { } document)
            return new BrowserAnswer(null, "its keys can't be read", IsAway: true);

        // RFC 9207: an answer of another issuer must not be taken for this one's.
        var isNamed = query.TryGetValue("iss", out var named);
        if (isNamed ? named != issuer.Url : document.AuthorizationResponseIssParameterSupported)
            return BrowserAnswer.Refused("the answer is not by this issuer (iss)");
        if (query["code"] is not [{ Length: > 0 } code]) return BrowserAnswer.Refused("the answer has no code");
        using var calls = new SignInCalls(Settings, clock, cancellation);
        var tokens = await RedeemAsync(calls, document, code, attempt, returnUrl, cancellation);
        if (tokens.Fault is not null) return BrowserAnswer.Of(tokens);
        if (SignInCalls.TextOf(tokens.Json, "id_token") is not { } text)
            return BrowserAnswer.Refused("there is no ID token: is openid among the scopes?");
        var (token, fault) = await VerifyAsync(text, attempt.Nonce, cancellation);
        if (token is null) return BrowserAnswer.Refused(fault!);
        JsonElement? further = null;
        if (SignInCalls.TextOf(tokens.Json, "access_token") is { } access && IsIncomplete(token.Claims)
            && !string.IsNullOrEmpty(document.UserInfoEndpoint))
        {
            var found = await calls.GetAsync(document.UserInfoEndpoint, access);
            if (found.Fault is not null) return BrowserAnswer.Of(found);

            // OpenID Connect Core 1.0, section 5.3.2.
            if (SignInCalls.TextOf(found.Json, "sub") != token.Subject)
                return BrowserAnswer.Refused("userinfo is of another user than the ID token");
            further = found.Json;
        }

        return Read(token, further);
    }

    private async Task<CallAnswer> RedeemAsync(
        SignInCalls calls, Microsoft.IdentityModel.Protocols.OpenIdConnect.OpenIdConnectConfiguration document,
        string code, SignInAttempt attempt, string returnUrl, CancellationToken cancellation)
    {
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "authorization_code",
            ["code"] = code,
            ["redirect_uri"] = returnUrl,
            ["code_verifier"] = attempt.Verifier,
        };
        var secret = await ReadSecretAsync(cancellation);
        AuthenticationHeaderValue? credentials = null;
        var methods = document.TokenEndpointAuthMethodsSupported;
        if (secret is null)
        {
            form["client_id"] = Settings.ClientId;
        }
        else if (methods.Contains("client_secret_post") && !methods.Contains("client_secret_basic"))
        {
            (form["client_id"], form["client_secret"]) = (Settings.ClientId, secret);
        }
        else
        {
            // RFC 6749, section 2.3.1: both are written as in a form.
            credentials = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(
                $"{Uri.EscapeDataString(Settings.ClientId)}:{Uri.EscapeDataString(secret)}")));
        }

        return await calls.PostAsync(document.TokenEndpoint, form, credentials);
    }

    /// <summary>OpenID Connect Core 1.0, section 3.1.3.7. Only signatures that a public key verifies count.</summary>
    private async Task<(SentToken? Token, string? Fault)> VerifyAsync(
        string text, string nonce, CancellationToken cancellation)
    {
        if (!SentToken.TryParse(text, out var token, out var reason)) return (null, reason);
        if (token.Issuer != issuer.Url) return (null, "the token is by another issuer");
        if (issuer.FindFault(token, TimeSpan.Zero) is { } fault) return (null, fault);
        var party = SignInCalls.TextOf(token.Claims, "azp");
        var isForSeveral = token.Claims.GetProperty("aud") is { ValueKind: JsonValueKind.Array } all
            && all.GetArrayLength() > 1;
        if (party is null ? isForSeveral : party != Settings.ClientId)
            return (null, "the token was issued to another client (azp)");
        if (SignInCalls.TextOf(token.Claims, "nonce") != nonce)
            return (null, "the token is of another sign-in (nonce)");
        if (await issuer.Keys.CurrentAsync(cancellation) is not { } keys) return (null, "its keys can't be read");
        if (!keys.Knows(token.KeyId)) keys = await issuer.Keys.NewerAsync(keys, cancellation);
        var able = keys.For(token.KeyId, token.Algorithm);
        return able.Count > 0 && await issuer.HasSignedAsync(token, able, TimeSpan.Zero)
            ? (token, null)
            : (null, "the token's signature is not by this issuer");
    }

    /// <summary>
    /// Many issuers put only some of the claims into the token. Those that have no such claim are asked in vain.
    /// </summary>
    private bool IsIncomplete(JsonElement claims) =>
        SignInCalls.TextOf(claims, Settings.NameClaim) is null || SignInCalls.TextOf(claims, "email") is null
        || !groups.Any(path => path.ValuesIn(claims).Count > 0);

    private BrowserAnswer Read(SentToken token, JsonElement? further)
    {
        var name = TextOf(Settings.NameClaim);
        if (string.IsNullOrWhiteSpace(name))
            return BrowserAnswer.Refused($"there is no claim {Settings.NameClaim} with a name (nameclaim)");
        var email = TextOf("email");

        // The address and whether it is verified must come from the same place.
        var source = SignInCalls.TextOf(token.Claims, "email") is null ? further : token.Claims;
        return new BrowserAnswer(
            new ExternalUser(
                Settings.Source, token.Subject, name, TextOf("name"), email,
                email is not null && source is { } place && IsTrue(place, "email_verified"), GroupsOf(token, further)),
            null);

        string? TextOf(string claim) => SignInCalls.TextOf(token.Claims, claim)
            ?? (further is { } more ? SignInCalls.TextOf(more, claim) : null);
    }

    private IReadOnlyList<string> GroupsOf(SentToken token, JsonElement? further)
    {
        foreach (var claims in (JsonElement?[])[token.Claims, further])
        {
            if (claims is not { } place) continue;
            foreach (var path in groups)
            {
                if (path.ValuesIn(place) is { Count: > 0 } found) return found;
            }
        }

        return [];
    }

    /// <summary>Some issuers write it as a text.</summary>
    private static bool IsTrue(JsonElement json, string name) => json.TryGetProperty(name, out var value)
        && (value.ValueKind == JsonValueKind.True
            || (value.ValueKind == JsonValueKind.String && value.GetString() == "true"));
}
