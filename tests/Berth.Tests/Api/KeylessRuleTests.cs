using Berth.Tests.Cli;

namespace Berth.Tests.Api;

/// <summary>Rules on tokens of issuers, over REST and by command.</summary>
[Inside]
public sealed class KeylessRuleTests(KeylessRegistry api) : IClassFixture<KeylessRegistry>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_rule_lets_a_token_in_from_the_moment_it_is_made_until_it_is_removed()
    {
        var token = api.Token("web/app");
        Assert.Equal(401, await api.PushAsync(token, "web/app"));
        var made = (await api.AskAsync(
            "admin", "POST", "/keyless-rules",
            """
            {"issuer":"ci","if":"repository == \"web/*\"","actions":["push","pull"],"names":["web/**","base/*"],
            "user":"{repository}"}
            """)).Is(201);
        var (id, version) = (made.Of("id"), made.Headers["ETag"]);
        Assert.Equal(("database", "admin", "\"1\""), (made.Of("source"), made.Of("createdBy"), version));
        Assert.Equal("""["pull","push"]""", made.Of("actions"));
        Assert.Equal(202, await api.PushAsync(token, "web/app"));
        Assert.Equal("ci:web/app", (await api.AskAsync($"ci:{token}", "GET", "/me")).Is(200).Of("name"));
        Assert.Equal(401, await api.PushAsync(api.Token("other/app"), "web/app"));

        const string Narrower =
            """{"issuer":"ci","if":"repository == \"web/*\"","actions":["pull"],"names":["web/**"]}""";
        (await api.AskAsync("admin", "PUT", $"/keyless-rules/{id}", Narrower, "\"7\"")).Is(412);
        var replaced = (await api.AskAsync("admin", "PUT", $"/keyless-rules/{id}", Narrower, version)).Is(200);
        Assert.Equal((id, "\"2\"", "admin"), (replaced.Of("id"), replaced.Headers["ETag"], replaced.Of("createdBy")));
        Assert.False(replaced.Json.TryGetProperty("user", out _));
        Assert.Equal(403, await api.PushAsync(token, "web/app"));
        Assert.Equal(replaced.Text, (await api.AskAsync("aud", "GET", $"/keyless-rules/{id}")).Is(200).Text);
        (await api.AskAsync("admin", "DELETE", $"/keyless-rules/{id}", match: version)).Is(412);
        (await api.AskAsync("admin", "DELETE", $"/keyless-rules/{id}", match: "\"2\"")).Is(204);
        Assert.Equal(401, await api.PushAsync(token, "web/app"));
        (await api.AskAsync("admin", "GET", $"/keyless-rules/{id}")).Is(404, "no such rule");
    }

    [Fact]
    public async Task Rules_of_the_settings_are_listed_and_can_not_be_changed()
    {
        var ids = new List<string>();
        for (var i = 0; i < 3; i++) ids.Add((await MakeAsync($"repository == \\\"list/{i}\\\"")).Of("id"));
        var all = (await api.AskAsync("aud", "GET", "/keyless-rules")).Is(200);
        Assert.Equal("ci.1", all.All("id")[0]);
        Assert.Equal("settings", all.All("source")[0]);
        Assert.All(ids, id => Assert.Contains(id, all.All("id")));
        var paged = new List<string>();
        for (var path = "/keyless-rules?n=2"; path.Length > 0;)
        {
            var page = (await api.AskAsync("aud", "GET", path)).Is(200);
            Assert.InRange(page.All("id").Count, 1, 2);
            paged.AddRange(page.All("id"));
            path = page.Headers.TryGetValue("Link", out var link) ? link.Split('<', '>')[1] : "";
        }

        Assert.Equal("ci.1", paged[0]);
        Assert.Equal(paged.Distinct(), paged);
        Assert.All(ids, id => Assert.Contains(id, paged));
        Assert.Equal("acme/**", (await api.AskAsync("aud", "GET", "/keyless-rules/ci.1")).Is(200).Json
            .GetProperty("names")[0].GetString());
        (await api.AskAsync("admin", "DELETE", "/keyless-rules/ci.1")).Is(409, "is in the settings");
        (await api.AskAsync("admin", "PUT", "/keyless-rules/ci.1", BodyOf("sub == \\\"x\\\"")))
            .Is(409, "is in the settings");
        foreach (var id in ids) (await api.AskAsync("admin", "DELETE", $"/keyless-rules/{id}")).Is(204);
    }

    [Fact]
    public async Task There_are_only_as_many_rules_as_the_settings_allow()
    {
        var ids = new List<string>();
        for (var i = 0; i < 8; i++) ids.Add((await MakeAsync($"repository == \\\"most/{i}\\\"")).Of("id"));
        (await api.AskAsync("admin", "POST", "/keyless-rules", BodyOf("sub == \\\"x\\\"")))
            .Is(409, "8 rules already (auth.keyless.storedrules)");
        foreach (var id in ids) (await api.AskAsync("admin", "DELETE", $"/keyless-rules/{id}")).Is(204);
    }

    [Theory]
    [InlineData("""{"issuer":"no","if":"sub == \"x\"","actions":["pull"],"names":["a/b"]}""",
        "'no' is not in the settings: auth.keyless.issuers has ci")]
    [InlineData("""{"issuer":"ci","if":"sub = \"x\"","actions":["pull"],"names":["a/b"]}""", "if: ")]
    [InlineData("""{"issuer":"ci","if":"","actions":["pull"],"names":["a/b"]}""", "if: ")]
    [InlineData("""{"issuer":"ci","if":"sub == \"\u0000\"","actions":["pull"],"names":["a/b"]}""", "NUL")]
    [InlineData("""{"issuer":"ci","if":"sub == \"x\"","actions":["fetch"],"names":["a/b"]}""", "pull, push, delete")]
    [InlineData("""{"issuer":"ci","if":"sub == \"x\"","actions":[],"names":["a/b"]}""", "pull, push, delete")]
    [InlineData("""{"issuer":"ci","if":"sub == \"x\"","actions":["pull"],"names":[]}""", "at least one")]
    [InlineData("""{"issuer":"ci","if":"sub == \"x\"","actions":["pull"],"names":["A/b"]}""", "'A/b' is not a valid")]
    [InlineData("""{"issuer":"ci","if":"sub == \"x\"","actions":["pull"],"names":["a/b c/d"]}""", "is not a valid")]
    [InlineData("""{"issuer":"ci","if":"sub == \"x\"","actions":["pull"],"names":["a/b"],"user":"{x"}""", "user: ")]
    [InlineData("""{"issuer":"ci","actions":["pull"],"names":["a/b"]}""", "missing: if")]
    [InlineData("""{"issuer":"ci","if":"sub == \"x\"","actions":["pull"],"names":["a/b"],"version":1}""", "no field")]
    public async Task What_can_not_be_a_rule_is_refused_with_the_reason(string body, string words)
    {
        (await api.AskAsync("admin", "POST", "/keyless-rules", body)).Is(400, words);
        Assert.DoesNotContain("a/b", (await api.AskAsync("admin", "GET", "/keyless-rules")).Text);
    }

    [Fact]
    public async Task Only_administrators_change_rules_and_only_staff_sees_them()
    {
        var body = BodyOf("sub == \\\"x\\\"");
        foreach (var who in new[] { "aud", "ann" })
        {
            (await api.AskAsync(who, "POST", "/keyless-rules", body)).Is(403, "for administrators");
            (await api.AskAsync(who, "PUT", "/keyless-rules/1", body)).Is(403);
            (await api.AskAsync(who, "DELETE", "/keyless-rules/1")).Is(403);
        }

        (await api.AskAsync("ann", "GET", "/keyless-rules")).Is(403);
        (await api.AskAsync("ann", "GET", "/keyless-rules/ci.1")).Is(403);
        (await api.AskAsync(null, "GET", "/keyless-rules")).Is(401);
        (await api.AskAsync($"ci:{api.Token("acme/tools")}", "GET", "/keyless-rules")).Is(403);
    }

    [Fact]
    public async Task A_command_beside_the_server_makes_a_rule_that_it_knows_within_a_second()
    {
        var token = api.Token("cli/app");
        Assert.Equal(401, await api.PushAsync(token, "cli/app"));
        var added = await RunAsync(
            "keyless", "add", "ci", "--if", "repository == \"cli/*\"", "--actions", "pull,push", "--names",
            "cli/**,base/x", "--user-name", "{repository}");
        Assert.StartsWith("Tokens of ci that match may pull, push in cli/**, base/x now (rule ", added);
        var id = added.Split("(rule ")[1].TrimEnd('\n', '.', ')');
        await Eventually.TrueAsync(async () => await api.PushAsync(token, "cli/app") == 202);
        Assert.Matches(
            $@"(?m)^{id} +ci +repository == ""cli/\*"" +pull, push +cli/\*\*, base/x +database",
            await RunAsync("keyless", "list"));
        Assert.Contains("User     {repository}\n", await RunAsync("keyless", "show", id));
        var explained = await RunAsync("access", "explain", token);
        Assert.StartsWith("It is accepted.\n", explained);
        Assert.Contains($"Allows     pull, push in cli/**, by keyless rule {id}\n", explained);
        Assert.Equal($"Rule {id} is gone.\n", await RunAsync("keyless", "remove", id));
        await Eventually.TrueAsync(async () => await api.PushAsync(token, "cli/app") == 401);
    }

    [Fact]
    public async Task A_rule_for_an_issuer_that_is_gone_is_shown_with_what_is_wrong_and_allows_nothing()
    {
        var other = new Dictionary<string, string>(api.Variables) { ["REGISTRY_AUTH_KEYLESS_ISSUERS_0_NAME"] = "old" };
        (await AccountCommand.RunAsync(
            other, "", "keyless", "add", "old", "--if", "sub == \"**\"", "--actions", "own", "--names", "**")).Is(0);
        var listed = (await api.AskAsync("aud", "GET", "/keyless-rules")).Is(200);
        var rule = listed.Json.GetProperty("items").EnumerateArray().Single(
            one => one.GetProperty("issuer").GetString() == "old");
        Assert.StartsWith("issuer: 'old' is not in the settings", rule.GetProperty("fault").GetString());

        // The log says so too, once and not at each request.
        var warning = $"Keyless rule {rule.GetProperty("id").GetString()} allows nothing: issuer: 'old' is not";
        await Eventually.TrueAsync(async () =>
        {
            await api.PushAsync(api.Token("old/app"), "old/app");
            return api.Registry.Log.Any(line => line.Contains(warning, StringComparison.Ordinal));
        });
        for (var i = 0; i < 3; i++) await api.PushAsync(api.Token("old/app"), "old/app");
        Assert.Single(api.Registry.Log, line => line.Contains(warning, StringComparison.Ordinal));
        await Task.Delay(TimeSpan.FromSeconds(1.1), Stop);
        Assert.Equal(401, await api.PushAsync(api.Token("any/app"), "any/app"));
        (await api.AskAsync("admin", "DELETE", $"/keyless-rules/{rule.GetProperty("id")}")).Is(204);
    }

    [Fact]
    public async Task Without_issuers_in_the_settings_there_are_no_rules()
    {
        var settings = new Dictionary<string, string>(api.Registry.DatabaseVariables)
        {
            ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = api.Registry.DataFolder,
            ["REGISTRY_AUTH_LOCAL_ENABLED"] = "true",
        };
        var refused = (await AccountCommand.RunAsync(
            settings, "", "keyless", "add", "ci", "--if", "sub == \"x\"", "--actions", "pull", "--names", "a")).Is(1);
        Assert.EndsWith(
            "berth keyless add: the settings have no auth.keyless: name the issuers whose tokens are accepted there, "
            + "and restart\n",
            refused.Errors);
        var explained = (await AccountCommand.RunAsync(
            settings, api.Token("acme/tools") + "\n", "access", "explain", "-")).Is(0);
        Assert.StartsWith("It is refused: tokens of issuers are not accepted here", explained.Output);
    }

    private static string BodyOf(string condition) =>
        $$"""{"issuer":"ci","if":"{{condition}}","actions":["pull"],"names":["list/**"]}""";

    private async Task<ApiResult> MakeAsync(string condition) =>
        (await api.AskAsync("admin", "POST", "/keyless-rules", BodyOf(condition))).Is(201);

    private async Task<string> RunAsync(params string[] arguments) =>
        (await AccountCommand.RunAsync(api.Variables, "", arguments)).Is(0).Output;
}
