using System.Buffers.Text;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Berth.Identity;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Distribution;
using Berth.Tests.Settings;
using Microsoft.AspNetCore.Hosting;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>The examples of docs/sign-in-keyless.md, with tokens of an issuer as the page describes them.</summary>
public sealed partial class KeylessDocumentTests : IDisposable
{
    private readonly PageSettings page = new("sign-in-keyless");

    public void Dispose() => page.Dispose();

    [Fact]
    public async Task A_job_on_GitHub_pulls_for_its_organisation_and_pushes_from_its_main_branch_and_tags()
    {
        Assert.Equal(4, page.Examples.Count);
        await using var issuer = await TestIssuer.StartAsync();
        await using var registry = await StartAsync(page.With("name: github"), issuer);
        foreach (var (at, actions) in new[]
        {
            ("refs/heads/main", "pull,push"), ("refs/tags/v1.2", "pull,push"), ("refs/heads/main2", "pull"),
            ("refs/pull/7/merge", "pull"),
        })
        {
            var user = actions == "pull" ? "github:repo:acme/app" : $"github:acme/app@{at}";
            await AssertAsync(
                registry, user, Job("65", "acme/app", at), ("acme/app", actions), ("acme/base", "pull"), ("x/app", ""));
        }

        await AssertAsync(
            registry, "github:repo:acme/base", Job("65", "acme/base", "refs/heads/main"), ("acme/app", "pull"));

        // The name was given up and taken by somebody else; another name; no claim at all; another registry's token.
        await AssertRefusedAsync(registry, Job("66", "acme/app", "refs/heads/main"));
        await AssertRefusedAsync(registry, Job("65", "other/app", "refs/heads/main"));
        await AssertRefusedAsync(registry, Job(null, "acme/app", "refs/heads/main"));
        var elsewhere = Job("65", "acme/app", "refs/heads/main");
        elsewhere["aud"] = "other.example.com";
        await AssertRefusedAsync(registry, elsewhere);

        JsonObject Job(string? owner, string repository, string at) => issuer.Claims(
            TimeProvider.System, ("sub", $"repo:{repository}"), ("repository_owner_id", owner),
            ("repository", repository), ("ref", at));
    }

    [Fact]
    public async Task A_job_on_GitLab_pushes_from_a_protected_branch_of_its_namespace()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var registry = await StartAsync(page.With("name: gitlab"), issuer);
        await AssertAsync(
            registry, "gitlab:acme/group/app", Job("72", "true"), ("acme/group/app", "pull,push"), ("x/app", ""));
        await AssertRefusedAsync(registry, Job("73", "true"));
        await AssertRefusedAsync(registry, Job("72", "false"));
        await AssertRefusedAsync(registry, Job("72", null));

