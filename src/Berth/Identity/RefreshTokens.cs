using Berth.Access;
using Berth.Metadata;

namespace Berth.Identity;

/// <summary>
/// Refresh tokens: what docker keeps instead of a password. Only users who signed in with their password get one: a
/// personal or robot token can be kept itself.
/// </summary>
internal sealed class RefreshTokens(Database database, TimeSpan lifetime, TimeProvider clock)
{
    /// <summary>
    /// The most that a user has; the oldest give way. Jobs of a CI sign in again and again, and never log out: those
    /// that run must not lose theirs to the ones that begin.
    /// </summary>
    private const int MaxPerUser = 2000;

    /// <summary>What is kept of a client's name for itself.</summary>
    public const int MaxClientChars = 100;

    /// <summary>A new token for a caller, or null if they get none.</summary>
    /// <param name="caller">Who signed in.</param>
    /// <param name="client">The program that will keep it.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async ValueTask<string?> IssueAsync(Caller caller, string? client, CancellationToken cancellation)
    {
        if (caller is not { Id: { } account, Kind: CallerKind.User, Method: SignInMethod.Password }) return null;
        var now = clock.GetUtcNow();
        var name = client is { Length: > 0 } ? PlainText.Of(client, MaxClientChars) : "unknown";
        var token = FreshToken.Make(TokenKinds.Refresh, account, name, caller.Name, now, now + lifetime);

        // No node can remember anything of a token that is new, so nobody need be told.
        return await database.WriteAsync(
            async session =>
            {
                if (!await AccountTable.IsStillAsync(session, account, caller.CheckedVersion)) return null;
                await token.AddAsync(session);
                await TokenTable.KeepNewestAsync(session, account, TokenKinds.Refresh, MaxPerUser);
                return token.Secret.Text;
            },
            isDurable: true, cancellation);
    }
}
