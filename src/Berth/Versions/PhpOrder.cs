namespace Berth.Versions;

/// <summary>
/// PHP's versions, as its function version_compare has them, which Composer uses; a leading v does not count.
/// </summary>
internal sealed class PhpOrder : VersionOrder
{
    /// <summary>What may stand at a place, from the lowest to the highest.</summary>
    private enum Kind
    {
        OtherWord,
        Development,
        Alpha,
        Beta,
        Candidate,
        End,
        Number,
        Patch,
    }

    /// <summary>What a word of each kind begins with. The first that fits counts.</summary>
    private static readonly (string Begins, Kind Kind)[] Words =
    [
        ("dev", Kind.Development), ("a", Kind.Alpha), ("b", Kind.Beta), ("RC", Kind.Candidate),
        ("rc", Kind.Candidate), ("p", Kind.Patch),
    ];

    public override int Compare(string one, string other)
    {
        var text = Strip(one);
        var otherText = Strip(other);
        while (true)
        {
            var kind = TakeSegment(ref text, out var number);
            var order = kind.CompareTo(TakeSegment(ref otherText, out var otherNumber));
            if (order == 0) order = VersionText.CompareNumbers(number, otherNumber);
            if (order != 0 || kind is Kind.End) return order;
        }
    }

    private static ReadOnlySpan<char> Strip(string version)
    {
        var text = version.AsSpan().Trim();
        return text is ['v' or 'V', >= '0' and <= '9', ..] ? text[1..] : text;
    }

    /// <summary>Numbers and words, with anything else between them.</summary>
    private static Kind TakeSegment(scoped ref ReadOnlySpan<char> text, out ReadOnlySpan<char> number)
    {
        while (text.Length > 0 && !char.IsAsciiLetterOrDigit(text[0])) text = text[1..];
        number = VersionText.TakeDigits(ref text);
        if (number.Length > 0) return Kind.Number;
        var word = VersionText.TakeLetters(ref text);
        if (word.Length == 0) return Kind.End;
        foreach (var (begins, kind) in Words)
            if (word.StartsWith(begins, StringComparison.Ordinal)) return kind;
        return Kind.OtherWord;
    }
}
