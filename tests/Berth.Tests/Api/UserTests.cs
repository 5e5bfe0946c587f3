namespace Berth.Tests.Api;

/// <summary>Users, and what they do with their own account.</summary>
[Collection(ApiTests.Name)]
public sealed class UserTests(ApiRegistry api)
{
    [Fact]
    public async Task An_administrator_makes_shows_changes_and_deletes_a_user()
    {
        var name = api.Name();
        var made = (await api.AskAsync(
            "admin", "POST", "/users", $$"""{"name":"{{name.ToUpperInvariant()}}","email":"x@example.com"}""")).Is(201);
        Assert.Equal((name, "none", "admin"), (made.Of("user.name"), made.Of("user.role"), made.Of("user.createdBy")));
        (await api.AskAsync($"{name}:{made.Of("password")}", "GET", "/me")).Is(200);

        var shown = (await api.AskAsync("aud", "GET", $"/users/{name}")).Is(200);
        Assert.Equal(("\"1\"", "x@example.com"), (shown.Headers["ETag"], shown.Of("email")));
        var changed = (await api.AskAsync(
            "admin", "PATCH", $"/users/{name}", """{"fullName":"Nan","email":"","role":"auditor"}""", "\"1\"")).Is(200);
        Assert.Equal(("Nan", "auditor"), (changed.Of("fullName"), changed.Of("role")));
        Assert.Equal("\"2\"", changed.Headers["ETag"]);
        Assert.False(changed.Json.TryGetProperty("email", out _));
        (await api.AskAsync("admin", "DELETE", $"/users/{name}", match: "\"1\"")).Is(412);
        (await api.AskAsync("admin", "DELETE", $"/users/{name}", match: "\"1\", \"2\"")).Is(204);
        (await api.AskAsync("admin", "GET", $"/users/{name}")).Is(404, "no such user");
        (await api.AskAsync($"{name}:{made.Of("password")}", "GET", "/me")).Is(401);
    }

    [Theory]
    [InlineData("""{"name":"admin"}""", 409, "the name admin is taken")]
    [InlineData("""{"name":"acme"}""", 409, "taken")]
    [InlineData("""{"name":"robot.x"}""", 400, "names with robot. are for robots")]
    [InlineData("""{"name":"x","role":"admin"}""", 400, "role must be none, auditor or administrator")]
    [InlineData("""{"name":"a/b"}""", 400, "can't be a name")]
    [InlineData("""{"name":"q","password":"short"}""", 400, "at least 8 characters")]
    [InlineData("""{"name":"q","email":"nobody"}""", 400, "is not an e-mail address")]
    [InlineData("""{"name":"q","fullName":"a\u0000b"}""", 400, "no control characters")]
    [InlineData("""{"name":"q","nane":"q"}""", 400, "there is no field 'nane'")]
    [InlineData("""{"name":"q","role":"king"}""", 400, "at role")]
    [InlineData("""{"name":"q","role":2}""", 400, "at role")]
    [InlineData("""{"name":7}""", 400, "at name")]
    [InlineData("""{"name":null}""", 400, "must not be null")]
    [InlineData("""{"name":"q","name":"r"}""", 400, "the body is not the JSON that is expected")]
    [InlineData("""{}""", 400, "these fields are missing: name")]
    [InlineData("""{"name":""", 400, "not the JSON")]
    [InlineData("", 400, "JSON")]
    public async Task What_can_not_be_a_user_is_refused_with_the_reason(string body, int status, string words) =>
        (await api.AskAsync("admin", "POST", "/users", body)).Is(status, words);

    [Fact]
    public async Task A_body_of_another_type_or_too_large_is_refused()
    {
        (await api.AskAsync("admin", "POST", "/users", new string(' ', 70_000))).Is(413, "at most 64 KiB");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/users");
        request.Headers.Authorization = ApiRegistry.HeaderOf("admin");
        request.Content = new StringContent("name=q");
        using var answer = await api.Registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(415, (int)answer.StatusCode);
    }

