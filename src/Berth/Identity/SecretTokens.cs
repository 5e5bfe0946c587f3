using Berth.Access;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Identity;

/// <summary>Personal and robot tokens, which clients send in place of a password, and refresh tokens.</summary>
internal sealed class SecretTokens(KnownRights known, TokenUses uses, TimeProvider clock)
{
    /// <summary>Callers are made once for each token, not for each request.</summary>
    private readonly BoundedCache<Kept> callers = new(maxCost: 10_000);

    private sealed record Kept(TokenRow Token, AccountRow Account, Caller Caller);

    /// <summary>The caller with a personal or robot token; null if it is not valid, or not this user's.</summary>
    /// <param name="user">The user name that was sent with it; null if none was.</param>
    /// <param name="text">The secret, or anything else.</param>
    /// <param name="patience">How long it may have expired before: an upload that has begun goes on.</param>
    /// <param name="client">From where.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="DatabaseUnavailableException">It is not remembered, and can't be read.</exception>
    public async ValueTask<Caller?> FindAsync(
        string? user, string text, TimeSpan patience, string? client, CancellationToken cancellation)
    {
        if (!TokenSecret.TryParse(text, out var secret)) return null;
        var caller = (await FindAsync(secret, isRefresh: false, patience, client, cancellation))?.Caller;
        if (caller is not null && patience > TimeSpan.Zero) caller = caller with { Patience = patience };
        return user is null || string.Equals(user, caller?.Name, StringComparison.OrdinalIgnoreCase) ? caller : null;
    }

    /// <summary>The caller with a refresh token, and when they got it; null if it is not valid.</summary>
    /// <exception cref="DatabaseUnavailableException">It is not remembered, and can't be read.</exception>
    public async ValueTask<(Caller Caller, DateTimeOffset Since)?> FindByRefreshAsync(
        string text, string? client, CancellationToken cancellation) =>
        TokenSecret.TryParse(text, out var secret)
            && await FindAsync(secret, isRefresh: true, TimeSpan.Zero, client, cancellation) is { } kept
                ? (kept.Caller, kept.Token.CreatedAt) : null;

    /// <summary>A caller with an access token, limited as the token is that they got it with.</summary>
    /// <param name="caller">As the access token says.</param>
    /// <param name="patience">How long that token may have been over.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="DatabaseUnavailableException">It is not remembered, and can't be read.</exception>
    public async ValueTask<Caller> LimitAsync(Caller caller, TimeSpan patience, CancellationToken cancellation)
    {
        if (caller.SecretId is not { } id) return caller;
        var limits = await known.FindTokenAsync(id, cancellation) is { } token ? LimitsOf(token) : null;
        return limits is null && patience == TimeSpan.Zero
            ? caller : caller with { Limits = limits, Patience = patience };
    }

    private async ValueTask<Kept?> FindAsync(
        TokenSecret secret, bool isRefresh, TimeSpan patience, string? client, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        if (await known.FindTokenAsync(secret.Hash, cancellation) is not { } token) return null;
        if (token.Kind == TokenKinds.Refresh != isRefresh || token.IsOver(now - patience)) return null;
        var rights = await known.FindAsync(token.AccountId, cancellation);
        if (rights?.IsActive(now) != true) return null;
        uses.Note(token, client);
        var key = token.Id.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (callers.TryGet(key, out var kept) && kept.Token == token && kept.Account == rights.Account)
        {
            return kept;
        }

        var caller = new Caller(
            token.AccountId, rights.Account.Kind == AccountKinds.Robot ? CallerKind.Robot : CallerKind.User,
            rights.Account.Name, SignInMethod.Secret)
        {
            SecretId = token.Id,
            Limits = LimitsOf(token),
        };
        kept = new Kept(token, rights.Account, caller);
        callers.Set(key, kept, cost: 1);
        return kept;
    }

    private static List<Grant>? LimitsOf(TokenRow token)
    {
        if (token is { Actions: null, Patterns: null }) return null;
        var actions = token.Actions is { } names ? Roles.Read(names) : (AccessAction)int.MaxValue;
        var limits = new List<Grant>();
        foreach (var text in (token.Patterns ?? NamePattern.All.Text).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (NamePattern.TryParse(text, out var pattern)) limits.Add(new Grant(pattern, actions, token.Name));
        }

        return limits;
    }
}
