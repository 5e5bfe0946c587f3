using System.Numerics;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Search;

/// <summary>
/// The order of what was found: the exact name, names that begin so, other names, descriptions, the rest; of those that
/// are equal, official ones first, then those with more stars and pulls.
/// </summary>
internal static class SearchRank
{
    private const int MaxPopularity = 99;

    /// <summary>A pull is worth less than a star: machines pull.</summary>
    private const long PullsForStar = 100;

    /// <summary>Sorts in ordinal order, and tells a page where it begins.</summary>
    public static string KeyOf(SearchQuery query, SearchCandidate one)
    {
        var popularity = BitOperations.Log2((ulong)(one.Stars + (one.Pulls / PullsForStar) + 1));
        return $"{TierOf(query, one)}{(one.IsOfficial ? 0 : 1)}{MaxPopularity - popularity:D2}/{one.Name}";
    }

    public static bool IsInName(SearchWord word, string name) =>
        Fits(word, name) || SearchWords.InName(name).Any(one => Fits(word, one));

    public static bool IsInDescription(SearchWord word, string? description) =>
        description is not null && SearchWords.InText(description).Any(one => Fits(word, one));

    /// <summary>Whether words stand beside each other in the name or the description.</summary>
    public static bool HasPhrase(SearchCandidate one, string phrase) =>
        (one.Description?.ToLowerInvariant().Contains(phrase, StringComparison.Ordinal) ?? false)
        || one.Name.Replace('-', ' ').Replace('/', ' ').Replace('_', ' ').Replace('.', ' ')
            .Contains(phrase, StringComparison.Ordinal)
        || one.Name.Contains(phrase, StringComparison.Ordinal);

    private static int TierOf(SearchQuery query, SearchCandidate one)
    {
        if (query.Words.Count == 0) return 0;
        var last = one.Name[(one.Name.LastIndexOf('/') + 1)..];
        var first = query.Words[0].Text;
        if (query.Words.Count == 1 && (one.Name == first || last == first)) return 0;
        if (query.Words.All(word => IsInName(word, one.Name)))
        {
            return one.Name.StartsWith(first, StringComparison.Ordinal)
                || last.StartsWith(first, StringComparison.Ordinal) ? 1 : 2;
        }

        return query.Words.All(word => IsInName(word, one.Name) || IsInDescription(word, one.Description)) ? 3 : 4;
    }

    private static bool Fits(SearchWord word, string text) =>
        word.IsPrefix ? text.StartsWith(word.Text, StringComparison.Ordinal) : text == word.Text;
}
