using Berth.Api;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Berth.Pages;

/// <summary>
/// The pages of settings: where each is, the right that it requires, and the route of the API that it stands for, under
/// which the audit log has it.
/// </summary>
internal static partial class SettingsRoutes
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var table = new Table(routes);
        MapYou(table);
        MapOrganizations(table);
        MapTeams(table);
        MapAccess(table);
        MapUsers(table);
        MapOfUser(table);
        MapRegistry(table);
    }

    private static void MapYou(Table table)
    {
        var profile = table.Get<ProfilePages>();
        table.Page(
            "/settings", ApiRight.SignedIn, "GET /api/v1/me",
            http => Task.FromResult(PageForms.BackTo(http, ProfilePages.Path)));
        table.Page(ProfilePages.Path, ApiRight.SignedIn, "GET /api/v1/me", profile.ShowAsync);
        table.Form(ProfilePages.Path, ApiRight.Self, "PATCH /api/v1/me", profile.ChangeAsync);
        var signIn = table.Get<SignInSettings>();
        table.Page(SignInSettings.Path, ApiRight.Self, "GET /api/v1/me/second-factors", signIn.ShowAsync);
        table.Form(SignInSettings.Path, ApiRight.Self, "PUT /api/v1/me/password", signIn.SetPasswordAsync);

        var tokens = table.Get<TokenPages>();
        table.Page(TokenPages.Path, ApiRight.Self, "GET /api/v1/me/tokens", tokens.ShowAsync);
        table.Form(TokenPages.Path, ApiRight.Self, "POST /api/v1/me/tokens", tokens.AddAsync);
        table.Confirmed(
            TokenPages.Path + "/{id:long}/rotate", ApiRight.Self, "POST /api/v1/me/tokens/{id}/rotate",
            tokens.AskToRotateAsync, tokens.RotateAsync);
        table.Confirmed(
            TokenPages.Path + "/{id:long}/revoke", ApiRight.Self, "DELETE /api/v1/me/tokens/{id}",
            tokens.AskToRemoveAsync, tokens.RemoveAsync);

        var sessions = table.Get<SessionsPages>();
        table.Page(SessionsPages.Path, ApiRight.Self, "GET /api/v1/me/sessions", sessions.ShowAsync);
        table.Form(
            SessionsPages.Path + "/{id}/end", ApiRight.Self, "DELETE /api/v1/me/sessions/{id}", sessions.EndAsync);
        table.Confirmed(
            SessionsPages.Path + "/end", ApiRight.Self, "DELETE /api/v1/me/sessions", SessionsPages.AskToEndAllAsync,
            sessions.EndAllAsync);
    }

    private static void MapOrganizations(Table table)
    {
        const string Path = OrganizationPages.Path, One = Path + "/{organization}";
        const string Api = "/api/v1/organizations", ApiOne = Api + "/{organization}";
        var pages = table.Get<OrganizationPages>();
        table.Page(Path, ApiRight.Account, $"GET {Api}", pages.ListAsync);
        table.Form(Path, ApiRight.Administrator, $"POST {Api}", pages.AddAsync);
        table.Page(One, ApiRight.Member, $"GET {ApiOne}/members", pages.ShowMembersAsync);
        table.Form(One + "/members", ApiRight.Owner, $"PUT {ApiOne}/members/{{user}}", pages.AddMemberAsync);
        table.Page(
            One + "/members/{user}", ApiRight.Member, $"GET {ApiOne}/members/{{user}}", pages.ShowMemberAsync);
        table.Form(
            One + "/members/{user}", ApiRight.Owner, $"PUT {ApiOne}/members/{{user}}", pages.ChangeMemberAsync);
        table.Confirmed(
            One + "/members/{user}/remove", ApiRight.Owner, $"DELETE {ApiOne}/members/{{user}}",
            pages.AskToRemoveMemberAsync, pages.RemoveMemberAsync);
        table.Page(One + "/settings", ApiRight.Member, $"GET {ApiOne}", pages.ShowSettingsAsync);
        table.Form(One + "/settings", ApiRight.Owner, $"PATCH {ApiOne}", pages.ChangeAsync);
        table.Confirmed(
            One + "/delete", ApiRight.Owner, $"DELETE {ApiOne}", pages.AskToRemoveAsync, pages.RemoveAsync);
    }

    private static void MapTeams(Table table)
    {
        const string Path = OrganizationPages.Path + "/{organization}/teams", One = Path + "/{team}";
        const string Api = "/api/v1/organizations/{organization}/teams", ApiOne = Api + "/{team}";
        var pages = table.Get<TeamPages>();
        table.Page(Path, ApiRight.Member, $"GET {Api}", pages.ListAsync);
        table.Form(Path, ApiRight.Owner, $"POST {Api}", pages.AddAsync);
        table.Page(One, ApiRight.Member, $"GET {ApiOne}", pages.ShowAsync);
        table.Form(One, ApiRight.Owner, $"PATCH {ApiOne}", pages.ChangeAsync);
        table.Confirmed(
            One + "/delete", ApiRight.Owner, $"DELETE {ApiOne}", pages.AskToRemoveAsync, pages.RemoveAsync);
        table.Form(One + "/members", ApiRight.Owner, $"PUT {ApiOne}/members/{{user}}", pages.AddMemberAsync);
        table.Form(
            One + "/members/{user}/remove", ApiRight.Owner, $"DELETE {ApiOne}/members/{{user}}",
            pages.RemoveMemberAsync);
        table.Form(One + "/groups", ApiRight.Owner, $"POST {ApiOne}/groups", pages.AddGroupAsync);
        table.Form(
            One + "/groups/remove", ApiRight.Owner, $"DELETE {ApiOne}/groups/{{source}}/{{group}}",
            pages.RemoveGroupAsync);
    }

    private static void MapAccess(Table table)
    {
        var access = table.Get<AccessPages>();
        table.Page(AccessPages.Path, ApiRight.Account, "GET /api/v1/grants", access.ShowAsync);
        table.Form(AccessPages.Path, ApiRight.Account, "POST /api/v1/grants", access.AddAsync);
        table.Confirmed(
            AccessPages.Path + "/{id:long}/remove", ApiRight.Account, "DELETE /api/v1/grants/{id}",
            access.AskToRemoveAsync, access.RemoveAsync);

        var robots = table.Get<RobotPages>();
        table.Page(RobotPages.Path, ApiRight.Account, "GET /api/v1/robots", robots.ListAsync);
        table.Form(RobotPages.Path, ApiRight.Account, "POST /api/v1/robots", robots.AddAsync);
        table.Page(RobotPages.Path + "/{name}", ApiRight.Account, "GET /api/v1/robots/{name}", robots.ShowAsync);
        table.Form(RobotPages.Path + "/{name}", ApiRight.Account, "PATCH /api/v1/robots/{name}", robots.ChangeAsync);
        table.Confirmed(
            RobotPages.Path + "/{name}/rotate", ApiRight.Account, "POST /api/v1/robots/{name}/rotate",
            robots.AskToRotateAsync, robots.RotateAsync);
        table.Confirmed(
            RobotPages.Path + "/{name}/delete", ApiRight.Account, "DELETE /api/v1/robots/{name}",
            robots.AskToRemoveAsync, robots.RemoveAsync);

        var rules = table.Get<KeylessRulePages>();
        const string Rule = KeylessRulePages.Path + "/{id}";
        table.Page(KeylessRulePages.Path, ApiRight.Staff, "GET /api/v1/keyless-rules", rules.ListAsync);
        table.Form(KeylessRulePages.Path, ApiRight.Administrator, "POST /api/v1/keyless-rules", rules.AddAsync);
        table.Page(Rule, ApiRight.Staff, "GET /api/v1/keyless-rules/{id}", rules.ShowAsync);
        table.Form(Rule, ApiRight.Administrator, "PUT /api/v1/keyless-rules/{id}", rules.ReplaceAsync);
        table.Confirmed(
            Rule + "/delete", ApiRight.Administrator, "DELETE /api/v1/keyless-rules/{id}", rules.AskToRemoveAsync,
            rules.RemoveAsync);
    }

    private static void MapUsers(Table table)
    {
        const string One = UserPages.Path + "/{name}", Api = "/api/v1/users/{name}";
        var users = table.Get<UserPages>();
        table.Page(UserPages.Path, ApiRight.Staff, "GET /api/v1/users", users.ListAsync);
        table.Form(UserPages.Path, ApiRight.Administrator, "POST /api/v1/users", users.AddAsync);
        table.Page(One, ApiRight.Staff, $"GET {Api}", users.ShowAsync);
        table.Form(One, ApiRight.Administrator, $"PATCH {Api}", users.ChangeAsync);
        table.Confirmed(
            One + "/delete", ApiRight.Administrator, $"DELETE {Api}", users.AskToRemoveAsync, users.RemoveAsync);

        var invitations = table.Get<InvitationPages>();
        const string Invitations = InvitationPages.Path;
        table.Page(Invitations, ApiRight.Administrator, "GET /api/v1/invitations", invitations.ListAsync);
        table.Form(Invitations, ApiRight.Administrator, "POST /api/v1/invitations", invitations.AddAsync);
        table.Confirmed(
            Invitations + "/{id:long}/withdraw", ApiRight.Administrator, "DELETE /api/v1/invitations/{id}",
            InvitationPages.AskToRemoveAsync, invitations.RemoveAsync);
    }

    /// <summary>How a user signs in.</summary>
    private static void MapOfUser(Table table)
    {
        const string One = UserPages.Path + "/{name}", Api = "/api/v1/users/{name}";
        var users = table.Get<UserPages>();
        table.Confirmed(
            One + "/password", ApiRight.Administrator, $"PUT {Api}/password", users.AskForPasswordAsync,
            users.SetPasswordAsync);
        table.Confirmed(
            One + "/second-factors", ApiRight.Administrator, $"DELETE {Api}/second-factors", users.AskForFactorsAsync,
            users.ResetFactorsAsync);
        table.Confirmed(
            One + "/sign-out", ApiRight.Administrator, $"DELETE {Api}/sessions", users.AskToSignOutAsync,
            users.SignOutAsync);
        table.Form(
            One + "/sessions/{id}/end", ApiRight.Administrator, $"DELETE {Api}/sessions/{{id}}",
            users.EndSessionAsync);
        table.Confirmed(
            One + "/tokens/{id:long}/revoke", ApiRight.Administrator, $"DELETE {Api}/tokens/{{id}}",
            users.AskToRevokeAsync, users.RevokeAsync);
        table.Confirmed(
            One + "/tokens/{id:long}/rotate", ApiRight.Administrator, $"POST {Api}/tokens/{{id}}/rotate",
            users.AskToRotateAsync, users.RotateAsync);
        table.Form(One + "/identities", ApiRight.Administrator, $"POST {Api}/identities", users.LinkAsync);
        table.Form(
            One + "/identities/remove", ApiRight.Administrator, $"DELETE {Api}/identities/{{source}}/{{subject}}",
            users.UnlinkAsync);
    }

    /// <summary>Adds rows to the table.</summary>
    private sealed class Table(IEndpointRouteBuilder routes)
    {
        public T Get<T>()
            where T : class => routes.ServiceProvider.GetRequiredService<T>();

        public void Page(string path, ApiRight right, string notedAs, Func<HttpContext, Task<IResult>> show) =>
            PageRoutes.Add(routes, RoutePatternFactory.Parse(path), path, right, show, notedAs: notedAs);

        /// <summary>A page that is looked at again and again, and tells nothing of anybody.</summary>
        public void Watched(string path, ApiRight right, Func<HttpContext, Task<IResult>> show) =>
            PageRoutes.Add(routes, RoutePatternFactory.Parse(path), path, right, show, isUnnoted: true);

        public void Form(
            string path, ApiRight right, string notedAs, Func<HttpContext, Task<IResult>> change,
            int? maxBytes = null) =>
            PageRoutes.AddForm(routes, RoutePatternFactory.Parse(path), path, right, notedAs, change, maxBytes);

        /// <summary>A change that something is lost with: a page that asks, and the form on it.</summary>
        public void Confirmed(
            string path, ApiRight right, string notedAs, Func<HttpContext, Task<IResult>> ask,
            Func<HttpContext, Task<IResult>> change)
        {
            PageRoutes.Add(routes, RoutePatternFactory.Parse(path), path, right, ask, isUnnoted: true);
            Form(path, right, notedAs, change);
        }
    }
}
