using System.Globalization;
using System.Text;

namespace Berth.Identity;

/// <summary>Distinguished names in text form (RFC 4514).</summary>
internal static class LdapName
{
    private const char Escape = '\\';

    /// <summary>
    /// The value of an attribute in the first part of a DN: of <c>cn</c> in <c>cn=a\, b,ou=groups</c>, <c>a, b</c>.
    /// </summary>
    /// <returns>Null if the attribute is not in the first part.</returns>
    public static string? FirstValue(string dn, string attribute)
    {
        var rest = dn.AsSpan();
        while (true)
        {
            var equals = rest.IndexOf('=');
            if (equals < 0) return null;
            var name = rest[..equals].Trim();
            rest = rest[(equals + 1)..];
            var end = EndOfValue(rest);
            if (name.Equals(attribute, StringComparison.OrdinalIgnoreCase)) return Unescape(rest[..end]);

            // A part may hold several attributes: cn=a+sn=b.
            if (end == rest.Length || rest[end] != '+') return null;
            rest = rest[(end + 1)..];
        }
    }

    private static int EndOfValue(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == Escape) i++;
            else if (text[i] is ',' or '+' or ';') return i;
        }

        return text.Length;
    }

    private static string? Unescape(ReadOnlySpan<char> text)
    {
        // The value in binary form: of attributes that have no text form.
        if (text is ['#', ..]) return null;
        text = TrimUnescaped(text);
        var bytes = new List<byte>(text.Length);
        while (!text.IsEmpty)
        {
            var plain = text.IndexOf(Escape);
            if (plain != 0)
            {
                var part = plain < 0 ? text : text[..plain];
                bytes.AddRange(Encoding.UTF8.GetBytes(part.ToString()));
                text = text[part.Length..];
                continue;
            }

            if (text.Length > 2
                && byte.TryParse(
                    text[1..3], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var escaped))
            {
                bytes.Add(escaped);
                text = text[3..];
                continue;
            }

            if (text.Length > 1) bytes.AddRange(Encoding.UTF8.GetBytes(text[1..2].ToString()));
            text = text[Math.Min(2, text.Length)..];
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>Spaces around a value don't count, unless they are escaped.</summary>
    private static ReadOnlySpan<char> TrimUnescaped(ReadOnlySpan<char> text)
    {
        text = text.TrimStart(' ');
        var trimmed = text.TrimEnd(' ');
        var escapes = 0;
        while (escapes < trimmed.Length && trimmed[^(escapes + 1)] == Escape) escapes++;
        return escapes % 2 == 1 && trimmed.Length < text.Length ? text[..(trimmed.Length + 1)] : trimmed;
    }
}
