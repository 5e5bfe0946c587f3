using Berth.Metadata;
using Berth.Oci;

namespace Berth.Search;

/// <summary>What the index has of a repository, compared with what is stored.</summary>
internal sealed record SearchComparison(IndexedRepository Repository)
{
    /// <summary>With more words, tags or images it is mended by itself, page by page.</summary>
    private const int Most = 200;

    /// <summary>Whether it is to be mended by itself: it is large, or has words that it should not have.</summary>
    public bool MustMend { get; private init; }

    public bool LacksName { get; private init; }

    /// <summary>The tags that are missing.</summary>
    public IReadOnlyList<string> Tags { get; private init; } = [];

    /// <summary>Those of the manifests whose words are missing.</summary>
    public IReadOnlyList<string> Images { get; private init; } = [];

    /// <summary>Whether words are missing, and none is wrong.</summary>
    public bool HasGaps => !MustMend && (LacksName || Tags.Count > 0 || Images.Count > 0);

    /// <param name="session">A read.</param>
    /// <param name="one">The repository.</param>
    /// <param name="mostWords">With more, it is large.</param>
    public static async ValueTask<SearchComparison> OfAsync(Session session, IndexedRepository one, int mostWords)
    {
        var words = await SearchRebuildTable.WordsAsync(session, one.Id, last: null, mostWords);
        var tags = await SearchRebuildTable.TagsAsync(session, one.Id, "", Most);
        var images = await SearchRebuildTable.ImagesAsync(session, one.Id, "", Most);
        var named = words.Where(word => word.Kind <= SearchKinds.Description)
            .Select(word => (word.Kind, word.Word)).ToHashSet();
        var wanted = WordsOf(one).ToHashSet();
        return new SearchComparison(one)
        {
            MustMend = words.Count == mostWords || tags.Count == Most || images.Count == Most
                || words.Exists(word => word.IsStale || word.IsElsewhere) || !named.IsSubsetOf(wanted),
            LacksName = !wanted.IsSubsetOf(named),
            Tags = [.. tags.Where(tag => tag.IsMissing).Select(tag => tag.Name)],
            Images = [.. images.Where(image => image.IsMissing).DistinctBy(image => image.Set ?? image.Digest)
                .Select(image => image.Digest)],
        };
    }

    private static IEnumerable<(long Kind, string Word)> WordsOf(IndexedRepository one) =>
        SearchWordTable.WordsOf(one).SelectMany(group => group.Words.Select(word => ((long)group.Kind, word)));
}
