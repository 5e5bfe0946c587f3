using System.Security.Cryptography;
using System.Text;

namespace Berth.Access;

/// <summary>
/// What the database keeps of a secret that was generated here. So many random bits need no salt, and no slow hash.
/// </summary>
internal static class SecretHash
{
    public static string Of(string secret) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
}
