using System.Globalization;

namespace Berth.Distribution;

/// <summary>Which part of a blob a Range header asks for (RFC 9110, section 14).</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Count">Number of bytes.</param>
internal readonly record struct ByteRange(long Offset, long Count)
{
    private const string Unit = "bytes=";

    private enum Spec
    {
        /// <summary>Not a valid range.</summary>
        None,

        /// <summary>A range outside the content.</summary>
        Outside,
        Inside,
    }

    /// <summary>The value of Content-Range for this part of <paramref name="length"/> bytes.</summary>
    public string HeaderOf(long length) =>
        string.Create(CultureInfo.InvariantCulture, $"bytes {Offset}-{Offset + Count - 1}/{length}");

    /// <summary>
    /// Parses a header with one range. False if it lies outside the content (416). A header that is not a byte range is
    /// ignored, as is any range of empty content: then <paramref name="range"/> is null and the whole blob is the right
    /// answer.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<char> header, long length, out ByteRange? range)
    {
        range = null;
        if (length == 0 || !header.StartsWith(Unit, StringComparison.OrdinalIgnoreCase)) return true;
        var spec = ReadSpec(header[Unit.Length..].Trim(), length, out var found);
        if (spec == Spec.Inside) range = found;
        return spec != Spec.Outside;
    }

    /// <summary>
    /// Parses a header with several ranges. False if all lie outside (416). Ranges that overlap or touch are merged;
    /// the rest keep the requested order (RFC 9110, 15.3.7.2). None if the header is ignored because it is malformed or
    /// more than <paramref name="maxParts"/> are left.
    /// </summary>
    public static bool TryReadSeveral(
        ReadOnlySpan<char> header, long length, int maxParts, out List<ByteRange> parts)
    {
        parts = [];
        if (length == 0 || !header.StartsWith(Unit, StringComparison.OrdinalIgnoreCase)) return true;
        var list = header[Unit.Length..];
        var isOutside = false;
        foreach (var element in list.Split(','))
        {
            var text = list[element].Trim();
            if (text.IsEmpty) continue;
            var spec = ReadSpec(text, length, out var part);
            isOutside |= spec == Spec.Outside;
            if (spec == Spec.Inside) parts.Add(part);
            if (spec != Spec.None) continue;
            parts.Clear();
            return true;
        }

        if (parts.Count == 0) return !isOutside;
        parts = Joined(parts);
        if (parts.Count > maxParts) parts.Clear();
        return true;
    }

    private static List<ByteRange> Joined(List<ByteRange> parts)
    {
        var joined = new List<(ByteRange Part, int Order)>(parts.Count);
        foreach (var (part, order) in parts.Select((part, i) => (part, i)).OrderBy(p => p.part.Offset))
        {
            if (joined is [.., var before] && part.Offset <= before.Part.Offset + before.Part.Count)
            {
                var end = Math.Max(before.Part.Offset + before.Part.Count, part.Offset + part.Count);
                var both = new ByteRange(before.Part.Offset, end - before.Part.Offset);
                joined[^1] = (both, Math.Min(before.Order, order));
            }
            else
            {
                joined.Add((part, order));
            }
        }

        return [.. joined.OrderBy(j => j.Order).Select(j => j.Part)];
    }

    /// <summary><c>0-99</c>, <c>100-</c>, or <c>-100</c> for the last bytes.</summary>
    private static Spec ReadSpec(ReadOnlySpan<char> text, long length, out ByteRange range)
    {
        range = default;
        var dash = text.IndexOf('-');
        if (dash < 0) return Spec.None;
        var (hasFirst, hasLast) = (TryRead(text[..dash], out var first), TryRead(text[(dash + 1)..], out var last));
        if (hasFirst && !hasLast && dash + 1 < text.Length) return Spec.None;
        if (!hasFirst && (dash > 0 || !hasLast)) return Spec.None;
        if (!hasFirst)
        {
            if (last == 0) return Spec.Outside;
            range = new ByteRange(Math.Max(0, length - last), Math.Min(last, length));
            return Spec.Inside;
        }

        if (first >= length || (hasLast && last < first)) return Spec.Outside;
        var end = hasLast ? Math.Min(last, length - 1) : length - 1;
        range = new ByteRange(first, end - first + 1);
        return Spec.Inside;
    }

    /// <summary>
    /// Parses an upload's Content-Range: <c>0-1023</c>, as in the distribution-spec, or HTTP's <c>bytes
    /// 0-1023/2048</c>. False if it is neither, or runs backwards.
    /// </summary>
    public static bool TryReadContentRange(ReadOnlySpan<char> header, out ByteRange range)
    {
        range = default;
        var text = header.Trim();
        if (text.StartsWith("bytes", StringComparison.OrdinalIgnoreCase)) text = text[5..].TrimStart(" =");
        if (text.IndexOf('/') is >= 0 and var slash) text = text[..slash];
        var dash = text.IndexOf('-');
        if (dash < 0) return false;
        if (!TryRead(text[..dash], out var first) || !TryRead(text[(dash + 1)..], out var last)) return false;
        if (last < first || last == long.MaxValue) return false;
        range = new ByteRange(first, last - first + 1);
        return true;
    }

    private static bool TryRead(ReadOnlySpan<char> text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
