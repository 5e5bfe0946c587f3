using System.Buffers;

namespace Berth.Oci;

/// <summary>
/// A pattern for repository names: <c>*</c> matches any text within one path component, <c>**</c> any text at all, and
/// anything else itself. A pattern that ends in <c>/**</c> also matches the name before it, so that <c>acme/**</c> is
/// the whole namespace. At most 255 characters.
/// </summary>
internal sealed record NamePattern
{
    private const string Everything = "**";
    private const string Below = "/**";

    private static readonly SearchValues<char> AroundWildcards =
        SearchValues.Create("*._-0123456789abcdefghijklmnopqrstuvwxyz");

    private NamePattern(string text) => Text = text;

    /// <summary>Matches every name.</summary>
    public static NamePattern All { get; } = new(Everything);

    public string Text { get; }

    /// <summary>The first path component; null if it has a wildcard, so that it matches in many namespaces.</summary>
    public string? Namespace
    {
        get
        {
            var first = Text.Split('/')[0];
            return first.Contains('*') ? null : first;
        }
    }

    /// <summary>All names that it matches lie from the first, and before the second, in ordinal order.</summary>
    public (string Start, string End) Range
    {
        get
        {
            var wildcard = Text.IndexOf('*', StringComparison.Ordinal);
            var start = wildcard < 0 ? Text : Text[..wildcard].TrimEnd('/');

            // No name has a character below the first of these or above the second.
            return (start, start + (wildcard < 0 ? '\u0001' : '\u007f'));
        }
    }

    /// <summary>Whether it matches exactly one name.</summary>
    public bool IsExact => !Text.Contains('*');

    public static NamePattern ForRepository(RepositoryName name) => new(name.Text);

    /// <param name="name">The first component of the names that it matches.</param>
    public static NamePattern ForNamespace(string name) => new(name + Below);

    /// <summary>False if there is no repository name that it could match.</summary>
    public static bool TryParse(string text, out NamePattern pattern)
    {
        pattern = All;
        if (text.Length > RepositoryName.MaxLength || text.Contains("***", StringComparison.Ordinal)) return false;

        // With letters in place of its wildcards it must be a name. Around a wildcard anything that a name may hold
        // could follow, so separators there are no mistake.
        var isName = true;
        foreach (var component in text.Split('/'))
        {
            isName &= component.Length > 0 && (component.Contains('*')
                ? !component.AsSpan().ContainsAnyExcept(AroundWildcards)
                : RepositoryName.TryParse(component, out _));
        }

        if (!isName) return false;
        pattern = new NamePattern(text);
        return true;
    }

    /// <summary>Takes time in proportion to the product of both lengths at worst, and no memory.</summary>
    public bool Matches(ReadOnlySpan<char> name)
    {
        if (Text == Everything) return true;
        return Matches(Text, name)
            || (Text.EndsWith(Below, StringComparison.Ordinal) && Matches(Text.AsSpan(0, Text.Length - 3), name));
    }

    /// <summary>Whether every name that the other pattern matches is matched by this one.</summary>
    public bool Covers(NamePattern other)
    {
        if (other == this || Text == Everything) return true;
        if (other.IsExact) return Matches(other.Text);

        // All of what lies below a fixed path covers whatever begins with that path. Other pairs are not compared:
        // saying no is always safe.
        return Text.EndsWith(Below, StringComparison.Ordinal)
            && !Text.AsSpan(0, Text.Length - 3).Contains('*')
            && other.Text.StartsWith(Text[..^2], StringComparison.Ordinal);
    }

    public override string ToString() => Text;

    /// <summary>
    /// Matches text that need not be a name. Each wildcard first takes as little as possible. On a mismatch, the last
    /// wildcard that may grow takes one more character: <c>*</c> up to the end of a component, then the last <c>**</c>
    /// before it.
    /// </summary>
    internal static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        var (p, n) = (0, 0);
        var (oneAfter, oneTaken, manyAfter, manyTaken) = (-1, 0, -1, 0);
        while (true)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                var isMany = p + 1 < pattern.Length && pattern[p + 1] == '*';
                if (isMany)
                {
                    (p, manyTaken, oneAfter) = (p + 2, n, -1);
                    manyAfter = p;
                }
                else
                {
                    (p, oneTaken) = (p + 1, n);
                    oneAfter = p;
                }

                continue;
            }

            if (p == pattern.Length && n == name.Length) return true;
            if (p < pattern.Length && n < name.Length && pattern[p] == name[n])
            {
                (p, n) = (p + 1, n + 1);
            }
            else if (oneAfter >= 0 && oneTaken < name.Length && name[oneTaken] != '/')
            {
                (p, n) = (oneAfter, ++oneTaken);
            }
            else if (manyAfter >= 0 && manyTaken < name.Length)
            {
                (p, n, oneAfter) = (manyAfter, ++manyTaken, -1);
            }
            else
            {
                return false;
            }
        }
    }
}
