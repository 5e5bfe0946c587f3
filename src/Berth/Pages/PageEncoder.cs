using System.Text.Encodings.Web;
using System.Text.Unicode;
using Microsoft.AspNetCore.Html;

namespace Berth.Pages;

/// <summary>
/// Writes text into pages. Besides markup it disarms the characters that change the direction of what follows them:
/// with one in a label or a file name, a page would seem to say what it does not.
/// </summary>
internal sealed class PageEncoder : HtmlEncoder
{
    private const string Replacement = "\ufffd";

    private readonly HtmlEncoder html = Create(UnicodeRanges.All);

    public static PageEncoder Only { get; } = new();

    /// <summary>The text without those characters, where something else writes it into a page.</summary>
    public static string Disarm(string text) => text.Any(c => TurnsText(c))
        ? string.Concat(text.Select(c => TurnsText(c) ? Replacement[0] : c)) : text;

    /// <summary>
    /// What somebody typed, for the field in which it is changed: all of it, or saving the form would change the rest.
    /// In a field such a character turns nothing outside it.
    /// </summary>
    public static HtmlString Typed(string? text)
    {
        var encoded = Only.html.Encode(text ?? "");
        return new HtmlString(encoded.Any(c => TurnsText(c))
            ? string.Concat(encoded.Select(c => TurnsText(c) ? $"&#x{(int)c:X};" : c.ToString())) : encoded);
    }

    public override int MaxOutputCharactersPerInputCharacter => html.MaxOutputCharactersPerInputCharacter;

    public override unsafe int FindFirstCharacterToEncode(char* text, int textLength)
    {
        var first = html.FindFirstCharacterToEncode(text, textLength);
        var end = first < 0 ? textLength : first;
        for (var i = 0; i < end; i++)
        {
            if (TurnsText(text[i])) return i;
        }

        return first;
    }

    public override unsafe bool TryEncodeUnicodeScalar(
        int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
    {
        if (!TurnsText(unicodeScalar))
        {
            return html.TryEncodeUnicodeScalar(
                unicodeScalar, buffer, bufferLength, out numberOfCharactersWritten);
        }

        numberOfCharactersWritten = bufferLength > 0 ? 1 : 0;
        if (bufferLength == 0) return false;
        buffer[0] = Replacement[0];
        return true;
    }

    public override bool WillEncode(int unicodeScalar) => TurnsText(unicodeScalar) || html.WillEncode(unicodeScalar);

    /// <summary>Embeddings, overrides and isolates (UAX 9). Plain marks of Hebrew or Arabic stay.</summary>
    private static bool TurnsText(int scalar) => scalar is (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069);
}
