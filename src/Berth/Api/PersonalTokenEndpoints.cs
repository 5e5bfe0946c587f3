using Berth.Access;
using Berth.Metadata;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A token, which is used in place of a password.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Name">What its owner calls it.</param>
/// <param name="Hint">The last characters of its secret.</param>
/// <param name="Actions">What it allows at most; null: all that its owner may do.</param>
/// <param name="Names">Patterns of the repositories that it is good for; null: all.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="CreatedBy">By whom.</param>
/// <param name="ExpiresAt">Until when it is good; null: for ever.</param>
/// <param name="UsedAt">When it was last used, to the minute.</param>
/// <param name="UsedFrom">The address from which it was last used.</param>
internal sealed record TokenView(
    long Id, string Name, string Hint, IReadOnlyList<string>? Actions, IReadOnlyList<string>? Names,
    DateTimeOffset CreatedAt, string CreatedBy, DateTimeOffset? ExpiresAt, DateTimeOffset? UsedAt, string? UsedFrom)
{
    public static TokenView Of(TokenRow row) => new(
        row.Id, row.Name, row.Hint, row.Actions?.Split(','),
        row.Patterns?.Split(' ', StringSplitOptions.RemoveEmptyEntries), row.CreatedAt, row.CreatedBy, row.ExpiresAt,
        row.UsedAt, row.UsedFrom);
}

/// <summary>A token to be made.</summary>
internal sealed record NewToken(
    string Name, IReadOnlyList<string>? Actions = null, IReadOnlyList<string>? Names = null,
    DateTimeOffset? ExpiresAt = null);

/// <summary>A token that was made, with its secret: this is the only time that it is shown.</summary>
internal sealed record MadeToken(TokenView Token, string Secret) : INoted
{
    ChangeNote INoted.Note => new($"{Token.Id}", Token.Name);
}

/// <summary>How long the secrets that are replaced stay good. Without it, they end at once.</summary>
internal sealed record Rotation(int OverlapSeconds = 0);

/// <summary>
/// <c>/me/tokens</c> and <c>/users/{name}/tokens</c>: personal tokens, which are used in place of a password.
/// </summary>
internal sealed class PersonalTokenEndpoints(Database database, AccessChanges changes, TimeProvider clock)
{
    /// <summary>Patterns are stored in one line.</summary>
    private const int MaxPatterns = 50;

