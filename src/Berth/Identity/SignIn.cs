using System.Buffers.Text;
using System.Net;
using System.Text;
using Berth.Access;
using Berth.Metadata;
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

    /// <summary>They could not be checked since the directory or issuer that knows them is away.</summary>
    public bool IsAway { get; init; }

    public static SignInResult Anonymous { get; } = new(Caller.Anonymous, null);

    public static SignInResult Refused(string reason) => new(null, reason);

    public static SignInResult Away(string reason) => new(null, reason, IsBusy: true) { IsAway = true };

    public static SignInResult Busy(string reason, TimeSpan retryAfter) =>
        new(null, reason, IsBusy: true) { RetryAfter = retryAfter };
}

/// <summary>
/// Finds who sent a request from its Authorization header: Basic with a user's name and a password or what stands for
/// one, or Bearer with a token of <see cref="AccessTokens"/> or of the server that is trusted in its place. Writes the
/// challenge for requests without valid credentials.
/// </summary>
internal sealed class SignIn(
    AuthSettings settings, HtpasswdFile? htpasswd, LocalUsers users, SecretTokens secrets, AccessTokens tokens,
    TrustedTokens? trusted, KeylessTokens? keyless, DirectoryUsers? directory, CertificateUsers certificates,
    BrowserSessions sessions, BrowserCookies cookies, FailedSignIns failed, AccessVersion version,
    RememberedCallers remembered, RefusedSignIns refused, AcceptedSignIns accepted)
{
    private const string Basic = "Basic ";
    private const string Bearer = "Bearer ";

    /// <summary>More than any user name and password that a client sends, be it a token of an issuer.</summary>
    private const int MaxHeaderChars = 24 * 1024;

    private const string WrongPassword = "wrong user name or password";

    private const string NeedsSecondFactor =
        "this account has a second factor, so programs sign in with a token (berth_pat_…) in place of the password";

    private const string DirectoryIsAway = "the directory of users is away; try again in a moment";

    private static readonly TimeSpan RetrySoon = TimeSpan.FromSeconds(1);

    /// <summary>Changes to files and directories are not counted as those of accounts are.</summary>
    private readonly bool hasOnlyAccounts = htpasswd is null && directory is null;

    private readonly BoundedCache<bool> refusedAlone = new(maxCost: 10_000);

    /// <summary>
    /// docker gives up if it is asked for Basic and has no password. If some pulls need no password, it is sent for a
    /// token, which it gets without one.
    /// </summary>
    private readonly bool asksForToken = settings.HasAccounts || settings.Keyless is not null || trusted is not null
        || (settings.HasUsers && settings.AnonymousOrDefault != AnonymousAccess.None);

    private readonly string basicChallenge = $"Basic realm=\"{settings.Htpasswd?.Realm ?? "Berth"}\"";

    /// <summary>The server that signs the tokens; null if this one does.</summary>
    public TokenIssuerSettings? Issuer => settings.Token;

    /// <summary>The caller of a request, by its Authorization header.</summary>
    /// <param name="http">The request.</param>
    /// <param name="isOfUpload">Whether it goes on with an upload: then a token may have expired since.</param>
    public async ValueTask<SignInResult> FindAsync(HttpContext http, bool isOfUpload = false)
    {
        var found = await FindQuietlyAsync(http, isOfUpload);
        if (found.Caller is { } caller) await accepted.NoteAsync(http, caller);
        return found;
    }

    private ValueTask<SignInResult> FindQuietlyAsync(HttpContext http, bool isOfUpload)
    {
        // Without users there is nothing to check. Anything but Basic and our own tokens can't be meant for this
        // registry: clients also send the credentials for one registry to its mirrors, which must do no harm.
        if (!settings.HasUsers) return new ValueTask<SignInResult>(SignInResult.Anonymous);
        if (http.Request.Headers.Authorization is not [{ } header])
        {
            return certificates.AreUsed
                ? certificates.FindAsync(http)
                : new ValueTask<SignInResult>(SignInResult.Anonymous);
        }

        return header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? FindByTokenAsync(http, header[Bearer.Length..].Trim(), isOfUpload)
            : FindByPasswordAsync(http, isOfUpload);
    }

    /// <summary>
    /// The same, and the caller of a browser that is signed in: for the API and pages, not for <c>/v2/</c>. A browser
    /// sends its cookie along with whatever a page makes it send, so to change something it must be our own page.
    /// </summary>
    public async ValueTask<SignInResult> FindInBrowserAsync(HttpContext http)
    {
        if (http.Request.Headers.Authorization.Count > 0 || !sessions.IsIn(http.Request)
            || await sessions.FindAsync(http) is not { } caller)
        {
            return await FindAsync(http);
        }

        var method = http.Request.Method;
        return HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || IsOfOwnPage(http)
            ? new SignInResult(caller, null)
            : SignInResult.Refused("the request comes from a page of another site, or does not say from which");
    }

    /// <summary>Whether a caller has just proved who they are, with more than something that is kept.</summary>
    public async ValueTask<bool> IsRecentAsync(HttpContext http, Caller caller) => caller.Method switch
    {
        SignInMethod.Password => true,
        SignInMethod.Session => await sessions.IsRecentAsync(http),
        _ => false,
    };

    /// <summary>Whether a browser says that a page of another site made it send a request.</summary>
    public bool IsOfForeignPage(HttpContext http) =>
        RequestOrigins.Of(http.Request, cookies.Host) == RequestOrigin.Foreign;

    /// <summary>Whether a browser says that a page of this registry made it send a request.</summary>
    public bool IsOfOwnPage(HttpContext http) =>
        RequestOrigins.Of(http.Request, cookies.Host) == RequestOrigin.Own;

    /// <summary>The same, but accepts only a name and password.</summary>
    public ValueTask<SignInResult> FindByPasswordAsync(HttpContext http, bool isOfUpload = false)
    {
        if (http.Request.Headers.Authorization is not [{ } header]
            || !header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase))
        {
            return new ValueTask<SignInResult>(SignInResult.Anonymous);
        }

        if (hasOnlyAccounts && remembered.Find(header) is { } known)
            return new ValueTask<SignInResult>(new SignInResult(known, null));
        return TryReadBasic(header, out var user, out var password)
            ? CheckHeaderAsync(http, header, user, password, isOfUpload)
            : new ValueTask<SignInResult>(SignInResult.Refused("unsupported credentials"));
    }

    /// <summary>The caller with this name and password; anonymous if both are empty.</summary>
    public ValueTask<SignInResult> CheckAsync(
        HttpContext http, string user, string password, bool isOfUpload = false) =>
        CheckAsync(http, user, password, isOfUpload, isBrowser: false);

    /// <summary>The same, where a second factor can be asked for afterwards.</summary>
    public ValueTask<SignInResult> CheckInBrowserAsync(HttpContext http, string user, string password) =>
        CheckAsync(http, user, password, isOfUpload: false, isBrowser: true);

    private async ValueTask<SignInResult> CheckHeaderAsync(
        HttpContext http, string header, string user, string password, bool isOfUpload)
    {
        // Before the check: a change in the meantime must count.
        var isNumbered = version.TryGet(out var number);
        var result = await CheckAsync(http, user, password, isOfUpload);
        if (hasOnlyAccounts && isNumbered && result.Caller is { Id: not null, Method: SignInMethod.Password } caller)
            remembered.Set(header, caller, number);
        return result;
    }

    private ValueTask<SignInResult> CheckAsync(
        HttpContext http, string user, string password, bool isOfUpload, bool isBrowser)
    {
        // podman, buildah and skopeo send this when nobody is logged in.
        if (user.Length == 0 && password.Length == 0) return new ValueTask<SignInResult>(SignInResult.Anonymous);

        // Nor has it any meaning where another server has the users.
        if (trusted is not null && !settings.HasAccounts) return new ValueTask<SignInResult>(SignInResult.Anonymous);
        if (TokenSecret.IsMeant(password)) return CheckSecretAsync(http, user, password, isOfUpload);
        return keyless is not null && KeylessTokens.LooksLikeToken(password)
            ? CheckKeylessAsync(http, password, isOfUpload)
            : CheckPasswordAsync(http, user, password, isBrowser);
    }

    /// <summary>
    /// The caller with a refresh token. It stands for a password: if a directory has that, it is asked again, as it
    /// would be if the client had kept the password itself.
    /// </summary>
    public async ValueTask<SignInResult> FindByRefreshAsync(HttpContext http, string token)
    {
        var found = await secrets.FindByRefreshAsync(token, AddressOf(http), http.RequestAborted);
        if (found is not var (caller, since)) return RefuseUnslowed(http, "", "this refresh token is not valid");
        if (directory is null || await users.HasPasswordAsync(caller.Name, http.RequestAborted))
            return new SignInResult(caller, null);
        return await directory.CheckAgainAsync(caller.Id!.Value, since, http.RequestAborted) switch
        {
            PasswordAnswer.Right => new SignInResult(caller, null),
            PasswordAnswer.Busy => SignInResult.Busy("too many sign-ins wait for the directory", RetrySoon),
            PasswordAnswer.Unavailable => SignInResult.Away(DirectoryIsAway),
            _ => RefuseUnslowed(http, caller.Name, "the directory lets this user in no longer, or has a new password"),
        };
    }

    /// <summary>The challenge that goes with a 401 (RFC 9110, section 11.6.1; RFC 6750, section 3).</summary>
    /// <param name="http">The request, whose caller may have been found.</param>
    /// <param name="tokenUrl">Where to get tokens.</param>
    /// <param name="scope">What the token must allow, or null.</param>
    public string ChallengeFor(HttpContext http, string tokenUrl, AccessScope? scope)
    {
        if (!asksForToken) return basicChallenge;
        var service = Issuer is { } issuer ? issuer.Service : settings.Service;
        var challenge = $"Bearer realm=\"{tokenUrl}\",service=\"{service}\"";
        if (scope is not null) challenge += $",scope=\"{scope}\"";
        if (http.Request.Headers.Authorization is not [{ } header]
            || !header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return challenge;
        }

        var isToken = http.Features.Get<Caller>() is { Method: SignInMethod.Token };
        return challenge + (isToken ? ",error=\"insufficient_scope\"" : ",error=\"invalid_token\"");
    }

    /// <summary>How long a token may have been over: an upload goes on with the one that it began with.</summary>
    private TimeSpan PatienceFor(bool isOfUpload) => isOfUpload ? settings.UploadTokenGrace : TimeSpan.Zero;

    private async ValueTask<SignInResult> FindByTokenAsync(HttpContext http, string token, bool isOfUpload)
    {
        var patience = PatienceFor(isOfUpload);

        // A program may send a personal token either way.
        if (TokenSecret.IsMeant(token))
        {
            if (await secrets.FindAsync(null, token, patience, AddressOf(http), http.RequestAborted) is { } known)
                return new SignInResult(known, null);
            refused.NoteUnslowed(http, "", "this token is not valid");
            return SignInResult.Anonymous;
        }

        if (trusted is not null)
        {
            var who = await trusted.FindAsync(token, patience, http.RequestAborted);

            // Scanners get their tokens from this registry in any case.
            if (who is null && await tokens.FindAsync(token, patience, http.RequestAborted) is { IsScanner: true } own)
                who = own;
            return new SignInResult(who ?? Caller.Anonymous, null);
        }

        var caller = await tokens.FindAsync(token, patience, http.RequestAborted);
        var isGone = caller is { Id: null, Kind: CallerKind.User } && htpasswd?.Knows(caller.Name) != true;
        if (caller is null || isGone) return SignInResult.Anonymous;
        return new SignInResult(await secrets.LimitAsync(caller, patience, http.RequestAborted), null);
    }

    private async ValueTask<SignInResult> CheckSecretAsync(
        HttpContext http, string user, string secret, bool isOfUpload)
    {
        var patience = PatienceFor(isOfUpload);
        if (await secrets.FindAsync(user, secret, patience, AddressOf(http), http.RequestAborted) is { } known)
            return new SignInResult(known, null);
        return RefuseUnslowed(http, user, "this token is not valid, or not for this user name");
    }

    /// <summary>The user name does not matter: the token says who it is.</summary>
    private async ValueTask<SignInResult> CheckKeylessAsync(HttpContext http, string token, bool isOfUpload)
    {
        var patience = PatienceFor(isOfUpload);
        var answer = await keyless!.CheckAsync(token, patience, http.RequestAborted);
        if (answer.Outcome == KeylessOutcome.Unavailable) return SignInResult.Away(answer.Reason!);
        if (answer.Identity is not { } identity) return RefuseUnslowed(http, "", answer.Reason!);
        return new SignInResult(
            new Caller(null, CallerKind.Workload, identity.User, SignInMethod.Keyless) { OwnGrants = identity.Grants },
            null);
    }

    private async ValueTask<SignInResult> CheckPasswordAsync(
        HttpContext http, string user, string password, bool isBrowser)
    {
        var client = http.Connection.RemoteIpAddress;
        var (answer, caller) = await CheckPasswordAsync(user, password, client, http.RequestAborted);
        return answer switch
        {
            PasswordAnswer.Right when !isBrowser && caller?.Id is { } id
                && await users.HasSecondFactorAsync(id, http.RequestAborted) => RefusePasswordAlone(http, caller.Name),
            PasswordAnswer.Right => new SignInResult(caller, null),
            PasswordAnswer.Busy => SignInResult.Busy("too many passwords are being checked; try again", RetrySoon),
            PasswordAnswer.Slowed => SlowDown(failed.FindWait(user, client) ?? RetrySoon),
            PasswordAnswer.Unavailable => SignInResult.Away(DirectoryIsAway),

            // Noted once per password: a client that keeps using a wrong one does not fill the log.
            PasswordAnswer.Wrong => Refuse(http, user, WrongPassword),
            _ => SignInResult.Refused(WrongPassword),
        };
    }

    private static SignInResult SlowDown(TimeSpan wait) => SignInResult.Busy(
        $"too many wrong passwords; try again in {RateLimits.SecondsOf(wait)} seconds", wait);

    /// <summary>
    /// The file comes first, since whoever may write it decides about the names in it; then the user's own password,
    /// and then the directory. An administrator with a password gets in while the directory is away.
    /// </summary>
    private async ValueTask<(PasswordAnswer Answer, Caller? Caller)> CheckPasswordAsync(
        string user, string password, IPAddress? client, CancellationToken cancellation)
    {
        if (htpasswd is not null && ((!users.IsEnabled && directory is null) || htpasswd.Knows(user)))
        {
            return (await htpasswd.CheckAsync(user, password, client, cancellation), Caller.WithPassword(user));
        }

        var answer = PasswordAnswer.Wrong;
        if (directory is null || await users.HasPasswordAsync(user, cancellation))
        {
            (answer, var account) = await users.CheckAsync(user, password, client, cancellation);
            if (account is not null)
                return (answer, UserOf(account.Id, account.Name) with { CheckedVersion = account.Version });
        }

        if (directory is null || answer is not (PasswordAnswer.Wrong or PasswordAnswer.WrongAgain))
            return (answer, null);
        (answer, var id, var name) = await directory.CheckAsync(user, password, client, cancellation);
        return (answer, id is null ? null : UserOf(id.Value, name!));
    }

    private static Caller UserOf(long id, string name) => new(id, CallerKind.User, name, SignInMethod.Password);

    private SignInResult Refuse(HttpContext http, string user, string reason)
    {
        refused.Note(http, user, reason);
        return SignInResult.Refused(reason);
    }

    private SignInResult RefuseUnslowed(HttpContext http, string user, string reason)
    {
        refused.NoteUnslowed(http, user, reason);
        return SignInResult.Refused(reason);
    }

    /// <summary>
    /// Somebody who knows the password is worth a note, and a client that keeps sending it is worth no more than one.
    /// </summary>
    private SignInResult RefusePasswordAlone(HttpContext http, string user)
    {
        var key = $"{user} from {ClientNetwork.Of(http.Connection.RemoteIpAddress)}";
        if (refusedAlone.TryGet(key, out _)) return SignInResult.Refused(NeedsSecondFactor);
        refusedAlone.Set(key, true, cost: 1);
        return Refuse(http, user, NeedsSecondFactor);
    }

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
}
