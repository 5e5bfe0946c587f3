using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Distribution;
using Berth.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>Users of a directory, tokens of a CI and certificates, as clients of the registry send them.</summary>
[Inside]
public sealed class SignInSourcesTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Accounts]
    [Fact]
    public async Task A_user_of_a_directory_has_the_rights_of_its_groups_and_an_account()
    {
        var server = await SlapdServer.SharedAsync();
        await using var registry = await StartAsync(auth => auth with
        {
            Ldap = server.Settings with { GroupBase = SlapdServer.GroupBase },
        }, settings => settings with
        {
            Access = [new() { Allow = ["group:admins"], Actions = ["pull", "push"], Names = ["ops/**"] }],
        });
        await AddTeamAsync(registry, "developers");
        var script = new Script(registry)
        {
            ["alice"] = Basic("Alice", "alice-secret"),
            ["bob"] = Basic("bob", "bob-secret"),
            ["wrong"] = Basic("alice", "bob-secret"),
            ["empty"] = Basic("alice", ""),
            ["admin"] = Basic("admin", AdminPassword),
        };
        await script.PlayAsync(
            """
            GET /v2/
              Authorization: {alice}
              200
            POST /v2/team/app/blobs/uploads/
              Authorization: {alice}
              202
            POST /v2/ops/app/blobs/uploads/
              Authorization: {alice}
              202
            POST /v2/alice/app/blobs/uploads/
              Authorization: {alice}
              202
            POST /v2/team/app/blobs/uploads/
              Authorization: {bob}
              202
            POST /v2/ops/app/blobs/uploads/
              Authorization: {bob}
              403
            GET /v2/
              Authorization: {wrong}
              401
            GET /v2/
              Authorization: {empty}
              401
            GET /v2/
              Authorization: {admin}
              200
            """);
        var accounts = new AccountsOf(registry);
        script["token"] = await accounts.BearerAsync(script["alice"], "repository:team/app:pull,push");
        await script.PlayAsync("POST /v2/team/app/blobs/uploads/\n Authorization: {token}\n 202");
        await accounts.SetAsync("alice", account => account with { IsDisabled = true });
        await script.PlayAsync(
            """
            POST /v2/team/app/blobs/uploads/
              Authorization: {token}
              401
            POST /v2/team/app/blobs/uploads/
              Authorization: {alice}
              401
            """);
    }

    [Accounts]
    [Fact]
    public async Task A_group_of_the_directory_is_followed_at_the_next_sign_in()
    {
        await using var server = await SlapdServer.StartAsync("groups");
        await using var registry = await StartAsync(
            auth => auth with
            {
                Ldap = server.Settings with { GroupBase = SlapdServer.GroupBase, RememberFor = TimeSpan.Zero },
            },
            settings => settings with
            {
                Access = [new() { Allow = ["group:admins"], Actions = ["pull", "push"], Names = ["ops/**"] }],
            });
        await AddTeamAsync(registry, "developers");
        var script = new Script(registry) { ["bob"] = Basic("bob", "bob-secret") };
        await PlayAsync(team: 202, ops: 403);
        await ChangeAsync("admins", "add");
        await PlayAsync(team: 202, ops: 202);
        await ChangeAsync("developers", "delete");
        await PlayAsync(team: 403, ops: 202);
        await ChangeAsync("admins", "delete");
        await PlayAsync(team: 403, ops: 403);

        Task ChangeAsync(string group, string change) => server.ModifyAsync(
            $"""
            dn: cn={group},{SlapdServer.GroupBase}
            changetype: modify
            {change}: member
            member: uid=bob,{SlapdServer.UserBase}

            """);

        Task PlayAsync(int team, int ops) => script.PlayAsync(
            $$"""
            POST /v2/team/app/blobs/uploads/
              Authorization: {bob}
              {{team}}
            POST /v2/ops/app/blobs/uploads/
              Authorization: {bob}
              {{ops}}
            """);
    }

    [Accounts]
    [Fact]
    public async Task A_name_that_a_local_user_has_is_not_given_to_a_user_of_the_directory_unless_the_rule_says_so()
    {
        var server = await SlapdServer.SharedAsync();
        foreach (var link in new[] { LinkRule.None, LinkRule.VerifiedEmail, LinkRule.Name })
        {
            await using var registry = await StartAsync(auth => auth with { Ldap = server.Settings, Link = link });
            var accounts = new AccountsOf(registry);
            await accounts.AddUserAsync("bob", "a local password");

            // A directory does not say that an address is verified, so it links nobody.
            await accounts.AddUserAsync("owner", "a local password");
            await accounts.SetAsync(
                "owner", account => account with { Email = "alice@example.org", IsEmailVerified = true });
            var script = new Script(registry)
            {
                ["local"] = Basic("bob", "a local password"),
                ["directory"] = Basic("bob", "bob-secret"),
                ["alice"] = Basic("alice", "alice-secret"),
            };
            await script.PlayAsync(
                $$"""
                GET /v2/
                  Authorization: {local}
                  200
                GET /v2/
                  Authorization: {directory}
                  {{(link == LinkRule.Name ? 200 : 401)}}
                GET /api/v1/me
                  Authorization: {alice}
                  200
                """);
            Assert.Contains("\"name\":\"alice\"", script.LastBody, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_directory_that_is_away_is_told_from_a_wrong_password_and_keeps_out_no_local_user()
    {
        await using var server = await SlapdServer.StartAsync("away");
        await using var registry = await StartAsync(auth => auth with
        {
            Ldap = server.Settings with { Timeout = TimeSpan.FromSeconds(2), RememberFor = TimeSpan.FromMinutes(5) },
        });
        var script = new Script(registry)
        {
            ["alice"] = Basic("alice", "alice-secret"),
            ["bob"] = Basic("bob", "bob-secret"),
            ["admin"] = Basic("admin", AdminPassword),
        };
        await script.PlayAsync("GET /v2/\n Authorization: {alice}\n 200");
        await server.StopAsync();
        await script.PlayAsync(
            """
            GET /v2/
              Authorization: {alice}
              200
            GET /v2/
              Authorization: {bob}
              503 UNAVAILABLE
            GET /token
              Authorization: {bob}
              503 UNAVAILABLE
            GET /v2/
              Authorization: {admin}
              200
            """);
        await server.StartAgainAsync();
        await Eventually.TrueAsync(async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
            request.Headers.TryAddWithoutValidation("Authorization", script["bob"]);
            using var answer = await registry.Client.SendAsync(request, Stop);
            return answer.IsSuccessStatusCode;
        });
    }

    [Accounts]
    [Fact]
    public async Task A_job_of_a_CI_pushes_with_its_own_token_as_the_password()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var registry = await StartAsync(auth => auth with
        {
            Keyless = Trusting(issuer, KeylessSetup.Rule(
                """repository == "acme/*" && ref == "refs/heads/main" """, "pull push", "acme/**")),
        });
        var main = TokenOf(("repository", "acme/app"), ("ref", "refs/heads/main"));
        var script = new Script(registry)
        {
            ["main"] = Basic("ci", main),
            ["branch"] = Basic("ci", TokenOf(("repository", "acme/app"), ("ref", "refs/heads/x"))),
            ["forged"] = Basic("ci", main[..^4] + "AAAA"),
        };
        script["bearer"] = await new AccountsOf(registry).BearerAsync(
            script["main"], "repository:acme/app:pull,push,delete", "repository:other/app:push");
        await script.PlayAsync(
            """
            POST /v2/acme/app/blobs/uploads/
              Authorization: {main}
              202
            POST /v2/acme/app/blobs/uploads/?digest={sha256 abcd}
              Authorization: {bearer}
              > abcd
              201
            GET /v2/acme/app/blobs/{sha256 abcd}
              Authorization: {bearer}
              200
            DELETE /v2/acme/app/manifests/1
              Authorization: {bearer}
              403
            POST /v2/other/app/blobs/uploads/
              Authorization: {main}
              403
            POST /v2/other/app/blobs/uploads/
              Authorization: {bearer}
              403
            GET /v2/other/app/tags/list
              Authorization: {main}
              404 NAME_UNKNOWN
            GET /v2/_catalog
              Authorization: {main}
              200
              < {"repositories":[]}
            POST /v2/acme/app/blobs/uploads/
              Authorization: {branch}
              401
            POST /v2/acme/app/blobs/uploads/
              Authorization: {forged}
              401
            """);

        string TokenOf(params (string, JsonNode?)[] claims) =>
            TestIssuer.Token(issuer.Claims(TimeProvider.System, claims));
    }

    [Accounts]
    [Fact]
    public async Task A_certificates_name_is_the_user()
    {
        using var files = new CertificateFolder();
        files.WriteServer();
        await using var registry = await StartAsync(
            auth => auth with { ClientCertificate = CertificateName.CommonName },
            settings => settings with
            {
                Http = settings.Http with
                {
                    Tls = new TlsSettings
                    {
                        Certificate = files.Certificate,
                        Key = files.Key,
                        ClientCas = [files.ClientIssuer],
                    },
                },
            });
        using var certificate = files.CreateClient(isKnown: true);
        using var client = files.Connect(registry.BaseAddress, certificate);
        Assert.Equal(401, await PostAsync());
        await new AccountsOf(registry).AddUserAsync("jane", "never used here");
        Assert.Equal(202, await PostAsync());
        await new AccountsOf(registry).SetAsync("jane", account => account with { IsDisabled = true });
        Assert.Equal(401, await PostAsync());

        async Task<int> PostAsync()
        {
            using var answer = await client.PostAsync("v2/jane/app/blobs/uploads/", null, Stop);
            return (int)answer.StatusCode;
        }
    }

    private static KeylessSettings Trusting(TestIssuer issuer, KeylessRuleSettings rule) => new()
    {
        Issuers = [new() { Name = "ci", Url = issuer.Url, Audience = [TestIssuer.Audience], Rules = [rule] }],
    };

    /// <summary>The organization team, whose team dev may push, and has the members of a group.</summary>
    private static async Task AddTeamAsync(RegistryFixture registry, string group)
    {
        var organization = await new AccountsOf(registry).AddOrganizationAsync("team");
        await registry.Services.GetRequiredService<AccessChanges>().RunAsync(
            async session =>
            {
                var team = await session.NumberAsync(
                    """
                    INSERT INTO team (organization_id, name, description, created_at, created_by, version)
                    VALUES ($1, 'dev', '', 0, 'test', 1) RETURNING id
                    """,
                    organization);
                await session.RunAsync(
                    "INSERT INTO team_group (team_id, source, name) VALUES ($1, 'ldap', $2)", team, group);
                return await GrantTable.PutAsync(
                    session, null, team, "team",
                    new GrantRow(0, null, "team/dev", "team/**", "pull,push", DateTimeOffset.UnixEpoch, "test"));
            },
            Stop);
    }
}
