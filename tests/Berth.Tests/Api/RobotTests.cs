using System.Globalization;

namespace Berth.Tests.Api;

/// <summary>Robots.</summary>
[Collection(ApiTests.Name)]
public sealed class RobotTests(ApiRegistry api)
{
    [Fact]
    public async Task An_owner_makes_a_robot_that_works_in_their_namespace()
    {
        var name = api.Name("robot.r");
        var made = (await api.AskAsync(
            "ann", "POST", "/robots",
            $$"""{"name":"{{name}}","namespace":"acme","grants":[{"names":"acme/ci/**","role":"writer"}]}""")).Is(201);
        var secret = made.Of("secret");
        Assert.StartsWith("berth_rob_", secret);
        Assert.Equal(("acme", "ann"), (made.Of("robot.namespace"), made.Of("robot.createdBy")));
        var me = (await api.AskAsync(secret, "GET", "/me")).Is(200);
        Assert.Equal((name, "robot"), (me.Of("name"), me.Of("kind")));
        (await api.AskAsync(secret, "POST", "/repositories", $$"""{"name":"acme/ci/{{name}}"}""")).Is(201);
        (await api.AskAsync(secret, "POST", "/repositories", """{"name":"acme/app"}""")).Is(403);
        (await api.AskAsync(secret, "GET", "/me/tokens")).Is(403);

        var listed = (await api.AskAsync("ann", "GET", "/robots?namespace=acme")).Is(200);
        Assert.Contains(name, listed.All());
        Assert.DoesNotContain(secret, listed.Text);
        (await api.AskAsync("bob", "GET", "/robots?namespace=acme")).Is(404, "no such namespace");
        foreach (var (who, status) in new[] { ("bob", 404), ("ann", 200), ("aud", 200), (secret, 200) })
            (await api.AskAsync(who, "GET", $"/robots/{name}")).Is(status);
        (await api.AskAsync(secret, "DELETE", $"/robots/{name}")).Is(403, "does not manage");
        (await api.AskAsync("bob", "DELETE", $"/robots/{name}")).Is(404);
        (await api.AskAsync("ann", "PATCH", $"/robots/{name}", """{"isDisabled":true}""", "\"1\"")).Is(200);
        (await api.AskAsync(secret, "GET", "/me")).Is(401);
        (await api.AskAsync("ann", "DELETE", $"/robots/{name}", match: "\"2\"")).Is(204);
    }

    [Fact]
    public async Task Both_secrets_work_while_one_replaces_the_other()
    {
        var name = api.Name("robot.r");
        var body = $$"""{"name":"{{name}}","namespace":"acme"}""";
        var old = (await api.AskAsync("ann", "POST", "/robots", body)).Is(201).Of("secret");
        var rotated = (await api.AskAsync(
            "ann", "POST", $"/robots/{name}/rotate", """{"overlapSeconds":600}""")).Is(201);
        foreach (var secret in new[] { old, rotated.Of("secret") }) (await api.AskAsync(secret, "GET", "/me")).Is(200);
        Assert.Equal(2, rotated.Json.GetProperty("robot").GetProperty("secrets").GetArrayLength());
        var last = (await api.AskAsync("ann", "POST", $"/robots/{name}/rotate", "{}")).Is(201).Of("secret");
        foreach (var secret in new[] { old, rotated.Of("secret") }) (await api.AskAsync(secret, "GET", "/me")).Is(401);
        (await api.AskAsync(last, "GET", "/me")).Is(200);
        (await api.AskAsync("bob", "POST", $"/robots/{name}/rotate", "{}")).Is(404);
    }

