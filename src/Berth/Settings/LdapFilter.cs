using System.Formats.Asn1;
using System.Globalization;
using System.Text;

namespace Berth.Settings;

/// <summary>What stands in a filter for a value that is only known at a sign-in.</summary>
/// <param name="User">For <c>{user}</c>.</param>
/// <param name="Dn">For <c>{dn}</c>.</param>
internal readonly record struct LdapFilterValues(string User, string Dn = "");

/// <summary>
/// A search filter (RFC 4515), parsed once. It is sent in binary form (RFC 4511, section 4.5.1.7), and values take
/// their places in that form: whatever they hold, they can't become part of the filter.
/// </summary>
internal abstract class LdapFilter
{
    private const string User = "{user}";
    private const string Dn = "{dn}";

    /// <summary>Deeper than any filter that a person writes.</summary>
    private const int MaxDepth = 32;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <exception cref="FormatException">It is not a filter. The message says why.</exception>
    public static LdapFilter Parse(string text)
    {
        var position = 0;
        var filter = ParseFilter(text, ref position, 0);
        if (position < text.Length) throw new FormatException($"there is more after the filter: {text[position..]}");
        return filter;
    }

    /// <summary>True for what any of the filters is true for.</summary>
    public static LdapFilter AnyOf(IEnumerable<LdapFilter> filters) => new Set(1, [.. filters]);

    /// <summary>The same with values for what stands in for them.</summary>
    public abstract LdapFilter With(LdapFilterValues values);

    public abstract void Write(AsnWriter writer);

    private static LdapFilter ParseFilter(string text, ref int position, int depth)
    {
        if (depth > MaxDepth) throw new FormatException("it is nested too deeply");
        Take(text, ref position, '(');
        LdapFilter filter;
        switch (position < text.Length ? text[position] : ')')
        {
            case '&' or '|':
                var tag = text[position++] == '&' ? 0 : 1;
                var inner = new List<LdapFilter>();
                while (position < text.Length && text[position] == '(')
                    inner.Add(ParseFilter(text, ref position, depth + 1));
                if (inner.Count == 0) throw new FormatException("nothing follows & or |");
                filter = new Set(tag, inner);
                break;
            case '!':
                position++;
                filter = new Not(ParseFilter(text, ref position, depth + 1));
                break;
            default:
                var end = text.AsSpan(position).IndexOfAny('(', ')');
                if (end < 0) throw new FormatException("a closing parenthesis is missing");
                filter = ParseItem(text.Substring(position, end));
                position += end;
                break;
        }

        Take(text, ref position, ')');
        return filter;
    }

    private static void Take(string text, ref int position, char expected)
    {
        if (position >= text.Length) throw new FormatException($"it ends where a {expected} is missing");
        if (text[position] != expected)
            throw new FormatException($"a {expected} is missing before: {text[position..]}");
        position++;
    }

    /// <summary>A comparison, without the parentheses around it.</summary>
    private static LdapFilter ParseItem(string item)
    {
        var equals = item.IndexOf('=', StringComparison.Ordinal);
        if (equals < 1) throw new FormatException($"'{item}' compares nothing; write attribute=value");
        var (name, value) = (item[..equals], item[(equals + 1)..]);
        switch (name[^1])
        {
            case '>':
                return new Comparison(5, Attribute(name[..^1]), Value(value));
            case '<':
                return new Comparison(6, Attribute(name[..^1]), Value(value));
            case '~':
                return new Comparison(8, Attribute(name[..^1]), Value(value));
            case ':':
                return ParseExtensible(name[..^1], Value(value));
        }

        if (value == "*") return new Presence(Attribute(name));
        if (!value.Contains('*', StringComparison.Ordinal)) return new Comparison(3, Attribute(name), Value(value));
        return new Substrings(Attribute(name), [.. value.Split('*').Select(Value)]);
    }

    /// <summary>Such as Active Directory's <c>memberOf:1.2.840.113556.1.4.1941:=…</c>.</summary>
    private static Extensible ParseExtensible(string name, byte[] value)
    {
        var parts = name.Split(':');
        var rest = parts.Skip(1).ToList();
        var isOfDn = rest.Count > 0 && rest[0].Equals("dn", StringComparison.OrdinalIgnoreCase);
        if (isOfDn) rest.RemoveAt(0);
        if (rest.Count > 1 || (rest.Count == 0 && parts[0].Length == 0))
            throw new FormatException($"'{name}:=' names no attribute and no rule");
        return new Extensible(
            parts[0].Length == 0 ? null : Attribute(parts[0]),
            rest.Count == 0 ? null : Attribute(rest[0]),
            value,
            isOfDn);
    }

