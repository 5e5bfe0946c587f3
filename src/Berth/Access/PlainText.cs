using System.Globalization;
using System.Text;

namespace Berth.Access;

/// <summary>Text that others wrote, fit to be shown among ours, and for each database.</summary>
internal static class PlainText
{
    private const int MaxChars = 200;

    /// <summary>A text without what could change how the text around it looks.</summary>
    public static string Of(string text, int maxChars = MaxChars)
    {
        var plain = new StringBuilder(Math.Min(text.Length, maxChars));
        foreach (var rune in text.EnumerateRunes())
        {
            if (plain.Length + rune.Utf16SequenceLength > maxChars) break;
            var isHidden = Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse;
            plain.Append(isHidden ? "?" : rune.ToString());
        }

        return plain.ToString();
    }
}
