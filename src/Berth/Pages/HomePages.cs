using System.Text;
using Berth.Api;

namespace Berth.Pages;

/// <summary>What the front page shows.</summary>
/// <param name="Namespaces">Those that the caller may push to.</param>
/// <param name="Repositories">The first ones by name; none in a registry without images.</param>
/// <param name="HasMore">Whether there are more.</param>
internal sealed record Home(
    IReadOnlyList<string> Namespaces, IReadOnlyList<RepositoryView> Repositories, bool HasMore);

/// <summary><c>/</c>, the front page (for programs, some lines of text), and <c>/explore</c>.</summary>
internal sealed class HomePages(RepositoryEndpoints repositories, MeEndpoints me)
{
    private const int ShownRepositories = 12;

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
        var listed = await repositories.ListAsync(http, space: null);
        if (listed.Error is { } error) return ProblemPage.Of(http, error);
        var found = PageList<RepositoryView>.Of(http, listed.Value!).Items;
        return new PageResult(new Pages_Home
        {
            Model = new Home(
                await NamespacesAsync(http), [.. found.Take(ShownRepositories)], found.Count > ShownRepositories),
        });
    }

    public async Task<IResult> ExploreAsync(HttpContext http)
    {
        var space = http.Request.Query["namespace"].ToString();
        var listed = await repositories.ListAsync(http, space.Length > 0 ? space : null);
        return listed.Value is { } found
            ? new PageResult(new Pages_Explore { Model = new Explore(space, PageList<RepositoryView>.Of(http, found)) })
            : ProblemPage.Of(http, listed.Error!);
    }

    /// <summary>Of users with an account: their own, and those of their organizations.</summary>
    private async Task<IReadOnlyList<string>> NamespacesAsync(HttpContext http)
    {
        if (http.Caller().Rights.Account is null) return [];
        var known = (await me.GetAsync(http)).Value!;
        return [known.Name, .. known.Organizations.Select(one => one.Organization)];
    }
}

/// <summary>A page of repositories.</summary>
/// <param name="Namespace">The namespace that they are in; empty for all.</param>
/// <param name="Repositories">The page.</param>
internal sealed record Explore(string Namespace, PageList<RepositoryView> Repositories);