    /// <summary>An attribute's name or OID, perhaps with options after a <c>;</c> (RFC 4512, section 2.5).</summary>
    private static string Attribute(string name) =>
        name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or ';' or '_')
            ? name
            : throw new FormatException($"'{name}' is not the name of an attribute");

    /// <summary>Replaces <c>\28</c> and its like by their bytes. What stands in for values stays as it is.</summary>
    private static byte[] Value(string text)
    {
        var bytes = new List<byte>(text.Length);
        for (var i = 0; i < text.Length;)
        {
            if (text[i] != '\\')
            {
                var length = text.AsSpan(i).IndexOf('\\');
                var plain = length < 0 ? text[i..] : text.Substring(i, length);
                bytes.AddRange(Utf8.GetBytes(plain));
                i += plain.Length;
                continue;
            }

            if (i + 3 > text.Length
                || !byte.TryParse(text.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                    out var escaped))
            {
                throw new FormatException($"a \\ in '{text}' is not followed by two hexadecimal digits; write \\5c");
            }

            bytes.Add(escaped);
            i += 3;
        }

        return [.. bytes];
    }

    private static byte[] Fill(byte[] template, LdapFilterValues values)
    {
        if (!template.AsSpan().Contains((byte)'{')) return template;
        var filled = new List<byte>(template.Length);
        for (var rest = template.AsSpan(); !rest.IsEmpty;)
        {
            if (rest.StartsWith("{user}"u8))
            {
                filled.AddRange(Utf8.GetBytes(values.User));
                rest = rest[User.Length..];
            }
            else if (rest.StartsWith("{dn}"u8))
            {
                filled.AddRange(Utf8.GetBytes(values.Dn));
                rest = rest[Dn.Length..];
            }
            else
            {
                filled.Add(rest[0]);
                rest = rest[1..];
            }
        }

        return [.. filled];
    }

    private static Asn1Tag Tag(int number, bool isConstructed = false) =>
        new(TagClass.ContextSpecific, number, isConstructed);

    private sealed class Set(int tag, IReadOnlyList<LdapFilter> filters) : LdapFilter
    {
        public override LdapFilter With(LdapFilterValues values) =>
            new Set(tag, [.. filters.Select(f => f.With(values))]);

        public override void Write(AsnWriter writer)
        {
            using (writer.PushSetOf(Tag(tag, isConstructed: true)))
            {
                foreach (var filter in filters) filter.Write(writer);
            }
        }
    }

    private sealed class Not(LdapFilter filter) : LdapFilter
    {
        public override LdapFilter With(LdapFilterValues values) => new Not(filter.With(values));

        public override void Write(AsnWriter writer)
        {
            using (writer.PushSequence(Tag(2, isConstructed: true))) filter.Write(writer);
        }
    }

    private sealed class Comparison(int tag, string attribute, byte[] value) : LdapFilter
    {
        public override LdapFilter With(LdapFilterValues values) =>
            new Comparison(tag, attribute, Fill(value, values));

        public override void Write(AsnWriter writer)
        {
            using (writer.PushSequence(Tag(tag, isConstructed: true)))
            {
                writer.WriteOctetString(Utf8.GetBytes(attribute));
                writer.WriteOctetString(value);
            }
        }
    }

    private sealed class Presence(string attribute) : LdapFilter
    {
        public override LdapFilter With(LdapFilterValues values) => this;

        public override void Write(AsnWriter writer) => writer.WriteOctetString(Utf8.GetBytes(attribute), Tag(7));
    }

    /// <param name="attribute">What is compared.</param>
    /// <param name="pieces">What it begins with, what it holds, and what it ends with; the empty ones don't count.
    /// </param>
    private sealed class Substrings(string attribute, byte[][] pieces) : LdapFilter
    {
        public override LdapFilter With(LdapFilterValues values) =>
            new Substrings(attribute, [.. pieces.Select(piece => Fill(piece, values))]);

        public override void Write(AsnWriter writer)
        {
            using var substrings = writer.PushSequence(Tag(4, isConstructed: true));
            writer.WriteOctetString(Utf8.GetBytes(attribute));
            using var list = writer.PushSequence();
            for (var i = 0; i < pieces.Length; i++)
            {
                if (pieces[i].Length == 0) continue;
                writer.WriteOctetString(pieces[i], Tag(i == 0 ? 0 : i < pieces.Length - 1 ? 1 : 2));
            }
        }
    }

    private sealed class Extensible(string? attribute, string? rule, byte[] value, bool isOfDn) : LdapFilter
    {
        public override LdapFilter With(LdapFilterValues values) =>
            new Extensible(attribute, rule, Fill(value, values), isOfDn);

        public override void Write(AsnWriter writer)
        {
            using var match = writer.PushSequence(Tag(9, isConstructed: true));
            if (rule is not null) writer.WriteOctetString(Utf8.GetBytes(rule), Tag(1));
            if (attribute is not null) writer.WriteOctetString(Utf8.GetBytes(attribute), Tag(2));
            writer.WriteOctetString(value, Tag(3));
            if (isOfDn) writer.WriteBoolean(true, Tag(4));
        }
    }
}
