namespace Berth.Tests.Api;

/// <summary>Grants, repositories and explanations.</summary>
[Collection(ApiTests.Name)]
public sealed class GrantTests(ApiRegistry api)
{
    [Fact]
    public async Task An_owner_allows_others_something_and_takes_it_back()
    {
        var (owner, user) = (await api.UserAsync(), await api.UserAsync());
        await api.MakeAsync("/repositories", $$"""{"name":"{{owner}}/app"}""");
        (await api.AskAsync(user, "GET", $"/repositories/{owner}/app")).Is(404);
        var grant = (await api.AskAsync(
            owner, "POST", "/grants", $$"""{"user":"{{user}}","names":"{{owner}}/**","role":"writer"}""")).Is(201);
        Assert.Equal((user, "writer", owner), (grant.Of("user"), grant.Of("role"), grant.Of("createdBy")));
        Assert.Equal("[\"pull\",\"push\"]", grant.Json.GetProperty("actions").GetRawText());
        (await api.AskAsync(user, "GET", $"/repositories/{owner}/app")).Is(200);
        (await api.AskAsync(user, "PATCH", $"/repositories/{owner}/app", """{"isPublic":true}""")).Is(403);

        var again = (await api.AskAsync(
            owner, "POST", "/grants", $$"""{"user":"{{user}}","names":"{{owner}}/**","actions":["pull"]}""")).Is(201);
        foreach (var (who, list) in new[] { (owner, $"namespace={owner}"), (user, $"user={user}") })
            Assert.Equal([again.Of("id")], (await api.AskAsync(who, "GET", $"/grants?{list}")).Is(200).All("id"));
        (await api.AskAsync(user, "DELETE", $"/grants/{again.Of("id")}")).Is(403, "does not own");
        (await api.AskAsync("eve", "DELETE", $"/grants/{again.Of("id")}")).Is(404);
        (await api.AskAsync(owner, "DELETE", $"/grants/{again.Of("id")}")).Is(204);
        (await api.AskAsync(owner, "DELETE", $"/grants/{again.Of("id")}")).Is(404);
        (await api.AskAsync(user, "GET", $"/repositories/{owner}/app")).Is(404);
    }

    [Fact]
    public async Task Nobody_grants_more_than_they_have()
    {
        var user = await api.UserAsync();
        foreach (var names in new[] { "acme/**", "**", "*/app", "bob/x", "acme" })
        {
            (await api.AskAsync(user, "POST", "/grants", $$"""{"user":"eve","names":"{{names}}","role":"reader"}"""))
                .Is(403, "does not own all of");
        }

        // Who owns, but may not delete, grants no deletion.
        await api.MakeAsync(
            "/grants", $$"""{"user":"{{user}}","names":"acme/part/**","actions":["pull","own"]}""");
        (await api.AskAsync(
            user, "POST", "/grants", """{"user":"eve","names":"acme/part/x","actions":["pull","delete"]}"""))
            .Is(403, "may not delete in all of acme/part/x");
        (await api.AskAsync(user, "POST", "/grants", """{"user":"eve","names":"acme/p*","actions":["pull"]}"""))
            .Is(403);
        (await api.AskAsync(user, "POST", "/grants", """{"user":"eve","names":"acme/part/x","actions":["pull"]}"""))
            .Is(201);
        (await api.AskAsync("ann", "GET", "/grants?namespace=acme")).Is(200);
        (await api.AskAsync(user, "GET", "/grants?namespace=acme")).Is(404, "no such namespace");
        (await api.AskAsync("eve", "GET", "/grants?user=bob")).Is(404, "no such user");
    }

    [Fact]
    public async Task Teams_of_other_organizations_are_not_there()
    {
        var user = await api.UserAsync();
        (await api.AskAsync("ann", "POST", "/organizations/acme/teams", """{"name":"hidden"}""")).Is(201);
        foreach (var team in new[] { "acme/hidden", "acme/absent", "absent/hidden" })
        {
            (await api.AskAsync(
                user, "POST", "/grants", $$"""{"team":"{{team}}","names":"{{user}}/x","role":"reader"}"""))
                .Is(400, $"there is no {team}");
        }
    }

    [Theory]
    [InlineData("""{"names":"acme/x","role":"reader"}""", "one user, robot or team")]
    [InlineData("""{"user":"bob","team":"acme/x","names":"acme/x","role":"reader"}""", "one user, robot or team")]
    [InlineData("""{"user":"nobody","names":"acme/x","role":"reader"}""", "there is no nobody")]
    [InlineData("""{"robot":"bob","names":"acme/x","role":"reader"}""", "there is no bob")]
    [InlineData("""{"team":"acme","names":"acme/x","role":"reader"}""", "there is no acme")]
    [InlineData("""{"user":"bob","names":"acme/X","role":"reader"}""", "is not a valid pattern")]
    [InlineData("""{"user":"bob","names":"acme/x"}""", "either role or actions")]
    [InlineData("""{"user":"bob","names":"acme/x","role":"reader","actions":["pull"]}""", "either role or actions")]
    [InlineData("""{"user":"bob","names":"acme/x","role":"member"}""", "allows nothing")]
    [InlineData("""{"user":"bob","names":"acme/x","actions":["fly"]}""", "one or more of pull")]
    public async Task What_can_not_be_a_grant_is_refused(string body, string words) =>
        (await api.AskAsync("ann", "POST", "/grants", body)).Is(400, words);

