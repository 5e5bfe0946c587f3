using Berth.Access;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page on trusted signers shows.</summary>
/// <param name="Spaces">Of which namespace, and which others there are.</param>
/// <param name="Entries">A page of them.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record TrustPage(PolicySpaces Spaces, PageList<TrustView> Entries, FormContent? Sent)
{
    /// <summary>The namespace; empty: the registry.</summary>
    public string Namespace => Spaces.Current ?? "";
}

/// <summary><c>/settings/trust</c>: whose signatures count.</summary>
internal sealed class TrustPages(TrustEndpoints trust, MeEndpoints me)
{
    public const string Path = "/settings/trust";

    /// <summary>What stands for the registry where a namespace could: no namespace is called so.</summary>
    public const string Registry = "-";

    public const string Removal = Path + "/{space}/{kind}/{name}/remove";

    public static string PathOf(string space) =>
        space.Length == 0 ? Path : $"{Path}?namespace={Uri.EscapeDataString(space)}";

    public static string RemovalOf(TrustView one) =>
        $"{Path}/{one.Namespace ?? Registry}/{one.Kind}/{Uri.EscapeDataString(one.Name)}/remove";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (kind, name, space) = (sent.Text("kind"), sent.Text("name").Trim(), sent.Optional("namespace"));
        if ((await trust.GetAsync(http, kind, name, space)).Value is not null)
        {
            return new FormAnswer(
                await AgainAsync(ApiError.Conflict("there is one of that name already: remove it first").At("name")),
                null);
        }

        // The audit log names it, as it does for the API.
        http.Request.RouteValues["kind"] = kind;
        http.Request.RouteValues["name"] = PlainText.Of(name);
        var entry = new NewTrust(sent.Optional("content"), sent.Optional("issuer"), sent.Optional("subject"));
        return await PageForms.EndAsync(
            http, await trust.PutAsync(http, kind, name, space, entry), Said.At(PathOf(space ?? ""), Said.Added),
            AgainAsync);

        Task<IResult> AgainAsync(ApiError error) => ShowAsync(http, new FormContent(Path, sent, error));
    });

    public async Task<IResult> AskToRemoveAsync(HttpContext http)
    {
        var (kind, name, space) = NamesIn(http);
        return Confirming.Of(
            http, await trust.GetAsync(http, kind, name, space), null, (words, one) => words.RemoveTrust(one),
            PathOf(space ?? ""));
    }

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async _ =>
    {
        var (kind, name, space) = NamesIn(http);
        http.Request.RouteValues.Remove("space");
        return await PageForms.EndAsync(
            http, await trust.RemoveAsync(http, kind, name, space), Said.At(PathOf(space ?? ""), Said.Removed),
            error => Task.FromResult<IResult>(ProblemPage.Of(http, error)));
    });

    private static (string Kind, string Name, string? Space) NamesIn(HttpContext http)
    {
        var space = (string)http.GetRouteValue("space")!;
        return ((string)http.GetRouteValue("kind")!, (string)http.GetRouteValue("name")!,
            space == Registry ? null : space);
    }

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var asked = sent is null ? http.Request.Query["namespace"].ToString() : sent.Text("namespace", "");
        var spaces = await PolicySpaces.ChooseAsync(
            http, me, Role.Owner, asked,
            async (context, space) => (await trust.ListAsync(context, space, kind: null)).Value?.Items.Count > 0);
        var listed = await trust.ListAsync(http, spaces.Current, kind: null);
        return listed.Error is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Trust
                {
                    Model = new TrustPage(spaces, PageList<TrustView>.Of(http, listed.Value!), sent),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }
}
