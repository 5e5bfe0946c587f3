using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Browsers that are signed in. A browser keeps 256 random bits in a cookie, and the database their hash. Each sign-in
/// makes new ones, so nobody can prepare a cookie for somebody else.
/// </summary>
internal sealed class BrowserSessions(
    SessionSettings settings, TimeSpan recent, BrowserCookies cookies, Database database, AccessChanges changes,
    KnownRights known, TimeProvider clock)
{
    public const string Cookie = "berth_session";

    private const int SecretBytes = 32;

    /// <summary>The most that a user has; the oldest give way. People have some browsers, and never sign out.</summary>
    private const int MaxPerUser = 50;

    private const int MaxAgentChars = 256;

    private const string CookiePath = "/";

    /// <summary>A request must not wait for a write each time.</summary>
    private static readonly TimeSpan NotedEvery = TimeSpan.FromMinutes(1);

    private readonly BoundedCache<Use> uses = new(maxCost: 20_000);

    private sealed record Use(DateTimeOffset At);

    /// <summary>Whether the browser has a cookie, valid or not.</summary>
    public bool IsIn(HttpRequest request) => cookies.Find(request, Cookie) is not null;

    /// <summary>The caller whose browser this is; null if it is not signed in, or not any more.</summary>
    /// <exception cref="DatabaseUnavailableException">It is not remembered, and can't be read.</exception>
    public async ValueTask<Caller?> FindAsync(HttpContext http)
    {
        if (await FindSessionAsync(http) is not { } row) return null;
        var rights = await known.FindAsync(row.AccountId, http.RequestAborted);
        return rights?.IsActive(clock.GetUtcNow()) == true
            ? new Caller(row.AccountId, CallerKind.User, rights.Account.Name, SignInMethod.Session)
            : null;
    }

    /// <summary>The session of a browser, whose account may be disabled.</summary>
    public async ValueTask<SessionRow?> FindSessionAsync(HttpContext http)
    {
        if (HashOf(http.Request) is not { } hash) return null;
        var now = clock.GetUtcNow();
        if (await known.FindSessionAsync(hash, http.RequestAborted) is not { } row || now >= row.ExpiresAt) return null;
        var usedAt = uses.TryGet(hash, out var use) && use.At > row.UsedAt ? use.At : row.UsedAt;
        if (now - usedAt >= settings.Idle)
        {
            // What is remembered may be old: another node may have served this browser since.
            var current = await database.ReadAsync(s => SessionTable.FindAsync(s, hash), http.RequestAborted);
            if (current is null || now - current.UsedAt >= settings.Idle) return null;
            usedAt = current.UsedAt;
        }

        if (now - usedAt >= NotedEvery) await NoteUseAsync(hash, now, http.RequestAborted);
        return row;
    }

    /// <summary>
    /// Whether a browser has signed in so lately that it may change what the account signs in with: whoever finds it
    /// open an hour later may not.
    /// </summary>
    public async ValueTask<bool> IsRecentAsync(HttpContext http) =>
        await FindSessionAsync(http) is { } row && clock.GetUtcNow() - row.CreatedAt < recent;

    /// <summary>Signs a browser in, whoever was before.</summary>
    /// <param name="http">The request whose answer sets the cookie.</param>
    /// <param name="source">With what.</param>
    /// <param name="find">
    /// Who signs in, in the same transaction: a code is used up, or an account made, only together with the sign-in
    /// that it is for. Null, before anything was changed: nobody.
    /// </param>
    /// <returns>The session; null if nobody signs in.</returns>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async Task<SessionRow?> BeginAsync(
        HttpContext http, string source, Func<Session, ValueTask<long?>> find)
    {
        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        var now = clock.GetUtcNow();
        var agent = http.Request.Headers.UserAgent.ToString();
        var row = new SessionRow(SecretHash.Of(secret), AccountId: 0, source)
        {
            CreatedAt = now,
            ExpiresAt = now + settings.Lifetime,
            UsedAt = now,
            Address = ClientNetwork.Unmapped(http.Connection.RemoteIpAddress)?.ToString(),
            Agent = agent.Length == 0 ? null : PlainText.Of(agent, MaxAgentChars),
        };
        var former = HashOf(http.Request);
        var begun = await changes.RunAsync(
            async session =>
            {
                if (await find(session) is not { } account) return null;
                if (former is not null) await SessionTable.RemoveAsync(session, former);
                await SessionTable.RemoveExpiredAsync(session, now);
                var found = row with { AccountId = account };
                await SessionTable.AddAsync(session, found);
                foreach (var old in (await SessionTable.ListAsync(session, account, MaxPerUser * 2)).Skip(MaxPerUser))
                    await SessionTable.RemoveAsync(session, old.Hash);
                return found;
            },
            http.RequestAborted);
        if (begun is not null) cookies.Set(http, Cookie, secret, CookiePath, settings.Lifetime);
        return begun;
    }

    /// <summary>Signs a browser out. Does nothing if it is not signed in.</summary>
    public async Task EndAsync(HttpContext http)
    {
        if (HashOf(http.Request) is { } hash)
            await changes.RunAsync(session => SessionTable.RemoveAsync(session, hash), http.RequestAborted);
        cookies.Remove(http, Cookie, CookiePath);
    }

    private async ValueTask NoteUseAsync(string hash, DateTimeOffset now, CancellationToken cancellation)
    {
        uses.Set(hash, new Use(now), cost: 1);
        try
        {
            await database.WriteAsync(
                async session =>
                {
                    await SessionTable.NoteUseAsync(session, hash, now);
                    return true;
                },
                isDurable: false, cancellation);
        }
        catch (DatabaseUnavailableException)
        {
            // The browser may have to sign in again earlier, and nothing else.
        }
    }

    /// <summary>The hash of a browser's cookie, valid or not; null if it has none.</summary>
    public string? HashOf(HttpRequest request) =>
        cookies.Find(request, Cookie) is { } secret && Base64Url.GetEncodedLength(SecretBytes) == secret.Length
            ? SecretHash.Of(secret) : null;
}