    [Fact]
    public async Task A_robot_makes_robots_with_no_more_than_it_has()
    {
        var (maker, made) = (api.Name("robot.m"), api.Name("robot.c"));
        var end = DateTimeOffset.Parse("2099-01-01T00:00:00Z", CultureInfo.InvariantCulture);
        var secret = (await api.AskAsync(
            "ann", "POST", "/robots",
            $$"""
            {"name":"{{maker}}","namespace":"acme","mayMakeRobots":true,"expiresAt":"{{end:o}}",
            "grants":[{"names":"acme/ci/**","role":"writer"}]}
            """)).Is(201).Of("secret");
        Task<ApiResult> Make(string grant, DateTimeOffset? expiry, string more = "", string space = "acme") =>
            api.AskAsync(
                secret, "POST", "/robots",
                $$"""
                {"name":"{{made}}","namespace":"{{space}}"{{more}},
                {{(expiry is { } e ? $"\"expiresAt\":\"{e:o}\"," : "")}}
                "grants":[{"names":"{{grant}}","role":"reader"}]}
                """);
        (await Make("acme/ci/x", null)).Is(403, "expires no later");
        (await Make("acme/ci/x", end.AddDays(1))).Is(403, "expires no later");
        (await Make("acme/app", end)).Is(403, "may not pull in all of acme/app");
        (await Make("acme/ci/x", end, ",\"mayMakeRobots\":true")).Is(403, "makes none");
        (await Make("ann/x", end, space: "ann")).Is(403, "its own namespace");
        var child = (await Make("acme/ci/x", end)).Is(201).Of("secret");
        (await api.AskAsync(child, "POST", "/robots", """{"name":"robot.z","namespace":"acme"}""")).Is(404);
        (await api.AskAsync(secret, "PATCH", $"/robots/{made}", $$"""{"expiresAt":"{{end.AddDays(1):o}}"}""")).Is(403);
        (await api.AskAsync(secret, "DELETE", $"/robots/{made}")).Is(204);
    }

    [Fact]
    public async Task What_a_robot_may_do_and_its_end_are_changed_within_what_its_maker_may_give()
    {
        var name = api.Name("robot.p");
        (await api.AskAsync(
            "ann", "POST", "/robots",
            $$"""
            {"name":"{{name}}","namespace":"acme","expiresAt":"2099-01-01T00:00:00Z",
            "grants":[{"names":"acme/a","role":"writer"},{"names":"acme/b","role":"reader"}]}
            """)).Is(201);
        Task<ApiResult> Change(string body, string? match = null, string who = "ann") =>
            api.AskAsync(who, "PATCH", $"/robots/{name}", body, match);
        static string GrantsOf(ApiResult robot) => string.Join(' ', robot.Json.GetProperty("grants").EnumerateArray()
            .Select(grant => $"{grant.GetProperty("names")}={string.Join(',', grant.GetProperty("actions")
                .EnumerateArray().Select(action => action.GetString()))}"));

        var changed = (await Change(
            """{"grants":[{"names":"acme/a","role":"reader"},{"names":"acme/c","actions":["delete"]}]}""", "\"1\""))
            .Is(200);
        Assert.Equal(("acme/a=pull acme/c=delete", "\"2\""), (GrantsOf(changed), changed.Headers["ETag"]));
        Assert.StartsWith("2099", changed.Of("expiresAt"), StringComparison.Ordinal);
        (await Change("""{"grants":[]}""", "\"1\"")).Is(412);
        (await Change("""{"grants":[{"names":"bob/a","role":"reader"}]}""")).Is(400, "not within the namespace");
        (await Change("""{"grants":[{"names":"**","role":"reader"}]}""")).Is(400, "not within the namespace");
        (await Change("""{"grants":[{"names":"acme/a"}]}""")).Is(400, "role or actions");
        (await Change("""{"grants":[]}""", who: "bob")).Is(404);
        (await Change("""{"expiresAt":"2001-01-01T00:00:00Z"}""")).Is(400, "in the past");
        Assert.False((await Change("""{"expiresAt":null}""")).Is(200).Json.TryGetProperty("expiresAt", out _));

        // What somebody else gave it, whoever manages it may leave to it or take away, but not give.
        await api.MakeAsync("/grants", $$"""{"robot":"{{name}}","names":"eve/x","role":"writer"}""");
        changed = (await Change("""{"grants":[{"names":"eve/x","role":"reader"}]}""")).Is(200);
        Assert.Equal("eve/x=pull", GrantsOf(changed));
        (await Change("""{"grants":[{"names":"eve/x","role":"writer"}]}""")).Is(400, "not within the namespace");
        Assert.Equal("", GrantsOf((await Change("""{"grants":[]}""")).Is(200)));
    }