    [Fact]
    public async Task What_is_not_there_and_what_is_not_supported_is_said()
    {
        (await api.AskAsync("admin", "GET", "/nothing")).Is(404, "no such path");
        Assert.Equal("GET, HEAD, POST", (await api.AskAsync("admin", "PUT", "/users")).Is(405).Headers["Allow"]);
        (await api.AskAsync(null, "GET", "/users")).Is(401);
        Assert.Equal("Basic realm=\"Berth\"", (await api.AskAsync(null, "GET", "/me")).Headers["WWW-Authenticate"]);
        (await api.AskAsync("ann:wrong password", "GET", "/me")).Is(401, "wrong user name or password");
        (await api.AskAsync("berth_pat_nonsense", "GET", "/me")).Is(401, "not valid");
    }

    [Fact]
    public async Task A_token_for_pulls_is_not_for_this_api()
    {
        var answer = await api.AskAsync("ann", "GET", "/token?service=berth");
        (await api.AskAsync(answer.Of("token"), "GET", "/me")).Is(401, "are for /v2/");
    }

    [Fact]
    public async Task A_page_says_where_the_next_one_is()
    {
        for (var i = 0; i < 3; i++) await api.UserAsync();
        var names = new List<string>();
        for (var path = "/users?n=2"; path.Length > 0;)
        {
            var page = (await api.AskAsync("aud", "GET", path)).Is(200);
            Assert.True(page.All().Count <= 2);
            names.AddRange(page.All());
            path = page.Headers.TryGetValue("Link", out var link) ? link.Split('<', '>')[1] : "";
        }

        Assert.Equal(names.Order(StringComparer.Ordinal).Distinct(), names);
        Assert.All(["admin", "ann", "aud", "bob", "eve"], name => Assert.Contains(name, names));
        (await api.AskAsync("aud", "GET", "/users?n=0")).Is(400, "n must be a number above 0");
        (await api.AskAsync("aud", "GET", "/users?n=many")).Is(400);
    }

    [Fact]
    public async Task Nobody_removes_the_last_administrator()
    {
        foreach (var body in new[] { """{"role":"none"}""", """{"role":"auditor"}""", """{"isDisabled":true}""" })
            (await api.AskAsync("admin", "PATCH", "/users/admin", body)).Is(409, "the last administrator");
        (await api.AskAsync("admin", "DELETE", "/users/admin")).Is(409, "the last administrator");

        var other = await api.UserAsync("administrator");
        (await api.AskAsync(other, "PATCH", "/users/admin", """{"role":"auditor"}""")).Is(200);
        (await api.AskAsync(other, "PATCH", $"/users/{other}", """{"isDisabled":true}""")).Is(409);
        (await api.AskAsync(other, "PATCH", "/users/admin", """{"role":"administrator"}""")).Is(200);
        (await api.AskAsync("admin", "DELETE", $"/users/{other}")).Is(204);
    }

    [Fact]
    public async Task An_account_has_an_end_which_can_be_taken_away_again()
    {
        var (name, end) = (api.Name("u"), "2099-01-01T00:00:00+00:00");
        var made = await api.MakeAsync(
            "/users", $$"""{"name":"{{name}}","password":"{{ApiRegistry.Password}}","expiresAt":"{{end}}"}""");
        Assert.Equal(end, made.GetProperty("user").GetProperty("expiresAt").GetString());
        Task<ApiResult> Change(string body) => api.AskAsync("admin", "PATCH", $"/users/{name}", body);
        Assert.Equal(end, (await Change("""{"fullName":"U"}""")).Is(200).Of("expiresAt"));
        (await Change("""{"expiresAt":"2001-01-01T00:00:00Z"}""")).Is(400, "in the past");
        (await Change("""{"expiresAt":""}""")).Is(400, "at expiresAt");
        (await Change("""{"expiresAt":7}""")).Is(400, "at expiresAt");
        Assert.Equal("expiresAt", (await Change("""{"expiresAt":7}""")).Of("field"));
        Assert.Equal("email", (await Change("""{"fullName":"x","email":"none"}""")).Of("field"));
        Assert.False((await Change("{")).Json.TryGetProperty("field", out _));
        Assert.False((await Change("""{"expiresAt":null}""")).Is(200).Json.TryGetProperty("expiresAt", out _));
        (await api.AskAsync("admin", "PATCH", "/users/admin", $$"""{"expiresAt":"{{end}}"}"""))
            .Is(409, "the last administrator");
        (await api.AskAsync("admin", "POST", "/users", """{"name":"q","expiresAt":"2001-01-01T00:00:00Z"}"""))
            .Is(400, "in the past");
    }

