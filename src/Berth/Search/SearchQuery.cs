using System.Text;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Search;

/// <summary>A word that is searched, and where it may be.</summary>
/// <param name="Text">As it is compared.</param>
/// <param name="IsPrefix">Whether words that begin with it count too.</param>
internal sealed record SearchWord(string Text, bool IsPrefix)
{
    private static readonly int[] Kinds =
        [SearchKinds.WholeName, SearchKinds.Name, SearchKinds.Description, SearchKinds.Tag, SearchKinds.Label];

    public WordRange Range { get; } = new(
        Text, IsPrefix ? SearchWords.EndOf(Text) : SearchWords.After(Text), Kinds);
}

/// <summary>What is searched: words, phrases and filters, all of which must fit.</summary>
internal sealed record SearchQuery
{
    /// <summary>More than anybody types.</summary>
    public const int MaxChars = 256;

    /// <summary>Words and filters together; each costs a walk along the index.</summary>
    public const int MaxTerms = 12;

    private static readonly WordRange Official = new(
        SearchKinds.Official, SearchWords.After(SearchKinds.Official), [SearchKinds.Mark]);

    private static readonly string[] Filters = ["namespace", "tag", "label", "base", "platform", "type", "is"];

    public IReadOnlyList<SearchWord> Words { get; init; } = [];

    public IReadOnlyList<string> Phrases { get; init; } = [];

    /// <summary>The filters of tags and of what images say of themselves.</summary>
    public IReadOnlyList<WordRange> Facts { get; init; } = [];

    public string? Namespace { get; init; }

    public bool IsStarred { get; init; }

    /// <summary>True: only public ones; false: only private ones.</summary>
    public bool? IsPublic { get; init; }

    /// <summary>Whether something was typed in which there is no word, such as <c>%</c>.</summary>
    public bool FindsNothing { get; init; }

    /// <summary>The words in plain text, as they are searched.</summary>
    public string Text => string.Join(' ', Words.Select(word => word.Text));

    /// <summary>The words and the facts.</summary>
    public IEnumerable<WordRange> Ranges => Words.Select(word => word.Range).Concat(Facts);

    /// <summary>Whether the filters of repositories fit one.</summary>
    public bool Fits(SearchCandidate one) => (IsPublic ?? one.IsPublic) == one.IsPublic
        && (Namespace is not { } space || one.Name == space
            || one.Name.StartsWith(space + "/", StringComparison.Ordinal));

    /// <summary>Null if it is not a query; then <paramref name="fault"/> says why.</summary>
    public static SearchQuery? Parse(string text, out string fault)
    {
        fault = "";
        if (text.Length > MaxChars)
        {
            fault = $"q has {text.Length:N0} characters; it may have {MaxChars}";
            return null;
        }

        var isFiltered = false;
        var (query, words, facts) = (new SearchQuery(), new List<(string Text, bool IsOpen)>(), new List<WordRange>());
        var phrases = new List<string>();
        foreach (var piece in Split(text))
        {
            var colon = piece.Text.IndexOf(':');
            var key = colon > 0 ? piece.Text[..colon].ToLowerInvariant() : "";
            if (!piece.IsQuoted && Filters.Contains(key))
            {
                if (query.With(key, piece.Text[(colon + 1)..], facts) is not { } filtered)
                {
                    fault = "is: is followed by official, public, private or starred";
                    return null;
                }

                (query, isFiltered) = (filtered, true);
                continue;
            }

            var found = SearchWords.Pieces(piece.IsQuoted ? piece.Text : NameOf(piece.Text))
                .Select(SearchWords.Fold).ToList();
            words.AddRange(found.Select(word => (word, !piece.IsQuoted)));
            if (piece.IsQuoted && found.Count > 0) phrases.Add(SearchWords.Fold(string.Join(' ', found)));
        }

        if (words.Count + facts.Count > MaxTerms)
        {
            fault = $"q has {words.Count + facts.Count:N0} words and filters; it may have {MaxTerms}";
            return null;
        }

        // What is being typed may not be whole yet.
        return query with
        {
            Words = [.. words.Select((word, i) => new SearchWord(word.Text, word.IsOpen && i == words.Count - 1))],
            Phrases = phrases,
            Facts = facts,
            FindsNothing = words.Count == 0 && !isFiltered && !string.IsNullOrWhiteSpace(text),
        };
    }

    /// <summary>
    /// What is before and behind the name and the tag in what people paste from a command is left out: a registry, as
    /// clients tell it from a namespace, and a digest.
    /// </summary>
    private static string NameOf(string reference)
    {
        var end = reference.IndexOf("@sha", StringComparison.Ordinal);
        if (end > 0) reference = reference[..end];
        var slash = reference.IndexOf('/');
        return slash > 0 && (reference.AsSpan(0, slash).ContainsAny('.', ':') || reference[..slash] == "localhost")
            ? reference[(slash + 1)..] : reference;
    }

    private SearchQuery? With(string key, string value, List<WordRange> facts)
    {
        // It is still being typed.
        if (value.Length == 0) return this;
        switch (key)
        {
            case "namespace":
                return this with { Namespace = value.ToLowerInvariant() };
            case "is":
                if (value.Equals(SearchKinds.Official, StringComparison.OrdinalIgnoreCase)) facts.Add(Official);
                return value.ToLowerInvariant() switch
                {
                    SearchKinds.Official => this,
                    "starred" => this with { IsStarred = true },
                    "public" => this with { IsPublic = true },
                    "private" => this with { IsPublic = false },
                    _ => null,
                };
            case "tag":
                var tag = SearchWords.Fold(string.Concat(SearchWords.Pieces(value)));
                facts.Add(new WordRange(tag, SearchWords.EndOf(tag), [SearchKinds.Tag]));
                return this;
            default:
                facts.Add(RangeOf(key, value));
                return this;
        }
    }

    private static WordRange RangeOf(string key, string value)
    {
        var fact = SearchWords.Fact(key, value);
        var before = key switch
        {
            // linux/arm is linux/arm/v7 too, and not linux/arm64: 0 comes after the slash, and before other letters.
            "platform" => fact + "0",
            "label" when value.Contains('=') => SearchWords.After(fact),
            "label" => SearchWords.EndOf(fact + "="),
            _ => SearchWords.EndOf(fact),
        };
        return new WordRange(key == "label" && !value.Contains('=') ? fact + "=" : fact, before, [SearchKinds.Fact]);
    }

    /// <summary>At spaces, except within quotes: <c>label:"a b"</c> is one piece, and <c>"a b"</c> a phrase.</summary>
    private static IEnumerable<(string Text, bool IsQuoted)> Split(string text)
    {
        var (piece, isQuoted, isIn) = (new StringBuilder(), false, false);
        foreach (var c in text)
        {
            if (c == '"')
            {
                isQuoted |= !isIn && piece.Length == 0;
                isIn = !isIn;
                if (isIn || !isQuoted) continue;
            }
            else if (isIn || !char.IsWhiteSpace(c))
            {
                piece.Append(c);
                continue;
            }

            if (piece.Length > 0) yield return (piece.ToString(), isQuoted);
            piece.Clear();
            isQuoted = false;
        }

        if (piece.Length > 0) yield return (piece.ToString(), isQuoted);
    }
}
