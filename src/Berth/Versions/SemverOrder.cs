namespace Berth.Versions;

/// <summary>
/// Semantic Versioning 2.0.0, section 11, for what packages really call themselves: a leading v, missing or further
/// numbers, and a pre-release without its hyphen are accepted. What does not begin with a number is below all else.
/// </summary>
internal sealed class SemverOrder : VersionOrder
{
    /// <summary>Whether letters of pre-releases are the same in upper and lower case, as NuGet's are.</summary>
    public bool IgnoreCase { get; init; }

    /// <summary>Whether what follows a plus sign makes a version higher, as Dart's does.</summary>
    public bool BuildCounts { get; init; }

    public override int Compare(string one, string other)
    {
        var text = Strip(one);
        var otherText = Strip(other);
        if (!VersionText.IsNumber(text) || !VersionText.IsNumber(otherText))
        {
            var order = VersionText.IsNumber(text).CompareTo(VersionText.IsNumber(otherText));
            return order != 0 ? order : text.SequenceCompareTo(otherText);
        }

        return CompareParts(text, otherText);
    }

    private int CompareParts(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        Split(one, out var numbers, out var preRelease, out var build);
        Split(other, out var otherNumbers, out var otherPreRelease, out var otherBuild);
        var order = CompareNumbers(numbers, otherNumbers);
        // Without a pre-release it is the release itself, which is higher.
        if (order == 0) order = (preRelease.Length == 0).CompareTo(otherPreRelease.Length == 0);
        if (order == 0) order = CompareIdentifiers(preRelease, otherPreRelease);
        return order != 0 || !BuildCounts ? order : CompareIdentifiers(build, otherBuild);
    }

    private static ReadOnlySpan<char> Strip(string version)
    {
        var text = version.AsSpan().Trim();
        return text is ['v' or 'V' or '=', .. var rest] ? rest.TrimStart() : text;
    }

    private static void Split(
        ReadOnlySpan<char> text,
        out ReadOnlySpan<char> numbers, out ReadOnlySpan<char> preRelease, out ReadOnlySpan<char> build)
    {
        var rest = VersionText.TakeUntil(ref text, '+');
        build = text;
        var end = 0;
        while (end < rest.Length && (char.IsAsciiDigit(rest[end]) || rest[end] == '.')) end++;
        numbers = rest[..end];
        preRelease = rest[end..];
        if (preRelease is ['-', ..]) preRelease = preRelease[1..];
    }

    private static int CompareNumbers(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        while (one.Length > 0 || other.Length > 0)
        {
            var order = VersionText.CompareNumbers(
                VersionText.TakeUntil(ref one, '.'), VersionText.TakeUntil(ref other, '.'));
            if (order != 0) return order;
        }

        return 0;
    }

    private int CompareIdentifiers(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        while (one.Length > 0 && other.Length > 0)
        {
            var order = CompareIdentifier(VersionText.TakeUntil(ref one, '.'), VersionText.TakeUntil(ref other, '.'));
            if (order != 0) return order;
        }

        return one.Length.CompareTo(other.Length);
    }

    /// <summary>Numbers are below words.</summary>
    private int CompareIdentifier(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        var (isNumber, otherIsNumber) = (VersionText.IsAllDigits(one), VersionText.IsAllDigits(other));
        if (isNumber != otherIsNumber) return isNumber ? -1 : 1;
        if (isNumber) return VersionText.CompareNumbers(one, other);
        return one.CompareTo(other, IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
    }
}
