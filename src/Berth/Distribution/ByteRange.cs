using System.Globalization;

namespace Berth.Distribution;

/// <summary>Which part of a blob a Range header asks for (RFC 9110, section 14).</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Count">Number of bytes.</param>
internal readonly record struct ByteRange(long Offset, long Count)
{
    private const string Unit = "bytes=";

    /// <summary>
    /// False where the header asks for bytes that are not there (416). A header that is no single byte range counts as
    /// absent, and so does any range of nothing: then <paramref name="range"/> is null and the whole blob is the right
    /// answer.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<char> header, long length, out ByteRange? range)
    {
        range = null;
        if (length == 0) return true;
        if (!header.StartsWith(Unit, StringComparison.OrdinalIgnoreCase) || header.Contains(',')) return true;
        var text = header[Unit.Length..].Trim();
        var dash = text.IndexOf('-');
        if (dash < 0) return true;
        var (hasFirst, hasLast) = (TryRead(text[..dash], out var first), TryRead(text[(dash + 1)..], out var last));
        if (hasFirst && !hasLast && dash + 1 < text.Length) return true;
        if (!hasFirst && (dash > 0 || !hasLast)) return true;
        if (!hasFirst)
        {
            if (last == 0) return false;
            range = new ByteRange(Math.Max(0, length - last), Math.Min(last, length));
            return true;
        }

        if (first >= length || (hasLast && last < first)) return false;
        var end = hasLast ? Math.Min(last, length - 1) : length - 1;
        range = new ByteRange(first, end - first + 1);
        return true;
    }

    /// <summary>
    /// Reads an upload's Content-Range: <c>0-1023</c>, as the distribution-spec has it, or HTTP's
    /// <c>bytes 0-1023/2048</c>. False where it is neither, or runs backwards.
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
