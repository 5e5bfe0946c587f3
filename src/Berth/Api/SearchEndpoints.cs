using Berth.Access;
using Berth.Metadata;
using Berth.Search;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>Why a repository was found.</summary>
/// <param name="Word">What was searched.</param>
/// <param name="In">Where it is: name, description, tag or label.</param>
/// <param name="Text">What has it there.</param>
internal sealed record SearchMatchView(string Word, string In, string Text);

/// <summary>A repository that was found.</summary>
internal sealed record SearchHitView(
    string Name, bool IsPublic, bool IsOfficial, IReadOnlyList<SearchMatchView> Matches)
{
    public string? Description { get; init; }

    public long Stars { get; init; }

    public long Pulls { get; init; }

    public DateTimeOffset? PushedAt { get; init; }

    public bool IsStarred { get; init; }
}

/// <summary>How many of what was found have something in common.</summary>
/// <param name="Filter">What to add to the query to see only these.</param>
internal sealed record FacetView(string Filter, long Count);

/// <summary>What a search found.</summary>
internal sealed record SearchView(IReadOnlyList<SearchHitView> Items, long Total, bool IsComplete)
{
    /// <summary>What was searched instead, since nothing has what was asked for.</summary>
    public string? SearchedFor { get; init; }

    /// <summary>Whether the index is not whole yet.</summary>
    public bool IsIndexing { get; init; }

    public IReadOnlyList<FacetView> Facets { get; init; } = [];
}

/// <summary><c>/search</c>: repositories by what is known of them.</summary>
internal sealed class SearchEndpoints(Database database, AccessRules access)
{
    private const int UsualEntries = 25;
    private const int MostEntries = 100;
    private const int FacetEntries = 8;
    private const int MostFacts = 200;

    /// <param name="http">The request.</param>
    /// <param name="q">Words, phrases and filters; none for all that the caller may see.</param>
    /// <param name="kind">What is searched.</param>
    public async Task<ApiAnswer<SearchView>> FindAsync(
        HttpContext http, [FromQuery] string? q = null, [FromQuery] string? kind = null)
    {
        if (kind is not (null or "" or "repository")) return ApiError.Invalid("kind is repository");
        if (AskedHolders.Parse(q ?? "") is { } asked)
        {
            return ApiError.Invalid(
                "package: and vulnerability: find images, and not repositories: use " + ApiRoutes.Prefix
                + "/" + asked.Path);
        }

        if (AskedFile.Parse(q ?? "") is { } file)
        {
            return ApiError.Invalid(
                "file: finds images, and not repositories: use " + ApiRoutes.Prefix + "/" + file.Path);
        }

        if (SearchQuery.Parse(q ?? "", out var fault) is not { } query) return ApiError.Invalid(fault);
        var page = http.Page();
        page = page with
        {
            Count = http.Request.Query.ContainsKey("n") ? Math.Min(page.Count, MostEntries) : UsualEntries,
        };
        var caller = http.Caller();
        var visible = caller.SeesAll ? null : await access.VisibleAsync(caller.Caller, http.RequestAborted);
        var places = SearchPlaces.Of(query, visible, caller.Caller.Limits is not null);
        var accountId = caller.Rights.Account?.Account.Id;
        return await database.ReadAsync(
            async session =>
            {
                var result = await RegistrySearch.RunAsync(session, query, places, accountId);
                var after = result.Repositories.Where(one => string.CompareOrdinal(one.Key, page.Last) > 0)
                    .Take(page.Count + 1).ToList();
                var listed = http.Answer(page, after, one => one.Key).Items;
                return (ApiAnswer<SearchView>)new SearchView(
                    await ShowAsync(session, result.Query, listed, accountId), result.Repositories.Count,
                    result.IsComplete)
                {
                    SearchedFor = result.IsCorrected ? result.Query.Text : null,
                    IsIndexing = !await SearchRebuildTable.IsWholeAsync(session),
                    Facets = await CountAsync(session, result.Repositories),
                };
            },
            http.RequestAborted);
    }

    private static async ValueTask<List<SearchHitView>> ShowAsync(
        Session session, SearchQuery query, IReadOnlyList<RankedRepository> page, long? accountId)
    {
        if (page.Count == 0) return [];
        var shown = (await DescribedRepositoryTable.FindAllAsync(
            session, page.Select(one => one.Repository.Name), accountId)).ToDictionary(one => one.Name);
        var finds = new List<(SearchWord Word, Dictionary<long, SearchFind> Found)>();
        foreach (var word in query.Words)
        {
            var found = await SearchTable.FindsAsync(session, page.Select(one => one.Repository.Id), word.Range);
            finds.Add((word, found.ToDictionary(one => one.Id)));
        }

        var hits = new List<SearchHitView>();
        foreach (var one in page.Select(one => one.Repository))
        {
            if (!shown.TryGetValue(one.Name, out var row)) continue;
            var matches = finds.ConvertAll(find => Explain(one, find.Word, find.Found.GetValueOrDefault(one.Id)));

            // An older version took a tag away and left its words.
            if (matches.Contains(null)) continue;
            hits.Add(new SearchHitView(row.Name, row.IsPublic, row.IsOfficial, matches!)
            {
                Description = row.Description,
                Stars = row.Stars,
                Pulls = row.Pulls,
                PushedAt = row.PushedAt,
                IsStarred = row.IsStarred,
            });
        }

        return hits;
    }

    private static SearchMatchView? Explain(SearchCandidate one, SearchWord word, SearchFind? find)
    {
        if (SearchRank.IsInName(word, one.Name)) return new SearchMatchView(word.Text, "name", one.Name);
        if (SearchRank.IsInDescription(word, one.Description))
            return new SearchMatchView(word.Text, "description", one.Description!);
        if (find?.Tag is { } tag) return new SearchMatchView(word.Text, "tag", tag);
        if (find?.Label is not { } label) return null;
        var text = label.StartsWith("label:", StringComparison.Ordinal) ? label["label:".Length..] : label;
        return new SearchMatchView(word.Text, "label", text);
    }

    /// <summary>What the caller can see, and only that, is counted.</summary>
    private static async ValueTask<List<FacetView>> CountAsync(
        Session session, IReadOnlyList<RankedRepository> found)
    {
        if (found.Count == 0) return [];
        var facets = new List<FacetView>();
        var counts = await SearchTable.CountFactsAsync(
            session, found.Select(one => one.Repository.Id), MostFacts);
        foreach (var kind in new[] { "platform:", "type:" })
        {
            facets.AddRange(counts.Where(one => one.Fact.StartsWith(kind, StringComparison.Ordinal))
                .Take(FacetEntries).Select(one => new FacetView(one.Fact, one.Count)));
        }

        var official = found.Count(one => one.Repository.IsOfficial);
        if (official > 0) facets.Add(new FacetView("is:official", official));
        facets.AddRange(found.GroupBy(one => one.Repository.Name.Split('/')[0])
            .OrderByDescending(space => space.Count()).ThenBy(space => space.Key, StringComparer.Ordinal)
            .Take(FacetEntries).Select(space => new FacetView("namespace:" + space.Key, space.Count())));
        return facets;
    }
}
