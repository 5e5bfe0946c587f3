using Berth.Metadata;
using Berth.Oci;

namespace Berth.Search;

/// <summary>A repository that was found, in its place.</summary>
/// <param name="Key">Where it stands in the order.</param>
internal sealed record RankedRepository(string Key, SearchCandidate Repository);

/// <summary>What a search found.</summary>
/// <param name="Query">What was searched, after corrections.</param>
/// <param name="Repositories">All of it, in order.</param>
/// <param name="IsComplete">Whether that is all there is.</param>
/// <param name="IsCorrected">Whether something else was searched than what was asked for.</param>
internal sealed record SearchResult(
    SearchQuery Query, IReadOnlyList<RankedRepository> Repositories, bool IsComplete, bool IsCorrected);

/// <summary>
/// Finds repositories. Each word and each filter is a walk along the index; the repositories of the rarest are the
/// candidates, which must have all others too. Work is bounded: of a word that very many have, only some are looked at,
/// and the answer says so.
/// </summary>
internal static class RegistrySearch
{
    private const int MaxCorrections = 3;

    /// <summary>With more, it is not the spelling of one.</summary>
    private const int MostCorrectedWords = 4;

    public static ValueTask<SearchResult> RunAsync(
        Session session, SearchQuery query, SearchPlaces places, long? accountId) =>
        RunAsync(session, new SearchWalks(session, places, query.Fits), query, places, accountId);

    /// <param name="session">A read.</param>
    /// <param name="walks">Of this search alone: they count what it reads.</param>
    /// <param name="query">What is searched.</param>
    /// <param name="places">Where.</param>
    /// <param name="accountId">Whose stars count.</param>
    public static async ValueTask<SearchResult> RunAsync(
        Session session, SearchWalks walks, SearchQuery query, SearchPlaces places, long? accountId)
    {
        if (query.FindsNothing) return new SearchResult(query, [], IsComplete: true, IsCorrected: false);
        var found = await FindAsync(session, walks, query, places, accountId);
        if (found.Repositories.Count > 0 || query.Words.Count == 0) return found;
        var split = Split(query) ?? query;
        if (split != query)
        {
            var parts = await FindAsync(session, walks, split, places, accountId);
            if (parts.Repositories.Count > 0) return parts with { IsCorrected = true };
        }

        if (split.Words.Count > MostCorrectedWords) return found;
        foreach (var corrected in await CorrectAsync(walks, split))
        {
            var instead = await FindAsync(session, walks, corrected, places, accountId);
            if (instead.Repositories.Count > 0) return instead with { IsCorrected = true };
        }

        return found;
    }

    private static async ValueTask<SearchResult> FindAsync(
        Session session, SearchWalks walks, SearchQuery query, SearchPlaces places, long? accountId)
    {
        var (ids, isAll) = await MatchAsync(session, walks, query, accountId);
        var found = await walks.VisibleAsync(ids);
        await RemoveStaleAsync(session, query, found);
        foreach (var phrase in query.Phrases)
        {
            var labelled = await SearchTable.WithPhraseAsync(session, found.Select(one => one.Id), phrase);
            found.RemoveAll(one => !labelled.Contains(one.Id) && !SearchRank.HasPhrase(one, phrase));
        }

        var ranked = found.ConvertAll(one => new RankedRepository(SearchRank.KeyOf(query, one), one));
        ranked.Sort((one, other) => string.CompareOrdinal(one.Key, other.Key));

        // Whether a walk was cut short would tell some callers how much there is that they may not see.
        return new SearchResult(query, ranked, isAll && places.IsExact, IsCorrected: false);
    }

