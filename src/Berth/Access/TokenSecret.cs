using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Berth.Metadata;

namespace Berth.Access;

/// <summary>
/// The secret of a personal, robot or refresh token, or of an invitation: a prefix that scanners of leaked secrets
/// recognize, 30 random letters and digits (178 bits), and six more as a checksum, by which a typing error or another
/// program's secret is told apart without the database.
/// </summary>
/// <param name="Text">The secret, which only its owner gets, once.</param>
internal readonly record struct TokenSecret(string Text)
{
    private const string Letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int RandomLetters = 30;
    private const int ChecksumLetters = 6;
    private const string Start = "berth_";

    private static readonly SearchValues<char> KnownLetters = SearchValues.Create(Letters);

    /// <summary>What people may see of it to tell it from others.</summary>
    public string Hint => Text[^ChecksumLetters..];

    /// <summary>What the database keeps.</summary>
    public string Hash => SecretHash.Of(Text);

    /// <param name="kind">One of <see cref="TokenKinds"/>.</param>
    public static TokenSecret Make(string kind)
    {
        var text = PrefixOf(kind) + RandomNumberGenerator.GetString(Letters, RandomLetters);
        return new TokenSecret(text + ChecksumOf(text));
    }

    /// <summary>Whether a password is meant to be a secret of this kind, right or wrong.</summary>
    public static bool IsMeant(string password) => password.StartsWith(Start, StringComparison.Ordinal);

    /// <summary>False if it can't be a secret of this registry, or any other Berth.</summary>
    public static bool TryParse(string text, out TokenSecret secret)
    {
        secret = new TokenSecret(text);
        var prefix = text.LastIndexOf('_') + 1;
        return prefix > 0 && text.Length == prefix + RandomLetters + ChecksumLetters
            && text[..prefix] is "berth_pat_" or "berth_rob_" or "berth_ref_" or "berth_inv_"
            && text.AsSpan(prefix).IndexOfAnyExcept(KnownLetters) < 0
            && ChecksumOf(text[..^ChecksumLetters]) == text[^ChecksumLetters..];
    }

    public override string ToString() => $"…{Hint}";

    private static string PrefixOf(string kind) => kind switch
    {
        TokenKinds.Personal => "berth_pat_",
        TokenKinds.Robot => "berth_rob_",
        TokenKinds.Invitation => "berth_inv_",
        _ => "berth_ref_",
    };

    private static string ChecksumOf(string text)
    {
        var number = BitConverter.ToUInt32(SHA256.HashData(Encoding.ASCII.GetBytes(text)));
        return string.Create(ChecksumLetters, number, static (letters, rest) =>
        {
            for (var i = letters.Length - 1; i >= 0; i--, rest /= (uint)Letters.Length)
                letters[i] = Letters[(int)(rest % (uint)Letters.Length)];
        });
    }
}
