namespace Berth.Versions;

/// <summary>
/// Ruby's versions (Gem::Version): numbers and words, where a word is below a number. Zeros don't count at the end of
/// the numbers before the first word, nor at the end.
/// </summary>
internal sealed class GemOrder : VersionOrder
{
    public override int Compare(string one, string other)
    {
        var (text, otherText) = (one.Replace("-", ".pre."), other.Replace("-", ".pre."));
        var (segments, otherSegments) = (SegmentsOf(text), SegmentsOf(otherText));
        for (var at = 0; at < segments.Count || at < otherSegments.Count; at++)
        {
            var order = CompareSegments(
                at < segments.Count ? text.AsSpan(segments[at]) : "0",
                at < otherSegments.Count ? otherText.AsSpan(otherSegments[at]) : "0");
            if (order != 0) return order;
        }

        return 0;
    }

    private static int CompareSegments(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        var (isNumber, otherIsNumber) = (VersionText.IsNumber(one), VersionText.IsNumber(other));
        if (isNumber != otherIsNumber) return isNumber ? 1 : -1;
        return isNumber ? VersionText.CompareNumbers(one, other) : one.SequenceCompareTo(other);
    }

    private static List<Range> SegmentsOf(string text)
    {
        var segments = new List<Range>();
        var hasWord = false;
        for (var rest = text.AsSpan(); rest.Length > 0;)
        {
            var start = text.Length - rest.Length;
            if (VersionText.TakeDigits(ref rest).Length == 0)
            {
                if (VersionText.TakeLetters(ref rest).Length == 0)
                {
                    rest = rest[1..];
                    continue;
                }

                if (!hasWord) DropZeros(segments, text);
                hasWord = true;
            }

            segments.Add(start..(text.Length - rest.Length));
        }

        DropZeros(segments, text);
        return segments;
    }

    private static void DropZeros(List<Range> segments, string text)
    {
        while (segments.Count > 0 && !text.AsSpan(segments[^1]).ContainsAnyExcept('0'))
            segments.RemoveAt(segments.Count - 1);
    }
}