    [Fact]
    public async Task A_robot_changes_one_that_it_made_to_no_more_than_it_has()
    {
        var (maker, made) = (api.Name("robot.m"), api.Name("robot.c"));
        var secret = (await api.AskAsync(
            "ann", "POST", "/robots",
            $$"""
            {"name":"{{maker}}","namespace":"acme","mayMakeRobots":true,"expiresAt":"2099-01-01T00:00:00Z",
            "grants":[{"names":"acme/ci/**","role":"writer"}]}
            """)).Is(201).Of("secret");
        (await api.AskAsync(
            secret, "POST", "/robots",
            $$"""{"name":"{{made}}","namespace":"acme","expiresAt":"2098-01-01T00:00:00Z"}""")).Is(201);
        Task<ApiResult> Change(string body) => api.AskAsync(secret, "PATCH", $"/robots/{made}", body);
        (await Change("""{"grants":[{"names":"acme/ci/x","role":"writer"}]}""")).Is(200);
        (await Change("""{"grants":[{"names":"acme/ci/x","role":"maintainer"}]}""")).Is(403, "may not delete,manage");
        (await Change("""{"grants":[{"names":"acme/**","role":"reader"}]}"""))
            .Is(403, "may not pull in all of acme/**");
        (await Change("""{"expiresAt":null}""")).Is(403, "expires no later");
        (await Change("""{"expiresAt":"2099-01-01T00:00:00Z"}""")).Is(200);
        (await api.AskAsync(secret, "PATCH", $"/robots/{maker}", """{"grants":[{"names":"acme/**","role":"owner"}]}"""))
            .Is(403, "does not manage");
    }

    [Fact]
    public async Task A_robot_manages_one_that_it_made_only_while_that_may_do_no_more()
    {
        var (maker, made, end) = (api.Name("robot.k"), api.Name("robot.m"), "2098-01-01T00:00:00Z");
        var secret = (await MakeAsync("acme/ci/**", "2099-01-01T00:00:00Z")).Is(201).Of("secret");
        (await api.AskAsync(
            secret, "POST", "/robots",
            $$"""
            {"name":"{{made}}","namespace":"acme","expiresAt":"{{end}}",
            "grants":[{"names":"acme/ci/x","role":"reader"}]}
            """)).Is(201);
        (await RotateAsync()).Is(201);
        var grant = (await api.AskAsync(
            "ann", "POST", "/grants", $$"""{"robot":"{{made}}","names":"acme/**","role":"owner"}""")).Is(201);
        (await RotateAsync()).Is(404);
        (await api.AskAsync("ann", "DELETE", $"/grants/{grant.Of("id")}")).Is(204);
        (await RotateAsync()).Is(201);
        (await api.AskAsync("ann", "PATCH", $"/robots/{maker}", """{"grants":[]}""")).Is(200);
        (await RotateAsync()).Is(404);

        // Somebody else by that name.
        (await api.AskAsync("ann", "DELETE", $"/robots/{maker}")).Is(204);
        secret = (await MakeAsync("acme/ci/**", "2099-01-01T00:00:00Z")).Is(201).Of("secret");
        (await RotateAsync()).Is(404);

        Task<ApiResult> RotateAsync() =>
            api.AskAsync(secret, "POST", $"/robots/{made}/rotate", """{"overlapSeconds":0}""");
        Task<ApiResult> MakeAsync(string names, string expiry) => api.AskAsync(
            "ann", "POST", "/robots",
            $$"""
            {"name":"{{maker}}","namespace":"acme","mayMakeRobots":true,"expiresAt":"{{expiry}}",
            "grants":[{"names":"{{names}}","role":"writer"}]}
            """);
    }

