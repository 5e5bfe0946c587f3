using System.Security.Cryptography;

namespace Berth.Access;

/// <summary>The name by which distribution 2 knows a public key: it looks up no other <c>kid</c>.</summary>
internal static class DockerKeyId
{
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    /// <summary>240 bits, which are twelve groups of four digits.</summary>
    private const int HashBytes = 30;

    private const int BitsPerDigit = 5;

    private const int DigitsPerGroup = 4;

    /// <param name="publicKey">The key as X.509 has it (SubjectPublicKeyInfo, in DER).</param>
    public static string Of(ReadOnlySpan<byte> publicKey)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(publicKey, hash);
        var id = new List<char>();
        var (bits, count) = (0, 0);
        foreach (var part in hash[..HashBytes])
        {
            (bits, count) = ((bits << 8) | part, count + 8);
            while (count >= BitsPerDigit)
            {
                if (id.Count % (DigitsPerGroup + 1) == DigitsPerGroup) id.Add(':');
                count -= BitsPerDigit;
                id.Add(Base32[(bits >> count) & 31]);
            }

            bits &= (1 << count) - 1;
        }

        return new string([.. id]);
    }
}
