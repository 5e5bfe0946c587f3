using System.Security.Cryptography;
using Berth.Identity;

namespace Berth.Api;

/// <summary>
/// Makes passwords and their hashes. Hashing is slow on purpose, so only a few run at a time, and not on the threads of
/// requests.
/// </summary>
internal sealed class NewPasswords(LocalUsers users) : IDisposable
{
    /// <summary>Letters that are not mistaken for each other: people may have to type it.</summary>
    private const string Letters = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789";

    /// <summary>115 bits.</summary>
    private const int MadeLength = 20;

    private readonly SemaphoreSlim hashing = new(Math.Max(1, Environment.ProcessorCount / 2));

    public static string Make() => RandomNumberGenerator.GetString(Letters, MadeLength);

    /// <summary>What is wrong with a password that somebody chose; null if nothing is.</summary>
    public ApiError? FindFault(string? password) =>
        password is not null && users.FindFault(password) is { } fault ? ApiError.Invalid(fault) : null;

    public async Task<string> HashAsync(string password, CancellationToken cancellation)
    {
        await hashing.WaitAsync(cancellation);
        try
        {
            return await Task.Run(() => users.Hash(password), cancellation);
        }
        finally
        {
            hashing.Release();
        }
    }

    public void Dispose() => hashing.Dispose();
}