    public Task<ApiAnswer<Listed<TokenView>>> ListMineAsync(HttpContext http) =>
        ListAsync(http, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiAnswer<Listed<TokenView>>> ListAsync(HttpContext http, string name) =>
        ListAsync(http, session => UserEndpoints.FindAsync(session, name));

    public Task<ApiAnswer<TokenView>> GetMineAsync(HttpContext http, long id) =>
        GetAsync(http, id, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiAnswer<TokenView>> GetAsync(HttpContext http, string name, long id) =>
        GetAsync(http, id, session => UserEndpoints.FindAsync(session, name));

    public Task<ApiAnswer<MadeToken>> AddMineAsync(HttpContext http, [FromBody] NewToken sent) =>
        AddAsync(http, sent, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiAnswer<MadeToken>> AddAsync(HttpContext http, string name, [FromBody] NewToken sent) =>
        AddAsync(http, sent, session => UserEndpoints.FindAsync(session, name));

    public Task<ApiDone> RemoveMineAsync(HttpContext http, long id) =>
        RemoveAsync(http, id, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiDone> RemoveAsync(HttpContext http, string name, long id) =>
        RemoveAsync(http, id, session => UserEndpoints.FindAsync(session, name));

    /// <summary>Revokes the token that the request is made with, so that a program can sign itself out.</summary>
    public async Task<ApiDone> RemoveCurrentAsync(HttpContext http)
    {
        if (http.Caller().Caller.SecretId is not { } id)
            return ApiError.Conflict("the request is made without a token, so there is none to revoke");
        return await changes.RunAsync(
            async session =>
            {
                if (await FindAsync(session, MeEndpoints.IdOf(http), id) is not { } token) return NotFound();
                if (!http.IsFor(VersionOf(token))) return ApiError.Changed();
                await TokenTable.RemoveAsync(session, id);
                return null;
            },
            http.RequestAborted);
    }

    public Task<ApiAnswer<MadeToken>> RotateMineAsync(HttpContext http, long id, [FromBody] Rotation sent) =>
        RotateAsync(http, id, sent, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiAnswer<MadeToken>> RotateAsync(HttpContext http, string name, long id, [FromBody] Rotation sent) =>
        RotateAsync(http, id, sent, session => UserEndpoints.FindAsync(session, name));

    /// <summary>Makes a token like another, which ends after a while: until then, both are good.</summary>
    private async Task<ApiAnswer<MadeToken>> RotateAsync(
        HttpContext http, long id, Rotation sent, Func<Session, ValueTask<AccountRow?>> find)
    {
        if (FindFault(sent) is { } fault) return fault;
        return await changes.RunAsync<ApiAnswer<MadeToken>>(
            async session =>
            {
                if (await find(session) is not { } account) return UserEndpoints.NotFound();
                if (await FindAsync(session, account.Id, id) is not { } old) return NotFound();
                if (!http.IsFor(VersionOf(old))) return ApiError.Changed();
                if (sent.OverlapSeconds > 0 && await RefuseMoreAsync(session, old.AccountId) is { } full) return full;
                var now = clock.GetUtcNow();
                var expiry = old.ExpiresAt is { } end ? now + (end - old.CreatedAt) : (DateTimeOffset?)null;
                if (await LimitAsync(session, http, expiry) is { } limit) expiry = limit;
                var token = FreshToken.Make(old.Kind, old.AccountId, old.Name, http.Caller().Name, now, expiry);
                token = token with { Row = token.Row with { Actions = old.Actions, Patterns = old.Patterns } };
                var added = await token.AddAsync(session);
                await EndAsync(session, old, now.AddSeconds(sent.OverlapSeconds), now);
                return ApiAnswer<MadeToken>.Made(
                    new MadeToken(TokenView.Of(added), token.Secret.Text), VersionOf(added));
            },
            http.RequestAborted);
    }

    private static async ValueTask<ApiError?> RefuseMoreAsync(Session session, long accountId) =>
        await TokenTable.CountAsync(session, accountId, TokenKinds.Personal) >= TokenKinds.MaxPersonal
            ? ApiError.Conflict($"a user has at most {TokenKinds.MaxPersonal} tokens: remove some first") : null;

    public static ApiError? FindFault(Rotation sent) => sent.OverlapSeconds is >= 0 and <= 90 * 24 * 3600
        ? null : ApiError.Invalid("overlapSeconds is between 0 and 90 days");

    /// <summary>Makes a token end at a time, unless it ends before.</summary>
    public static async ValueTask EndAsync(Session session, TokenRow token, DateTimeOffset at, DateTimeOffset now)
    {
        if (at <= now) await TokenTable.RemoveAsync(session, token.Id);
        else if (token.ExpiresAt is not { } end || end > at) await TokenTable.SetExpiryAsync(session, token.Id, at);
    }

    private async Task<ApiAnswer<Listed<TokenView>>> ListAsync(
        HttpContext http, Func<Session, ValueTask<AccountRow?>> find)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            async session => await find(session) is { } account
                ? await TokenTable.ListAsync(session, account.Id, TokenKinds.Personal, page.LastId, page.Count + 1)
                : null,
            http.RequestAborted);
        return rows is null
            ? UserEndpoints.NotFound()
            : http.Answer(page, rows.ConvertAll(TokenView.Of), token => $"{token.Id}");
    }

    private async Task<ApiAnswer<TokenView>> GetAsync(
        HttpContext http, long id, Func<Session, ValueTask<AccountRow?>> find) =>
        await database.ReadAsync<ApiAnswer<TokenView>>(
            async session =>
            {
                if (await find(session) is not { } account) return UserEndpoints.NotFound();
                return await FindAsync(session, account.Id, id) is { } token
                    ? ApiAnswer<TokenView>.Of(TokenView.Of(token), VersionOf(token)) : NotFound();
            },
            http.RequestAborted);

    private async Task<ApiAnswer<MadeToken>> AddAsync(
        HttpContext http, NewToken sent, Func<Session, ValueTask<AccountRow?>> find)
    {
        var now = clock.GetUtcNow();
        if (Check(sent, now) is { } fault) return fault;
        return await changes.RunAsync<ApiAnswer<MadeToken>>(
            async session =>
            {
                if (await find(session) is not { } account) return UserEndpoints.NotFound();
                if (await RefuseMoreAsync(session, account.Id) is { } full) return full;
                if (await LimitAsync(session, http, sent.ExpiresAt) is { } limit)
                    return ApiError.Denied($"a token made with this one must expire by {limit:u}, as it does");
                var token = FreshToken.Make(
                    TokenKinds.Personal, account.Id, sent.Name, http.Caller().Name, now, sent.ExpiresAt);
                var limited = token.Row with
                {
                    Actions = sent.Actions is null ? null : Roles.Write(Roles.TryRead(sent.Actions)!.Value),
                    Patterns = sent.Names is null ? null : string.Join(' ', sent.Names),
                };
                var added = await (token with { Row = limited }).AddAsync(session);
                return ApiAnswer<MadeToken>.Made(
                    new MadeToken(TokenView.Of(added), token.Secret.Text), VersionOf(added));
            },
            http.RequestAborted);
    }

    private async Task<ApiDone> RemoveAsync(HttpContext http, long id, Func<Session, ValueTask<AccountRow?>> find) =>
        await changes.RunAsync(
            async session =>
            {
                if (await find(session) is not { } account) return UserEndpoints.NotFound();
                if (await FindAsync(session, account.Id, id) is not { } token) return NotFound();
                if (!http.IsFor(VersionOf(token))) return ApiError.Changed();
                await TokenTable.RemoveAsync(session, id);
                return null;
            },
            http.RequestAborted);

    /// <summary>
    /// The end of the token that is used, if the new one would outlive it: a stolen token must not make itself last.
    /// </summary>
    private static async ValueTask<DateTimeOffset?> LimitAsync(
        Session session, HttpContext http, DateTimeOffset? expiry) =>
        http.Caller().Caller.SecretId is { } used && await TokenTable.FindAsync(session, used) is { ExpiresAt: { } end }
            && !(expiry <= end) ? end : null;

    private static ApiError? Check(NewToken sent, DateTimeOffset now)
    {
        if (sent.Name.Length == 0) return ApiError.Invalid("name is empty: say what the token is for").At("name");
        if (Field.FindFault(("name", sent.Name)) is { } fault) return fault;
        if (sent.Actions is not null && Roles.TryRead(sent.Actions) is null) return Field.InvalidActions();
        if (sent.Names is { Count: 0 or > MaxPatterns })
            return ApiError.Invalid($"names are at least one and at most {MaxPatterns} patterns").At("names");
        if (sent.Names is not null && Field.TryRead(sent.Names, out _) is { } invalid) return invalid;
        return sent.ExpiresAt <= now ? ApiError.Invalid("expiresAt is in the past").At("expiresAt") : null;
    }

    private static async ValueTask<TokenRow?> FindAsync(Session session, long accountId, long id) =>
        await TokenTable.FindAsync(session, id) is { Kind: TokenKinds.Personal } token && token.AccountId == accountId
            ? token : null;

    /// <summary>All that changes of a token is its end, when it is replaced.</summary>
    private static long VersionOf(TokenRow token) =>
        token.ExpiresAt?.ToUnixTimeMilliseconds() ?? ApiRequest.OnlyVersion;

    private static ApiError NotFound() => ApiError.NotFound("such token");
}
