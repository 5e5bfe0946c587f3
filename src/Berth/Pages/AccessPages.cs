using Berth.Access;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of grants shows.</summary>
/// <param name="Kind">Of what they are: <c>namespace</c>, <c>user</c>, <c>robot</c> or <c>team</c>.</param>
/// <param name="Name">Of which.</param>
/// <param name="Grants">A page of them.</param>
/// <param name="Spaces">Other namespaces that the reader may look at.</param>
/// <param name="MayChange">Whether the reader may give and take back anything.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record AccessPage(
    string Kind, string Name, PageList<GrantView> Grants, IReadOnlyList<string> Spaces, bool MayChange,
    FormContent? Sent)
{
    /// <summary>The organization whose namespace it is; null: it is none.</summary>
    public OrganizationView? Organization { get; init; }

    /// <summary>What a user is a member of; null: it is no user, or one may not see it.</summary>
    public IReadOnlyList<MembershipView>? Memberships { get; init; }

    /// <summary>The repository that is asked about; empty: none is.</summary>
    public string Asked { get; init; } = "";

    /// <summary>What the user or robot may do there, and through what.</summary>
    public ApiAnswer<Explanation>? Explained { get; init; }
}

/// <summary><c>/settings/access</c>: who may do what in a namespace, or what a team, a user or a robot may.</summary>
internal sealed class AccessPages(
    GrantEndpoints grants, MeEndpoints me, OrganizationEndpoints organizations, UserEndpoints users,
    AccessEndpoints access)
{
    public const string Path = "/settings/access";

    private static readonly string[] Kinds = ["namespace", "user", "robot", "team"];

    public static string PathOf(string space) => PathOf("namespace", space);

    public static string PathOf(string kind, string name) => $"{Path}?{kind}={Uri.EscapeDataString(name)}";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (holder, here) = (sent.Optional("holder"), Here(http));
        var answer = await grants.AddAsync(http, new NewGrant(
            sent.Text("names").Trim(), sent.Text("kind") == "user" ? holder : null,
            sent.Text("kind") == "robot" ? holder : null, sent.Text("kind") == "team" ? holder : null,
            sent.Choice<Role>("role"), sent.Checked("actions")));
        return await PageForms.EndAsync(
            http, answer, Said.At(here, Said.Added), error => ShowAsync(http, new FormContent(here, sent, error)));
    });

    public Task<IResult> AskToRemoveAsync(HttpContext http) => AskToRemoveAsync(http, sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await grants.RemoveAsync(http, TokenPages.IdIn(http)), Said.At(Here(http), Said.Removed),
            error => AskToRemoveAsync(http, new FormContent(ThisPage(http), sent, error))));

    /// <summary>The page that asks lists the grants from the one that it is about.</summary>
    public static string AskPath(AccessPage page, GrantView grant) =>
        $"{Path}/{grant.Id}/remove{PathOf(page.Kind, page.Name)[Path.Length..]}&n=1&last={grant.Id - 1}";

    private static string ThisPage(HttpContext http) => http.Request.Path + http.Request.QueryString.ToString();

    private async Task<IResult> AskToRemoveAsync(HttpContext http, FormContent? sent)
    {
        var listed = await grants.ListAsync(http);
        http.Response.Headers.Remove("Link");
        return listed.Value?.Items.FirstOrDefault(one => one.Id == TokenPages.IdIn(http)) is { } grant
            ? Confirming.Page(
                FormContent.Of(sent, ThisPage(http), ApiRequest.OnlyVersion), words => words.RemoveGrant(grant),
                Here(http))
            : ProblemPage.Of(http, sent?.Error ?? listed.Error ?? ApiError.NotFound("such grant"));
    }

    /// <summary>The page of grants that a request is about.</summary>
    private static string Here(HttpContext http) =>
        Kinds.FirstOrDefault(kind => http.Request.Query.ContainsKey(kind)) is { } kind
            ? PathOf(kind, http.Request.Query[kind].ToString()) : Path;

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var kind = Kinds.FirstOrDefault(one => http.Request.Query.ContainsKey(one));
        if (kind is null) return PageForms.BackTo(http, PathOf(http.Caller().Name));
        var (listed, spaces) = (await grants.ListAsync(http), await SpacesAsync(http, me));
        if (listed.Value is not { } found) return ProblemPage.Of(http, listed.Error!);
        var (name, asked) = (http.Request.Query[kind].ToString(), http.Request.Query["repository"].ToString().Trim());
        return new PageResult(
            new Pages_Access
            {
                Model = new AccessPage(
                    kind, name, PageList<GrantView>.Of(http, found), spaces,
                    http.Caller().IsAdministrator || !http.Caller().IsStaff, sent)
                {
                    Organization = kind == "namespace" ? await OrganizationOfAsync(http, organizations, name) : null,
                    Memberships = kind == "user" ? await MembershipsAsync(http, name) : null,
                    Asked = asked,
                    Explained = kind is "user" or "robot" && asked.Length > 0
                        ? await access.ExplainAsync(http, name, asked) : null,
                },
            },
            sent?.Status ?? StatusCodes.Status200OK);
    }

    /// <summary>The organization with a namespace that the caller owns or may look at; null if it is none.</summary>
    public static async Task<OrganizationView?> OrganizationOfAsync(
        HttpContext http, OrganizationEndpoints organizations, string space) =>
        (await organizations.GetAsync(http, space.ToLowerInvariant())).Value;

    /// <summary>One's own, and for staff those of others.</summary>
    private async Task<IReadOnlyList<MembershipView>?> MembershipsAsync(HttpContext http, string name) =>
        name == http.Caller().Name ? (await me.GetAsync(http)).Value?.Organizations
        : http.Caller().IsStaff ? (await users.GetAsync(http, name)).Value?.Organizations : null;

    /// <summary>The namespaces that a caller owns: their own, and those of their organizations.</summary>
    public static async Task<IReadOnlyList<string>> SpacesAsync(HttpContext http, MeEndpoints me) =>
        (await me.GetAsync(http)).Value is { } found
            ? [found.Name, .. found.Organizations.Where(one => one.Role == Role.Owner).Select(one => one.Organization)]
            : [];
}