    [Fact]
    public async Task Lists_of_grants_are_asked_for_by_one_thing()
    {
        (await api.AskAsync("admin", "GET", "/grants")).Is(400, "of one namespace");
        (await api.AskAsync("admin", "GET", "/grants?user=bob&namespace=acme")).Is(400);
        await api.MakeAsync("/grants", """{"user":"bob","names":"*/shared","role":"reader"}""");
        Assert.Contains("*/shared", (await api.AskAsync("aud", "GET", "/grants?namespace=*")).Is(200).All("names"));
        (await api.AskAsync("admin", "GET", "/grants?robot=robot.none")).Is(404, "no such robot");
    }

    [Fact]
    public async Task Repositories_are_listed_for_whoever_may_pull_from_them()
    {
        var (owner, user) = (await api.UserAsync(), await api.UserAsync());
        var names = new[] { $"{owner}", $"{owner}-x/a", $"{owner}/a", $"{owner}/b", $"{owner}/c/d" };
        foreach (var name in names) await PushAsync(name);
        await api.MakeAsync("/grants", $$"""{"user":"{{user}}","names":"{{owner}}/b","role":"reader"}""");
        string[] own = [$"{owner}", $"{owner}/a", $"{owner}/b", $"{owner}/c/d"];
        foreach (var who in new[] { "admin", "aud", owner })
            Assert.Equal(own, (await api.AskAsync(who, "GET", $"/repositories?namespace={owner}")).Is(200).All());
        Assert.Equal([$"{owner}/b"], (await api.AskAsync(user, "GET", "/repositories")).Is(200).All()
            .Where(name => name.StartsWith(owner, StringComparison.Ordinal)));
        (await api.AskAsync(owner, "PATCH", $"/repositories/{owner}/a", """{"isPublic":true}""")).Is(200);
        Assert.Equal(
            [$"{owner}/a", $"{owner}/b"],
            (await api.AskAsync(user, "GET", $"/repositories?namespace={owner}")).Is(200).All());

        var pages = new List<string>();
        for (var path = $"/repositories?namespace={owner}&n=1"; path.Length > 0;)
        {
            var page = (await api.AskAsync(owner, "GET", path)).Is(200);
            pages.AddRange(page.All());
            path = page.Headers.TryGetValue("Link", out var link) ? link.Split('<', '>')[1] : "";
        }

        Assert.Equal(own, pages);
        Assert.Empty((await api.AskAsync("admin", "GET", "/repositories?namespace=A/b")).Is(200).All());
    }

    [Fact]
    public async Task A_repository_is_made_without_a_push_and_shown_to_all()
    {
        var owner = await api.UserAsync();
        (await api.AskAsync("eve", "POST", "/repositories", $$"""{"name":"{{owner}}/app"}""")).Is(403);
        (await api.AskAsync(owner, "POST", "/repositories", """{"name":"A"}""")).Is(400);
        var made = (await api.AskAsync(owner, "POST", "/repositories", $$"""{"name":"{{owner}}/app"}""")).Is(201);
        Assert.Equal(("True", "False"), (made.Of("isEmpty"), made.Of("isPublic")));
        (await api.AskAsync(owner, "POST", "/repositories", $$"""{"name":"{{owner}}/app"}""")).Is(409, "already");
        (await api.AskAsync(null, "GET", $"/repositories/{owner}/app")).Is(401);
        (await api.AskAsync("eve", "PATCH", $"/repositories/{owner}/app", """{"isPublic":true}""")).Is(404);
        (await api.AskAsync(owner, "PATCH", $"/repositories/{owner}/app", """{"isPublic":true}""")).Is(200);
        (await api.AskAsync(null, "GET", $"/repositories/{owner}/app")).Is(200);
        (await api.AskAsync(owner, "GET", $"/repositories/{owner}/none")).Is(404);
    }

    [Fact]
    public async Task An_explanation_names_the_grant_for_each_action()
    {
        var user = await api.UserAsync();
        await api.MakeAsync("/grants", $$"""{"user":"{{user}}","names":"acme/tools/*","role":"writer"}""");
        var path = $"/access/explain?user={user}&repository=acme/tools/x";
        foreach (var who in new[] { user, "ann", "aud", "admin" })
        {
            var actions = (await api.AskAsync(who, "GET", path)).Is(200).Json.GetProperty("actions").EnumerateArray()
                .ToDictionary(a => a.GetProperty("action").GetString()!, a => a.GetProperty("isAllowed").GetBoolean());
            Assert.Equal(
                [("pull", true), ("push", true), ("delete", false), ("manage", false), ("own", false)],
                actions.Select(pair => (pair.Key, pair.Value)));
            Assert.Contains($"{user} may pull,push in acme/tools/*", (await api.AskAsync(who, "GET", path)).Text);
        }

        (await api.AskAsync("eve", "GET", path)).Is(404);
        (await api.AskAsync("ann", "GET", "/access/explain?user=nobody&repository=acme/x")).Is(404, "no such user");
        (await api.AskAsync("ann", "GET", "/access/explain?user=ann")).Is(400);
    }

