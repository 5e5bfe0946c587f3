using System.Net;
using System.Security.Cryptography;
using System.Text;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using OtpNet;

namespace Berth.Identity;

/// <summary>What became of a code.</summary>
internal enum CodeAnswer
{
    Wrong,

    /// <summary>It is the app's.</summary>
    App,

    /// <summary>It was a recovery code, and is used up.</summary>
    Recovery,

    /// <summary>It was not looked at: too many were wrong.</summary>
    Slowed,
}

/// <summary>
/// Codes of authenticator apps (RFC 6238: six digits, 30 seconds, SHA-1, since apps know nothing else), and recovery
/// codes for whoever has lost the app.
/// </summary>
internal sealed class SecondFactors(
    SecondFactorSettings settings, Database database, AccessChanges changes, TimeProvider clock)
{
    public const int RecoveryCodes = 10;

    private const int SecretBytes = 20;

    /// <summary>80 bits, which need no slow hash. No letters that are mistaken for each other.</summary>
    private const int RecoveryLetters = 16;

    private const string Letters = "abcdefghjkmnpqrstuvwxyz23456789";

    /// <summary>A step before and after, for clocks that are a little wrong and people who type slowly.</summary>
    private static readonly VerificationWindow Steps = new(previous: 1, future: 1);

    /// <summary>Whoever tries codes knows the password, so it is the account that waits, from wherever.</summary>
    private readonly FailedSignIns failed = new(
        new FailedSignInSettings
        {
            Window = settings.Window,
            PerAccount = settings.WrongCodes,
            PerAccountFromAnywhere = settings.WrongCodes,
            PerAddress = int.MaxValue,
        },
        clock);

    /// <summary>How long an account has to wait before a code is looked at; null if it need not.</summary>
    public TimeSpan? FindWait(string account, IPAddress? client) => failed.FindWait(account, client);

    /// <summary>
    /// Begins with a new app, which counts once <see cref="ConfirmAppAsync"/> has seen a code of it. Null if there is a
    /// confirmed one.
    /// </summary>
    public async Task<byte[]?> BeginAppAsync(long accountId, CancellationToken cancellation)
    {
        var row = new AuthenticatorRow(accountId, RandomNumberGenerator.GetBytes(SecretBytes))
        {
            CreatedAt = clock.GetUtcNow(),
        };
        var isBegun = await changes.RunAsync(
            async session =>
            {
                if (await SecondFactorTable.FindAuthenticatorAsync(session, accountId) is { IsConfirmed: true })
                    return false;
                await SecondFactorTable.PutAuthenticatorAsync(session, row);
                return true;
            },
            cancellation);
        return isBegun ? row.Secret : null;
    }

    /// <summary>
    /// Takes the new app into use, and signs out docker and others that keep something in place of the password.
    /// </summary>
    /// <param name="accountId">Whose.</param>
    /// <param name="code">What the app shows.</param>
    /// <param name="browser">The hash of the browser that asks; null if it is a program.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>New recovery codes; null if the code is wrong, or no app waits for one.</returns>
    public async Task<IReadOnlyList<string>?> ConfirmAppAsync(
        long accountId, string code, string? browser, CancellationToken cancellation)
    {
        var recovery = MakeRecoveryCodes();
        var isConfirmed = await changes.RunAsync(
            async session =>
            {
                if (await SecondFactorTable.FindAuthenticatorAsync(session, accountId)
                        is not { IsConfirmed: false } row
                    || FindStep(row.Secret, code) is not { } step
                    || !await SecondFactorTable.UseAuthenticatorAsync(session, accountId, step))
                {
                    return false;
                }

                await SecondFactorTable.SetRecoveryCodesAsync(session, accountId, [.. recovery.Select(SecretHash.Of)]);
                await NoteAsync(session, accountId, browser);
                return true;
            },
            cancellation);
        return isConfirmed ? recovery : null;
    }

    /// <summary>Removes the app. Recovery codes stay as long as there is a passkey that they stand in for.</summary>
    public Task<bool> RemoveAppAsync(long accountId, CancellationToken cancellation) => changes.RunAsync(
        async session =>
        {
            if (!await SecondFactorTable.RemoveAuthenticatorAsync(session, accountId)) return false;
            await NoteAsync(session, accountId);
            return true;
        },
        cancellation);

    /// <summary>Puts new recovery codes in place of the old. Null without a second factor.</summary>
    public async Task<IReadOnlyList<string>?> RenewRecoveryCodesAsync(long accountId, CancellationToken cancellation)
    {
        var recovery = MakeRecoveryCodes();
        var isDone = await changes.RunAsync(
            async session =>
            {
                if (await AccountTable.FindAsync(session, accountId) is not { HasSecondFactor: true }) return false;
                await SecondFactorTable.SetRecoveryCodesAsync(session, accountId, [.. recovery.Select(SecretHash.Of)]);
                return true;
            },
            cancellation);
        return isDone ? recovery : null;
    }

    /// <summary>Checks a code of the app, or a recovery code, and uses it up for something.</summary>
    /// <param name="account">Whose.</param>
    /// <param name="code">What was typed.</param>
    /// <param name="client">From where.</param>
    /// <param name="spend">
    /// Does what the code is for in one transaction with using it up, which it is given: a code is never lost for
    /// nothing. False if the code was used already.
    /// </param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<CodeAnswer> CheckAsync(
        AccountRow account, string code, IPAddress? client,
        Func<CodeAnswer, Func<Session, ValueTask<bool>>, Task<bool>> spend, CancellationToken cancellation)
    {
        // Counted before it is checked, so that many guesses at the same moment are no more than one after the other.
        if (!failed.TryGuess(account.Name, client)) return CodeAnswer.Slowed;
        try
        {
            if (await FindUseAsync(account.Id, Normalized(code), cancellation) is not var (answer, use)
                || !await spend(answer, use))
            {
                return CodeAnswer.Wrong;
            }

            failed.TakeBack(account.Name, client);
            return answer;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // While the database fails, nobody learns anything, and nobody should have to wait afterwards.
            failed.TakeBack(account.Name, client);
            throw;
        }
    }

    /// <summary>What a code can be, and what uses it up; null if it is wrong.</summary>
    private async Task<(CodeAnswer Answer, Func<Session, ValueTask<bool>> Use)?> FindUseAsync(
        long accountId, string typed, CancellationToken cancellation)
    {
        if (typed.Length == RecoveryLetters)
        {
            return (CodeAnswer.Recovery, session =>
                SecondFactorTable.UseRecoveryCodeAsync(session, accountId, SecretHash.Of(typed)));
        }

        return await database.ReadAsync(
                session => SecondFactorTable.FindAuthenticatorAsync(session, accountId), cancellation)
            is { IsConfirmed: true } app && FindStep(app.Secret, typed) is { } step
                ? (CodeAnswer.App, session => SecondFactorTable.UseAuthenticatorAsync(session, accountId, step))
                : null;
    }

    /// <summary>
    /// After a change to what an account has: whether a password alone still signs in, and if not, that clients and
    /// browsers which got something for the password alone have to sign in again. Without any factor, recovery codes
    /// are for nothing.
    /// </summary>
    /// <param name="session">The change.</param>
    /// <param name="accountId">Whose.</param>
    /// <param name="browser">The hash of the browser that makes the change, which stays signed in.</param>
    public static async ValueTask NoteAsync(Session session, long accountId, string? browser = null)
    {
        var before = await AccountTable.FindAsync(session, accountId);
        await SecondFactorTable.NoteAsync(session, accountId);
        if (await AccountTable.FindAsync(session, accountId) is not { HasSecondFactor: true })
        {
            await SecondFactorTable.SetRecoveryCodesAsync(session, accountId, []);
            return;
        }

        await TokenTable.RemoveAllAsync(session, accountId, TokenKinds.Refresh);
        if (before is { HasSecondFactor: false })
            await SessionTable.RemoveOthersAsync(session, accountId, browser);
    }

    /// <summary>The address that authenticator apps read from a QR code.</summary>
    /// <param name="secret">The app's secret.</param>
    /// <param name="user">The user's name.</param>
    /// <param name="host">The registry's host, which names it if no setting does.</param>
    public string AddressOf(byte[] secret, string user, string host) =>
        new OtpUri(OtpType.Totp, secret, user, TitleFor(host)).ToString();

    /// <summary>An app's secret for typing, in Base32.</summary>
    public static string TextOf(byte[] secret) => Base32Encoding.ToString(secret).TrimEnd('=');

    /// <summary>What apps and devices call this registry.</summary>
    public string TitleFor(string host) => settings.Title ?? host;

    private long? FindStep(byte[] secret, string code) =>
        code.Length == 6 && new Totp(secret).VerifyTotp(clock.GetUtcNow().UtcDateTime, code, out var step, Steps)
            ? step : null;

    /// <summary>People type codes with the gaps that they see.</summary>
    private static string Normalized(string code) =>
        string.Concat(code.Where(c => c is not (' ' or '-'))).ToLowerInvariant();

    private static List<string> MakeRecoveryCodes() =>
        [.. Enumerable.Range(0, RecoveryCodes).Select(_ => RandomNumberGenerator.GetString(Letters, RecoveryLetters))];

    /// <summary>A code or secret as people read it.</summary>
    public static string WithGaps(string code, char gap = '-') =>
        string.Join(gap, code.Chunk(4).Select(part => new string(part)));
}