    [Fact]
    public async Task A_user_changes_their_own_name_and_password()
    {
        var user = await api.UserAsync();
        (await api.AskAsync(user, "PATCH", "/me", """{"fullName":"Uma"}""")).Is(200);
        (await api.AskAsync(user, "PATCH", "/me", """{"role":"administrator"}""")).Is(400, "no field 'role'");
        (await api.AskAsync(user, "PATCH", "/me", """{"fullName":"U"}""", "\"1\"")).Is(412);
        (await api.AskAsync(user, "PUT", "/me/password", """{"current":"nonsense","new":"battery staple"}"""))
            .Is(403, "the current password is not right");
        (await api.AskAsync(user, "PUT", "/me/password", $$"""{"current":"{{ApiRegistry.Password}}","new":"x"}"""))
            .Is(400, "at least");
        var change = $$"""{"current":"{{ApiRegistry.Password}}","new":"battery staple"}""";
        (await api.AskAsync(user, "PUT", "/me/password", change)).Is(204);
        (await api.AskAsync(user, "GET", "/me")).Is(401);
        Assert.Equal("Uma", (await api.AskAsync($"{user}:battery staple", "GET", "/me")).Is(200).Of("fullName"));
        Assert.Empty((await api.AskAsync($"{user}:battery staple", "GET", "/me/identities")).Is(200).All());
        (await api.AskAsync($"{user}:battery staple", "DELETE", "/me/identities/ldap/cn=x")).Is(404, "identity");
    }

    [Fact]
    public async Task A_new_password_and_a_disabled_account_end_what_docker_keeps()
    {
        var user = await api.UserAsync();
        foreach (var isByAdministrator in new[] { true, false })
        {
            (await api.AskAsync(user, "GET", "/token?service=berth&offline_token=true&client_id=docker")).Is(200);
            var sessions = (await api.AskAsync(user, "GET", "/me/sessions")).Is(200);
            Assert.Equal(["docker"], sessions.All("client"));
            Assert.Equal(["docker"], (await api.AskAsync("aud", "GET", $"/users/{user}/sessions")).All("client"));
            if (isByAdministrator)
            {
                var set = await api.AskAsync(
                    "admin", "PUT", $"/users/{user}/password", $$"""{"password":"{{ApiRegistry.Password}}"}""");
                Assert.Equal("{}", set.Is(200).Text);
            }
            else
            {
                (await api.AskAsync("admin", "PATCH", $"/users/{user}", """{"isDisabled":true}""")).Is(200);
                (await api.AskAsync(user, "GET", "/me")).Is(401);
            }

            Assert.Empty((await api.AskAsync("admin", "GET", $"/users/{user}/sessions")).Is(200).All("client"));
        }
    }

    [Fact]
    public async Task A_user_signs_programs_out_one_by_one_or_all()
    {
        var user = await api.UserAsync();
        for (var i = 0; i < 3; i++)
            await api.AskAsync(user, "GET", $"/token?service=berth&offline_token=true&client_id=c{i}");
        var ids = (await api.AskAsync(user, "GET", "/me/sessions")).All("id");
        (await api.AskAsync("eve", "DELETE", $"/me/sessions/{ids[0]}")).Is(404, "no such session");
        (await api.AskAsync(user, "DELETE", $"/me/sessions/{ids[0]}")).Is(204);
        (await api.AskAsync("admin", "DELETE", $"/users/{user}/sessions/{ids[1]}")).Is(204);
        Assert.Equal(["c2"], (await api.AskAsync(user, "GET", "/me/sessions")).All("client"));
        (await api.AskAsync(user, "DELETE", "/me/sessions")).Is(204);
        Assert.Empty((await api.AskAsync(user, "GET", "/me/sessions")).All("client"));
    }

    [Fact]
    public async Task A_form_on_another_site_changes_nothing()
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, "/api/v1/me/sessions");
        request.Headers.Authorization = ApiRegistry.HeaderOf("eve");
        request.Headers.Add("Sec-Fetch-Site", "cross-site");
        using var answer = await api.Registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(403, (int)answer.StatusCode);
    }
}
