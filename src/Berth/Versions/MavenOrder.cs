namespace Berth.Versions;

/// <summary>
/// Maven's versions, by its "Version Order Specification". Maven's own program is not transitive where words stand
/// between dots (1.sp.1 is below 1-alpha, that below 1, and that below 1.sp.1): here a word is the same after a dot and
/// after a hyphen, as the specification says.
/// </summary>
internal sealed class MavenOrder : VersionOrder
{
    private static readonly string[] Qualifiers = ["alpha", "beta", "milestone", "rc", "snapshot"];

    /// <summary>What may stand at a place, from the lowest to the highest. What is missing is a release.</summary>
    private enum Kind
    {
        BeforeRelease = -1,
        Release = 0,
        ServicePack,
        OtherWord,
        NumberAfterHyphen,
        Number,
    }

    public override int Compare(string one, string other)
    {
        var (text, otherText) = (one.Trim().ToLowerInvariant(), other.Trim().ToLowerInvariant());
        var (tokens, otherTokens) = (TokensOf(text), TokensOf(otherText));
        for (var at = 0; at < tokens.Count || at < otherTokens.Count; at++)
        {
            var token = at < tokens.Count ? tokens[at] : default;
            var otherToken = at < otherTokens.Count ? otherTokens[at] : default;
            var order = token.Kind.CompareTo(otherToken.Kind);
            if (order == 0) order = token.Word.CompareTo(otherToken.Word);
            if (order == 0)
                order = CompareTexts(token.Kind, text.AsSpan(token.Range), otherText.AsSpan(otherToken.Range));
            if (order != 0) return order;
        }

        return 0;
    }

    private static int CompareTexts(Kind kind, ReadOnlySpan<char> one, ReadOnlySpan<char> other) => kind switch
    {
        Kind.OtherWord => one.SequenceCompareTo(other),
        Kind.NumberAfterHyphen or Kind.Number => VersionText.CompareNumbers(one, other),
        _ => 0,
    };

    /// <summary>What lies between dots, hyphens, and edges of numbers, which count as hyphens. Zeros and names of the
    /// release itself are dropped before a hyphen and at the end.</summary>
    private static List<Token> TokensOf(string text)
    {
        var tokens = new List<Token>();
        var afterHyphen = false;
        for (var start = 0; start <= text.Length;)
        {
            var end = EndOfToken(text, start);
            var isWord = end > start && !char.IsAsciiDigit(text[start]);
            if (afterHyphen || isWord) DropReleases(tokens, text);
            tokens.Add(isWord ? WordOf(text, start, end) : NumberOf(start, end, afterHyphen));
            if (end == text.Length) break;
            var isSeparator = text[end] is '.' or '-';
            afterHyphen = text[end] != '.';
            start = isSeparator ? end + 1 : end;
        }

        DropReleases(tokens, text);
        return tokens;
    }

    private static void DropReleases(List<Token> tokens, string text)
    {
        while (tokens.Count > 0 && tokens[^1].IsRelease(text)) tokens.RemoveAt(tokens.Count - 1);
    }

    private static int EndOfToken(string text, int start)
    {
        var end = start;
        while (end < text.Length && text[end] is not ('.' or '-') && IsSameKind(text[start], text[end])) end++;
        return end;

        static bool IsSameKind(char one, char other) => char.IsAsciiDigit(one) == char.IsAsciiDigit(other);
    }

    private static Token NumberOf(int start, int end, bool afterHyphen) =>
        new(afterHyphen ? Kind.NumberAfterHyphen : Kind.Number, 0, start..end);

    private static Token WordOf(string text, int start, int end)
    {
        var beforeNumber = end < text.Length && char.IsAsciiDigit(text[end]);
        var word = text.AsSpan(start, end - start) switch
        {
            "a" when beforeNumber => "alpha",
            "b" when beforeNumber => "beta",
            "m" when beforeNumber => "milestone",
            "cr" => "rc",
            var other => other,
        };
        if (word is "ga" or "final" or "release") return default;
        if (word is "sp") return new Token(Kind.ServicePack, 0, default);
        for (var at = 0; at < Qualifiers.Length; at++)
            if (word.SequenceEqual(Qualifiers[at])) return new Token(Kind.BeforeRelease, at, default);
        return new Token(Kind.OtherWord, 0, start..end);
    }

    /// <param name="Kind">What it is.</param>
    /// <param name="Word">Its place among the words of its kind.</param>
    /// <param name="Range">Its characters, if they are compared.</param>
    private readonly record struct Token(Kind Kind, int Word, Range Range)
    {
        public bool IsRelease(string text) => Kind is Kind.Release
            || (Kind is Kind.Number or Kind.NumberAfterHyphen && !text.AsSpan(Range).ContainsAnyExcept('0'));
    }
}
