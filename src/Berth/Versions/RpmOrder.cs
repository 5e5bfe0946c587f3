namespace Berth.Versions;

/// <summary>Red Hat and those that use RPM (rpm-version(7)).</summary>
internal sealed class RpmOrder : VersionOrder
{
    /// <summary>What may stand at a place, from the lowest to the highest.</summary>
    private enum Kind
    {
        Tilde,
        End,
        Caret,
        Letters,
        Number,
    }

    public override int Compare(string one, string other)
    {
        VersionText.Split(one, out var epoch, out var version, out var release);
        VersionText.Split(other, out var otherEpoch, out var otherVersion, out var otherRelease);
        var order = VersionText.CompareNumbers(epoch, otherEpoch);
        if (order == 0) order = CompareParts(version, otherVersion);
        return order != 0 ? order : CompareParts(release, otherRelease);
    }

    private static int CompareParts(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        while (true)
        {
            var kind = TakeSegment(ref one, out var segment);
            var order = kind.CompareTo(TakeSegment(ref other, out var otherSegment));
            if (order == 0) order = CompareSegments(kind, segment, otherSegment);
            if (order != 0 || kind is Kind.End) return order;
        }
    }

    private static int CompareSegments(Kind kind, ReadOnlySpan<char> one, ReadOnlySpan<char> other) =>
        kind is Kind.Number ? VersionText.CompareNumbers(one, other) : one.SequenceCompareTo(other);

    private static Kind TakeSegment(scoped ref ReadOnlySpan<char> text, out ReadOnlySpan<char> segment)
    {
        while (text.Length > 0 && !char.IsAsciiLetterOrDigit(text[0]) && text[0] is not ('~' or '^')) text = text[1..];
        segment = [];
        if (text.Length == 0) return Kind.End;
        if (VersionText.IsNumber(text))
        {
            segment = VersionText.TakeDigits(ref text);
            return Kind.Number;
        }

        if (VersionText.Take(ref text, char.IsAsciiLetter(text[0]) ? 0 : 1) is [var mark])
            return mark == '~' ? Kind.Tilde : Kind.Caret;
        segment = VersionText.TakeLetters(ref text);
        return Kind.Letters;
    }
}