    [Fact]
    public async Task A_change_of_grants_is_a_change_of_the_robot()
    {
        var name = api.Name("robot.g");
        (await api.AskAsync("ann", "POST", "/robots", $$"""{"name":"{{name}}","namespace":"acme"}""")).Is(201);
        (await api.AskAsync(
            "ann", "POST", "/grants", $$"""{"robot":"{{name}}","names":"acme/a","role":"reader"}""")).Is(201);
        (await api.AskAsync("ann", "PATCH", $"/robots/{name}", """{"grants":[]}""", "\"1\"")).Is(412);
        (await api.AskAsync("ann", "PATCH", $"/robots/{name}", """{"grants":[null]}""")).Is(400, "an entry is null");
    }

    /// <summary>They own nothing else in the namespace.</summary>
    [Fact]
    public async Task The_owner_of_a_repository_makes_robots_that_reach_no_further()
    {
        var (owner, place, other) = (await api.UserAsync(), $"acme/{api.Name("w")}", $"acme/{api.Name("w")}");
        await api.MakeAsync("/grants", $$"""{"user":"{{owner}}","names":"{{place}}","role":"owner"}""");
        Task<ApiResult> Make(string grant, string more = "", string who = "", string name = "robot.ci") => api.AskAsync(
            who.Length == 0 ? owner : who, "POST", "/robots",
            $$"""
            {"name":"{{name}}","repository":"{{place}}"{{more}},"grants":[{"names":"{{grant}}","role":"writer"}]}
            """);
        (await Make(other)).Is(400, $"{other} is not the repository {place}");
        (await Make("acme/**")).Is(400, "is not the repository");
        (await Make(place, ",\"mayMakeRobots\":true")).Is(400, "makes no others");
        (await Make(place, ",\"namespace\":\"bob\"")).Is(400, "not in the namespace bob");
        (await Make(place, name: "robot." + new string('x', 50))).Is(400, "at most 53 characters");
        foreach (var stranger in new[] { "bob", "eve" })
            (await Make(place, who: stranger)).Is(404, "no such repository");
        (await api.AskAsync(owner, "POST", "/robots", """{"name":"robot.q","namespace":"acme"}""")).Is(404);
        (await api.AskAsync("ann", "POST", "/robots", """{"name":"robot.q","repository":"A"}""")).Is(400);

        // Whether others have the name does not show.
        var (first, made) = ((await Make(place, who: "ann")).Is(201), (await Make(place)).Is(201));
        var (name, secret) = (made.Of("robot.name"), made.Of("secret"));
        Assert.Matches(@"^robot\.ci\.[a-z0-9]{10}$", name);
        Assert.Equal((place, "acme"), (made.Of("robot.repository"), made.Of("robot.namespace")));
        (await api.AskAsync(secret, "POST", "/repositories", $$"""{"name":"{{place}}"}""")).Is(201);
        (await api.AskAsync(secret, "POST", "/repositories", $$"""{"name":"{{other}}"}""")).Is(403);

        // Both see and manage it: the owner of the repository, and of the namespace.
        foreach (var who in new[] { owner, "ann", "aud" })
        {
            var listed = (await api.AskAsync(who, "GET", $"/robots?repository={place}")).Is(200).All();
            Assert.Equal(new[] { name, first.Of("robot.name") }.Order(StringComparer.Ordinal), listed);
        }

        foreach (var path in new[] { $"/robots?repository={place}", $"/robots/{name}" })
            (await api.AskAsync("bob", "GET", path)).Is(404);
        (await api.AskAsync(owner, "GET", $"/robots?repository={other}")).Is(404, "no such repository");
        (await api.AskAsync(owner, "GET", "/robots?namespace=acme")).Is(404);
        (await api.AskAsync(owner, "POST", $"/robots/{name}/rotate", "{}")).Is(201);
        foreach (var names in new[] { other, "acme/**" })
        {
            var body = $$"""{"robot":"{{name}}","names":"{{names}}","role":"reader"}""";
            (await api.AskAsync("ann", "POST", "/grants", body)).Is(400, $"a robot of the repository {place} alone");
            body = $$"""{"grants":[{"names":"{{names}}","role":"reader"}]}""";
            (await api.AskAsync("ann", "PATCH", $"/robots/{name}", body)).Is(400, "is not the repository");
        }

        (await api.AskAsync(owner, "DELETE", $"/robots/{name}")).Is(204);
    }

