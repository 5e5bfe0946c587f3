namespace Berth.Oci;

/// <summary>
/// A repository's name: path components of lower-case letters and digits, joined inside by <c>.</c>, <c>_</c>,
/// <c>__</c> or dashes (distribution-spec, "Pulling manifests"); at most 255 characters in all.
/// </summary>
public readonly record struct RepositoryName
{
    /// <summary>Longest name in characters: the limit of distribution and its clients.</summary>
    public const int MaxLength = 255;

    private RepositoryName(string text) => Text = text;

    public string Text { get; }

    /// <summary>The first path component: the namespace that the repository is in.</summary>
    public string Namespace => Text.Split('/')[0];

    public static bool TryParse(ReadOnlySpan<char> text, out RepositoryName name)
    {
        name = default;
        if (text.IsEmpty || text.Length > MaxLength) return false;
        foreach (var component in text.Split('/'))
        {
            if (!IsComponent(text[component])) return false;
        }

        name = new RepositoryName(text.ToString());
        return true;
    }

    /// <exception cref="FormatException">The text is not a repository's name.</exception>
    public static RepositoryName Parse(string text) =>
        TryParse(text, out var name) ? name : throw new FormatException($"'{text}' is not a repository's name.");

    public override string ToString() => Text;

    private static bool IsComponent(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || !IsAlphanumeric(text[0]) || !IsAlphanumeric(text[^1])) return false;
        for (var i = 1; i < text.Length; i++)
        {
            if (IsAlphanumeric(text[i])) continue;
            var start = i;
            while (!IsAlphanumeric(text[i])) i++;
            if (!IsSeparator(text[start..i])) return false;
        }

        return true;
    }

    private static bool IsSeparator(ReadOnlySpan<char> text) =>
        text is "." or "_" or "__" || !text.ContainsAnyExcept('-');

    private static bool IsAlphanumeric(char c) => char.IsAsciiDigit(c) || char.IsAsciiLetterLower(c);
}
