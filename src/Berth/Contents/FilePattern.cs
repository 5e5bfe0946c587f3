namespace Berth.Contents;

/// <summary>
/// A pattern for files: <c>*</c> matches any text, <c>?</c> one character, and anything else itself, in upper or lower
/// case. Without a slash it is for the last part of a path, and with one for the whole path; there, <c>*</c> also
/// matches slashes.
/// </summary>
internal sealed class FilePattern
{
    /// <summary>The longest name that Linux has.</summary>
    public const int MaxChars = 255;

    private readonly string folded;

    private FilePattern(string text)
    {
        Text = text;
        IsPath = text.Contains('/', StringComparison.Ordinal);
        folded = text.TrimStart('/').ToUpperInvariant();
    }

    public string Text { get; }

    /// <summary>Whether it is for whole paths.</summary>
    public bool IsPath { get; }

    /// <summary>Null if it is none; then <paramref name="fault"/> says why.</summary>
    public static FilePattern? TryParse(string text, out string fault)
    {
        fault = text.Length is 0 or > MaxChars ? $"a name has from 1 to {MaxChars} characters"
            : text.EndsWith('/') ? "files are found, and no folders: a name does not end in a slash" : "";
        return fault.Length == 0 ? new FilePattern(text) : null;
    }

    /// <summary>
    /// Takes time in proportion to the product of both lengths at worst, and no memory: on a mismatch, only the last
    /// <c>*</c> takes one more character.
    /// </summary>
    /// <param name="name">A path without a slash before it, or the last part of one.</param>
    public bool Matches(ReadOnlySpan<char> name)
    {
        var (p, n, after, taken) = (0, 0, -1, 0);
        while (true)
        {
            if (p < folded.Length && folded[p] == '*')
            {
                (after, taken) = (++p, n);
                if (p == folded.Length) return true;
                continue;
            }

            if (p == folded.Length && n == name.Length) return true;
            if (p < folded.Length && n < name.Length && folded[p] == '?')
            {
                // What people see as one character may be two.
                n += char.IsHighSurrogate(name[n]) && n + 1 < name.Length ? 2 : 1;
                p++;
            }
            else if (p < folded.Length && n < name.Length && folded[p] == char.ToUpperInvariant(name[n]))
            {
                (p, n) = (p + 1, n + 1);
            }
            else if (after >= 0 && taken < name.Length)
            {
                (p, n) = (after, ++taken);
            }
            else
            {
                return false;
            }
        }
    }
}