    /// <summary>A new secret would give them what they do not have.</summary>
    [Fact]
    public async Task Who_may_do_less_than_a_robot_of_their_repository_does_not_manage_it()
    {
        var (owner, place) = (await api.UserAsync(), $"acme/{api.Name("w")}");
        await api.MakeAsync("/grants", $$"""{"user":"{{owner}}","names":"{{place}}","actions":["pull","own"]}""");
        Task<ApiResult> Make(string who, string actions) => api.AskAsync(
            who, "POST", "/robots",
            $$"""
            {"name":"robot.ci","repository":"{{place}}","grants":[{"names":"{{place}}","actions":[{{actions}}]}]}
            """);
        (await Make(owner, "\"pull\",\"delete\"")).Is(403, "may not delete");
        var (more, less) = (await Make("ann", "\"delete\""), await Make("ann", "\"pull\""));
        (await api.AskAsync(owner, "GET", $"/robots/{more.Is(201).Of("robot.name")}")).Is(200);
        (await api.AskAsync(owner, "POST", $"/robots/{more.Of("robot.name")}/rotate", "{}")).Is(403, "does not manage");
        (await api.AskAsync(owner, "POST", $"/robots/{less.Is(201).Of("robot.name")}/rotate", "{}")).Is(201);
    }

    [Theory]
    [InlineData("""{"name":"ci","namespace":"acme"}""", 400, "begin with robot.")]
    [InlineData("""{"name":"robot.q","namespace":"acme","grants":[{"names":"b/x","role":"reader"}]}""", 400, "within")]
    [InlineData("""{"name":"robot.q","namespace":"acme","grants":[{"names":"**","role":"reader"}]}""", 400, "within")]
    [InlineData("""{"name":"robot.q","namespace":"acme","grants":[{"names":"acme/x"}]}""", 400, "role or actions")]
    [InlineData("""{"name":"robot.q","namespace":"bob"}""", 404, "no such namespace")]
    [InlineData("""{"name":"robot.q"}""", 403, "for administrators")]
    [InlineData("""{"name":"robot.q","namespace":"acme","expiresAt":"2001-01-01T00:00:00Z"}""", 400, "in the past")]
    public async Task What_can_not_be_a_robot_is_refused(string body, int status, string words) =>
        (await api.AskAsync("ann", "POST", "/robots", body)).Is(status, words);

    [Fact]
    public async Task Robots_of_the_registry_are_for_administrators()
    {
        var name = api.Name("robot.g");
        var made = await api.MakeAsync(
            "/robots", $$"""{"name":"{{name}}","grants":[{"names":"**","role":"reader"}]}""");
        Assert.False(made.GetProperty("robot").TryGetProperty("namespace", out _));
        Assert.Contains(name, (await api.AskAsync("aud", "GET", "/robots")).Is(200).All());
        (await api.AskAsync("ann", "GET", "/robots")).Is(403);
        (await api.AskAsync("aud", "DELETE", $"/robots/{name}")).Is(403);
        (await api.AskAsync("admin", "POST", "/robots", """{"name":"robot.q","namespace":"none"}""")).Is(404);
        (await api.AskAsync("admin", "DELETE", $"/robots/{name}")).Is(204);
    }
}
