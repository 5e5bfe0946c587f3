namespace Berth.Identity;

/// <summary>
/// A value to compare claims with: <c>*</c> matches any text without a slash, <c>**</c> any text at all, and anything
/// else itself. Letters keep their case. A backslash takes the meaning from the character after it.
/// </summary>
internal sealed class ClaimPattern
{
    private const int One = -1;
    private const int Many = -2;

    /// <summary>Characters, and the two wildcards, which no character equals.</summary>
    private readonly int[] parts;

    private ClaimPattern(string source, int[] parts) => (Source, this.parts) = (source, parts);

    /// <summary>As it was written, without quotes.</summary>
    public string Source { get; }

    /// <param name="source">With backslashes before characters that mean themselves.</param>
    public static ClaimPattern Parse(string source)
    {
        var parts = new List<int>(source.Length);
        for (var i = 0; i < source.Length; i++)
        {
            if (source[i] == '\\' && i + 1 < source.Length)
            {
                parts.Add(source[++i]);
            }
            else if (source[i] != '*')
            {
                parts.Add(source[i]);
            }
            else
            {
                var isMany = i + 1 < source.Length && source[i + 1] == '*';
                parts.Add(isMany ? Many : One);
                if (isMany) i++;
            }
        }

        return new ClaimPattern(source, [.. parts]);
    }

    /// <summary>
    /// Each wildcard first takes as little as possible. On a mismatch, the last one that may grow takes one more
    /// character: <c>*</c> up to the next slash, then the last <c>**</c> before it. If a <c>*</c> came to a slash in
    /// vain, so it would from anywhere before the first slash that was taken, and <c>**</c> takes all up to there. So
    /// the time is in proportion to the product of both lengths at worst.
    /// </summary>
    public bool Matches(ReadOnlySpan<char> text)
    {
        var (p, t) = (0, 0);
        var (oneAfter, oneTaken, manyAfter, manyTaken) = (-1, 0, -1, 0);
        while (true)
        {
            var part = p < parts.Length ? parts[p] : 0;
            if (p == parts.Length && t == text.Length) return true;
            if (part == Many)
            {
                (manyAfter, manyTaken, oneAfter) = (++p, t, -1);
            }
            else if (part == One)
            {
                (oneAfter, oneTaken) = (++p, t);
            }
            else if (p < parts.Length && t < text.Length && part == text[t])
            {
                (p, t) = (p + 1, t + 1);
            }
            else if (oneAfter >= 0 && oneTaken < text.Length && text[oneTaken] != '/')
            {
                (p, t) = (oneAfter, ++oneTaken);
            }
            else if (manyAfter >= 0 && manyTaken < text.Length)
            {
                var slash = oneAfter < 0 ? 0 : text[manyTaken..].IndexOf('/');
                if (slash < 0) return false;
                manyTaken += slash + 1;
                (p, t, oneAfter) = (manyAfter, manyTaken, -1);
            }
            else
            {
                return false;
            }
        }
    }
}
