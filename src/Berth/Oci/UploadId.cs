using System.Security.Cryptography;

namespace Berth.Oci;

/// <summary>An upload session's name: 32 lower-case hexadecimal digits that cannot be guessed.</summary>
public readonly record struct UploadId
{
    private UploadId(string text) => Text = text;

    public string Text { get; }

    public static UploadId New() => new(Convert.ToHexStringLower(
        RandomNumberGenerator.GetBytes(16)));

    public static bool TryParse(ReadOnlySpan<char> text, out UploadId id)
    {
        id = default;
        if (text.Length != 32) return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiHexDigitLower(c)) return false;
        }

        id = new UploadId(text.ToString());
        return true;
    }

    public override string ToString() => Text;
}
