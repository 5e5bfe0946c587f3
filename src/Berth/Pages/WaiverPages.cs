using Berth.Access;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of waivers shows.</summary>
/// <param name="Spaces">Of which namespace, and which others there are.</param>
/// <param name="Waivers">A page of them.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record WaiversPage(PolicySpaces Spaces, PageList<WaiverView> Waivers, FormContent? Sent)
{
    /// <summary>The namespace; empty: all.</summary>
    public string Namespace => Spaces.Current ?? "";
}

/// <summary><c>/settings/waivers</c>: vulnerabilities that policies pass over.</summary>
internal sealed class WaiverPages(WaiverEndpoints waivers, MeEndpoints me)
{
    public const string Path = "/settings/waivers";
    public const string Removal = Path + "/{id:long}/remove";

    public static string RemovalOf(WaiverView one) => FormattableString.Invariant($"{Path}/{one.Id}/remove");

    public static string PathOf(string space) =>
        space.Length == 0 ? Path : $"{Path}?namespace={Uri.EscapeDataString(space)}";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        if (sent.ReadDay("until", out var until) is { } fault) return new FormAnswer(await AgainAsync(fault), null);
        var waiver = new NewWaiver(
            sent.Text("names").Trim(), sent.Text("vulnerability"), sent.Text("reason"), sent.Optional("package"),
            until);
        return await PageForms.EndAsync(
            http, await waivers.AddAsync(http, waiver), Said.At(PathOf(sent.Text("namespace")), Said.Added),
            AgainAsync);

        Task<IResult> AgainAsync(ApiError error) => ShowAsync(http, new FormContent(Path, sent, error));
    });

    public async Task<IResult> AskToRemoveAsync(HttpContext http) => Confirming.Of(
        http, await waivers.GetAsync(http, RouteId.Of(http)), null, (words, one) => words.RemoveWaiver(one), Path);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async _ =>
        await PageForms.EndAsync(
            http, await waivers.RemoveAsync(http, RouteId.Of(http)), Said.At(Path, Said.Removed),
            error => Task.FromResult<IResult>(ProblemPage.Of(http, error))));

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var asked = sent?.Text("namespace", "") ?? http.Request.Query["namespace"].ToString();
        var spaces = await PolicySpaces.ChooseAsync(
            http, me, Role.Maintainer, asked,
            async (context, space) => (await waivers.ListAsync(context, space)).Value?.Items.Count > 0);
        var listed = await waivers.ListAsync(http, spaces.Current);
        return listed.Error is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Waivers
                {
                    Model = new WaiversPage(spaces, PageList<WaiverView>.Of(http, listed.Value!), sent),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }
}
