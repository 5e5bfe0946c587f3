using Berth.Api;
using Berth.Identity;
using Berth.Oci;

namespace Berth.Pages;

/// <summary>What the page of a repository shows.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Listing">How its tags are listed.</param>
/// <param name="Tags">A page of them.</param>
/// <param name="Statistics">How much it is used.</param>
/// <param name="Rights">What the reader may do.</param>
/// <param name="Access">Who may do what, or the first of them; null for who may not see that.</param>
internal sealed record RepositoryPage(
    RepositoryView Repository, TagListing Listing, PageList<TagView> Tags, RepositoryUse Statistics,
    RepositoryRights Rights, IReadOnlyList<AccessHolderView>? Access)
{
    /// <summary>Why the tags are not sorted as was asked; null if they are.</summary>
    public string? SortFault { get; init; }

    /// <summary>Whether some of its tags attach something to others.</summary>
    public bool HasAttached { get; init; }

    /// <summary>How many tags there are.</summary>
    public required TagCount Count { get; init; }

    /// <summary>How many of those who may do something are named beside the tags.</summary>
    public const int NamedHolders = 6;

    /// <summary>Whether there are none at all.</summary>
    public bool HasNoTags => Tags is { Items.Count: 0, IsFirst: true } && Listing.Matching.Length == 0 && !HasAttached;
}

/// <summary>Who may do what in a repository.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="IsPublic">Whether everyone may pull from it.</param>
/// <param name="MayGrant">Whether the reader may look at all grants of the namespace.</param>
/// <param name="Holders">A page of those who may do something.</param>
internal sealed record RepositoryAccessPage(
    RepositoryName Repository, bool IsPublic, bool MayGrant, PageList<AccessHolderView> Holders);

/// <summary>Below <c>/r/</c>: repositories.</summary>
internal sealed class RepositoryPages(
    RepositoryEndpoints repositories, TagEndpoints tags, StatisticsEndpoints statistics, StarEndpoints stars,
    RepositoryAccessEndpoints access, Ownership ownership, ApiGate gate)
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

        var use = await statistics.FindUseAsync(http, name);
        return listed.Error is not null || use is null
            ? ProblemPage.Of(http, listed.Error ?? ApiError.NotFound("such repository"))
            : new PageResult(new Pages_Repository
            {
                Model = new RepositoryPage(
                    repository.Value!, listing, PageList<TagView>.Of(http, listed.Value!), use,
                    await RepositoryRights.OfAsync(gate, http, name), await ReadAccessAsync(http, name))
                {
                    SortFault = fault,
                    HasAttached = await tags.HasAttachedAsync(http, name),
                    Count = await tags.CountAsync(http, name, listing.HasAttached),
                },
            });
    }

    private Task<ApiAnswer<Listed<TagView>>> ListAsync(HttpContext http, TagListing listing) => tags.ListAsync(
        http, listing.Repository, listing.Matching, pointsTo: null, listing.Sort, listing.HasAttached ? null : false);

    /// <summary>Who may do what.</summary>
    public async Task<IResult> ShowAccessAsync(HttpContext http)
    {
        var name = NameIn(http);
        var repository = await repositories.GetAsync(http, name);
        if (repository.Value is not { } shown) return ProblemPage.Of(http, repository.Error!);
        var listed = await access.ListAsync(http, name);
        if (listed.Value is not { } found) return ProblemPage.Of(http, listed.Error!);
        var parsed = RepositoryName.Parse(name);
        var mayGrant = http.Caller().IsStaff || ownership.Owns(http.Caller(), parsed.Namespace);
        return new PageResult(new Pages_RepositoryAccess
        {
            Model = new RepositoryAccessPage(
                parsed, shown.IsPublic, mayGrant, PageList<AccessHolderView>.Of(http, found)),
        });
    }

    private async Task<IReadOnlyList<AccessHolderView>?> ReadAccessAsync(HttpContext http, string name) =>
        !access.MayList(http.Caller(), RepositoryName.Parse(name)) || http.Caller().Rights.Account is null ? null
            : (await PageQuery.AskAsync(
                http, $"?n={RepositoryPage.NamedHolders}", context => access.ListAsync(context, name))).Value?.Items;

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
