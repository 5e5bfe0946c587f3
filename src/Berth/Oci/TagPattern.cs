using System.Text.RegularExpressions;

namespace Berth.Oci;

/// <summary>
/// A pattern of tags: with <c>*</c> and <c>?</c> as in file names, or a regular expression between slashes,
/// <c>/^v\d+$/</c>, which need match only a part. Matching takes linear time, whatever the pattern.
/// </summary>
internal sealed partial class TagPattern
{
    public const int MaxLength = 200;

    private const RegexOptions Options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;

    private readonly Regex regex;

    private TagPattern(string text, Regex regex) => (Text, this.regex) = (text, regex);

    public string Text { get; }

    /// <summary>Reads a pattern, or says what is wrong with it.</summary>
    public static TagPattern? TryParse(string text, out string fault)
    {
        fault = FaultOf(text);
        if (fault.Length > 0) return null;
        var isRegex = text is ['/', .., '/'] && text.Length > 2;
        try
        {
            return new TagPattern(text, new Regex(isRegex ? text[1..^1] : FromGlob(text), Options));
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            fault = $"'{text}' is not a regular expression that can be used: {e.Message}";
            return null;
        }
    }

    public bool IsMatch(string tag) => regex.IsMatch(tag);

    /// <summary>What the expression's first group matches, or all that it matches; null if it does not match.</summary>
    public string? GroupOf(string tag)
    {
        var match = regex.Match(tag);
        return match.Success ? match.Groups[match.Groups.Count > 1 ? 1 : 0].Value : null;
    }

    private static string FaultOf(string text)
    {
        if (text.Length is 0 or > MaxLength) return $"a pattern of tags has 1 to {MaxLength} characters";
        if (text is ['/', .., '/'] && text.Length > 2)
        {
            return LargeCount().IsMatch(text)
                ? $"'{text}' repeats something 100 times or more: write it with * or +" : "";
        }

        return text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '*' or '?')
            ? "" : $"'{text}' matches no tag: tags have letters, digits, _, . and -; a regular expression is /…/";
    }

    private static string FromGlob(string glob) =>
        "^" + Regex.Escape(glob).Replace("\\*", ".*", StringComparison.Ordinal)
            .Replace("\\?", ".", StringComparison.Ordinal) + "\\z";

    /// <summary>The automaton of such an expression is too large.</summary>
    [GeneratedRegex(@"\{\d*,?\d{3,}")]
    private static partial Regex LargeCount();
}
