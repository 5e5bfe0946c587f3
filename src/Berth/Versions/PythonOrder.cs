namespace Berth.Versions;

/// <summary>Python's versions (PEP 440). What is none is below all that are, in the order of its characters.</summary>
internal sealed class PythonOrder : VersionOrder
{
    public override int Compare(string one, string other)
    {
        var version = new PythonVersion(one);
        var otherVersion = new PythonVersion(other);
        if (!version.IsValid || !otherVersion.IsValid)
        {
            var validity = version.IsValid.CompareTo(otherVersion.IsValid);
            return validity != 0 ? validity : string.CompareOrdinal(one, other);
        }

        var order = VersionText.CompareNumbers(version.Epoch, otherVersion.Epoch);
        if (order == 0) order = CompareReleases(version.Release, otherVersion.Release);
        if (order == 0) order = version.Phase.CompareTo(otherVersion.Phase);
        if (order == 0) order = VersionText.CompareNumbers(version.PreNumber, otherVersion.PreNumber);
        if (order == 0) order = version.IsPost.CompareTo(otherVersion.IsPost);
        if (order == 0) order = VersionText.CompareNumbers(version.PostNumber, otherVersion.PostNumber);
        // A development release comes before what it leads to.
        if (order == 0) order = otherVersion.IsDev.CompareTo(version.IsDev);
        if (order == 0) order = VersionText.CompareNumbers(version.DevNumber, otherVersion.DevNumber);
        return order != 0 ? order : CompareLocals(version.Local, otherVersion.Local);
    }

    private static int CompareReleases(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        while (one.Length > 0 || other.Length > 0)
        {
            var order = VersionText.CompareNumbers(
                VersionText.TakeUntil(ref one, '.'), VersionText.TakeUntil(ref other, '.'));
            if (order != 0) return order;
        }

        return 0;
    }

    private static int CompareLocals(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        while (one.Length > 0 && other.Length > 0)
        {
            var order = CompareLocalParts(TakeLocalPart(ref one), TakeLocalPart(ref other));
            if (order != 0) return order;
        }

        return one.Length.CompareTo(other.Length);
    }

    private static ReadOnlySpan<char> TakeLocalPart(scoped ref ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAny('.', '-', '_');
        var part = end < 0 ? text : text[..end];
        text = end < 0 ? [] : text[(end + 1)..];
        return part;
    }

    /// <summary>Words are below numbers, unlike in Semantic Versioning.</summary>
    private static int CompareLocalParts(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        var (isNumber, otherIsNumber) = (VersionText.IsAllDigits(one), VersionText.IsAllDigits(other));
        if (isNumber != otherIsNumber) return isNumber ? 1 : -1;
        return isNumber
            ? VersionText.CompareNumbers(one, other)
            : one.CompareTo(other, StringComparison.OrdinalIgnoreCase);
    }
}
