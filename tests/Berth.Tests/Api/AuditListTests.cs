using System.Text.Json;
using Berth.Audit;
using Berth.Tests.Cli;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Api;

/// <summary>The audit log over REST and on the command line.</summary>
[Collection(ApiTests.Name)]
[Inside]
public sealed class AuditListTests(ApiRegistry api)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_changed_or_denied_is_listed_to_staff_only_and_page_by_page()
    {
        var name = await api.UserAsync();
        (await api.AskAsync(name, "POST", "/users", """{"name":"x"}""")).Is(403);
        (await api.AskAsync("admin", "PATCH", $"/users/{name}", """{"fullName":"N"}""")).Is(200);
        (await api.AskAsync("admin", "PATCH", $"/users/{name}-no", """{"fullName":"N"}""")).Is(404);
        (await api.AskAsync("aud", "GET", $"/users/{name}")).Is(200);
        (await api.AskAsync("aud", "GET", "/organizations/acme/members")).Is(200);

        // An entry is made once the request is over, which its client need not wait for.
        Task ListedAsync(string action, string target) => Eventually.TrueAsync(async () =>
        {
            await api.Registry.Services.GetRequiredService<AuditLog>().WriteWaitingAsync(Stop);
            var listed = await api.AskAsync("aud", "GET", $"/audit?actor=aud&action={action}");
            return listed.Is(200).All("target").Contains(target);
        });
        await ListedAsync("GET%20/api/v1/users/{name}", name);
        await ListedAsync("GET%20/api/v1/organizations/{organization}/members", "acme");
        var denied = (await api.AskAsync("aud", "GET", $"/audit?actor={name}")).Is(200);
        Assert.Equal(["POST /api/v1/users", "sign-in"], denied.All("action"));
        Assert.Equal(["denied", "done"], denied.All("result"));
        var changes = (await api.AskAsync("admin", "GET", "/audit?action=PATCH%20/api/v1/users/{name}")).Is(200);
        Assert.Equal(name, changes.All("target")[0]);
        Assert.DoesNotContain($"{name}-no", changes.All("target"));

        var first = (await api.AskAsync("aud", "GET", "/audit?n=2")).Is(200);
        var second = (await api.AskAsync("aud", "GET", $"/audit?n=2&last={first.All("id")[1]}")).Is(200);
        Assert.Contains("rel=\"next\"", first.Headers["Link"], StringComparison.Ordinal);
        Assert.True(long.Parse(second.All("id")[0]) < long.Parse(first.All("id")[1]));
        Assert.Empty((await api.AskAsync("aud", "GET", "/audit?until=2020-01-01T00:00:00Z")).Is(200).All("id"));
        (await api.AskAsync("aud", "GET", "/audit?since=yesterday")).Is(400);
        (await api.AskAsync("aud", "GET", "/audit?result=refused")).Is(400);
        (await api.AskAsync("ann", "GET", "/audit")).Is(403);
        (await api.AskAsync(null, "GET", "/audit")).Is(401);
    }

    [Fact]
    public async Task It_says_what_was_made_and_what_it_was_made_to_be()
    {
        var (who, space) = (await api.UserAsync(), api.Name("o"));
        (await api.AskAsync("admin", "PATCH", $"/users/{who}", """{"role":"auditor"}""")).Is(200);
        (await api.AskAsync("admin", "POST", "/organizations", $$"""{"name":"{{space}}"}""")).Is(201);
        (await api.AskAsync("admin", "PUT", $"/organizations/{space}/members/{who}", """{"role":"writer"}""")).Is(200);
        (await api.AskAsync("admin", "POST", $"/organizations/{space}/teams", """{"name":"dev"}""")).Is(201);
        (await api.AskAsync(
            "admin", "POST", "/grants", $$"""{"user":"{{who}}","names":"{{space}}/**","actions":["pull"]}""")).Is(201);
        (await api.AskAsync("admin", "POST", $"/users/{who}/tokens", """{"name":"laptop"}""")).Is(201);
        (await api.AskAsync(
            "admin", "POST", "/robots",
            $$"""{"name":"robot.{{space}}","grants":[{"names":"{{space}}/a","role":"reader"}]}""")).Is(201);
        (await api.AskAsync("admin", "POST", $"/robots/robot.{space}/rotate", "{}")).Is(201);

        async Task<string[]> NotedAsync()
        {
            await api.Registry.Services.GetRequiredService<AuditLog>().WriteWaitingAsync(Stop);
            var items = (await api.AskAsync("aud", "GET", "/audit?n=200")).Is(200).Json.GetProperty("items");
            return [.. items.EnumerateArray().Where(entry => entry.GetProperty("actor").GetString() == "admin")
                .Select(entry => string.Join(' ', Text(entry, "action").Split(' ')[0], Text(entry, "target"),
                    Text(entry, "detail")).TrimEnd())];
        }

        string[] noted = [];
        await Eventually.TrueAsync(async () => (noted = await NotedAsync()).Contains($"POST robot.{space} reader in "
            + $"{space}/a"));
        Assert.Contains($"PATCH {who} auditor", noted);
        Assert.Contains($"POST {space}", noted);
        Assert.Contains($"PUT {space}/{who} writer", noted);
        Assert.Contains($"POST {space}/dev", noted);
        Assert.Contains(noted, one => one.EndsWith($" {who} may pull in {space}/**", StringComparison.Ordinal));
        Assert.Contains(noted, one => one.StartsWith($"POST {who}/", StringComparison.Ordinal)
            && one.EndsWith(" laptop", StringComparison.Ordinal));
    }

    private static string Text(JsonElement entry, string name) =>
        entry.TryGetProperty(name, out var text) ? text.GetString()! : "";

    [Fact]
    public async Task The_command_line_shows_and_exports_it_and_its_own_changes_are_in_it()
    {
        var berth = new AccountCommand(api.Registry);
        var name = api.Name("c");
        (await berth.RunAsync("user", "add", name)).Is(0);
        var listed = (await berth.RunAsync("audit", "list", "--actor", "operator", "--since", "1h")).Is(0);
        Assert.Matches(@"^TIME \(UTC\) +ACTION +RESULT +ACTOR", listed.Output);
        Assert.Contains("POST users ", listed.Output, StringComparison.Ordinal);
        foreach (var action in new[] { "POST users", "POST /api/v1/users" })
        {
            var found = (await berth.RunAsync("audit", "list", "--action", action)).Is(0).Output;
            Assert.Contains(name, found, StringComparison.Ordinal);
        }

        var digest = "sha256:" + new string('a', 64);
        (await berth.RunAsync("token", "add", name, digest)).Is(0);
        var token = (await berth.RunAsync("audit", "list", "--action", "POST users/{name}/tokens")).Is(0).Output;
        Assert.Contains("  sha256:aaaaaaaaaaaa\n", token, StringComparison.Ordinal);
        var exported = (await berth.AskAsync("admin", ApiRegistry.Password, "audit", "export", "--actor", "operator"))
            .Is(0);
        Assert.All(
            exported.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => Assert.Matches(
                @"^\{""id"":\d+,""time"":""\d{4}-\d\d-\d\dT[0-9:]{8}\.\d{3}Z"",.*""method"":""console"".*\}$", line));
    }
}
