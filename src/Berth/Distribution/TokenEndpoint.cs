using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Berth.Access;
using Berth.Identity;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Berth.Distribution;

/// <summary>
/// <c>/token</c>: issues the tokens that a Bearer challenge asks for (distribution, "Token Authentication
/// Specification" and "OAuth2 Token Authentication"). With a user's name and password, the token is that user's;
/// without, it grants what everyone may do. Granting less than requested is not an error.
/// </summary>
internal sealed class TokenEndpoint(
    SignIn signIn, AccessRules access, AccessTokens tokens, TimeProvider clock, ILogger<TokenEndpoint> log)
{
    public const string Path = "/token";

    /// <summary>The most scopes per request. A push with many mounts asks for some ten.</summary>
    private const int MaxScopes = 100;

    private const int MaxFormBytes = 64 * 1024;

    public async Task HandleAsync(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store";
        RegistryError? error;
        try
        {
            error = http.Request.Method switch
            {
                "GET" => await AnswerGetAsync(http),
                "POST" => await AnswerPostAsync(http),
                _ => RefuseMethod(http),
            };
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
        return await AnswerAsync(http, found, [.. http.Request.Query["scope"]]);
    }

    /// <summary>As containerd asks first: a form with everything in it (RFC 6749, section 4.3).</summary>
    private async Task<RegistryError?> AnswerPostAsync(HttpContext http)
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type)
            || !type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase))
        {
            return RegistryError.TokenRequestInvalid("the body must be a form (application/x-www-form-urlencoded)");
        }

        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MaxFormBytes;
        }

        IFormCollection form;
        try
        {
            form = await http.Request.ReadFormAsync(http.RequestAborted);
        }
        catch (InvalidDataException e)
        {
            return RegistryError.TokenRequestInvalid(e.Message);
        }

        if (form["grant_type"] != "password")
        {
            return form["grant_type"] == "refresh_token"
                ? Refuse(http, "this registry issues no refresh tokens; sign in with a password")
                : RegistryError.TokenRequestInvalid("grant_type must be password");
        }

        var found = await signIn.CheckAsync(http, form["username"].ToString(), form["password"].ToString());
        return await AnswerAsync(http, found, [.. form["scope"]]);
    }

    private async Task<RegistryError?> AnswerAsync(HttpContext http, SignInResult found, string?[] asked)
    {
        if (found.Caller is not { } caller)
        {
            return found.IsBusy ? RegistryError.TooManyRequests(found.Reason!) : Refuse(http, found.Reason!);
        }

        http.Features.Set(caller);
        var words = string.Join(' ', asked).Split(' ', StringSplitOptions.RemoveEmptyEntries);

        // A request without a scope checks whether a name and password are right.
        if (caller.Kind == CallerKind.Anonymous && words.Length == 0) return Refuse(http, "authentication required");
        var granted = new List<AccessScope>();
        foreach (var word in words.Take(MaxScopes))
        {
            if (AccessScope.Parse(word) is not { } scope) continue;
            if (await GrantAsync(caller, scope, http.RequestAborted) is { } allowed) granted.Add(allowed);
        }

        var now = clock.GetUtcNow();
        var subject = caller.Kind == CallerKind.Anonymous ? "" : caller.Name;
        await WriteAsync(http, await tokens.IssueAsync(subject, granted, now, http.RequestAborted), now);
        return null;
    }

    private async ValueTask<AccessScope?> GrantAsync(
        Caller caller, AccessScope scope, CancellationToken cancellation)
    {
        var allowed = AccessAction.SignIn;
        foreach (var action in scope.EachAction())
        {
            if (await access.AskAsync(caller, action, scope.Target, cancellation) == AccessAnswer.Allowed)
            {
                allowed |= action;
            }
        }

        return allowed == AccessAction.SignIn ? null : scope with { Actions = allowed };
    }

    private async Task WriteAsync(HttpContext http, IssuedToken token, DateTimeOffset issuedAt)
    {
        var answer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(answer))
        {
            json.WriteStartObject();
            json.WriteString("token", token.Text);
            json.WriteString("access_token", token.Text);
            json.WriteNumber("expires_in", (long)tokens.Lifetime.TotalSeconds);
            json.WriteString("issued_at", issuedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'",
                CultureInfo.InvariantCulture));
            json.WriteString("scope", string.Join(' ', token.Scopes));
            json.WriteEndObject();
        }

        http.Response.ContentType = "application/json";
        http.Response.ContentLength = answer.WrittenCount;
        await http.Response.BodyWriter.WriteAsync(answer.WrittenMemory);
    }

    private static RegistryError Refuse(HttpContext http, string reason)
    {
        http.Response.Headers.WWWAuthenticate = $"Basic realm=\"{AccessTokens.ServiceName}\"";
        return RegistryError.Unauthorized(reason);
    }
}
