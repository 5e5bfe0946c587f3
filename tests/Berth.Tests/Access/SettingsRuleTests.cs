using System.Text.Json.Nodes;
using Berth.Settings;
using Berth.Tests.Distribution;
using Berth.Tests.Identity;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>A registry with rules in its settings, and callers of every kind in a script.</summary>
public sealed class RuledRegistry : IAsyncLifetime
{
    private const string Password = "of green gables";

    private static readonly string[] Repositories =
        ["open/app", "open/deep/er", "lone", "drop/app", "shared/app", "wiki/a-pages", "own/app"];

    private TestIssuer issuer = null!;

    internal RegistryFixture Registry { get; private set; } = null!;

    /// <summary>The callers' credentials, by their names.</summary>
    internal Script Script { get; private set; } = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("berth-users-").FullName, "users");
        await File.WriteAllTextAsync(file, $"filed:{BCrypt.Net.BCrypt.HashPassword(Password, workFactor: 4)}\n", Stop);
        issuer = await TestIssuer.StartAsync();
        var trusted = new KeylessIssuerSettings
        {
            Name = "ci",
            Url = issuer.Url,
            Audience = [TestIssuer.Audience],
            Rules = [KeylessSetup.Rule("""repository == "team/app" """, "pull", "jobs/**")],
        };
        Registry = await AccountsOf.StartAsync(
            auth => auth with
            {
                Htpasswd = new HtpasswdSettings { Path = file },
                Keyless = new KeylessSettings { Issuers = [trusted] },
            },
            settings => settings with
            {
                Access =
                [
                    new() { Allow = ["anyone"], Actions = ["pull"], Names = ["open/**", "lone"] },
                    new() { Allow = ["anyone"], Actions = ["pull", "push"], Names = ["drop/*"] },
                    new() { Allow = ["users"], Actions = ["pull"], Names = ["shared/**"] },
                    new() { Allow = ["users", "group:none"], Actions = ["pull", "push"], Names = ["wiki/*-pages"] },
                ],
            });
        Script = new Script(Registry)
        {
            ["admin"] = Basic("admin", AdminPassword),
            ["ann"] = Basic("ann", Password),
            ["filed"] = Basic("filed", Password),
            ["wrong"] = Basic("ann", "of blue gables"),
            ["job"] = Basic(
                "ci", TestIssuer.Token(issuer.Claims(TimeProvider.System, ("repository", "team/app")))),
        };
        await Script.PlayAsync(
            $$"""
            POST /api/v1/users
              Authorization: {admin}
              Content-Type: application/json
              > {"name":"ann","password":"{{Password}}"}
              201
            POST /api/v1/robots
              Authorization: {admin}
              Content-Type: application/json
              > {"name":"robot.ci"}
              201
            """);
        Script["robot"] = Basic("robot.ci", (string)JsonNode.Parse(Script.LastBody)!["secret"]!);
        foreach (var name in Repositories)
        {
            await LocalUserTests.PushAsync(Script, name, "admin");
            await LocalUserTests.PushImageAsync(Script, name);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Registry.DisposeAsync();
        await issuer.DisposeAsync();
    }
}

/// <summary>Rules of the settings that are for everybody who signed in, or for anyone at all.</summary>
[Accounts]
public sealed class SettingsRuleTests(RuledRegistry ruled) : IClassFixture<RuledRegistry>
{
    private readonly RegistryFixture registry = ruled.Registry;
    private readonly Script script = ruled.Script;

