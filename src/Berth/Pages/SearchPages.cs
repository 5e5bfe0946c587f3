using System.Text;
using Berth.Api;

namespace Berth.Pages;

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
            var pieces = Split(Query);
            return [.. pieces.Where(IsFilter).Select(one => (one, string.Join(' ', pieces.Where(p => p != one))))];
        }
    }

    /// <summary>The query with one more filter.</summary>
    public string With(string filter) => Query.Length == 0 ? filter : $"{Query} {filter}";

    public bool Has(string filter) => Split(Query).Contains(filter);

    private static bool IsFilter(string piece)
    {
        var colon = piece.IndexOf(':');
        return colon > 0 && piece[..colon].All(char.IsAsciiLetterLower);
    }

    private static List<string> Split(string query)
    {
        var (pieces, piece, isQuoted) = (new List<string>(), new StringBuilder(), false);
        foreach (var c in query + " ")
        {
            if (c == '"') isQuoted = !isQuoted;
            if (!char.IsWhiteSpace(c) || isQuoted)
            {
                piece.Append(c);
                continue;
            }

            if (piece.Length > 0) pieces.Add(piece.ToString());
            piece.Clear();
        }

        if (piece.Length > 0) pieces.Add(piece.ToString().Trim());
        return pieces;
    }
}

/// <summary><c>/search</c>: repositories by what is known of them. All of it is in the address.</summary>
internal sealed class SearchPages(SearchEndpoints search)
{
    public async Task<IResult> ShowAsync(HttpContext http)
    {
        var query = http.Request.Query["q"].ToString();
        var answer = await search.FindAsync(http, query);
        if (answer.Value is not { } found) return ProblemPage.Of(http, answer.Error!);
        var hits = PageList<SearchHitView>.Of(http, new Listed<SearchHitView>(found.Items));
        return new PageResult(new Pages_Search { Model = new SearchPage(query, found, hits) });
    }
}
