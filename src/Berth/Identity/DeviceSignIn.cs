using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>What a program that waits is told.</summary>
internal enum DeviceAnswer
{
    /// <summary>Nobody has decided yet.</summary>
    Pending,

    /// <summary>It asks more often than it was told to.</summary>
    TooSoon,

    Denied,

    /// <summary>There is no such request, or not any more.</summary>
    Expired,

    Allowed,
}

/// <summary>A program's token, once somebody has let it in.</summary>
internal sealed record DeviceToken(string Secret, string User, DateTimeOffset ExpiresAt);

/// <summary>
/// Sign-in of programs without a browser (RFC 8628): the program shows a code, its user confirms it in a browser that
/// is signed in, and the program gets a personal token.
/// </summary>
/// <param name="settings">The most that wait: anybody can ask. The codes are so many that none is ever guessed.</param>
/// <param name="database">Those that wait.</param>
/// <param name="changes">Makes tokens.</param>
/// <param name="known">Whether an account may still do anything.</param>
/// <param name="clock">The time.</param>
internal sealed class DeviceSignIn(
    AuthSettings settings, Database database, AccessChanges changes, KnownRights known, TimeProvider clock)
{
    /// <summary>How long a code is good.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>How often a program may ask. RFC 8628, section 3.2: the default.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>How long the token is good.</summary>
    public static readonly TimeSpan TokenLifetime = TimeSpan.FromDays(90);

    /// <summary>RFC 8628, section 6.1: no vowels, so no words, and nothing that looks like something else.</summary>
    private const string Letters = "BCDFGHJKLMNPQRSTVWXZ";

    private const int CodeLetters = 8;

    private const int SecretBytes = 32;

    /// <summary>A network gets a tenth of the places, so that nobody can take them all from everybody else.</summary>
    private const int Networks = 10;

    private readonly FailedSignIns begun = new(
        new FailedSignInSettings
        {
            Window = Lifetime,
            PerAccount = int.MaxValue,
            PerAccountFromAnywhere = int.MaxValue,
            PerAddress = Math.Max(Networks, settings.Sessions.WaitingDevices / Networks),
        },
        clock);

    private readonly BoundedCache<Polled> polls = new(maxCost: 20_000);

    private sealed record Polled(long At);

    /// <summary>Notes that a program waits; null if too many do.</summary>
    /// <param name="name">What it calls itself.</param>
    /// <param name="client">From where it asks.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<(string Secret, string UserCode)?> BeginAsync(
        string name, IPAddress? client, CancellationToken cancellation)
    {
        if (!begun.TryGuess("", client)) return null;
        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        var code = RandomNumberGenerator.GetString(Letters, CodeLetters);
        var now = clock.GetUtcNow();
        var isAdded = await database.WriteAsync(
            async session =>
            {
                await DeviceTable.RemoveExpiredAsync(session, now);
                var waiting = await DeviceTable.CountAsync(session);
                return waiting < settings.Sessions.WaitingDevices && await DeviceTable.AddAsync(
                    session,
                    new DeviceRow(SecretHash.Of(secret), code, name)
                    {
                        Address = ClientNetwork.Unmapped(client)?.ToString(),
                        CreatedAt = now,
                        ExpiresAt = now + Lifetime,
                    });
            },
            isDurable: false, cancellation);
        return isAdded ? (secret, $"{code[..4]}-{code[4..]}") : null;
    }

    /// <summary>The program with a code that a person typed; null if none waits with it.</summary>
    public async Task<DeviceRow?> FindAsync(string typed, CancellationToken cancellation)
    {
        if (CodeOf(typed) is not { } code) return null;
        var row = await database.ReadAsync(session => DeviceTable.FindByCodeAsync(session, code), cancellation);
        return row is { AccountId: null, IsDenied: false } && clock.GetUtcNow() < row.ExpiresAt ? row : null;
    }

    /// <summary>Lets a program in, or refuses it. False if it does not wait any more.</summary>
    public async Task<bool> DecideAsync(
        DeviceRow row, long accountId, bool isAllowed, CancellationToken cancellation) => await database.WriteAsync(
            session => DeviceTable.DecideAsync(session, row.UserCode, accountId, isAllowed), isDurable: true,
            cancellation);

    /// <summary>What the program that waits gets: once, the token.</summary>
    public async Task<(DeviceAnswer Answer, DeviceToken? Token)> PollAsync(
        string secret, CancellationToken cancellation)
    {
        var (hash, now) = (SecretHash.Of(secret), clock.GetUtcNow());
        if (polls.TryGet(hash, out var last) && clock.GetElapsedTime(last.At) < Interval / 2)
            return (DeviceAnswer.TooSoon, null);
        polls.Set(hash, new Polled(clock.GetTimestamp()), cost: 1);
        var row = await database.ReadAsync(session => DeviceTable.FindAsync(session, hash), cancellation);
        if (row is null || now >= row.ExpiresAt) return (DeviceAnswer.Expired, null);
        if (row.IsDenied) return (DeviceAnswer.Denied, null);
        if (row.AccountId is not { } account) return (DeviceAnswer.Pending, null);
        var rights = await known.FindAsync(account, cancellation);
        return rights?.IsActive(now) == true
            ? await IssueAsync(row, rights.Account, now, cancellation)
            : (DeviceAnswer.Denied, null);
    }

    private async Task<(DeviceAnswer Answer, DeviceToken? Token)> IssueAsync(
        DeviceRow row, AccountRow account, DateTimeOffset now, CancellationToken cancellation)
    {
        var expiresAt = now + TokenLifetime;
        var token = FreshToken.Make(TokenKinds.Personal, account.Id, row.Name, account.Name, now, expiresAt);
        var answer = await changes.RunAsync(
            async session =>
            {
                if (!await DeviceTable.RemoveAsync(session, row.Hash)) return DeviceAnswer.Expired;
                if (await TokenTable.CountAsync(session, account.Id, TokenKinds.Personal) >= TokenKinds.MaxPersonal)
                    return DeviceAnswer.Denied;
                await token.AddAsync(session);
                return DeviceAnswer.Allowed;
            },
            cancellation);
        return (answer, answer == DeviceAnswer.Allowed
            ? new DeviceToken(token.Secret.Text, account.Name, expiresAt) : null);
    }

    /// <summary>Capitals, dashes and spaces do not matter.</summary>
    private static string? CodeOf(string typed)
    {
        var code = string.Concat(typed.Where(c => c is not ('-' or ' '))).ToUpperInvariant();
        return code.Length == CodeLetters && code.All(c => Letters.Contains(c, StringComparison.Ordinal)) ? code : null;
    }
}
