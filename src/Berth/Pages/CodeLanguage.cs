namespace Berth.Pages;

/// <summary>What tells the parts of code in a language apart.</summary>
/// <param name="lineComments">What begins a comment up to the end of a line.</param>
/// <param name="quotes">What begins and ends a text.</param>
/// <param name="words">Its words, with spaces between.</param>
internal sealed class CodeLanguage(string[] lineComments, string quotes, string words)
{
    /// <summary>Longer texts are not told apart: each quote that never ends would be looked for to the end.</summary>
    private const int MaxQuotedChars = 400;

    public const char Comment = 'c';
    public const char Text = 's';
    public const char Number = 'n';
    public const char Word = 'k';

    private readonly HashSet<string> known = [.. words.Split(' ')];

    /// <summary>Whether <c>/*</c> begins a comment up to <c>*/</c>.</summary>
    public bool HasBlockComments { get; init; }

    /// <summary>Whether a text between three quotes goes on over lines.</summary>
    public bool HasTripleQuotes { get; init; }

    /// <summary>
    /// The parts of code, in order, together all of it; a kind of <c>\0</c> has no colour. Reads each character once,
    /// but for the ends of quotes that never come.
    /// </summary>
    public IEnumerable<(char Kind, string Text)> Split(string code)
    {
        var (plain, at) = (0, 0);
        while (at < code.Length)
        {
            var (kind, end) = Next(code, at);
            if (kind != '\0')
            {
                if (plain < at) yield return ('\0', code[plain..at]);
                yield return (kind, code[at..end]);
                plain = end;
            }

            at = end;
        }

        if (plain < code.Length) yield return ('\0', code[plain..]);
    }

    private (char Kind, int End) Next(string code, int at)
    {
        var c = code[at];
        if (IsOfWord(c))
        {
            var end = at;
            while (end < code.Length && IsOfWord(code[end])) end++;
            var isNumber = char.IsAsciiDigit(c);
            return (isNumber ? Number : known.Contains(code[at..end]) ? Word : '\0', end);
        }

        foreach (var mark in lineComments)
        {
            // In a shell, $# and a#b are no comments.
            if (string.CompareOrdinal(code, at, mark, 0, mark.Length) == 0
                && (mark != "#" || at == 0 || char.IsWhiteSpace(code[at - 1])))
            {
                return (Comment, LineEnd(code, at));
            }
        }

        if (HasBlockComments && string.CompareOrdinal(code, at, "/*", 0, 2) == 0)
            return (Comment, After(code, "*/", at + 2));
        if (!quotes.Contains(c)) return ('\0', at + 1);
        var triple = new string(c, 3);
        return HasTripleQuotes && string.CompareOrdinal(code, at, triple, 0, 3) == 0
            ? (Text, After(code, triple, at + 3)) : QuoteEnd(code, at);
    }

    /// <summary>A quote that does not end on its line is none: an apostrophe, or a lifetime in Rust.</summary>
    private static (char Kind, int End) QuoteEnd(string code, int at)
    {
        var end = Math.Min(code.Length, at + MaxQuotedChars);
        for (var i = at + 1; i < end && code[i] != '\n'; i++)
        {
            if (code[i] == '\\') i++;
            else if (code[i] == code[at]) return (Text, i + 1);
        }

        return ('\0', at + 1);
    }

    private static int LineEnd(string code, int at)
    {
        var end = code.IndexOf('\n', at);
        return end < 0 ? code.Length : end;
    }

    private static int After(string code, string mark, int from)
    {
        var end = from > code.Length ? -1 : code.IndexOf(mark, from, StringComparison.Ordinal);
        return end < 0 ? code.Length : end + mark.Length;
    }

    private static bool IsOfWord(char c) => char.IsLetterOrDigit(c) || c == '_';
}
