using Berth.Metadata;

namespace Berth.Api;

/// <summary>A program that stays signed in: it keeps a refresh token in place of the password.</summary>
internal sealed record SessionView(
    long Id, string Client, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? UsedAt,
    string? UsedFrom)
{
    public static SessionView Of(TokenRow row) =>
        new(row.Id, row.Name, row.CreatedAt, row.ExpiresAt, row.UsedAt, row.UsedFrom);
}

/// <summary><c>/me/sessions</c> and <c>/users/{name}/sessions</c>: where a user is signed in.</summary>
internal sealed class SessionEndpoints(Database database, ApiChanges changes)
{
    public Task<ApiAnswer<Listed<SessionView>>> ListMineAsync(HttpContext http) =>
        ListAsync(http, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiAnswer<Listed<SessionView>>> ListAsync(HttpContext http, string name) =>
        ListAsync(http, session => UserEndpoints.FindAsync(session, name));

    public Task<ApiDone> RemoveMineAsync(HttpContext http, long id) =>
        RemoveAsync(http, id, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiDone> RemoveAsync(HttpContext http, string name, long id) =>
        RemoveAsync(http, id, session => UserEndpoints.FindAsync(session, name));

    public Task<ApiDone> RemoveAllMineAsync(HttpContext http) =>
        RemoveAsync(http, id: null, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiDone> RemoveAllAsync(HttpContext http, string name) =>
        RemoveAsync(http, id: null, session => UserEndpoints.FindAsync(session, name));

    private async Task<ApiAnswer<Listed<SessionView>>> ListAsync(
        HttpContext http, Func<Session, ValueTask<AccountRow?>> find)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            async session => await find(session) is { } account
                ? await TokenTable.ListAsync(session, account.Id, TokenKinds.Refresh, page.LastId, page.Count + 1)
                : null,
            http.RequestAborted);
        return rows is null
            ? UserEndpoints.NotFound()
            : http.Answer(page, rows.ConvertAll(SessionView.Of), one => $"{one.Id}");
    }

    private async Task<ApiDone> RemoveAsync(
        HttpContext http, long? id, Func<Session, ValueTask<AccountRow?>> find) => await changes.RunAsync(
            async session =>
            {
                if (await find(session) is not { } account) return UserEndpoints.NotFound();
                if (id is not { } one)
                {
                    await TokenTable.RemoveAllAsync(session, account.Id, TokenKinds.Refresh);
                    await SessionTable.RemoveAllAsync(session, account.Id);
                    return null;
                }

                if (await TokenTable.FindAsync(session, one) is not { Kind: TokenKinds.Refresh } token
                    || token.AccountId != account.Id)
                {
                    return ApiError.NotFound("such session");
                }

                await TokenTable.RemoveAsync(session, one);
                return null;
            },
            http.RequestAborted);
}
