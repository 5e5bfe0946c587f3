using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Identity;
using Berth.Settings;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Identity;

/// <summary>Tokens of a CI or a cluster in place of a password.</summary>
public sealed class KeylessTokensTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_on_github_may_do_what_all_matching_rules_allow()
    {
        await using var setup = await KeylessSetup.StartAsync(changeIssuer: issuer => issuer with
        {
            Name = "github",
            Rules =
            [
                KeylessSetup.Rule("""repository_owner == "acme" """, "pull", "acme/** base/*"),
                KeylessSetup.Rule(
                    """repository == "acme/*" && ref == "refs/heads/main" """, "pull push", "acme/**",
                    "{repository}@{ref}"),
                KeylessSetup.Rule("""repository == "acme/tools" """, "delete", "**"),
            ],
        });
        var claims = Github(setup, "refs/heads/main");
        var identity = await setup.AcceptAsync(TestIssuer.Token(claims));
        Assert.Equal(("github", "repo:acme/app:ref:refs/heads/main"), (identity.Issuer, identity.Subject));
        Assert.Equal("github:acme/app@refs/heads/main", identity.User);
        Assert.Equal(
            [
                "acme/** Pull by keyless rule github.1", "base/* Pull by keyless rule github.1",
                "acme/** Pull, Push by keyless rule github.2",
            ],
            identity.Grants.Select(grant => $"{grant.Names} {grant.Actions} by {grant.Through}"));
        Assert.Equal(claims["exp"]!.GetValue<long>(), identity.Expires.ToUnixTimeSeconds());

        var pulling = await setup.AcceptAsync(TestIssuer.Token(Github(setup, "refs/pull/1/merge")));
        Assert.All(pulling.Grants, grant => Assert.Equal(AccessAction.Pull, grant.Actions));
        Assert.Equal("github:repo:acme/app:ref:refs/heads/main", pulling.User);
    }

    [Fact]
    public async Task A_job_on_gitlab_is_known_by_its_project_and_protected_branch()
    {
        await using var setup = await KeylessSetup.StartAsync(changeIssuer: issuer => issuer with
        {
            Rules =
            [
                KeylessSetup.Rule(
                    """
                    namespace_path == "acme/**" and ref_protected == "true"
                    and user_access_level in ["owner", "maintainer"]
                    """,
                    "pull push", "acme/**", "{project_path}"),
            ],
        });
        var claims = setup.Issuer.Claims(
            setup.Clock, ("sub", "project_path:acme/group/app:ref_type:branch:ref:main"),
            ("namespace_path", "acme/group"), ("project_path", "acme/group/app"), ("project_id", "20"),
            ("user_access_level", "maintainer"), ("ref_protected", "true"), ("ref_type", "branch"),
            ("groups_direct", new JsonArray("acme/group")), ("exp", null));
        claims["exp"] = claims["iat"]!.GetValue<long>() + 3600;
        Assert.Equal("test:acme/group/app", (await setup.AcceptAsync(TestIssuer.Token(claims))).User);
        claims["ref_protected"] = "false";
        Assert.Contains(
            "no rule for issuer test", await setup.RefuseAsync(TestIssuer.Token(claims)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_is_known_by_its_namespace_with_the_keys_in_a_file()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, TestIssuer.KeySet([TestKey.First.ToJson()]), Stop);
            await using var setup = await KeylessSetup.StartAsync(changeIssuer: issuer => issuer with
            {
                Url = "https://kubernetes.default.svc.cluster.local",
                Jwks = file,
                Rules =
                [
                    KeylessSetup.Rule("""claim["kubernetes.io"].namespace == "build-*" """, "pull push", "**",
                    "{claim[\"kubernetes.io\"].namespace}/{claim[\"kubernetes.io\"].serviceaccount.name}"),
                ],
            });
            var claims = setup.Issuer.Claims(
                setup.Clock, ("iss", "https://kubernetes.default.svc.cluster.local"),
                ("sub", "system:serviceaccount:build-a:kaniko"), ("aud", new JsonArray(TestIssuer.Audience)),
                ("kubernetes.io", JsonNode.Parse(
                    """
                    {"namespace": "build-a", "pod": {"name": "kaniko-1", "uid": "1"},
                     "serviceaccount": {"name": "kaniko", "uid": "2"}, "warnafter": 1700000000}
                    """)));
            Assert.Equal("test:build-a/kaniko", (await setup.AcceptAsync(TestIssuer.Token(claims))).User);
            Assert.Equal(0, setup.Issuer.Discoveries);

            // The cluster's keys were rotated, and the file written again.
            await setup.RefuseAsync(TestIssuer.Token(claims, TestKey.Second));
            await File.WriteAllTextAsync(file, TestIssuer.KeySet([TestKey.Second.ToJson()]), Stop);
            setup.Clock.Advance(TimeSpan.FromMinutes(1));
            await setup.AcceptAsync(TestIssuer.Token(claims, TestKey.Second));
            await setup.RefuseAsync(TestIssuer.Token(claims));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("RS384")]
    [InlineData("RS512")]
    [InlineData("PS256")]
    [InlineData("PS384")]
    [InlineData("PS512")]
    [InlineData("ES256")]
    [InlineData("ES384")]
    [InlineData("ES512")]
    public async Task Each_algorithm_with_public_keys_is_verified_with_or_without_a_name(string algorithm)
    {
        await using var setup = await KeylessSetup.StartAsync();
        var key = algorithm[0] == 'E' ? TestKey.Ec("k", algorithm) : TestKey.First.As("k", algorithm);
        setup.Issuer.Keys = [TestKey.Second.ToJson(), key.ToJson()];
        await setup.AcceptAsync(setup.Token(key));
        await setup.AcceptAsync(setup.Token(key.As(null)));
        setup.Issuer.Keys = [key.As(null).ToJson(), TestKey.Second.ToJson()];
        setup.Clock.Advance(TimeSpan.FromHours(2));
        await setup.AcceptAsync(setup.Token(key.As(null)));
    }

    [Fact]
    public async Task A_verified_token_is_not_verified_again_until_it_expires()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var token = setup.Token();
        var first = await setup.AcceptAsync(token);
        Assert.Same(first, await setup.AcceptAsync(token));
        setup.Clock.Advance(TimeSpan.FromSeconds(300 + 59));
        Assert.Same(first, await setup.AcceptAsync(token));
        setup.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Contains("expired", await setup.RefuseAsync(token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upload_may_go_on_after_its_token_expired()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var (seen, other) = (setup.Token(), setup.Token(claims: ("sub", "other")));
        await setup.AcceptAsync(seen);
        setup.Clock.Advance(TimeSpan.FromMinutes(30));
        foreach (var token in new[] { seen, other })
        {
            Assert.Contains("expired", await setup.RefuseAsync(token), StringComparison.Ordinal);
            Assert.Equal(KeylessOutcome.Accepted, await AskAsync(token, minutes: 25));
            Assert.Equal(KeylessOutcome.Refused, await AskAsync(token, minutes: 24));
            await setup.RefuseAsync(token);
        }

        async Task<KeylessOutcome> AskAsync(string token, int minutes) =>
            (await setup.Tokens.CheckAsync(token, TimeSpan.FromMinutes(minutes), Stop)).Outcome;
    }

    [Fact]
    public async Task A_clock_that_is_set_back_does_not_prolong_a_token()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var token = setup.Token();
        await setup.AcceptAsync(token);
        setup.Clock.Advance(TimeSpan.FromMinutes(6));
        setup.Clock.Step = TimeSpan.FromMinutes(-6);
        await setup.RefuseAsync(token);
    }

    [Fact]
    public async Task Rules_can_be_replaced_while_tokens_are_in_use()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var token = setup.Token();
        Assert.Single((await setup.AcceptAsync(token)).Grants);
        setup.Tokens.ReplaceFurtherRules([Rule("test", "push"), Rule("other", "delete")]);
        Assert.Equal(
            [AccessAction.Pull, AccessAction.Push], (await setup.AcceptAsync(token)).Grants.Select(g => g.Actions));
        setup.Tokens.ReplaceFurtherRules([]);
        Assert.Single((await setup.AcceptAsync(token)).Grants);

        static KeylessRule Rule(string issuer, string action) => KeylessRule.Read(
            issuer, KeylessSetup.Rule("sub == \"**\"", action, "**"), "the database", (_, why) => Assert.Fail(why))!;
    }

    [Fact]
    public async Task A_name_from_claims_can_not_forge_the_log()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var identity = await setup.AcceptAsync(
            setup.Token(claims: ("sub", "a\nb\u202e\u2028\u001b[31m" + new string('x', 1000))));
        Assert.StartsWith("test:a?b???[31mxxx", identity.User, StringComparison.Ordinal);
        Assert.Equal("test:".Length + 200, identity.User.Length);
    }

    [Fact]
    public async Task An_explanation_names_the_comparison_that_failed_and_no_signature()
    {
        await using var setup = await KeylessSetup.StartAsync(changeIssuer: issuer => issuer with
        {
            Rules =
            [
                KeylessSetup.Rule("""repository == "acme/*" and ref == "refs/heads/main" """, "push", "**"),
                KeylessSetup.Rule("""repository == "acme/*" """, "pull", "**"),
            ],
        });
        var token = TestIssuer.Token(Github(setup, "refs/heads/dev"));
        var explained = await setup.Tokens.ExplainAsync(token, Stop);
        Assert.Equal(KeylessOutcome.Accepted, explained.Answer.Outcome);
        var issuer = Assert.Single(explained.Issuers);
        Assert.Equal(("test", null), (issuer.Name, issuer.Fault));
        Assert.Equal([false, true], issuer.Rules.Select(rule => rule.Matches));
        Assert.Equal(["ref == \"refs/heads/main\": it is \"refs/heads/dev\""], issuer.Rules[0].Reasons);
        Assert.Empty(issuer.Rules[1].Reasons);
        Assert.Contains(("aud", TestIssuer.Audience), explained.Facts);

        var signature = token.Split('.')[2];
        var shown = string.Join(' ', explained.Facts) + string.Join(' ', issuer.Rules) + explained.Answer;
        Assert.DoesNotContain(signature, shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_explanation_of_a_token_that_is_not_valid_says_what_its_rules_would_say()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var explained = await setup.Tokens.ExplainAsync(setup.Token(claims: ("aud", "other")), Stop);
        var issuer = Assert.Single(explained.Issuers);
        Assert.Contains("audience registry.example.com", issuer.Fault, StringComparison.Ordinal);
        Assert.True(Assert.Single(issuer.Rules).Matches);

        explained = await setup.Tokens.ExplainAsync(setup.Token(claims: ("iss", "https://x")), Stop);
        Assert.Empty(Assert.Single(explained.Issuers).Rules);
        Assert.Contains(("iss", "https://x"), explained.Facts);
        explained = await setup.Tokens.ExplainAsync("hunter2", Stop);
        Assert.Equal(KeylessOutcome.Refused, explained.Answer.Outcome);
        Assert.Empty(explained.Issuers);

        setup.Tokens.ReplaceFurtherRules([]);
        await using var strict = await KeylessSetup.StartAsync(changeIssuer: of => of with { Rules = [] });
        explained = await strict.Tokens.ExplainAsync(strict.Token(), Stop);
        Assert.Equal(KeylessOutcome.Refused, explained.Answer.Outcome);
        Assert.Null(Assert.Single(explained.Issuers).Fault);
    }

    [Fact]
    public async Task Only_what_has_the_form_of_a_token_looks_like_one()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var token = setup.Token();
        Assert.True(KeylessTokens.LooksLikeToken(token));
        Assert.True(KeylessTokens.LooksLikeToken(setup.Token(TestKey.First.As(null, "RS512"))));
        foreach (var password in new[]
        {
            "", "hunter2", "a.b.c", "correct.horse.battery.staple", "e...............................", token[1..],
            token.Replace('.', '-'), token + ".x", "eyJhIjoiYiJ9.eyJhIjoiYiJ9.eyJhIjoiYiJ9",
            "ey.ey.eyyyyyyyyyyyyyyyyyyy", token + new string('x', 20_000), token + "\n", "e" + token,
        })
        {
            Assert.False(KeylessTokens.LooksLikeToken(password), password);
        }
    }

    [Fact]
    public void Rules_that_can_not_be_read_stop_the_start()
    {
        var settings = new KeylessSettings
        {
            Issuers =
            [
                new KeylessIssuerSettings
                {
                    Name = "github",
                    Url = "https://token.actions.githubusercontent.com",
                    Audience = ["a"],
                    Rules =
                    [
                        KeylessSetup.Rule("repository = \"x\"", "pull", "a"),
                        KeylessSetup.Rule("repository == \"x\"", "fetch", "A/b", "{x"),
                        KeylessSetup.Rule("event_name == \"push\"", "pull", "a"),
                        new KeylessRuleSettings { If = "repository == \"x\"" },
                    ],
                },
            ],
        };
        var faults = KeylessTokens.Check(new AuthSettings { Keyless = settings }).ToList();
        Assert.Equal(
            [
                "rules.0.if", "rules.1.user", "rules.1.actions", "rules.1.names", "rules.2.if", "rules.3.actions",
                "rules.3.names",
            ],
            faults.Select(fault => fault.Key.Replace("auth.keyless.issuers.0.", "", StringComparison.Ordinal)));
        Assert.StartsWith("at column 12:", faults[0].Message, StringComparison.Ordinal);
        Assert.Contains("anyone in the world", faults[4].Message, StringComparison.Ordinal);
        var failure = Assert.Throws<StartException>(
            () => new KeylessTokens(settings, TimeProvider.System, NullLogger<KeylessTokens>.Instance));
        Assert.StartsWith("auth.keyless.issuers.0.rules.0.if: ", failure.Message, StringComparison.Ordinal);
    }

    private static JsonObject Github(KeylessSetup setup, string branch)
    {
        var claims = setup.Issuer.Claims(
            setup.Clock, ("repository", "acme/app"), ("repository_owner", "acme"), ("repository_owner_id", "65"),
            ("repository_id", "74"), ("repository_visibility", "private"), ("ref", branch), ("ref_type", "branch"),
            ("event_name", "push"), ("actor", "octocat"), ("workflow", "release"), ("run_attempt", "1"),
            ("job_workflow_ref", "acme/app/.github/workflows/release.yml@refs/heads/main"),
            ("runner_environment", "github-hosted"), ("sha", "8b1a9953c4611296a827abf8c47804d7e6c49c6b"));
        claims["nbf"] = claims["iat"]!.GetValue<long>() - 600;
        return claims;
    }
}
