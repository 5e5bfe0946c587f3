namespace Berth.Versions;

/// <summary>What the orders have in common: runs of characters, and numbers of any length.</summary>
internal static class VersionText
{
    /// <summary>Compares decimal numbers. Leading zeros don't count, and no digits are zero.</summary>
    public static int CompareNumbers(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        one = one.TrimStart('0');
        other = other.TrimStart('0');
        return one.Length != other.Length ? one.Length.CompareTo(other.Length) : one.SequenceCompareTo(other);
    }

    /// <summary>Takes the digits at the beginning off the text.</summary>
    public static ReadOnlySpan<char> TakeDigits(scoped ref ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAnyExceptInRange('0', '9');
        return Take(ref text, end < 0 ? text.Length : end);
    }

    /// <summary>Takes the ASCII letters at the beginning off the text.</summary>
    public static ReadOnlySpan<char> TakeLetters(scoped ref ReadOnlySpan<char> text)
    {
        var end = 0;
        while (end < text.Length && char.IsAsciiLetter(text[end])) end++;
        return Take(ref text, end);
    }

    /// <summary>Takes what is before a separator off the text, and the separator: all if there is none.</summary>
    public static ReadOnlySpan<char> TakeUntil(scoped ref ReadOnlySpan<char> text, char separator)
    {
        var end = text.IndexOf(separator);
        var taken = end < 0 ? text : text[..end];
        text = end < 0 ? [] : text[(end + 1)..];
        return taken;
    }

    public static ReadOnlySpan<char> Take(scoped ref ReadOnlySpan<char> text, int length)
    {
        var taken = text[..length];
        text = text[length..];
        return taken;
    }

    /// <summary>Whether it begins with a digit.</summary>
    public static bool IsNumber(ReadOnlySpan<char> text) => text.Length > 0 && char.IsAsciiDigit(text[0]);

    /// <summary>Whether it is a number and nothing else.</summary>
    public static bool IsAllDigits(ReadOnlySpan<char> text) =>
        text.Length > 0 && !text.ContainsAnyExceptInRange('0', '9');

    /// <summary>Splits a version of a Linux distribution, <c>[epoch:]version[-release]</c>. A colon after anything but
    /// digits is part of the version.</summary>
    public static void Split(
        ReadOnlySpan<char> text,
        out ReadOnlySpan<char> epoch, out ReadOnlySpan<char> version, out ReadOnlySpan<char> release)
    {
        text = text.Trim();
        var colon = text.IndexOf(':');
        var hasEpoch = colon >= 0 && !text[..colon].ContainsAnyExceptInRange('0', '9');
        epoch = hasEpoch ? text[..colon] : [];
        version = hasEpoch ? text[(colon + 1)..] : text;
        var dash = version.LastIndexOf('-');
        release = dash < 0 ? [] : version[(dash + 1)..];
        if (dash >= 0) version = version[..dash];
    }
}