    [Fact]
    public async Task Users_and_administrators_choose_what_new_repositories_of_a_user_are()
    {
        var user = await api.UserAsync();
        async Task<string> MakeAsync(string name) => (await api.AskAsync(
            user, "POST", "/repositories", $$"""{"name":"{{user}}/{{name}}"}""")).Is(201).Of("isPublic");
        Assert.Equal("False", await MakeAsync("a"));
        (await api.AskAsync(user, "PATCH", "/me", """{"makesPublic":true}""")).Is(200);
        Assert.Equal("True", (await api.AskAsync(user, "GET", "/me")).Is(200).Of("makesPublic"));
        Assert.Equal("True", await MakeAsync("b"));
        (await api.AskAsync("admin", "PATCH", $"/users/{user}", """{"fullName":"U"}""")).Is(200);
        Assert.Equal("True", (await api.AskAsync("aud", "GET", $"/users/{user}")).Is(200).Of("makesPublic"));
        (await api.AskAsync("admin", "PATCH", $"/users/{user}", """{"makesPublic":false}""")).Is(200);
        Assert.Equal("False", await MakeAsync("c"));
        (await api.AskAsync("eve", "PATCH", $"/users/{user}", """{"makesPublic":true}""")).Is(403);
        (await api.AskAsync(user, "PATCH", "/me", """{"makesPublic":null}""")).Is(200);
    }

    /// <summary>Its name tells whose it is, and what for.</summary>
    [Fact]
    public async Task A_robot_of_others_is_answered_as_if_it_were_not_there()
    {
        var (owner, robot) = (await api.UserAsync(), api.Name("robot.secret"));
        await api.MakeAsync("/robots", $$"""{"name":"{{robot}}","namespace":"acme"}""");
        async Task<(int, string)> AskAsync(string who, string method, string path, string? body, string name)
        {
            var answer = await api.AskAsync(who, method, path.Replace("NAME", name), body?.Replace("NAME", name));
            return (answer.Status, answer.Text.Replace(name, "NAME"));
        }

        var organization = await api.OrganizationAsync(owner);
        await api.MakeAsync($"/organizations/{organization}/teams", """{"name":"t"}""");
        foreach (var (method, path, body) in new[]
        {
            ("POST", "/grants", $$"""{"robot":"NAME","names":"{{owner}}/x","role":"reader"}"""),
            ("POST", "/grants", $$"""{"user":"NAME","names":"{{owner}}/x","role":"reader"}"""),
            ("GET", "/grants?robot=NAME", null), ("GET", "/grants?user=NAME", null),
            ("GET", $"/access/explain?user=NAME&repository={owner}/x", null),
            ("PUT", $"/organizations/{organization}/members/NAME", """{"role":"reader"}"""),
            ("GET", $"/organizations/{organization}/members/NAME", null),
            ("DELETE", $"/organizations/{organization}/members/NAME", null),
            ("PUT", $"/organizations/{organization}/teams/t/members/NAME", null),
            ("DELETE", $"/organizations/{organization}/teams/t/members/NAME", null),
            ("GET", "/robots/NAME", null), ("PATCH", "/robots/NAME", "{}"), ("DELETE", "/robots/NAME", null),
            ("POST", "/robots/NAME/rotate", "{}"), ("GET", "/robots?namespace=NAME", null),
        })
        {
            var absent = await AskAsync(owner, method, path, body, "robot.none");
            Assert.True(absent.Item1 >= 400, $"{method} {path}: {absent}");
            Assert.Equal(absent, await AskAsync(owner, method, path, body, robot));
        }

        (await api.AskAsync("ann", "GET", $"/access/explain?user={robot}&repository=acme/x")).Is(200);
        (await api.AskAsync("ann", "POST", "/grants", $$"""{"robot":"{{robot}}","names":"acme/x","role":"reader"}"""))
            .Is(201);
    }

    private async Task PushAsync(string name)
    {
        const string Empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        var manifest = $$"""
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{{Empty}}","size":2},"layers":[]}
            """;
        Assert.Equal(201, (await api.AskAsync(
            "admin", "POST", $"/v2/{name}/blobs/uploads/?digest={Empty}", "{}")).Status);
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/v2/{name}/manifests/latest");
        request.Headers.Authorization = ApiRegistry.HeaderOf("admin");
        request.Content = new StringContent(manifest);
        request.Content.Headers.ContentType = new("application/vnd.oci.image.manifest.v1+json");
        using var answer = await api.Registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(201, (int)answer.StatusCode);
    }
}
