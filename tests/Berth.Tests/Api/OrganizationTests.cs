namespace Berth.Tests.Api;

/// <summary>Organizations and teams.</summary>
[Collection(ApiTests.Name)]
public sealed class OrganizationTests(ApiRegistry api)
{
    [Fact]
    public async Task Members_see_an_organization_owners_change_it_and_strangers_learn_nothing()
    {
        var (owner, member) = (await api.UserAsync(), await api.UserAsync());
        var name = await api.OrganizationAsync(owner);
        var path = $"/organizations/{name}";
        (await api.AskAsync(owner, "PUT", $"{path}/members/{member}", """{"role":"writer"}""")).Is(200);
        foreach (var (who, status) in new[] { ("admin", 200), ("aud", 200), (owner, 200), (member, 200), ("eve", 404) })
            (await api.AskAsync(who, "GET", path)).Is(status);
        var missing = await api.AskAsync("eve", "GET", "/organizations/never-made");
        Assert.Equal(missing.Text, (await api.AskAsync("eve", "GET", path)).Is(404).Text);
        Assert.Equal(missing.Text, (await api.AskAsync("eve", "DELETE", path)).Is(404).Text);

        (await api.AskAsync(member, "PATCH", path, """{"fullName":"x"}""")).Is(403, "owners of the organization");
        (await api.AskAsync("aud", "PATCH", path, """{"fullName":"x"}""")).Is(403);
        (await api.AskAsync(owner, "PATCH", path, """{"makesPublic":true}""", "\"7\"")).Is(412);
        var changed = (await api.AskAsync(owner, "PATCH", path, """{"makesPublic":true}""", "\"1\"")).Is(200);
        Assert.Equal(("True", "2"), (changed.Of("makesPublic"), changed.Of("version")));
        Assert.Equal([name], (await api.AskAsync(member, "GET", "/organizations")).Is(200).All());
        Assert.Contains("acme", (await api.AskAsync("aud", "GET", "/organizations")).Is(200).All());
        Assert.Equal("writer", (await api.AskAsync(member, "GET", "/me")).Json.GetProperty("organizations")[0]
            .GetProperty("role").GetString());
    }

    [Fact]
    public async Task Only_administrators_make_organizations_and_only_of_free_names()
    {
        (await api.AskAsync("ann", "POST", "/organizations", """{"name":"mine"}""")).Is(403);
        foreach (var name in new[] { "acme", "ann" })
            (await api.AskAsync("admin", "POST", "/organizations", $$"""{"name":"{{name}}"}""")).Is(409, "is taken");
        (await api.AskAsync("admin", "POST", "/organizations", """{"name":"robot.x"}""")).Is(400);
        (await api.AskAsync("admin", "POST", "/organizations", """{"name":"n1","owner":"nobody"}""")).Is(400, "nobody");
        (await api.AskAsync("admin", "GET", "/organizations/n1")).Is(404);
    }

    [Fact]
    public async Task The_last_owner_stays_unless_an_administrator_decides()
    {
        var (one, two) = (await api.UserAsync(), await api.UserAsync());
        var members = $"/organizations/{await api.OrganizationAsync(one)}/members";
        (await api.AskAsync(one, "DELETE", $"{members}/{one}")).Is(409, "the last owner");
        (await api.AskAsync(one, "PUT", $"{members}/{one}", """{"role":"reader"}""")).Is(409, "the last owner");
        (await api.AskAsync(one, "PUT", $"{members}/{two}", """{"role":"owner"}""")).Is(200);
        (await api.AskAsync(one, "PUT", $"{members}/{two}", """{"role":"owner"}""")).Is(200);
        (await api.AskAsync(one, "DELETE", $"{members}/{one}")).Is(204);
        (await api.AskAsync(one, "GET", members)).Is(404);
        Assert.Equal([two], (await api.AskAsync(two, "GET", members)).Is(200).All());
        (await api.AskAsync("admin", "DELETE", $"{members}/{two}")).Is(204);
        (await api.AskAsync("admin", "DELETE", $"{members}/{two}")).Is(404, "no such member");
        (await api.AskAsync("admin", "PUT", $"{members}/nobody", """{"role":"owner"}""")).Is(404);
        (await api.AskAsync("admin", "PUT", $"{members}/{two}", """{"role":"king"}""")).Is(400);
    }

    [Fact]
    public async Task An_organization_with_repositories_is_not_deleted()
    {
        var name = await api.OrganizationAsync("ann");
        await api.MakeAsync("/repositories", $$"""{"name":"{{name}}/app"}""");
        (await api.AskAsync("ann", "DELETE", $"/organizations/{name}")).Is(409, "repositories");
    }

