using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Berth.Identity;

/// <summary>
/// Hashes what must not be kept itself, such as passwords, with a key that only this process has: a memory dump reveals
/// none of them without the key.
/// </summary>
internal static class KeyedHash
{
    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    /// <summary>Kept, since making one costs more than a hash.</summary>
    [ThreadStatic]
    private static IncrementalHash? hmac;

    public static string Of(ReadOnlySpan<char> text) => string.Create(
        2 * HMACSHA256.HashSizeInBytes, text, static (hex, hashed) => Write(hashed, hex));

    /// <param name="text">What to hash.</param>
    /// <param name="hex">Gets as many digits of the hash as it has room for: an even number, 64 at most.</param>
    public static void Write(ReadOnlySpan<char> text, Span<char> hex)
    {
        Span<byte> digest = stackalloc byte[HMACSHA256.HashSizeInBytes];
        hmac ??= IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Key);
        hmac.AppendData(MemoryMarshal.AsBytes(text));
        hmac.GetHashAndReset(digest);
        Convert.TryToHexString(digest[..(hex.Length / 2)], hex, out _);
    }
}
