using Berth.Api;

namespace Berth.Pages;

/// <summary>Which images have a file, so far as the search has come.</summary>
/// <param name="Query">What was asked for.</param>
/// <param name="Asked">The same, in its parts.</param>
/// <param name="Found">What was found.</param>
/// <param name="Layers">The page of it.</param>
internal sealed record FileSearchPage(
    string Query, AskedFile Asked, FileSearchView Found, PageList<FoundLayerView> Layers);

/// <summary>What a search found, and how it can be narrowed down.</summary>
/// <param name="Query">What was asked for.</param>
/// <param name="Found">What was found.</param>
/// <param name="Hits">The page of it.</param>
internal sealed record SearchPage(string Query, SearchView Found, PageList<SearchHitView> Hits)
{
    /// <summary>The filters in the query, each with the query that is left without it.</summary>
    public IReadOnlyList<(string Filter, string Left)> Filters
    {
        get
        {
            var pieces = AskedHolders.Split(Query);
            return [.. pieces.Where(IsFilter).Select(one => (one, string.Join(' ', pieces.Where(p => p != one))))];
        }
    }

    /// <summary>The query with one more filter.</summary>
    public string With(string filter) => Query.Length == 0 ? filter : $"{Query} {filter}";

    public bool Has(string filter) => AskedHolders.Split(Query).Contains(filter);

    private static bool IsFilter(string piece)
    {
        var colon = piece.IndexOf(':');
        return colon > 0 && piece[..colon].All(char.IsAsciiLetterLower);
    }
}

/// <summary><c>/search</c>: repositories by what is known of them, or images with a file, a package or
/// a vulnerability. All of it is in the address.
/// </summary>
internal sealed class SearchPages(SearchEndpoints search, FileSearchEndpoints files, HolderSearchPages holders)
{
    private const int LayersOfPage = 25;

    public async Task<IResult> ShowAsync(HttpContext http)
    {
        var query = http.Request.Query["q"].ToString();
        if (AskedFile.Parse(query) is { } file) return await ShowFilesAsync(http, query, file);
        if (AskedHolders.Parse(query) is { } asked) return await holders.ShowAsync(http, query, asked);
        var answer = await search.FindAsync(http, query);
        if (answer.Value is not { } found) return ProblemPage.Of(http, answer.Error!);
        var hits = PageList<SearchHitView>.Of(http, new Listed<SearchHitView>(found.Items));
        return new PageResult(new Pages_Search { Model = new SearchPage(query, found, hits) });
    }

    private async Task<IResult> ShowFilesAsync(HttpContext http, string query, AskedFile file)
    {
        var answer = await files.FindPageAsync(http, LayersOfPage, file.Name, file.Namespace, repository: null);
        if (answer.Value is not { } found) return ProblemPage.Of(http, answer.Error!);
        var layers = PageList<FoundLayerView>.Of(http, new Listed<FoundLayerView>(found.Items));
        return new PageResult(
            new Pages_SearchFiles { Model = new FileSearchPage(query, file, found, layers) });
    }
}