    [Fact]
    public async Task A_deleted_organization_takes_its_robots_teams_and_grants_along()
    {
        var user = await api.UserAsync();
        var name = await api.OrganizationAsync("ann");
        await api.MakeAsync($"/organizations/{name}/teams", """{"name":"dev"}""");
        await api.MakeAsync("/robots", $$"""{"name":"robot.{{name}}","namespace":"{{name}}"}""");
        await api.MakeAsync("/grants", $$"""{"user":"{{user}}","names":"{{name}}/**","role":"writer"}""");
        await api.MakeAsync("/grants", $$"""{"team":"{{name}}/dev","names":"{{name}}/**","role":"writer"}""");
        (await api.AskAsync("ann", "DELETE", $"/organizations/{name}")).Is(204);
        (await api.AskAsync("admin", "GET", $"/robots/robot.{name}")).Is(404);
        Assert.Empty((await api.AskAsync(user, "GET", $"/grants?user={user}")).Is(200).All("id"));
        await api.MakeAsync("/organizations", $$"""{"name":"{{name}}"}""");
        Assert.Empty((await api.AskAsync("admin", "GET", $"/organizations/{name}/teams")).Is(200).All());
    }

    [Fact]
    public async Task A_team_gives_its_members_what_it_was_granted()
    {
        var user = await api.UserAsync();
        var name = await api.OrganizationAsync("ann");
        var teams = $"/organizations/{name}/teams";
        (await api.AskAsync("ann", "POST", teams, """{"name":"dev","description":"All of us"}""")).Is(201);
        (await api.AskAsync("ann", "POST", teams, """{"name":"dev"}""")).Is(409, "already");
        (await api.AskAsync("ann", "PUT", $"{teams}/dev/members/{user}")).Is(409, "no member of the organization");
        (await api.AskAsync("ann", "PUT", $"/organizations/{name}/members/{user}", """{"role":"member"}""")).Is(200);
        (await api.AskAsync("ann", "PUT", $"{teams}/dev/members/{user}")).Is(204);
        Assert.Equal([user], (await api.AskAsync(user, "GET", $"{teams}/dev/members")).Is(200).All());
        (await api.AskAsync(user, "DELETE", $"{teams}/dev")).Is(403);

        await api.MakeAsync("/repositories", $$"""{"name":"{{name}}/app"}""");
        (await api.AskAsync(user, "GET", $"/repositories/{name}/app")).Is(404);
        (await api.AskAsync(
            "ann", "POST", "/grants", $$"""{"team":"{{name}}/dev","names":"{{name}}/*","role":"reader"}""")).Is(201);
        (await api.AskAsync(user, "GET", $"/repositories/{name}/app")).Is(200);
        Assert.Equal([$"{name}/*"], (await api.AskAsync(user, "GET", $"/grants?team={name}/dev")).All("names"));
        (await api.AskAsync("eve", "GET", $"/grants?team={name}/dev")).Is(404);

        (await api.AskAsync("ann", "DELETE", $"/organizations/{name}/members/{user}")).Is(204);
        (await api.AskAsync(user, "GET", $"/repositories/{name}/app")).Is(404);
        Assert.Empty((await api.AskAsync("ann", "GET", $"{teams}/dev/members")).All());
        (await api.AskAsync("ann", "DELETE", $"{teams}/dev/members/{user}")).Is(404);
        (await api.AskAsync("ann", "PATCH", $"{teams}/dev", """{"description":"x"}""", "\"1\"")).Is(200);
        (await api.AskAsync("ann", "DELETE", $"{teams}/dev", match: "\"1\"")).Is(412);
        (await api.AskAsync("ann", "DELETE", $"{teams}/dev")).Is(204);
        (await api.AskAsync("ann", "GET", $"{teams}/dev")).Is(404, "no such team");
    }

    [Fact]
    public async Task A_team_takes_in_groups_of_other_directories()
    {
        var teams = $"/organizations/{await api.OrganizationAsync("ann")}/teams";
        (await api.AskAsync("ann", "POST", teams, """{"name":"dev"}""")).Is(201);
        (await api.AskAsync("ann", "POST", $"{teams}/dev/groups", """{"source":"ldap","name":"cn=a/b,dc=x"}"""))
            .Is(204);
        (await api.AskAsync("ann", "POST", $"{teams}/dev/groups", """{"source":"ldap","name":""}""")).Is(400);
        (await api.AskAsync("ann", "POST", $"{teams}/dev/groups", """{"source":"corp","name":"g"}"""))
            .Is(400, "'corp' is not in the settings, which have ldap");
        Assert.Equal(["cn=a/b,dc=x"], (await api.AskAsync("ann", "GET", $"{teams}/dev/groups")).Is(200).All());
        (await api.AskAsync("ann", "DELETE", $"{teams}/dev/groups/ldap/cn=a/b,dc=x")).Is(204);
        (await api.AskAsync("ann", "DELETE", $"{teams}/dev/groups/ldap/cn=a/b,dc=x")).Is(404, "no such group");
    }
}
