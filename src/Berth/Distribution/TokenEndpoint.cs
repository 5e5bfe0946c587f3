using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Berth.Access;
using Berth.Audit;
using Berth.Identity;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// <c>/token</c>: issues the tokens that a Bearer challenge asks for (distribution, "Token Authentication
/// Specification" and "OAuth2 Token Authentication"). With a user's name and password, or a refresh token, the token is
/// that user's; without, it grants what everyone may do. Granting less than requested is not an error.
/// </summary>
internal sealed class TokenEndpoint(
    SignIn signIn, AccessRules access, OfficialNames official, MovedRepositories moved, AccessTokens tokens,
    TokenKeys keys,
    NewNamespaces spaces, RefreshTokens refreshing, RateLimits rates, AuditLog audit,
    AcceptedSignIns accepted, TimeProvider clock, ILogger<TokenEndpoint> log)
{
    public const string Path = "/token";

    /// <summary>The public keys, for other registries that trust these tokens (RFC 7517).</summary>
    public const string KeysPath = "/.well-known/jwks.json";

    /// <summary>The same as certificates, which distribution 2 takes in place of keys.</summary>
    public const string CertificatesPath = "/.well-known/jwks.pem";

    /// <summary>The most scopes per request. A push with many mounts asks for some ten.</summary>
    private const int MaxScopes = 100;

    private const int MaxFormBytes = 64 * 1024;

    /// <summary>What a client asks for.</summary>
    /// <param name="Scopes">Scopes, one or several in each.</param>
    /// <param name="Service">For which registry.</param>
    /// <param name="Client">The program that asks.</param>
    /// <param name="IsOffline">Whether it wants a refresh token too.</param>
    private sealed record Wish(string?[] Scopes, string? Service, string? Client, bool IsOffline);

    public Task HandleAsync(HttpContext http) => AnswerAsync(http, () => http.Request.Method switch
    {
        "GET" => AnswerGetAsync(http),
        "POST" => AnswerPostAsync(http),
        _ => Task.FromResult<RegistryError?>(RefuseMethod(http)),
    });

    /// <summary>Publishes the keys with which tokens are verified.</summary>
    public Task AnswerKeysAsync(HttpContext http) => AnswerAsync(http, async () =>
    {
        var all = await keys.AllAsync(http.RequestAborted);
        await WriteAsync(http, json =>
        {
            json.WriteStartArray("keys");
            foreach (var key in all)
            {
                json.WriteStartObject();
                json.WriteString("kty", "EC");
                json.WriteString("crv", "P-256");
                json.WriteString("use", "sig");
                json.WriteString("alg", "ES256");
                json.WriteString("kid", key.Id);
                json.WriteString("x", key.X);
                json.WriteString("y", key.Y);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
        return null;
    });

    /// <summary>Publishes them as certificates.</summary>
    public Task AnswerCertificatesAsync(HttpContext http) => AnswerAsync(http, async () =>
    {
        var all = await keys.AllAsync(http.RequestAborted);
        var pem = Encoding.ASCII.GetBytes(string.Concat(all.Select(key => key.CertificatePem + "\n")));
        await WriteAsync(http, "application/x-pem-file", pem);
        return null;
    });

    private async Task AnswerAsync(HttpContext http, Func<Task<RegistryError?>> answer)
    {
        http.Response.Headers.CacheControl = "no-store";
        RegistryError? error;
        try
        {
            error = await answer();
        }
        catch (Exception e) when (!http.Response.HasStarted && StorageFailure.Of(e) is { } failure)
        {
            error = failure.Report(http.Response, log);
        }

        if (error is not null) await error.WriteAsync(http.Response);
    }

    private static RegistryError RefuseMethod(HttpContext http)
    {
        http.Response.Headers.Allow = "GET, POST";
        return RegistryError.MethodNotAllowed(http.Request.Method);
    }

    /// <summary>As docker, podman, crane and oras ask: credentials in the header, scopes in the query.</summary>
    private async Task<RegistryError?> AnswerGetAsync(HttpContext http)
    {
        var found = await signIn.FindByPasswordAsync(http);
        var query = http.Request.Query;
        return await AnswerAsync(http, found, new Wish(
            [.. query["scope"]], query["service"], query["client_id"], query["offline_token"] == "true"));
    }

    /// <summary>As containerd asks first: a form with everything in it (RFC 6749, section 4.3).</summary>
    private async Task<RegistryError?> AnswerPostAsync(HttpContext http)
    {
        if (!SentForm.IsIn(http.Request))
            return RegistryError.TokenRequestInvalid("the body must be a form (application/x-www-form-urlencoded)");
        if (await SentForm.ReadAsync(http, MaxFormBytes) is not { } form)
            return RegistryError.TokenRequestInvalid("the form has too many fields, or can't be read");

        var wish = new Wish([.. form["scope"]], form["service"], form["client_id"], form["access_type"] == "offline");
        switch (form["grant_type"].ToString())
        {
            case "password":
                var found = await signIn.CheckAsync(http, form["username"].ToString(), form["password"].ToString());
                return await AnswerAsync(http, found, wish);
            case "refresh_token":
                return await RefreshAsync(http, form["refresh_token"].ToString(), wish);
            default:
                return RegistryError.TokenRequestInvalid("grant_type must be password or refresh_token");
        }
    }

    private async Task<RegistryError?> RefreshAsync(HttpContext http, string text, Wish wish)
    {
        var found = await signIn.FindByRefreshAsync(http, text);
        if (found.Caller is not { } caller) return RefuseCaller(http, found);
        http.Features.Set(caller);
        if (rates.Take(http, caller, RateLimitKind.Token) is { } wait) return RegistryError.RateExceeded(wait);
        NoteSignIn(http, wish);
        await IssueAsync(http, caller, wish, text);
        return null;
    }

    private async Task<RegistryError?> AnswerAsync(HttpContext http, SignInResult found, Wish wish)
    {
        if (found.Caller is null && !await MayAnybodyAsync(wish, http.RequestAborted)) return RefuseCaller(http, found);
        var caller = found.Caller ?? Caller.Anonymous;
        http.Features.Set(caller);
        if (rates.Take(http, caller, RateLimitKind.Token) is { } wait) return RegistryError.RateExceeded(wait);

        // A request without a scope checks whether a name and password are right.
        if (caller.Kind == CallerKind.Anonymous)
        {
            if (WordsOf(wish).Length == 0) return Refuse(http, "authentication required");
        }
        else if (!(await access.RightsOfAsync(caller, http.RequestAborted)).AreValid)
        {
            accepted.NoteOver(http, caller);
            return Refuse(http, AcceptedSignIns.AccountOver);
        }

        if (caller.Kind != CallerKind.Anonymous) NoteSignIn(http, wish);
        var refresh = wish.IsOffline ? await refreshing.IssueAsync(caller, wish.Client, http.RequestAborted) : null;
        await IssueAsync(http, caller, wish, refresh);
        return null;
    }

    /// <summary>Requests with wrong credentials count as those without any.</summary>
    private RegistryError RefuseCaller(HttpContext http, SignInResult found)
    {
        if (rates.Take(http, Caller.Anonymous, RateLimitKind.Token) is { } wait)
            return RegistryError.RateExceeded(wait);
        return found.IsBusy ? RegistryError.NotChecked(found) : Refuse(http, found.Reason!);
    }

    private void NoteSignIn(HttpContext http, Wish wish) =>
        audit.Note(http, "sign-in", isDone: true, entry => entry with { Detail = ClientOf(wish) });

    /// <summary>Any text of the client's own.</summary>
    private static string? ClientOf(Wish wish) =>
        wish.Client is { } client ? PlainText.Of(client, RefreshTokens.MaxClientChars) : null;

    /// <summary>
    /// Whether anybody may do all that is asked for: then wrong credentials do no harm, such as those of a robot that
    /// expired. A request without a scope is a login, which wrong credentials must fail.
    /// </summary>
    private async ValueTask<bool> MayAnybodyAsync(Wish wish, CancellationToken cancellation)
    {
        var words = WordsOf(wish);
        if (words.Length is 0 or > MaxScopes) return false;
        var audience = tokens.AudienceFor(wish.Service);
        foreach (var word in words)
        {
            if (AccessScope.Parse(word) is not { } scope) return false;
            var granted = await GrantAsync(Caller.Anonymous, scope, audience, cancellation);
            if (granted?.Actions != scope.Actions) return false;
        }

        return true;
    }

    private async Task IssueAsync(HttpContext http, Caller caller, Wish wish, string? refresh)
    {
        var audience = tokens.AudienceFor(wish.Service);
        var granted = new List<AccessScope>();
        foreach (var word in WordsOf(wish).Take(MaxScopes))
        {
            if (AccessScope.Parse(word) is not { } scope) continue;
            if (await GrantAsync(caller, scope, audience, http.RequestAborted) is { } allowed) granted.Add(allowed);
        }

        var now = clock.GetUtcNow();
        var token = await tokens.IssueAsync(caller, audience, granted, now, http.RequestAborted);
        await WriteAsync(http, json =>
        {
            json.WriteString("token", token.Text);
            json.WriteString("access_token", token.Text);
            json.WriteNumber("expires_in", (long)tokens.Lifetime.TotalSeconds);
            json.WriteString("issued_at", now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'",
                CultureInfo.InvariantCulture));
            json.WriteString("scope", string.Join(' ', token.Scopes));
            if (refresh is not null) json.WriteString("refresh_token", refresh);
        });
    }

    private static string[] WordsOf(Wish wish) =>
        string.Join(' ', wish.Scopes).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private async ValueTask<AccessScope?> GrantAsync(
        Caller caller, AccessScope scope, string audience, CancellationToken cancellation)
    {
        // Here the catalog shows to each caller what they may pull; elsewhere, this scope shows everything.
        if (scope.Covers(AccessAction.Catalog, null) && audience != tokens.Service
            && await access.VisibleAsync(caller, cancellation) is not null)
        {
            return null;
        }

        var (allowed, isNew) = (AccessAction.SignIn, false);
        foreach (var action in scope.EachAction())
        {
            var target = action == AccessAction.Pull && scope.Target is { } name
                ? await official.ResolveAsync(caller, name, cancellation)
                : scope.Target;
            if (await access.AskAsync(caller, action, target, cancellation) == AccessAnswer.Allowed
                || (action == AccessAction.Pull && scope.Target is { } old
                    && await moved.FindAsync(caller, old, isSeen: false, cancellation) is not null))
            {
                allowed |= action;
            }
            else if (target is { } place && await spaces.MayMakeAsync(caller, action, place, cancellation))
            {
                (allowed, isNew) = (allowed | action, true);
            }
        }

        // Who pushes to a new namespace checks first what is there. Elsewhere, who may push need not be one who may
        // pull: this registry asks again, but another that trusts its tokens does not.
        if (isNew) allowed |= scope.Actions & AccessAction.Pull;

        return allowed == AccessAction.SignIn ? null : scope with { Actions = allowed };
    }

    private static async Task WriteAsync(HttpContext http, Action<Utf8JsonWriter> write)
    {
        var answer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(answer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        await WriteAsync(http, "application/json", answer.WrittenMemory);
    }

    private static async Task WriteAsync(HttpContext http, string type, ReadOnlyMemory<byte> body)
    {
        http.Response.ContentType = type;
        http.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.BodyWriter.WriteAsync(body);
    }

    private RegistryError Refuse(HttpContext http, string reason)
    {
        http.Response.Headers.WWWAuthenticate = $"Basic realm=\"{tokens.Service}\"";
        return RegistryError.Unauthorized(reason);
    }
}
