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

    /// <summary>The longest path that programs of Linux can open.</summary>
    private const int MaxPathChars = 4096;

    private readonly string folded;

    private FilePattern(string text)
    {
        Text = text;
        IsPath = text.Contains('/', StringComparison.Ordinal);

        // As names are compared, by char: whole strings also fold characters that are two of them.
        folded = string.Concat(text.TrimStart('/').Select(char.ToUpperInvariant));
    }

    public string Text { get; }

    /// <summary>Whether it is for whole paths.</summary>
    public bool IsPath { get; }

    /// <summary>Null if invalid; then <paramref name="fault"/> says why.</summary>
    public static FilePattern? TryParse(string text, out string fault)
    {
        var most = text.Contains('/', StringComparison.Ordinal) ? MaxPathChars : MaxChars;
        fault = text.Length == 0 || text.Length > most
            ? $"a name has from 1 to {MaxChars} characters, and with a slash up to {MaxPathChars:N0}"
            : text.EndsWith('/') ? "only files can be found: remove the slash at the end" : "";
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
