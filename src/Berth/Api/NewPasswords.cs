using System.Security.Cryptography;
using Berth.Identity;

namespace Berth.Api;

/// <summary>Makes passwords and their hashes.</summary>
internal sealed class NewPasswords(LocalUsers users)
{
    /// <summary>Letters that are not mistaken for each other: people may have to type it.</summary>
    private const string Letters = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789";

    /// <summary>115 bits.</summary>
    private const int MadeLength = 20;

    public static string Make() => RandomNumberGenerator.GetString(Letters, MadeLength);

    /// <summary>What is wrong with a password that somebody chose; null if nothing is.</summary>
    public ApiError? FindFault(string? password, string field = "password") =>
        password is not null && users.FindFault(password) is { } fault
            ? ApiError.Invalid(fault).At(field) : null;

    public Task<string> HashAsync(string password, CancellationToken cancellation) =>
        users.HashAsync(password, cancellation);
}
