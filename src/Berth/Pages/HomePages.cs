using System.Text;
using Berth.Api;

namespace Berth.Pages;

/// <summary>What the front page shows.</summary>
/// <param name="Namespaces">The caller's own, and those of their organizations.</param>
/// <param name="Repositories">Those with the latest pushes; none in a registry without images.</param>
/// <param name="Activity">What happened to tags lately.</param>
/// <param name="Starred">Those that the caller has starred, by their latest pushes.</param>
/// <param name="Storage">For staff: what keeps most; null for others.</param>
internal sealed record Home(
    IReadOnlyList<NamespaceView> Namespaces, IReadOnlyList<RepositoryView> Repositories,
    IReadOnlyList<ActivityView> Activity, IReadOnlyList<RepositoryView> Starred,
    StorageView? Storage);

/// <summary><c>/</c>, the front page (for programs, some lines of text), and <c>/explore</c>.</summary>
internal sealed class HomePages(
    RepositoryEndpoints repositories, NamespaceEndpoints spaces, ActivityEndpoints activity, StorageEndpoints storage)
{
    /// <summary>How much of each list the front page has: a screen in all.</summary>
    private const string Latest = "?sort=pushed&n=10";
    private const string LatestStarred = "?starred=true&sort=pushed&n=8";
    private const string LatestMoves = "?n=8";
    private const string MyNamespaces = "?n=20";
    private const string LargestSpaces = "?n=5";

    private static readonly byte[] Front = Encoding.UTF8.GetBytes(
        """
        This is Berth, a container registry. Its API is under /v2/.

          docker login HOST
          docker tag IMAGE HOST/NAME:TAG
          docker push HOST/NAME:TAG
          docker pull HOST/NAME:TAG

        HOST is this address without http:// or https://, and NAME whatever you like, such as team/app. If there are
        users, it begins with your own name, such as maria/app. To sign in with a browser: /auth/sign-in.

        """);

    /// <summary>Some lines for programs, and for people with curl: they need neither rights nor the database.</summary>
    public static Task AnswerProgramAsync(HttpContext http)
    {
        var response = http.Response;
        response.ContentType = "text/plain; charset=utf-8";
        response.Headers.XContentTypeOptions = "nosniff";
        response.ContentLength = Front.Length;
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(Front).AsTask();
    }

    public async Task<IResult> ShowAsync(HttpContext http)
    {
        var latest = await PageQuery.AskAsync(http, Latest, context => repositories.ListAsync(context, space: null));
        if (latest.Error is { } error) return ProblemPage.Of(http, error);
        var moves = await PageQuery.AskAsync(http, LatestMoves, activity.ListAsync);
        var starred = http.Caller().Rights.Account is null
            ? []
            : (await PageQuery.AskAsync(
                http, LatestStarred, context => repositories.ListAsync(context, space: null))).Value?.Items ?? [];
        var kept = http.Caller() is { IsStaff: true, Caller.Limits: null }
            ? (await PageQuery.AskAsync(http, LargestSpaces, storage.GetAsync)).Value : null;
        return new PageResult(new Pages_Home
        {
            Model = new Home(
                await NamespacesAsync(http), latest.Value!.Items, moves.Value?.Items ?? [], starred, kept),
        });
    }

    public async Task<IResult> ExploreAsync(HttpContext http)
    {
        var space = http.Request.Query["namespace"].ToString().ToLowerInvariant();
        var listed = await repositories.ListAsync(http, space.Length > 0 ? space : null);
        if (listed.Error is { } error) return ProblemPage.Of(http, error);
        var page = PageList<RepositoryView>.Of(http, listed.Value!);
        var owner = space.Length > 0 && (await spaces.ListAsync(http, space)).Value is { Items: [var one] }
            ? one : null;
        return new PageResult(new Pages_Explore
        {
            Model = new Explore(space, owner, page, await NamespacesAsync(http), FieldsOf(http)),
        });
    }

    private async Task<IReadOnlyList<NamespaceView>> NamespacesAsync(HttpContext http) =>
        (await PageQuery.AskAsync(http, MyNamespaces, context => spaces.ListAsync(context))).Value?.Items ?? [];

    /// <summary>What the address filters and sorts by.</summary>
    private static Dictionary<string, string> FieldsOf(HttpContext http) => RepositoryListing.Fields
        .Append("namespace").Where(field => http.Request.Query[field].ToString().Length > 0)
        .ToDictionary(field => field, field => http.Request.Query[field].ToString());
}

/// <summary>A page of repositories.</summary>
/// <param name="Namespace">The namespace that they are in; empty for all.</param>
/// <param name="Owner">Whose it is, if the caller may see anything there.</param>
/// <param name="Repositories">The page.</param>
/// <param name="Mine">The caller's namespaces.</param>
/// <param name="Fields">What the address filters and sorts by.</param>
internal sealed record Explore(
    string Namespace, NamespaceView? Owner, PageList<RepositoryView> Repositories,
    IReadOnlyList<NamespaceView> Mine, IReadOnlyDictionary<string, string> Fields)
{
    /// <summary>The value of a field of the address; empty: none.</summary>
    public string Value(string field) => Fields.GetValueOrDefault(field, "");

    /// <summary>The page with another value of a field; null for none.</summary>
    public string With(string field, string? value) => PageQuery.With("/explore", Fields, field, value);
}
