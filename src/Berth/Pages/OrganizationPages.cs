using Berth.Access;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of organizations shows.</summary>
/// <param name="Organizations">A page of them.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record OrganizationsPage(PageList<OrganizationView> Organizations, FormContent? Sent);

/// <summary>What pages of an organization have in common.</summary>
/// <param name="Organization">The organization.</param>
/// <param name="MayChange">Whether the reader is an owner, or an administrator.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal record OrganizationPage(OrganizationView Organization, bool MayChange, FormContent? Sent);

/// <summary>What is above all pages of an organization.</summary>
/// <param name="Organization">The organization.</param>
/// <param name="Page">Which of its pages is shown.</param>
/// <param name="IsOwner">Whether the reader owns it.</param>
internal sealed record OrganizationHead(OrganizationView Organization, string Page, bool IsOwner);

/// <summary>What the page of an organization's members shows.</summary>
internal sealed record MembersPage(
    OrganizationView Organization, bool MayChange, FormContent? Sent, PageList<MemberView> Members)
    : OrganizationPage(Organization, MayChange, Sent);

/// <summary>What the page of a member shows.</summary>
internal sealed record MemberPage(
    OrganizationView Organization, bool MayChange, FormContent? Sent, MemberView Member, string Tag)
    : OrganizationPage(Organization, MayChange, Sent);

/// <summary><c>/settings/organizations</c>: namespaces that several users share, and their members.</summary>
internal sealed class OrganizationPages(OrganizationEndpoints organizations)
{
    public const string Path = "/settings/organizations";

    public static string PathOf(string organization, string page = "") =>
        $"{Path}/{organization}{(page.Length > 0 ? "/" + page : "")}";

    public Task<IResult> ListAsync(HttpContext http) => ListAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var answer = await organizations.AddAsync(http, new NewOrganization(
            sent.Text("name"), sent.Optional("fullName"), sent.IsChecked("makesPublic"), sent.Optional("owner")));
        return await PageForms.EndAsync(
            http, answer, Said.At(PathOf(answer.Value?.Name ?? ""), Said.Added),
            error => ListAsync(http, new FormContent(Path, sent, error)));
    });

    public Task<IResult> ShowMembersAsync(HttpContext http) => ShowMembersAsync(http, sent: null);

    /// <summary>Adds a member: the API has their name in the path, the form in a field.</summary>
    public Task<IResult> AddMemberAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (name, user) = (NameIn(http), sent.Text("user").Trim());
        http.Request.RouteValues["user"] = user;
        var answer = await organizations.PutMemberAsync(
            http, name, user, new Membership(sent.Choice<Role>("role") ?? Role.Member));
        return await PageForms.EndAsync(
            http, answer.Error is { Status: 404 } unknown ? unknown.At("user") : answer,
            Said.At(PathOf(name), Said.Added),
            error => ShowMembersAsync(http, new FormContent(PathOf(name, "members"), sent, error)));
    });

    public Task<IResult> ShowMemberAsync(HttpContext http) => ShowMemberAsync(http, sent: null);

    public Task<IResult> ChangeMemberAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http,
            await organizations.PutMemberAsync(
                http, NameIn(http), UserIn(http), new Membership(sent.Choice<Role>("role") ?? Role.Member)),
            Said.At(PathOf(NameIn(http)), Said.Saved),
            error => ShowMemberAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AskToRemoveMemberAsync(HttpContext http) => AskToRemoveMemberAsync(http, sent: null);

    public Task<IResult> RemoveMemberAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await organizations.RemoveMemberAsync(http, NameIn(http), UserIn(http)),
            Said.At(PathOf(NameIn(http)), Said.Removed),
            error => AskToRemoveMemberAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> ShowSettingsAsync(HttpContext http) => ShowSettingsAsync(http, sent: null);

    public Task<IResult> ChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http,
            await organizations.ChangeAsync(http, NameIn(http), new OrganizationChange(
                sent.Text("fullName"), sent.IsChecked("makesPublic"))),
            Said.At(PathOf(NameIn(http), "settings"), Said.Saved),
            error => ShowSettingsAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AskToRemoveAsync(HttpContext http) => AskToRemoveAsync(http, sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await organizations.RemoveAsync(http, NameIn(http)), Said.At(Path, Said.Removed),
            error => AskToRemoveAsync(http, new FormContent(http.Request.Path, sent, error))));

    public static string NameIn(HttpContext http) =>
        ((string)http.GetRouteValue("organization")!).ToLowerInvariant();

    /// <summary>Whether the caller may change an organization that they see.</summary>
    public static async Task<bool> MayChangeAsync(
        HttpContext http, OrganizationEndpoints organizations, string name) => http.Caller().IsAdministrator
            || (await organizations.MemberAsync(http, name, http.Caller().Name)).Value is { Role: Role.Owner };

    private static string UserIn(HttpContext http) => (string)http.GetRouteValue("user")!;

    private async Task<IResult> ListAsync(HttpContext http, FormContent? sent)
    {
        var listed = await organizations.ListAsync(http);
        return listed.Value is { } found
            ? new PageResult(
                new Pages_Organizations
                {
                    Model = new OrganizationsPage(PageList<OrganizationView>.Of(http, found), sent),
                },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, listed.Error!);
    }

    private async Task<IResult> ShowMembersAsync(HttpContext http, FormContent? sent)
    {
        var name = NameIn(http);
        var (found, members) = (await organizations.GetAsync(http, name), await organizations.MembersAsync(http, name));
        return (found.Error ?? members.Error) is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Members
                {
                    Model = new MembersPage(
                        found.Value!, await MayChangeAsync(http, organizations, name), sent,
                        PageList<MemberView>.Of(http, members.Value!)),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> ShowMemberAsync(HttpContext http, FormContent? sent)
    {
        var name = NameIn(http);
        var found = await organizations.GetAsync(http, name);
        var member = await organizations.MemberAsync(http, name, UserIn(http));
        return (found.Error ?? member.Error) is { } error
            ? ProblemPage.Of(http, sent?.Error ?? error)
            : new PageResult(
                new Pages_Member
                {
                    Model = new MemberPage(
                        found.Value!, await MayChangeAsync(http, organizations, name), sent, member.Value!,
                        TagOf(http, member.Value!)),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> AskToRemoveMemberAsync(HttpContext http, FormContent? sent)
    {
        var (name, member) = (NameIn(http), await organizations.MemberAsync(http, NameIn(http), UserIn(http)));
        return member.Value is { } found
            ? Confirming.Page(
                FormContent.Of(sent, http.Request.Path) with { Version = TagOf(http, found) },
                words => words.RemoveMember(found.Name, name), PathOf(name))
            : ProblemPage.Of(http, sent?.Error ?? member.Error!);
    }

    private async Task<IResult> ShowSettingsAsync(HttpContext http, FormContent? sent)
    {
        var found = await organizations.GetAsync(http, NameIn(http));
        return found.Value is { } organization
            ? new PageResult(
                new Pages_OrganizationSettings
                {
                    Model = new OrganizationPage(
                        organization, await MayChangeAsync(http, organizations, organization.Name), sent),
                },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, found.Error!);
    }

    private async Task<IResult> AskToRemoveAsync(HttpContext http, FormContent? sent) => Confirming.Of(
        http, await organizations.GetAsync(http, NameIn(http)), sent,
        (words, found) => words.RemoveOrganization(found.Name), PathOf(NameIn(http), "settings"));

    /// <summary>Of what has no version, all that is shown counts.</summary>
    private static string TagOf(HttpContext http, MemberView member) =>
        ApiAnswer<MemberView>.TagOf(http, member).Trim('"');
}
