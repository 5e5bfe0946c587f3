using System.Net;
using System.Text;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>Users with a password in the database.</summary>
internal sealed class LocalUsers(LocalSettings settings, KnownRights known, PasswordChecks checks) : IDisposable
{
    /// <summary>Bcrypt reads no more of a password.</summary>
    private const int MaxPasswordBytes = 72;

    /// <summary>A hash that costs as much as real ones, so that timing does not reveal which names exist.</summary>
    private readonly string decoy =
        $"$2a${settings.BcryptCost:00}$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu";

    /// <summary>Hashing is slow on purpose, so only a few run at a time, and not on the threads of requests.</summary>
    private readonly SemaphoreSlim hashing = new(Math.Max(1, Environment.ProcessorCount / 2));

    public bool IsEnabled => settings.Enabled;

    /// <summary>Whether a user has a password here.</summary>
    public async ValueTask<bool> HasPasswordAsync(string name, CancellationToken cancellation) =>
        AccountName.TryParse(name, out var parsed)
        && await known.FindAccountAsync(parsed.Text, cancellation) is { PasswordHash: not null };

    /// <summary>Whether a password alone does not sign a user in.</summary>
    public async ValueTask<bool> HasSecondFactorAsync(long id, CancellationToken cancellation) =>
        (await known.FindAsync(id, cancellation))?.Account.HasSecondFactor == true;

    /// <summary>Checks a user's password.</summary>
    /// <param name="name">The name as it was typed.</param>
    /// <param name="password">Any text.</param>
    /// <param name="client">Whom the answer is for: a client's checks wait for each other.</param>
    /// <param name="cancellation">Stops waiting.</param>
    /// <returns>The answer, with the account if it is right.</returns>
    public async ValueTask<(PasswordAnswer Answer, AccountRow? Account)> CheckAsync(
        string name, string password, IPAddress? client, CancellationToken cancellation)
    {
        var account = AccountName.TryParse(name, out var parsed)
            ? await known.FindAccountAsync(parsed.Text, cancellation)
            : null;
        var hash = account is { Kind: AccountKinds.User } ? account.PasswordHash : null;
        var answer = await checks.CheckAsync(
            parsed?.Text ?? name, password, hash ?? decoy, isKnown: hash is not null, client, cancellation);
        return (answer, answer == PasswordAnswer.Right ? account : null);
    }

    /// <summary>What is wrong with a new password, or null.</summary>
    public string? FindFault(string password)
    {
        if (password.Length < settings.MinPasswordLength)
            return $"a password has at least {settings.MinPasswordLength} characters (auth.local.minpasswordlength)";
        if (Encoding.UTF8.GetByteCount(password) > MaxPasswordBytes)
            return $"a password has at most {MaxPasswordBytes} bytes";
        return password.Any(char.IsControl) ? "a password has no control characters: no client could send them" : null;
    }

    /// <summary>The hash to keep of a password. Takes some 60 ms at the usual cost.</summary>
    public string Hash(string password) => BCrypt.Net.BCrypt.HashPassword(password, settings.BcryptCost);

    /// <summary>The same, beside requests.</summary>
    public async Task<string> HashAsync(string password, CancellationToken cancellation)
    {
        await hashing.WaitAsync(cancellation);
        try
        {
            return await Task.Run(() => Hash(password), cancellation);
        }
        finally
        {
            hashing.Release();
        }
    }

    public void Dispose() => hashing.Dispose();
}
