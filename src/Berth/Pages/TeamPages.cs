using Berth.Api;

namespace Berth.Pages;

/// <summary>What the page of an organization's teams shows.</summary>
internal sealed record TeamsPage(
    OrganizationView Organization, bool MayChange, FormContent? Sent, PageList<TeamView> Teams)
    : OrganizationPage(Organization, MayChange, Sent);

/// <summary>What the page of a team shows.</summary>
internal sealed record TeamPage(
    OrganizationView Organization, bool MayChange, FormContent? Sent, TeamView Team, PageList<TeamMemberView> Members,
    IReadOnlyList<TeamGroup> Groups) : OrganizationPage(Organization, MayChange, Sent);

/// <summary><c>/settings/organizations/NAME/teams</c>: members who share grants.</summary>
internal sealed class TeamPages(OrganizationEndpoints organizations, TeamEndpoints teams)
{
    public static string PathOf(string organization, string team, string page = "") =>
        OrganizationPages.PathOf(organization, $"teams/{team}{(page.Length > 0 ? "/" + page : "")}");

    public Task<IResult> ListAsync(HttpContext http) => ListAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var organization = OrganizationPages.NameIn(http);
        var answer = await teams.AddAsync(
            http, organization, new NewTeam(sent.Text("name"), sent.Text("description")));
        return await PageForms.EndAsync(
            http, answer, Said.At(PathOf(organization, answer.Value?.Name ?? ""), Said.Added),
            error => ListAsync(http, new FormContent(http.Request.Path, sent, error)));
    });

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> ChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http,
            await teams.ChangeAsync(
                http, OrganizationPages.NameIn(http), NameIn(http), new TeamChange(sent.Text("description"))),
            Said.At(Here(http), Said.Saved),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AskToRemoveAsync(HttpContext http) => AskToRemoveAsync(http, sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await teams.RemoveAsync(http, OrganizationPages.NameIn(http), NameIn(http)),
            Said.At(OrganizationPages.PathOf(OrganizationPages.NameIn(http), "teams"), Said.Removed),
            error => AskToRemoveAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AddMemberAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var user = sent.Text("user").Trim();
        http.Request.RouteValues["user"] = user;
        var answer = await teams.AddMemberAsync(http, OrganizationPages.NameIn(http), NameIn(http), user);
        return await PageForms.EndAsync(
            http, answer.Error is { Status: 404 or 409 } unknown ? unknown.At("user") : answer,
            Said.At(Here(http), Said.Added),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error)));
    });

    public Task<IResult> RemoveMemberAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http,
            await teams.RemoveMemberAsync(
                http, OrganizationPages.NameIn(http), NameIn(http), (string)http.GetRouteValue("user")!),
            Said.At(Here(http), Said.Removed),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AddGroupAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http,
            await teams.AddGroupAsync(
                http, OrganizationPages.NameIn(http), NameIn(http),
                new TeamGroup(sent.Text("source").Trim(), sent.Text("name").Trim())),
            Said.At(Here(http), Said.Added),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error))));

    /// <summary>Removes a group: the API has it in the path, the form in fields, since its name may have slashes.
    /// </summary>
    public Task<IResult> RemoveGroupAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (source, group) = (sent.Text("source"), sent.Text("name"));
        (http.Request.RouteValues["source"], http.Request.RouteValues["group"]) = (source, group);
        return await PageForms.EndAsync(
            http, await teams.RemoveGroupAsync(http, OrganizationPages.NameIn(http), NameIn(http), source, group),
            Said.At(Here(http), Said.Removed),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error)));
    });

    private static string NameIn(HttpContext http) => ((string)http.GetRouteValue("team")!).ToLowerInvariant();

    private static string Here(HttpContext http) => PathOf(OrganizationPages.NameIn(http), NameIn(http));

    private async Task<IResult> ListAsync(HttpContext http, FormContent? sent)
    {
        var name = OrganizationPages.NameIn(http);
        var (found, listed) = (await organizations.GetAsync(http, name), await teams.ListAsync(http, name));
        return (found.Error ?? listed.Error) is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Teams
                {
                    Model = new TeamsPage(
                        found.Value!, await OrganizationPages.MayChangeAsync(http, organizations, name), sent,
                        PageList<TeamView>.Of(http, listed.Value!)),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var (name, team) = (OrganizationPages.NameIn(http), NameIn(http));
        var (found, shown) = (await organizations.GetAsync(http, name), await teams.GetAsync(http, name, team));
        var (members, groups) = (
            await teams.MembersAsync(http, name, team), await teams.GroupsAsync(http, name, team));
        return (found.Error ?? shown.Error ?? members.Error ?? groups.Error) is { } error
            ? ProblemPage.Of(http, sent?.Error ?? error)
            : new PageResult(
                new Pages_Team
                {
                    Model = new TeamPage(
                        found.Value!, await OrganizationPages.MayChangeAsync(http, organizations, name), sent,
                        shown.Value!, PageList<TeamMemberView>.Of(http, members.Value!), groups.Value!.Items),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> AskToRemoveAsync(HttpContext http, FormContent? sent) => Confirming.Of(
        http, await teams.GetAsync(http, OrganizationPages.NameIn(http), NameIn(http)), sent,
        (words, found) => words.RemoveTeam(found.Name), Here(http));
}
