using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>Pages about organizations, teams, access, robots and users.</summary>
[Accounts]
public sealed partial class PeoplePageTests : IAsyncLifetime
{
    private const string Hostile = "<script>alert(1)</script>\" onmouseover='x' \u202etxt";
    private const string Acme = "/settings/organizations/acme";

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private PageClient root = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        root = new PageClient(registry, "admin");
        foreach (var (name, role) in new[]
        {
            ("ann", "none"), ("bob", "none"), ("eve", "none"), ("aud", "auditor"),
        })
        {
            await admin.ApiAsync(
                "POST", "/users",
                $$"""{"name":"{{name}}","password":"{{ImagePusher.Password}}","role":"{{role}}"}""", 201);
        }

        await admin.ApiAsync("POST", "/organizations", """{"name":"acme","owner":"ann"}""", 201);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    private PageClient As(string? user) => new(registry, user);

    private Task<JsonElement> ApiAsync(string path) => admin.ApiAsync("GET", path, null, 200);

    [Fact]
    public async Task An_organization_is_made_changed_and_deleted()
    {
        const string All = "/settings/organizations", One = All + "/new";
        var made = await root.FillAsync(
            All, All, ("name", "new"), ("fullName", Hostile), ("owner", "ann"), ("makesPublic", "yes"));
        Assert.Equal((HttpStatusCode.SeeOther, One + "?done=added"), (made.Status, made.Location));
        var found = await ApiAsync("/organizations/new");
        Assert.Equal(("True", Hostile), (found.Of("makesPublic"), found.Of("fullName")));
        Harmless(await root.GetAsync(One));
        Harmless(await root.GetAsync(All));
        var taken = await root.FillAsync(All, All, ("name", "new"), ("owner", "nobody"));
        Assert.Contains("id=\"settings-organizations-owner-fault\"", taken.Text);
        taken = await root.FillAsync(All, All, ("name", "new"), ("owner", "ann"));
        Assert.Equal(HttpStatusCode.Conflict, taken.Status);
        Assert.Contains("id=\"settings-organizations-name-fault\"", taken.Text);

        var ann = As("ann");
        await ann.FillAsync(One + "/settings", One + "/settings", ("fullName", "Plain"));
        found = await ApiAsync("/organizations/new");
        Assert.Equal(("False", "Plain"), (found.Of("makesPublic"), found.Of("fullName")));
        var tooLong = await ann.FillAsync(One + "/settings", One + "/settings", ("fullName", new string('x', 201)));
        Assert.Contains("It has at most 200 characters", tooLong.Text);
        var deleted = await ann.ConfirmAsync(One + "/delete");
        Assert.Equal((HttpStatusCode.SeeOther, All + "?done=removed"), (deleted.Status, deleted.Location));
        await admin.ApiAsync("GET", "/organizations/new", null, 404);
    }

    [Fact]
    public async Task An_organization_with_repositories_is_not_deleted_and_the_page_says_why()
    {
        await admin.PushConfigAsync("acme/app", "1", "{}");
        var refused = await As("ann").ConfirmAsync(Acme + "/delete");
        Assert.Equal(HttpStatusCode.Conflict, refused.Status);
        Assert.Contains("There are repositories in the namespace acme.", refused.Text);
        await ApiAsync("/organizations/acme");
    }

