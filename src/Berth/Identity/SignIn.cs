using System.Buffers.Text;
using System.Net;
using System.Text;
using Berth.Access;
using Berth.Audit;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>Who sent a request, or why the credentials were refused.</summary>
/// <param name="Caller">Null if the credentials are refused.</param>
/// <param name="Reason">Why they are refused; null if they are not.</param>
/// <param name="IsBusy">They were not checked: the client may retry in a moment.</param>
internal readonly record struct SignInResult(Caller? Caller, string? Reason, bool IsBusy = false)
{
    /// <summary>After how long a retry makes sense, if they were not checked.</summary>
    public TimeSpan RetryAfter { get; init; }

    public static SignInResult Anonymous { get; } = new(Caller.Anonymous, null);

    public static SignInResult Refused(string reason) => new(null, reason);
}

/// <summary>
/// Finds who sent a request from its Authorization header: Basic with a user's name and a password or what stands for
/// one, or Bearer with a token of <see cref="AccessTokens"/>. Writes the challenge for requests without valid
/// credentials.
/// </summary>
internal sealed partial class SignIn(
    AuthSettings settings, HtpasswdFile? htpasswd, LocalUsers users, SecretTokens secrets, AccessTokens tokens,
    FailedSignIns failed, AuditLog audit, ILogger<SignIn> log)
{
    private const string Basic = "Basic ";
    private const string Bearer = "Bearer ";

    /// <summary>More than any user name and password that a client sends.</summary>
    private const int MaxHeaderChars = 4096;

    private const int MaxLoggedNameChars = 128;

    /// <summary>
    /// docker gives up if it is asked for Basic and has no password. If some pulls need no password, it is sent for a
    /// token, which it gets without one.
    /// </summary>
    private readonly bool asksForToken = settings.HasUsers
        && (settings.Local.Enabled || settings.AnonymousOrDefault != AnonymousAccess.None);

    private readonly string basicChallenge = $"Basic realm=\"{settings.Htpasswd?.Realm ?? "Berth"}\"";

    /// <summary>The caller of a request, by its Authorization header.</summary>
    /// <param name="http">The request.</param>
    /// <param name="isOfUpload">Whether it goes on with an upload: then a token may have expired since.</param>
    public ValueTask<SignInResult> FindAsync(HttpContext http, bool isOfUpload = false)
    {
        // Without users there is nothing to check. Anything but Basic and our own tokens can't be meant for this
        // registry: clients also send the credentials for one registry to its mirrors, which must do no harm.
        if (!settings.HasUsers || http.Request.Headers.Authorization is not [{ } header])
        {
            return new ValueTask<SignInResult>(SignInResult.Anonymous);
        }

        return header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? FindByTokenAsync(http, header[Bearer.Length..].Trim(), isOfUpload)
            : FindByPasswordAsync(http);
    }

    /// <summary>The same, but accepts only a name and password.</summary>
    public ValueTask<SignInResult> FindByPasswordAsync(HttpContext http)
    {
        if (http.Request.Headers.Authorization is not [{ } header]
            || !header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase))
        {
            return new ValueTask<SignInResult>(SignInResult.Anonymous);
        }

        return TryReadBasic(header, out var user, out var password)
            ? CheckAsync(http, user, password)
            : new ValueTask<SignInResult>(SignInResult.Refused("unsupported credentials"));
    }

    /// <summary>The caller with this name and password; anonymous if both are empty.</summary>
    public ValueTask<SignInResult> CheckAsync(HttpContext http, string user, string password) =>
        // podman, buildah and skopeo send this when nobody is logged in.
        user.Length == 0 && password.Length == 0
            ? new ValueTask<SignInResult>(SignInResult.Anonymous)
            : CheckPasswordAsync(http, user, password);

    /// <summary>The caller with a refresh token; null if it is not valid.</summary>
    public ValueTask<Caller?> FindByRefreshAsync(HttpContext http, string token) =>
        secrets.FindByRefreshAsync(token, AddressOf(http), http.RequestAborted);

    /// <summary>The challenge that goes with a 401 (RFC 9110, section 11.6.1; RFC 6750, section 3).</summary>
    /// <param name="http">The request, whose caller may have been found.</param>
    /// <param name="tokenUrl">Where to get tokens.</param>
    /// <param name="scope">What the token must allow, or null.</param>
    public string ChallengeFor(HttpContext http, string tokenUrl, AccessScope? scope)
    {
        if (!asksForToken) return basicChallenge;
        var challenge = $"Bearer realm=\"{tokenUrl}\",service=\"{settings.Service}\"";
        if (scope is not null) challenge += $",scope=\"{scope}\"";
        if (http.Request.Headers.Authorization is not [{ } header]
            || !header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return challenge;
        }

        var isToken = http.Features.Get<Caller>() is { Method: SignInMethod.Token };
        return challenge + (isToken ? ",error=\"insufficient_scope\"" : ",error=\"invalid_token\"");
    }

    private async ValueTask<SignInResult> FindByTokenAsync(HttpContext http, string token, bool isOfUpload)
    {
        // A program may send a personal token either way.
        if (TokenSecret.IsMeant(token))
        {
            return await secrets.FindAsync(user: null, token, AddressOf(http), http.RequestAborted) is { } known
                ? new SignInResult(known, null)
                : SignInResult.Anonymous;
        }

        var patience = isOfUpload ? settings.UploadTokenGrace : TimeSpan.Zero;
        var caller = await tokens.FindAsync(token, patience, http.RequestAborted);
        var isGone = caller is { Id: null, Kind: CallerKind.User } && htpasswd?.Knows(caller.Name) != true;
        return new SignInResult(isGone ? Caller.Anonymous : caller ?? Caller.Anonymous, null);
    }

    private async ValueTask<SignInResult> CheckPasswordAsync(HttpContext http, string user, string password)
    {
        var client = http.Connection.RemoteIpAddress;
        if (TokenSecret.IsMeant(password))
        {
            if (await secrets.FindAsync(user, password, AddressOf(http), http.RequestAborted) is { } known)
                return new SignInResult(known, null);
            LogRefused(ClientNetwork.Unmapped(client), Shortened(user));
            audit.NoteFailedSignIn(http, user, "token not valid");
            return SignInResult.Refused("this token is not valid, or not for this user name");
        }

        var (answer, caller) = await CheckPasswordAsync(user, password, client, http.RequestAborted);
        switch (answer)
        {
            case PasswordAnswer.Right:
                return new SignInResult(caller, null);
            case PasswordAnswer.Busy:
                return new SignInResult(null, "too many passwords are being checked; try again in a moment", true)
                {
                    RetryAfter = TimeSpan.FromSeconds(1),
                };
            case PasswordAnswer.Slowed:
                return new SignInResult(null, "too many wrong passwords; try again in a while", true)
                {
                    RetryAfter = failed.FindWait(user, client) ?? TimeSpan.Zero,
                };
            case PasswordAnswer.Wrong:
                // Logged once per password: a client that keeps using a wrong one does not fill the log.
                LogRefused(ClientNetwork.Unmapped(client), Shortened(user));
                audit.NoteFailedSignIn(http, user, "wrong user name or password");
                break;
        }

        return SignInResult.Refused("wrong user name or password");
    }

    /// <summary>The file comes first: whoever may write it decides about the names in it.</summary>
    private async ValueTask<(PasswordAnswer Answer, Caller? Caller)> CheckPasswordAsync(
        string user, string password, IPAddress? client, CancellationToken cancellation)
    {
        if (htpasswd is not null && (!users.IsEnabled || htpasswd.Knows(user)))
        {
            return (await htpasswd.CheckAsync(user, password, client, cancellation), Caller.WithPassword(user));
        }

        var (answer, account) = await users.CheckAsync(user, password, client, cancellation);
        if (account is null) return (answer, null);
        return account.IsDisabled
            ? (PasswordAnswer.WrongAgain, null)
            : (answer, new Caller(account.Id, CallerKind.User, account.Name, SignInMethod.Password));
    }

    private static string Shortened(string user) =>
        user.Length > MaxLoggedNameChars ? user[..MaxLoggedNameChars] : user;

    private static string? AddressOf(HttpContext http) =>
        ClientNetwork.Unmapped(http.Connection.RemoteIpAddress)?.ToString();

    /// <summary>RFC 7617, section 2: no control characters. A NUL would end the password early for bcrypt.</summary>
    private static bool TryReadBasic(string header, out string user, out string password)
    {
        (user, password) = ("", "");
        if (header.Length > MaxHeaderChars) return false;
        var encoded = header.AsSpan(Basic.Length).Trim();
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(encoded.Length)];
        if (!Convert.TryFromBase64Chars(encoded, bytes, out var length)) return false;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || text.Any(char.IsControl)) return false;
        (user, password) = (text[..colon], text[(colon + 1)..]);
        return true;
    }

    /// <summary>The name comes last: it may look like an address, and tools that ban addresses use the first.</summary>
    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Sign-in failed: wrong user name or password: client={Client} user={User}")]
    private partial void LogRefused(IPAddress? client, string user);
}