    [Fact]
    public async Task What_anyone_may_everybody_may_without_and_with_any_credentials()
    {
        script["nobody"] = "Bearer " + await TokenRegistry.TokenAsync(registry, null, "repository:open/app:pull,push");
        script["junk"] = "Bearer junk";
        foreach (var who in new[] { "", "nobody", "junk", "wrong", "ann", "robot", "filed", "job" })
        {
            await AskAsync(who, "GET", "open/app/manifests/1", 200);
            await AskAsync(who, "GET", "open/app/blobs/{sha256 abcd}", 200);
            await AskAsync(who, "GET", "open/app/tags/list", 200);
            if (who == "nobody") continue;
            await AskAsync(who, "GET", "open/deep/er/manifests/1", 200);
            await AskAsync(who, "GET", "lone/manifests/1", 200);
        }

        // Pulls are all that anyone may there.
        foreach (var who in new[] { "", "nobody", "junk", "wrong" })
            await AskAsync(who, "POST", "open/app/blobs/uploads/", 401);
        foreach (var who in new[] { "ann", "robot", "filed", "job" })
        {
            await AskAsync(who, "POST", "open/app/blobs/uploads/", 403);
            await AskAsync(who, "DELETE", "open/app/manifests/1", 403);
        }

        foreach (var (who, status) in new[] { ("", 202), ("wrong", 401), ("ann", 202), ("filed", 202), ("job", 202) })
            await AskAsync(who, "POST", "drop/app/blobs/uploads/", status);
        script["dropping"] = "Bearer "
            + await TokenRegistry.TokenAsync(registry, null, "repository:drop/app:pull,push,delete");
        await AskAsync("dropping", "POST", "drop/app/blobs/uploads/", 202);
        await AskAsync("dropping", "DELETE", "drop/app/manifests/1", 401);
        await AskAsync("", "POST", "drop/app/deeper/blobs/uploads/", 401);
    }

    [Fact]
    public async Task What_users_may_everybody_may_who_signed_in_and_nobody_else()
    {
        script["nobody"] = "Bearer " + await TokenRegistry.TokenAsync(registry, null, "repository:shared/app:pull");
        script["bearer"] = "Bearer "
            + await TokenRegistry.TokenAsync(registry, script["ann"], "repository:shared/app:pull,push");
        foreach (var who in new[] { "", "nobody", "wrong" })
        {
            foreach (var name in new[] { "shared/app", "shared/none", "wiki/a-pages", "own/app" })
                await AskAsync(who, "GET", $"{name}/manifests/1", 401);
        }

        foreach (var who in new[] { "ann", "robot", "filed", "job", "bearer" })
        {
            await AskAsync(who, "GET", "shared/app/manifests/1", 200);
            await AskAsync(who, "POST", "shared/app/blobs/uploads/", 403);
            if (who == "bearer") continue;
            await AskAsync(who, "GET", "shared/none/manifests/1", 404);
            await AskAsync(who, "GET", "own/app/manifests/1", 404);
            await AskAsync(who, "POST", "wiki/b-pages/blobs/uploads/", 202);
            await AskAsync(who, "POST", "wiki/pages/blobs/uploads/", 403);
            await script.PlayAsync(
                $$"""
                GET /v2/_catalog
                  Authorization: {{{who}}}
                  200
                  < {"repositories":["drop/app","lone","open/app","open/deep/er","shared/app","wiki/a-pages"]}
                """);
        }
    }

    [Fact]
    public async Task The_API_shows_by_which_rule_somebody_may_do_something()
    {
        await script.PlayAsync(
            """
            GET /api/v1/repositories/open/app
              200
            GET /api/v1/repositories/shared/app
              401
            GET /api/v1/repositories/shared/app
              Authorization: {ann}
              200
            GET /api/v1/access/explain?user=ann&repository=shared/app
              Authorization: {ann}
              200
            """);
        Assert.Contains("rule 3 of the settings allows pull in shared/**", script.LastBody, StringComparison.Ordinal);
        await script.PlayAsync(
            "GET /api/v1/access/explain?user=filed&repository=drop/a\n Authorization: {filed}\n 200");
        Assert.Contains("rule 2 of the settings allows pull,push in drop/*", script.LastBody, StringComparison.Ordinal);
    }

    private Task AskAsync(string who, string method, string path, int status)
    {
        var authorization = who.Length > 0 ? $"\n Authorization: {{{who}}}" : "";
        return script.PlayAsync($"{method} /v2/{path}{authorization}\n {status}");
    }
}