    [Fact]
    public async Task Members_are_added_changed_and_removed_by_owners()
    {
        var ann = As("ann");
        await ann.FillAsync(Acme, Acme + "/members", ("user", "bob"), ("role", "reader"));
        Assert.Equal("reader", (await ApiAsync("/organizations/acme/members/bob")).Of("role"));
        var page = await ann.GetAsync(Acme + "/members/bob");
        await ann.SubmitAsync(page, Acme + "/members/bob", ("role", "writer"));
        Assert.Equal("writer", (await ApiAsync("/organizations/acme/members/bob")).Of("role"));
        var stale = await ann.SubmitAsync(
            page with { Text = PageClient.Number().Replace(page.Text, "name=\"form\" value=\"other\"") },
            Acme + "/members/bob", ("role", "owner"));
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
        var missing = await ann.FillAsync(Acme, Acme + "/members", ("user", "<b>nobody"), ("role", "reader"));
        Assert.Equal(HttpStatusCode.NotFound, missing.Status);
        Assert.Contains("id=\"settings-organizations-acme-members-user-fault\"", missing.Text);
        Assert.Contains("value=\"&lt;b&gt;nobody\"", missing.Text);
        var last = await ann.ConfirmAsync(Acme + "/members/ann/remove");
        Assert.Equal(HttpStatusCode.Conflict, last.Status);
        Assert.Contains("This is the last owner", last.Text);

        var bob = As("bob");
        Assert.DoesNotContain("<form method=\"post\" action=\"/settings", (await bob.GetAsync(Acme)).Text);
        Assert.Equal(HttpStatusCode.Forbidden, (await bob.PostAsync(Acme + "/members", ("user", "eve"))).Status);
        await bob.GetAsync(Acme + "/members/ann/remove", HttpStatusCode.Forbidden);
        await ann.ConfirmAsync(Acme + "/members/bob/remove");
        await admin.ApiAsync("GET", "/organizations/acme/members/bob", null, 404);
    }

    [Fact]
    public async Task Pages_of_an_organization_keep_its_tabs_and_offer_none_that_one_may_not_see()
    {
        await admin.ApiAsync("PUT", "/organizations/acme/members/bob", """{"role":"writer"}""", 200);
        foreach (var (user, sees) in new[] { ("ann", true), ("bob", false), ("aud", true), ("admin", true) })
        {
            var members = (await As(user).GetAsync(Acme)).Text;
            Assert.Equal(sees, members.Contains("href=\"/settings/access?namespace=acme\""));
            Assert.Equal(sees, members.Contains("href=\"/settings/robots?namespace=acme\""));
            Assert.Contains("href=\"/explore?namespace=acme\"", members);
            foreach (var kept in new[] { "rules", "trash", "quotas" })
            {
                var link = $"/settings/{kept}?namespace=acme";
                Assert.Equal(sees, members.Contains($"href=\"{link}\""));
                if (sees) await As(user).GetAsync(link);
            }

            if (!sees) continue;
            foreach (var path in new[] { "/settings/access?namespace=acme", "/settings/robots?namespace=acme" })
            {
                var shown = (await As(user).GetAsync(path)).Text;
                Assert.Contains($"href=\"{Acme}/teams\"", shown);
                Assert.Contains($"href=\"{path}\" aria-current=\"page\"", shown);
            }
        }

        // Whoever can't invite is told whom to ask.
        Assert.Contains("href=\"/settings/invitations\"", (await root.GetAsync(Acme)).Text);
        Assert.Contains("ask an administrator", (await As("ann").GetAsync(Acme)).Text);
    }

    [Fact]
    public async Task What_somebody_may_do_is_told_with_what_they_may_do_as_a_member()
    {
        await admin.ApiAsync("PUT", "/organizations/acme/members/bob", """{"role":"writer"}""", 200);
        var user = (await root.GetAsync("/settings/users/bob")).Text;
        Assert.Contains("writer: pull from and push to all of it", user);
        const string Path = "/settings/access?user=bob";
        foreach (var client in new[] { root, As("aud"), As("bob") })
        {
            Assert.Contains("writer: pull from and push to all of it", (await client.GetAsync(Path)).Text);
            var asked = (await client.GetAsync(Path + "&repository=acme/app")).Text;
            Assert.Contains("What bob may do in acme/app", asked);
            Assert.Matches("push</th>\\s*<td[^>]*><span class=\"chip good\">yes", asked);
            Assert.Matches("delete</th>\\s*<td[^>]*><span class=\"chip \">no", asked);
            Assert.Contains("role=\"alert\"", (await client.GetAsync(Path + "&repository=NO+NAME")).Text);
        }

        Assert.Equal("acme", (await ApiAsync("/users/bob")).GetProperty("organizations")[0].Of("organization"));
        Assert.DoesNotContain(
            "writer: pull from", (await As("eve").PlainAsync(Path)).Text);
    }

