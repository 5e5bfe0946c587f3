using System.Globalization;
using Berth.Access;
using Berth.Metadata;

namespace Berth.Api;

/// <summary>A browser that is signed in, or a program that stays so: it keeps a token in place of the password.
/// </summary>
/// <param name="Id">By which it is signed out.</param>
/// <param name="Kind"><c>browser</c> or <c>program</c>.</param>
/// <param name="Client">What it says that it is.</param>
/// <param name="Source">What a browser signed in with.</param>
/// <param name="CreatedAt">Since when.</param>
/// <param name="ExpiresAt">Until when, at most.</param>
/// <param name="UsedAt">When it was last used, to the minute.</param>
/// <param name="UsedFrom">The address: that of a browser is from where it signed in.</param>
internal sealed record SessionView(
    string Id, string Kind, string? Client, string? Source, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt,
    DateTimeOffset? UsedAt, string? UsedFrom)
{
    /// <summary>Whether the request comes from this browser.</summary>
    public bool IsThis { get; init; }

    /// <summary>Part of the hash tells browsers apart, and does not help to find a cookie.</summary>
    private const int IdChars = 16;

    public static SessionView Of(TokenRow row) => new(
        $"{row.Id}", "program", row.Name, null, row.CreatedAt, row.ExpiresAt, row.UsedAt, row.UsedFrom);

    public static SessionView Of(SessionRow row) => new(
        IdOf(row), "browser", row.Agent, row.Source, row.CreatedAt, row.ExpiresAt, row.UsedAt, row.Address);

    public static string IdOf(SessionRow row) => "b" + row.Hash[..IdChars];
}

/// <summary><c>/me/sessions</c> and <c>/users/{name}/sessions</c>: where a user is signed in.</summary>
internal sealed class SessionEndpoints(Database database, AccessChanges changes, TimeProvider clock)
{
    /// <summary>More than a user has of either: the oldest give way.</summary>
    private const int MaxShown = 500;

    public Task<ApiAnswer<Listed<SessionView>>> ListMineAsync(HttpContext http) =>
        ListAsync(http, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiAnswer<Listed<SessionView>>> ListAsync(HttpContext http, string name) =>
        ListAsync(http, session => UserEndpoints.FindAsync(session, name));

    public Task<ApiDone> RemoveMineAsync(HttpContext http, string id) =>
        RemoveAsync(http, id, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiDone> RemoveAsync(HttpContext http, string name, string id) =>
        RemoveAsync(http, id, session => UserEndpoints.FindAsync(session, name));

    public Task<ApiDone> RemoveAllMineAsync(HttpContext http) =>
        RemoveAsync(http, id: null, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiDone> RemoveAllAsync(HttpContext http, string name) =>
        RemoveAsync(http, id: null, session => UserEndpoints.FindAsync(session, name));

    private async Task<ApiAnswer<Listed<SessionView>>> ListAsync(
        HttpContext http, Func<Session, ValueTask<AccountRow?>> find)
    {
        var (now, own) = (clock.GetUtcNow(), MeEndpoints.BrowserOf(http));
        return await database.ReadAsync<ApiAnswer<Listed<SessionView>>>(
            async session =>
            {
                if (await find(session) is not { } account) return UserEndpoints.NotFound();
                var browsers = await SessionTable.ListAsync(session, account.Id, MaxShown);
                var programs = await TokenTable.ListAsync(session, account.Id, TokenKinds.Refresh, 0, MaxShown);
                return new Listed<SessionView>([
                    .. browsers.Where(row => now < row.ExpiresAt).Select(
                        row => SessionView.Of(row) with { IsThis = row.Hash == own }),
                    .. programs.Where(row => !row.IsOver(now)).Select(SessionView.Of)]);
            },
            http.RequestAborted);
    }

    private async Task<ApiDone> RemoveAsync(
        HttpContext http, string? id, Func<Session, ValueTask<AccountRow?>> find) => await changes.RunAsync(
            async session =>
            {
                if (await find(session) is not { } account) return UserEndpoints.NotFound();
                if (id is not null)
                {
                    if (await FindOneAsync(session, account.Id, id) is not { } found)
                        return ApiError.NotFound("such session");
                    if (!http.IsFor(ApiRequest.OnlyVersion)) return ApiError.Changed();
                    await found();
                    return null;
                }

                if (!http.IsFor(account.Version)) return ApiError.Changed();
                await TokenTable.RemoveAllAsync(session, account.Id, TokenKinds.Refresh);
                await SessionTable.RemoveAllAsync(session, account.Id);
                return null;
            },
            http.RequestAborted);

    /// <returns>What removes it; null if there is no such session.</returns>
    private static async ValueTask<Func<ValueTask>?> FindOneAsync(Session session, long accountId, string id)
    {
        if (long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return await TokenTable.FindAsync(session, number) is { Kind: TokenKinds.Refresh } token
                && token.AccountId == accountId
                    ? async () => await TokenTable.RemoveAsync(session, number) : null;
        }

        var browsers = await SessionTable.ListAsync(session, accountId, MaxShown);
        return browsers.Find(row => SessionView.IdOf(row) == id) is { } found
            ? async () => await SessionTable.RemoveAsync(session, found.Hash) : null;
    }
}