        JsonObject Job(string id, string? isProtected) => issuer.Claims(
            TimeProvider.System, ("namespace_id", id), ("project_path", "acme/group/app"),
            ("ref_protected", isProtected));
    }

    [Fact]
    public async Task A_pod_pushes_with_keys_that_Berth_reads_from_the_cluster_with_its_own_token()
    {
        using var certificate = AccountCommandTests.IssueToLoopback();
        await using var issuer = await TestIssuer.StartAsync(host => host.UseKestrelHttpsConfiguration()
            .ConfigureKestrel(o => o.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate))));
        await using var registry = await StartAsync(
            page.With("tokenfile:")
                .Replace(
                    "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
                    page.Write("ca.crt", certificate.ExportCertificatePem()))
                .Replace("/var/run/secrets/kubernetes.io/serviceaccount/token", page.Write("token", "of-berth")),
            issuer);
        await AssertAsync(registry, "cluster:pod", Pod("build-app", "builder"), ("acme/app", "pull,push"), ("x/a", ""));
        Assert.Equal("Bearer of-berth", issuer.Authorization);
        await AssertRefusedAsync(registry, Pod("build-app", "default"));
        await AssertRefusedAsync(registry, Pod("other", "builder"));
        await AssertRefusedAsync(registry, Pod("build-app", null));

        JsonObject Pod(string space, string? account) => issuer.Claims(
            TimeProvider.System, ("sub", "pod"), ("kubernetes.io", new JsonObject
            {
                ["namespace"] = space,
                ["serviceaccount"] = account is null ? null : new JsonObject { ["name"] = account },
            }));
    }

    [Fact]
    public async Task A_pod_pushes_with_keys_of_the_cluster_in_a_file()
    {
        await using var issuer = await TestIssuer.StartAsync();
        var example = page.With("jwks:").Replace(
            "/etc/berth/cluster.jwks", page.Write("cluster.jwks", TestIssuer.KeySet(issuer.Keys)));
        var url = Url().Match(example).Groups[2].Value;
        await using var registry = await PageSettings.StartAsync(page.Read(example));
        var builder = "system:serviceaccount:build-app:builder";
        await AssertAsync(registry, $"cluster:{builder}", Pod(builder), ("acme/app", "pull,push"), ("x/app", ""));
        await AssertRefusedAsync(registry, Pod("system:serviceaccount:build-app:default"));
        await AssertRefusedAsync(registry, Pod("system:serviceaccount:other:builder"));
        await AssertRefusedAsync(registry, Pod(builder), TestKey.Second.As(TestKey.First.Id));
        Assert.Equal(0, issuer.Discoveries);

        JsonObject Pod(string subject) => issuer.Claims(TimeProvider.System, ("iss", url), ("sub", subject));
    }

    [Fact]
    public async Task The_condition_of_the_page_holds_for_the_branches_that_it_names_and_keeps_mallory_out()
    {
        var condition = Assert.Single(
            SourceTree.Files.Single(f => f.Path == "docs/sign-in-keyless.md").BlocksOf(""));
        Assert.True(ClaimCondition.TryParse(condition, out _, out var fault), fault);
        await using var setup = await KeylessSetup.StartAsync(
            changeIssuer: issuer => issuer with { Rules = [KeylessSetup.Rule(condition, "pull", "**")] });
        await setup.AcceptAsync(Token("refs/heads/main", "ann"));
        await setup.AcceptAsync(Token("refs/tags/v2", "ann"));
        await setup.RefuseAsync(Token("refs/heads/other", "ann"));
        await setup.RefuseAsync(Token("refs/heads/main", "mallory"));
        await setup.RefuseAsync(Token("refs/heads/main", null));

        string Token(string at, string? actor) =>
            setup.Token(claims: [("repository", "acme/app"), ("ref", at), ("actor", actor)]);
    }

    private Task<RegistryFixture> StartAsync(string example, TestIssuer issuer) =>
        PageSettings.StartAsync(page.Read(Url().Replace(example, "${1}" + issuer.Url)));

    /// <summary>Fails unless a token is accepted as this user's, and allows these actions in each repository.</summary>
    private static async Task AssertAsync(
        RegistryFixture registry, string user, JsonObject claims, params (string Repository, string Actions)[] access)
    {
        var script = new Script(registry) { ["job"] = Basic("ci", TestIssuer.Token(claims)) };
        foreach (var (repository, actions) in access)
        {
            var token = await TokenRegistry.TokenAsync(
                registry, script["job"], $"repository:{repository}:pull,push,delete");
            var told = JsonNode.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]))!;
            Assert.Equal(user, (string?)told["sub"]);
            Assert.Equal(
                actions,
                string.Join(',', told["access"]!.AsArray().SelectMany(scope => scope!["actions"]!.AsArray())));
            var isPush = actions.Contains("push", StringComparison.Ordinal);
            await script.PlayAsync(
                $$"""
                POST /v2/{{repository}}/blobs/uploads/
                  Authorization: {job}
                  {{(isPush ? 202 : 403)}}
                """);
        }
    }

    private static Task AssertRefusedAsync(RegistryFixture registry, JsonObject claims, TestKey? key = null) =>
        new Script(registry) { ["job"] = Basic("ci", TestIssuer.Token(claims, key)) }.PlayAsync(
            """
            GET /v2/
              Authorization: {job}
              401
            GET /token?scope=repository:acme/app:pull
              Authorization: {job}
              401
            """);

    [GeneratedRegex(@"^( +url: )(\S+)", RegexOptions.Multiline)]
    private static partial Regex Url();
}