    [Fact]
    public async Task Teams_get_members_groups_and_grants()
    {
        var (ann, teams) = (As("ann"), Acme + "/teams");
        await admin.ApiAsync("PUT", "/organizations/acme/members/bob", """{"role":"member"}""", 200);
        var made = await ann.FillAsync(teams, teams, ("name", "dev"), ("description", Hostile));
        Assert.Equal(teams + "/dev?done=added", made.Location);
        Harmless(await ann.GetAsync(teams + "/dev"));
        Harmless(await ann.GetAsync(teams));
        var taken = await ann.FillAsync(teams, teams, ("name", "dev"));
        Assert.Contains("id=\"settings-organizations-acme-teams-name-fault\"", taken.Text);
        await ann.FillAsync(teams + "/dev", teams + "/dev/members", ("user", "bob"));
        var outside = await ann.FillAsync(teams + "/dev", teams + "/dev/members", ("user", "eve"));
        Assert.Contains("Eve is no member of the organization acme", outside.Text);
        var nowhere = await ann.FillAsync(teams + "/dev", teams + "/dev/groups", ("source", "x"), ("name", "cn=a/b"));
        Assert.Contains("id=\"settings-organizations-acme-teams-dev-groups-source-fault\"", nowhere.Text);
        await ann.FillAsync(teams + "/dev", teams + "/dev/groups", ("source", "ldap"), ("name", "cn=a/b"));
        var held = await ApiAsync("/organizations/acme/teams/dev/groups");
        Assert.Equal("cn=a/b", held.GetProperty("items")[0].Of("name"));
        await ann.FillAsync(teams + "/dev", teams + "/dev/groups/remove");
        await ann.FillAsync(teams + "/dev", teams + "/dev/members/bob/remove");
        Assert.Empty((await ApiAsync("/organizations/acme/teams/dev/groups")).GetProperty("items").EnumerateArray());
        Assert.Empty((await ApiAsync("/organizations/acme/teams/dev/members")).GetProperty("items").EnumerateArray());
        var stale = await ann.GetAsync(teams + "/dev");
        await ann.SubmitAsync(stale, teams + "/dev", ("description", "first"));
        Assert.Equal("first", (await ApiAsync("/organizations/acme/teams/dev")).Of("description"));
        await ann.ConfirmAsync(teams + "/dev/delete");
        await ann.GetAsync(teams + "/dev", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Grants_are_given_and_taken_back_by_owners()
    {
        const string Page = "/settings/access?namespace=acme";
        var ann = As("ann");
        var given = await ann.FillAsync(
            Page, Page, ("kind", "user"), ("holder", "bob"), ("names", "acme/app"), ("role", "writer"));
        Assert.Equal((HttpStatusCode.SeeOther, Page + "&done=added"), (given.Status, given.Location));
        var grant = Assert.Single((await ApiAsync("/grants?namespace=acme")).GetProperty("items").EnumerateArray());
        Assert.Equal("""["pull","push"]""", grant.Of("actions"));
        foreach (var (names, role, actions, status) in new[]
        {
            ("acme/**!", "reader", "", 400), ("other/**", "reader", "", 403), ("acme/**", "", "", 400),
            ("acme/**", "writer", "pull", 400),
        })
        {
            (string, string)[] fields =
                [("kind", "user"), ("holder", "bob"), ("names", names), ("role", role)];
            var wrong = await ann.FillAsync(
                Page, Page, actions.Length > 0 ? [.. fields, ("actions", actions)] : fields);
            Assert.Equal(status, (int)wrong.Status);
            Assert.Contains("role=\"alert\"", wrong.Text);
            Assert.Contains($"value=\"{names}\"", wrong.Text);
        }

        var id = long.Parse(grant.Of("id"));
        var ask = $"/settings/access/{id}/remove?namespace=acme&n=1&last={id - 1}";
        Assert.Contains(WebUtility.HtmlEncode(ask), (await ann.GetAsync(Page)).Text);
        var question = await ann.GetAsync(ask);
        Assert.Contains("bob may no longer pull, push in acme/app", question.Text);
        await As("bob").GetAsync(ask, HttpStatusCode.NotFound);
        Assert.Equal(HttpStatusCode.Forbidden, (await As("aud").PostAsync($"/settings/access/{id}/remove")).Status);
        Assert.Equal(Page + "&done=removed", (await ann.SubmitAsync(question, ask)).Location);
        Assert.Empty((await ApiAsync("/grants?namespace=acme")).GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task A_robot_is_made_changed_rotated_and_deleted()
    {
        const string Page = "/settings/robots?namespace=acme", One = "/settings/robots/robot.acme.ci";
        var ann = As("ann");
        var made = await ann.FillAsync(
            Page, Page, ("name", "acme.ci"), ("description", Hostile),
            ("grants", "acme/** writer\r\nacme/app pull,delete"), ("expiresAt", ""));
        Assert.Equal(HttpStatusCode.OK, made.Status);
        Assert.Contains("docker login -u robot.acme.ci", made.Text);
        var robot = await ApiAsync("/robots/robot.acme.ci");
        Assert.Equal(2, robot.GetProperty("grants").GetArrayLength());
        Harmless(await ann.GetAsync(Page));
        Harmless(await ann.GetAsync(One));
        foreach (var (lines, fault) in new[]
        {
            ("acme/**", "has no role"), ("other/** reader", "is not within the namespace acme"),
            ("acme/** king", "Actions are one or more of"),
        })
        {
            var wrong = await ann.FillAsync(Page, Page, ("name", "acme.two"), ("grants", lines));
            Assert.Contains(fault, wrong.Text);
            Assert.Contains($"\n{lines}</textarea>", wrong.Text);
        }

        var page = await ann.GetAsync(One);
        await ann.SubmitAsync(
            page, One, ("description", "plain"), ("grants", "acme/** reader"), ("isDisabled", "yes"));
        robot = await ApiAsync("/robots/robot.acme.ci");
        Assert.Equal(("plain", "True"), (robot.Of("description"), robot.Of("isDisabled")));
        var stale = await ann.FillAsync(One + "/rotate", One + "/rotate", ("overlapSeconds", "3600"));
        Assert.Contains("only this once", stale.Text);
        Assert.Equal(2, (await ApiAsync("/robots/robot.acme.ci")).GetProperty("secrets").GetArrayLength());
        await As("eve").GetAsync(One, HttpStatusCode.NotFound);
        await As("eve").GetAsync(Page, HttpStatusCode.NotFound);
        Assert.Equal(HttpStatusCode.NotFound, (await As("eve").PostAsync(One + "/delete")).Status);
        Assert.DoesNotContain("/delete", (await As("aud").GetAsync(One)).Text);
        Assert.Equal(Page + "&done=removed", (await ann.ConfirmAsync(One + "/delete")).Location);
        await admin.ApiAsync("GET", "/robots/robot.acme.ci", null, 404);
    }

    [Fact]
    public async Task A_user_is_made_changed_and_deleted_by_administrators_alone()
    {
        const string All = "/settings/users", One = All + "/new";
        var made = await root.FillAsync(
            All, All, ("name", "new"), ("fullName", Hostile), ("email", "n@example.org"), ("role", "none"));
        var password = Code().Match(made.Text).Groups[1].Value;
        await new ImagePusher(registry, "new") { Secret = password }.ApiAsync("GET", "/me", null, 200);
        Harmless(await root.GetAsync(One));
        Harmless(await root.GetAsync(All));
        var wrong = await root.FillAsync(All, All, ("name", "robot.x"), ("role", "none"));
        Assert.Contains("id=\"settings-users-name-fault\"", wrong.Text);
        await root.FillAsync(
            One, One, ("fullName", "Plain"), ("email", ""), ("role", "auditor"), ("expiresAt", "2099-01-31"),
            ("isDisabled", "yes"));
        var user = await ApiAsync("/users/new");
        Assert.Equal(("auditor", "True", ""), (user.Of("role"), user.Of("isDisabled"), user.Of("email")));
        await root.FillAsync(One, One, ("fullName", "Plain"), ("role", "none"), ("expiresAt", "2099-01-31"));
        Assert.Equal(user.Of("expiresAt"), (await ApiAsync("/users/new")).Of("expiresAt"));

        var reset = await root.ConfirmAsync(One + "/password");
        Assert.NotEqual(password, Code().Match(reset.Text).Groups[1].Value);
        await new ImagePusher(registry, "new") { Secret = password }.ApiAsync("GET", "/me", null, 401);
        foreach (var (page, said) in new[] { ("/second-factors", "removed"), ("/sign-out", "signed-out") })
            Assert.Equal($"{One}?done={said}", (await root.ConfirmAsync(One + page)).Location);

        var aud = As("aud");
        Assert.DoesNotContain("<form method=\"post\" action=\"/settings", (await aud.GetAsync(One)).Text);
        foreach (var page in new[] { "", "/delete", "/password", "/second-factors", "/sign-out", "/identities" })
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await aud.PostAsync(One + page)).Status);
            Assert.Equal(HttpStatusCode.Forbidden, (await As("ann").PostAsync(One + page)).Status);
            Assert.Equal(HttpStatusCode.Unauthorized, (await As(null).PostAsync(One + page)).Status);
        }

        await As("ann").GetAsync(All, HttpStatusCode.Forbidden);
        Assert.DoesNotContain("/settings/users", (await As("ann").GetAsync("/settings/profile")).Text);
        Assert.Equal(All + "?done=removed", (await root.ConfirmAsync(One + "/delete")).Location);
        await admin.ApiAsync("GET", "/users/new", null, 404);
        var last = await root.ConfirmAsync(All + "/admin/delete");
        Assert.Equal(HttpStatusCode.Conflict, last.Status);
        Assert.Contains("This is the last administrator", last.Text);
    }

    [Fact]
    public async Task An_invitation_is_a_link_that_is_shown_once_and_can_be_withdrawn()
    {
        const string Page = "/settings/invitations";
        var made = await root.FillAsync(Page, Page, ("organization", "acme"), ("role", "reader"));
        var link = Code().Match(made.Text).Groups[1].Value;
        Assert.StartsWith(registry.BaseAddress + "auth/join/", link);
        using var joined = await registry.Client.GetAsync(link, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, joined.StatusCode);
        Assert.DoesNotContain(link, (await root.GetAsync(Page)).Text);
        var wrong = await root.FillAsync(Page, Page, ("organization", "<i>none"), ("role", "reader"));
        Assert.Contains("id=\"settings-invitations-organization-fault\"", wrong.Text);
        var id = (await ApiAsync("/invitations")).GetProperty("items")[0].Of("id");
        await root.ConfirmAsync($"{Page}/{id}/withdraw");
        using var late = await registry.Client.GetAsync(link, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, late.StatusCode);
        await As("aud").GetAsync(Page, HttpStatusCode.Forbidden);
    }

    private static void Harmless(PageAnswered page)
    {
        Assert.Contains("&lt;script&gt;alert(1)", page.Text);
        Assert.DoesNotContain("<script>alert", page.Text);
        Assert.DoesNotContain("onmouseover='", page.Text);
        Assert.DoesNotContain('\u202e', page.Text);
    }

    [GeneratedRegex("<code tabindex=\"0\">([^<]+)</code>")]
    private static partial Regex Code();
}
