using System.Text;

namespace Berth.Oci;

/// <summary>
/// Makes words of names, tags and text, for the index of searches and for what is searched. A word has lowercase
/// letters; what separates words is in none, but a name or a version also is a word as a whole, so that its beginning
/// finds it.
/// </summary>
internal static class SearchWords
{
    /// <summary>In characters. Of longer words, the beginning is kept.</summary>
    public const int MaxLength = 128;

    /// <summary>Of one text; nobody finds a repository by what stands behind that.</summary>
    private const int MaxWords = 48;

    /// <summary>Of a tag: the whole, and its parts.</summary>
    private const int MaxTagWords = 6;

    /// <summary>Of a name, besides its parts: from each of its components to its end.</summary>
    private const int MaxSuffixes = 8;

    /// <summary>The words in a repository's name, without the whole name.</summary>
    public static IReadOnlyCollection<string> InName(string name)
    {
        var words = new HashSet<string>(StringComparer.Ordinal);
        var rest = name;
        for (var slash = name.IndexOf('/'); slash >= 0 && words.Count < MaxSuffixes; slash = rest.IndexOf('/'))
        {
            rest = rest[(slash + 1)..];
            words.Add(Cut(rest));
        }

        foreach (var component in name.Split('/'))
        {
            words.Add(Cut(component));
            words.UnionWith(component.Split(['-', '_', '.'], StringSplitOptions.RemoveEmptyEntries).Select(Cut));
        }

        words.Remove(Cut(name));
        return words;
    }

    /// <summary>The words of a tag: the whole, its parts, and a version without its v.</summary>
    public static IReadOnlyCollection<string> OfTag(string tag)
    {
        var whole = Cut(tag.ToLowerInvariant());
        var words = new HashSet<string>(StringComparer.Ordinal) { whole };
        foreach (var part in whole.Split(['-', '_'], StringSplitOptions.RemoveEmptyEntries))
        {
            words.Add(part);
            if (part.Length > 1 && part[0] == 'v' && char.IsAsciiDigit(part[1])) words.Add(part[1..]);
            if (words.Count >= MaxTagWords) break;
        }

        if (whole.Length > 1 && whole[0] == 'v' && char.IsAsciiDigit(whole[1])) words.Add(whole[1..]);
        return words;
    }

    /// <summary>
    /// The words in a text: each piece between spaces, and its parts, which punctuation or a capital letter separates.
    /// </summary>
    public static IReadOnlyCollection<string> InText(string text)
    {
        var words = new HashSet<string>(StringComparer.Ordinal);
        foreach (var piece in Pieces(text))
        {
            words.Add(Fold(piece));
            foreach (var part in Parts(piece)) words.Add(Fold(part));
            if (words.Count >= MaxWords) break;
        }

        words.Remove("");
        return words;
    }

    /// <summary>What stands between spaces, without punctuation around it.</summary>
    public static IEnumerable<string> Pieces(string text)
    {
        var piece = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (!IsSpace(rune)) piece.Append(rune.ToString());
            else if (Take() is { } word) yield return word;
        }

        if (Take() is { } last) yield return last;

        string? Take()
        {
            var word = TrimMarks(piece.ToString());
            piece.Clear();
            return word.Length > 0 ? word : null;
        }
    }

    /// <summary>A word as it is compared: lowercase, and not longer than any in the index.</summary>
    public static string Fold(string word) => Cut(word.ToLowerInvariant());

    /// <summary>A fact as it is compared, such as a label with its value.</summary>
    public static string Fact(string kind, string text) => Fold(
        kind + ':' + string.Concat(
            text.EnumerateRunes().Where(rune => !IsSpace(rune) || rune.Value == ' ').Select(rune => rune.ToString())));

    /// <summary>A piece in parts: at punctuation, and where a capital letter follows a small one.</summary>
    public static IEnumerable<string> Parts(string piece)
    {
        var part = new StringBuilder();
        var wasLower = false;
        foreach (var rune in piece.EnumerateRunes())
        {
            var isMark = IsMark(rune);
            if ((isMark || (wasLower && Rune.IsUpper(rune))) && part.Length > 0)
            {
                yield return part.ToString();
                part.Clear();
            }

            if (!isMark) part.Append(rune.ToString());
            wasLower = Rune.IsLower(rune) || Rune.IsDigit(rune);
        }

        if (part.Length > 0) yield return part.ToString();
    }

    /// <summary>The first that is after all words that begin with this one.</summary>
    public static string EndOf(string prefix) => prefix + "\U0010FFFF";

    /// <summary>The first that may follow a word.</summary>
    public static string After(string word) => word + "\u0001";

    private static string TrimMarks(string piece)
    {
        var runes = piece.EnumerateRunes().ToList();
        var start = runes.FindIndex(rune => !IsMark(rune));
        if (start < 0) return "";
        var end = runes.FindLastIndex(rune => !IsMark(rune));
        return string.Concat(runes.Skip(start).Take(end - start + 1).Select(rune => rune.ToString()));
    }

    private static string Cut(string word)
    {
        if (word.Length <= MaxLength) return word;
        return word[..(char.IsHighSurrogate(word[MaxLength - 1]) ? MaxLength - 1 : MaxLength)];
    }

    /// <summary>Also what shows nothing, or turns the direction of text.</summary>
    private static bool IsSpace(Rune rune) => Rune.IsWhiteSpace(rune) || Rune.IsControl(rune)
        || Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.Format
            or System.Globalization.UnicodeCategory.OtherNotAssigned
            or System.Globalization.UnicodeCategory.Surrogate
        || rune == Rune.ReplacementChar;

    /// <summary>Emoji are no marks: they are found, too.</summary>
    private static bool IsMark(Rune rune) => Rune.IsPunctuation(rune) || (rune.IsAscii && Rune.IsSymbol(rune));
}