    /// <summary>The repositories that have all words and facts, and whether these are all.</summary>
    private static async ValueTask<(List<long> Ids, bool IsAll)> MatchAsync(
        Session session, SearchWalks walks, SearchQuery query, long? accountId)
    {
        var done = new List<(WordRange? Range, List<long> Ids, bool IsAll)>();
        if (query.IsStarred)
        {
            if (accountId is not { } id) return ([], true);
            var starred = await SearchTable.StarredAsync(session, id, SearchWalks.MaxFound);
            done.Add((null, starred, starred.Count < SearchWalks.MaxFound));
        }

        foreach (var range in query.Ranges)
        {
            var (ids, isAll) = await walks.FindAsync(range);
            if (ids.Count == 0 && isAll) return ([], true);
            done.Add((range, ids, isAll));
        }

        if (done.Count == 0) return await walks.FindAsync(new WordRange("", "\U0010FFFF", [SearchKinds.WholeName]));
        var whole = done.Where(one => one.IsAll).ToList();
        var basis = whole.Count > 0 ? whole.MinBy(one => one.Ids.Count) : done[0];
        var left = basis.Ids;
        foreach (var other in done.Where(one => one != basis && left.Count > 0))
        {
            var having = other.IsAll || other.Range is null
                ? other.Ids : await SearchTable.HavingAsync(session, left, other.Range, isChecked: false);
            left = [.. left.Intersect(having)];
        }

        return (left, basis.IsAll);
    }

    /// <summary>Leaves out what has lost a word that the index still has, until it is mended.</summary>
    private static async ValueTask RemoveStaleAsync(Session session, SearchQuery query, List<SearchCandidate> found)
    {
        if (found.Count == 0) return;
        var pending = (await SearchPendingTable.AmongAsync(session, found.Select(one => one.Id))).ToHashSet();
        if (pending.Count == 0) return;
        foreach (var range in query.Ranges)
        {
            var having = await SearchTable.HavingAsync(session, pending, range, isChecked: true);
            found.RemoveAll(one => pending.Contains(one.Id) && !having.Contains(one.Id));
        }
    }

    /// <summary>With the parts of words that have some in place of the words; null if none has.</summary>
    private static SearchQuery? Split(SearchQuery query)
    {
        var words = query.Words.SelectMany(word =>
        {
            var parts = SearchWords.Parts(word.Text).ToList();
            return parts.Select((part, i) => new SearchWord(part, word.IsPrefix && i == parts.Count - 1));
        }).Take(SearchQuery.MaxTerms).ToList();
        return words.Count > query.Words.Count ? query with { Words = words } : null;
    }

    /// <summary>The query with words in names that are near, in place of those that nothing has; the nearest first.
    /// </summary>
    private static async ValueTask<List<SearchQuery>> CorrectAsync(SearchWalks walks, SearchQuery query)
    {
        var wrong = -1;
        for (var i = 0; i < query.Words.Count; i++)
        {
            var (ids, isAll) = await walks.FindAsync(query.Words[i].Range);
            if (ids.Count > 0 || !isAll) continue;

            // With two that are unknown, it is anybody's guess.
            if (wrong >= 0) return [];
            wrong = i;
        }

        if (wrong < 0 || query.Words[wrong].Text.Length < Spelling.MinLength) return [];
        var near = await NearAsync(walks, query.Words[wrong].Text);
        return near.ConvertAll(word => query with
        {
            Words = [.. query.Words.Select((one, i) => i == wrong ? new SearchWord(word, IsPrefix: false) : one)],
        });
    }

    private static async ValueTask<List<string>> NearAsync(SearchWalks walks, string word)
    {
        var most = Spelling.AllowedIn(word);
        foreach (var letters in new[] { 2, 1 })
        {
            var start = word[..(char.IsHighSurrogate(word[letters - 1]) ? letters + 1 : letters)];
            var range = new WordRange(start, SearchWords.EndOf(start), [SearchKinds.Name]);
            var near = (await walks.NamesAsync(range))
                .ConvertAll(one => (Word: one, Distance: Spelling.Distance(word, one, most)));
            near.RemoveAll(one => one.Distance > most);
            if (near.Count == 0) continue;
            return [.. near.OrderBy(one => one.Distance).ThenBy(one => one.Word, StringComparer.Ordinal)
                .Take(MaxCorrections).Select(one => one.Word)];
        }

        return [];
    }
}
