using System.Net;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Users of a directory that speaks LDAP. What it said of a password is remembered for a while, under a keyed hash:
/// clients send the password with each request, and a directory may lock out a user whose client repeats a wrong one.
/// </summary>
internal sealed partial class DirectoryUsers(
    LdapSettings settings, LdapDirectory directory, ExternalAccounts accounts, FailedSignIns failed,
    TimeProvider clock, ILogger<DirectoryUsers> log)
{
    /// <summary>Answers that are remembered, some 3 MB when full.</summary>
    private const int KeptAnswers = 10_000;

    private readonly BoundedCache<Remembered> answers = new(KeptAnswers);

    /// <summary>Asks the directory, unless its answer is remembered.</summary>
    /// <param name="user">The name as it was typed.</param>
    /// <param name="password">Any text.</param>
    /// <param name="client">From where.</param>
    /// <param name="cancellation">Stops waiting.</param>
    /// <returns>The answer, with the account if it is right.</returns>
    public ValueTask<(PasswordAnswer Answer, long? AccountId, string? Name)> CheckAsync(
        string user, string password, IPAddress? client, CancellationToken cancellation)
    {
        var proof = KeyedHash.Of($"{user}\0{password}");
        if (answers.TryGet(proof, out var known) && clock.GetElapsedTime(known.At) < settings.RememberFor)
        {
            var answer = known.AccountId is null ? PasswordAnswer.WrongAgain : PasswordAnswer.Right;
            return new((answer, known.AccountId, known.Name));
        }

        return failed.FindWait(user, client) is null
            ? AskAsync(proof, user, password, client, cancellation)
            : new((PasswordAnswer.Slowed, null, null));
    }

    /// <summary>
    /// Asks the directory whether a user who signed in before still may, with the same password. Groups are followed as
    /// at a sign-in.
    /// </summary>
    /// <param name="accountId">Who.</param>
    /// <param name="since">When they signed in with the password.</param>
    /// <param name="cancellation">Stops waiting.</param>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public ValueTask<PasswordAnswer> CheckAgainAsync(
        long accountId, DateTimeOffset since, CancellationToken cancellation)
    {
        var proof = KeyedHash.Of($"{accountId} since {since.ToUnixTimeMilliseconds()}");
        return answers.TryGet(proof, out var known) && clock.GetElapsedTime(known.At) < settings.RememberFor
            ? new(known.AccountId is null ? PasswordAnswer.WrongAgain : PasswordAnswer.Right)
            : AskAgainAsync(proof, accountId, since, cancellation);
    }

    private async ValueTask<PasswordAnswer> AskAgainAsync(
        string proof, long accountId, DateTimeOffset since, CancellationToken cancellation)
    {
        var at = clock.GetTimestamp();
        var isGood = false;
        if (await accounts.FindIdentityAsync(accountId, LdapSettings.Source, cancellation) is { } identity)
        {
            var answer = await directory.FindAsync(identity.Name, cancellation);
            if (answer.Outcome == LdapOutcome.Busy) return PasswordAnswer.Busy;
            if (answer.Outcome == LdapOutcome.Unavailable)
            {
                LogAway(answer.Reason!);
                return PasswordAnswer.Unavailable;
            }

            isGood = answer.User is { } user && user.Subject == identity.Subject && !(user.PasswordSetAt > since)
                && (await accounts.FindOrAddAsync(user, cancellation)).Account?.Id == accountId;
        }

        answers.Set(proof, new Remembered(at, isGood ? accountId : null, null), cost: 1);
        return isGood ? PasswordAnswer.Right : PasswordAnswer.WrongAgain;
    }

    private async ValueTask<(PasswordAnswer Answer, long? AccountId, string? Name)> AskAsync(
        string proof, string user, string password, IPAddress? client, CancellationToken cancellation)
    {
        var at = clock.GetTimestamp();
        var answer = await directory.CheckAsync(user, password, cancellation);
        switch (answer.Outcome)
        {
            case LdapOutcome.Busy:
                return (PasswordAnswer.Busy, null, null);
            case LdapOutcome.Unavailable:
                LogAway(answer.Reason!);
                return (PasswordAnswer.Unavailable, null, null);
            case LdapOutcome.Wrong:
                failed.NoteWrong(user, client);
                answers.Set(proof, new Remembered(at, null, null), cost: 1);
                return (PasswordAnswer.Wrong, null, null);
        }

        failed.NoteRight(user, client);
        var (account, reason) = await accounts.FindOrAddAsync(answer.User!, cancellation);
        if (account is null)
        {
            LogNoAccount(user, reason!);
            return (PasswordAnswer.WrongAgain, null, null);
        }

        answers.Set(proof, new Remembered(at, account.Id, account.Name), cost: 1);
        return (PasswordAnswer.Right, account.Id, account.Name);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The directory can't be asked: {Reason}")]
    private partial void LogAway(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{User} signed in to the directory, but not here: {Reason}")]
    private partial void LogNoAccount(string user, string reason);

    private sealed record Remembered(long At, long? AccountId, string? Name);
}
