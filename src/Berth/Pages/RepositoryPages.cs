using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of a repository shows.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Listing">How its tags are listed.</param>
/// <param name="Tags">A page of them.</param>
/// <param name="Statistics">How much it is used.</param>
/// <param name="Rights">What the reader may do.</param>
internal sealed record RepositoryPage(
    RepositoryView Repository, TagListing Listing, PageList<TagView> Tags, StatisticsView Statistics,
    RepositoryRights Rights)
{
    /// <summary>Why the tags are not sorted as was asked; null if they are.</summary>
    public string? SortFault { get; init; }

    /// <summary>Whether some of its tags attach something to others.</summary>
    public bool HasAttached { get; init; }

    /// <summary>Whether there are none at all.</summary>
    public bool HasNoTags => Tags is { Items.Count: 0, IsFirst: true } && Listing.Matching.Length == 0 && !HasAttached;
}

/// <summary>Below <c>/r/</c>: repositories.</summary>
internal sealed class RepositoryPages(
    RepositoryEndpoints repositories, TagEndpoints tags, StatisticsEndpoints statistics, StarEndpoints stars,
    ApiGate gate)
{
    public async Task<IResult> ShowAsync(HttpContext http)
    {
        var name = NameIn(http);
        var repository = await repositories.GetAsync(http, name);
        if (repository.Error is { } error) return ProblemPage.Of(http, error);
        var listing = TagListing.Of(name, http.Request.Query);
        var (listed, fault) = (await ListAsync(http, listing), (string?)null);
        if (listed.Error is { Status: StatusCodes.Status409Conflict } tooMany)
        {
            (listing, fault) = (listing with { Sort = TagListing.UsualSort }, tooMany.Detail);
            listed = await ListAsync(http, listing);
        }

        var use = await statistics.GetAsync(http, name);
        return (listed.Error ?? use.Error) is { } missing
            ? ProblemPage.Of(http, missing)
            : new PageResult(new Pages_Repository
            {
                Model = new RepositoryPage(
                    repository.Value!, listing, PageList<TagView>.Of(http, listed.Value!), use.Value!,
                    await RepositoryRights.OfAsync(gate, http, name))
                {
                    SortFault = fault,
                    HasAttached = await tags.HasAttachedAsync(http, name),
                },
            });
    }

    private Task<ApiAnswer<Listed<TagView>>> ListAsync(HttpContext http, TagListing listing) => tags.ListAsync(
        http, listing.Repository, listing.Matching, pointsTo: null, listing.Sort, listing.HasAttached ? null : false);

    /// <summary>Stars a repository, or takes the star back.</summary>
    public async Task<IResult> StarAsync(HttpContext http)
    {
        var name = NameIn(http);
        var sent = await PageBody.ReadAsync(http);
        var done = sent?.Text("star") == "yes"
            ? await stars.AddAsync(http, name) : await stars.RemoveAsync(http, name);
        return done.Error is { } error ? ProblemPage.Of(http, error) : PageForms.BackTo(http, PagePath.Of(name));
    }

    private static string NameIn(HttpContext http) => (string)http.GetRouteValue("name")!;
}
