namespace Berth.Versions;

/// <summary>Debian and those that follow it (deb-version(7)).</summary>
internal sealed class DpkgOrder : VersionOrder
{
    public override int Compare(string one, string other)
    {
        VersionText.Split(one, out var epoch, out var upstream, out var revision);
        VersionText.Split(other, out var otherEpoch, out var otherUpstream, out var otherRevision);
        var order = VersionText.CompareNumbers(epoch, otherEpoch);
        if (order == 0) order = CompareParts(upstream, otherUpstream);
        return order != 0 ? order : CompareParts(revision, otherRevision);
    }

    /// <summary>Runs of other characters and of digits in turn, each compared with its counterpart.</summary>
    private static int CompareParts(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        while (one.Length > 0 || other.Length > 0)
        {
            var order = CompareWords(TakeWord(ref one), TakeWord(ref other));
            if (order == 0) order = CompareDigits(ref one, ref other);
            if (order != 0) return order;
        }

        return 0;
    }

    private static int CompareDigits(scoped ref ReadOnlySpan<char> one, scoped ref ReadOnlySpan<char> other) =>
        VersionText.CompareNumbers(VersionText.TakeDigits(ref one), VersionText.TakeDigits(ref other));

    private static ReadOnlySpan<char> TakeWord(scoped ref ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAnyInRange('0', '9');
        return VersionText.Take(ref text, end < 0 ? text.Length : end);
    }

    private static int CompareWords(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        for (var at = 0; at < one.Length || at < other.Length; at++)
        {
            var order = Rank(one, at).CompareTo(Rank(other, at));
            if (order != 0) return order;
        }

        return 0;
    }

    /// <summary>A tilde is below the end, and letters are below what is neither.</summary>
    private static int Rank(ReadOnlySpan<char> word, int at)
    {
        if (at >= word.Length) return 0;
        if (word[at] == '~') return -1;
        return char.IsAsciiLetter(word[at]) ? word[at] : word[at] + 256;
    }
}
