using System.Text.Json;
using Berth.Access;
using Berth.Audit;
using Berth.Lifecycle;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Lifecycle;

/// <summary>Questions about what many repositories hold have limits, and tell only those who may know.</summary>
[Inside]
public sealed class QuestionLimitTests : IAsyncLifetime
{
    private const string Rule = """{"names":"acme/**","keepLastPushed":1}""";

    private RegistryFixture registry = null!;
    private AccountsOf accounts = null!;
    private ImagePusher admin = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        (accounts, admin) = (new AccountsOf(registry), new ImagePusher(registry, "admin"));
        await admin.PushAsync("acme/app", "v1", "one");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_saved_rule_is_answered_and_audited_even_if_what_it_matches_can_not_be_counted()
    {
        var id = (await admin.ApiAsync("POST", "/tag-rules", Rule, 201)).Of("id");
        await RunAsync("ALTER TABLE tag RENAME TO tag_away");
        var made = await admin.ApiAsync("POST", "/tag-rules", Rule, 201);
        var changed = await admin.ApiAsync("PUT", $"/tag-rules/{id}", Rule, 200);
        Assert.False(made.TryGetProperty("matchedTags", out _) || changed.TryGetProperty("matchedTags", out _));
        await admin.ApiAsync("GET", $"/tag-rules/{id}", null, 500);
        await RunAsync("ALTER TABLE tag_away RENAME TO tag");
        await Eventually.TrueAsync(async () =>
        {
            await registry.Services.GetRequiredService<AuditLog>().WriteWaitingAsync(Stop);
            var noted = (await admin.ApiAsync("GET", "/audit?actor=admin", null, 200)).GetProperty("items")
                .EnumerateArray().Select(entry => $"{entry.Of("action")} {entry.Of("target")}").ToList();
            return noted.Contains($"POST /api/v1/tag-rules {made.Of("id")}")
                && noted.Contains($"PUT /api/v1/tag-rules/{{id}} {id}");
        });
        Assert.Equal("1", (await admin.ApiAsync("GET", $"/tag-rules/{id}", null, 200)).Of("matchedTags"));
    }

    [Fact]
    public async Task What_a_rule_matches_is_counted_up_to_a_limit()
    {
        await RunAsync(
            """
            WITH RECURSIVE n (i) AS (SELECT 10000 UNION ALL SELECT i + 1 FROM n WHERE i < 20001)
            INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
            SELECT t.repository_id, 'a' || CAST(n.i AS TEXT), t.digest, 0, 'test' FROM tag t, n
            """);
        await AddRepositoriesAsync(1001);
        var command = new AccountCommand(registry);
        foreach (var (rule, said) in new[]
        {
            ("acme/** --tags a*", "It matches at least 1 repository and 10,000 tags now."),
            ("acme/** --tags v*", "It matches at least 1 repository, and no tag of those that were counted."),
            ("many/*", "It matches at least 1,000 repositories, and no tag of those that were counted."),
            ("many/r1", "It matches 1 repository, but no tag there yet"),
        })
        {
            var made = await command.RunAsync(["rule", "add", .. rule.Split(' '), "--keep-last", "1"]);
            Assert.Contains(said, made.Is(0).Output);
        }
    }

    [Fact]
    public async Task Those_who_may_not_pull_are_not_told_what_a_rule_matches_or_a_deletion_frees()
    {
        foreach (var (name, actions) in new[] { ("manager", "manage"), ("remover", "delete"), ("both", "pull,manage") })
            await accounts.GrantAsync(await accounts.AddUserAsync(name, ImagePusher.Password), "acme/**", actions);
        var (manager, both) = (new ImagePusher(registry, "manager"), new ImagePusher(registry, "both"));
        await manager.ApiAsync("POST", "/tag-rules/plan", Rule, 403);
        var made = await manager.ApiAsync("POST", "/tag-rules", Rule, 201);
        var path = $"/tag-rules/{made.Of("id")}";
        await manager.ApiAsync("POST", $"/tag-rules/plan?replaces={made.Of("id")}", Rule, 403);
        foreach (var seen in new[]
        {
            made, await manager.ApiAsync("GET", path, null, 200), await manager.ApiAsync("PUT", path, Rule, 200),
        })
        {
            foreach (var count in new[] { "matchedTags", "matchedRepositories" })
                Assert.False(seen.TryGetProperty(count, out _));
        }

        Assert.Equal("1", (await both.ApiAsync("GET", path, null, 200)).Of("matchedTags"));
        Assert.Equal("1", (await both.ApiAsync("POST", "/tag-rules/plan", Rule, 200)).Of("matchedTags"));
        await new ImagePusher(registry, "remover").ApiAsync(
            "GET", "/usage/reclaimable/matching?names=acme/**", null, 403);
        var said = await new AccountCommand(registry).AskAsync(
            "manager", ImagePusher.Password, "rule", "add", "acme/**", "--keep-last", "1");
        Assert.EndsWith("keep the last 1, in acme/**.\n", said.Is(0).Output);
    }

    [Fact]
    public async Task Who_may_do_half_of_what_a_question_needs_is_told_which_right_is_missing()
    {
        await admin.PushAsync("else/app", "v1", "two");
        var half = await accounts.AddUserAsync("half", ImagePusher.Password);
        foreach (var (names, actions) in new[] { ("acme/**", "pull,manage"), ("else/**", "manage") })
            await accounts.GrantAsync(half, names, actions);
        var asking = new ImagePusher(registry, "half");
        Assert.Contains(
            "half may not delete from all of acme/**",
            (await asking.ApiAsync("GET", "/usage/reclaimable/matching?names=acme/**", null, 403)).Of("detail"));

        // What the former rule is about counts too: without it, other things go there.
        var (here, there) = (await AddRuleAsync("acme/*"), await AddRuleAsync("else/*"));
        Assert.Equal("1", (await PlanAsync(asking, here, 200)).Of("matchedTags"));
        Assert.Contains("half may not pull from all of else/*", (await PlanAsync(asking, there, 403)).Of("detail"));

        // Who sees all rules may try another one in their place only where they may manage.
        var reader = await accounts.AddUserAsync("reader", ImagePusher.Password, RegistryRole.Auditor);
        await accounts.GrantAsync(reader, "acme/**", "manage");
        var refused = await PlanAsync(new ImagePusher(registry, "reader"), there, 403);
        Assert.Contains("reader may not manage all of else/*", refused.Of("detail"));

        async Task<string> AddRuleAsync(string names) => (await asking.ApiAsync(
            "POST", "/tag-rules", $$"""{"names":"{{names}}","keepLastPushed":1}""", 201)).Of("id");

        Task<JsonElement> PlanAsync(ImagePusher user, string replaced, int status) =>
            user.ApiAsync("POST", $"/tag-rules/plan?replaces={replaced}", Rule, status);
    }

    [Fact]
    public async Task A_plan_names_so_many_at_most_and_counts_all()
    {
        await RunAsync(
            """
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10002)
            INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
            SELECT t.repository_id, 'a' || CAST(n.i AS TEXT), t.digest, 0, 'test' FROM tag t, n
            """);
        const string All = """{"names":"acme/**","tags":["a*"],"keepVersions":"1.x"}""";
        var plan = await admin.ApiAsync("POST", "/tag-rules/plan", All, 200);
        Assert.Equal(("10002", "10002", "2"), (plan.Of("matchedTags"), plan.Of("tags"), plan.Of("more")));
        Assert.Equal(10_000, plan.GetProperty("going").GetArrayLength());
    }

    [Fact]
    public async Task What_several_repositories_would_free_is_asked_about_so_many_at_most()
    {
        const string Path = "/usage/reclaimable/matching?names=";
        await AddRepositoriesAsync(1001);
        Assert.Contains(
            "more than 1,000 repositories: ask with narrower patterns",
            (await admin.ApiAsync("GET", Path + "many/*", null, 409)).Of("detail"));
        await admin.ApiAsync("GET", Path + "many/*1", null, 200);
        await RunAsync(
            """
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
            INSERT INTO manifest_reference (repository_id, manifest_digest, target_digest, kind)
            SELECT r.id, 'none', CAST(n.i AS TEXT), 'Layer' FROM repository r, n WHERE r.name = 'acme/app'
            """);
        Assert.Contains(
            "more than 300,000 blobs", (await admin.ApiAsync("GET", Path + "acme/**", null, 409)).Of("detail"));
    }

    [Fact]
    public async Task One_question_about_several_repositories_is_answered_at_a_time()
    {
        var reclaimable = registry.Services.GetRequiredService<Reclaimable>();
        var turn = await reclaimable.TakeTurnAsync(TimeSpan.Zero, Stop);
        var asked = admin.ApiAsync("GET", "/usage/reclaimable/matching?names=acme/**", null, 200);
        await Task.Delay(TimeSpan.FromSeconds(1), Stop);
        Assert.False(asked.IsCompleted);
        Assert.Null(await reclaimable.TakeTurnAsync(TimeSpan.Zero, Stop));
        await admin.ApiAsync("GET", "/usage/reclaimable?repository=acme/app", null, 200);
        turn!.Dispose();
        Assert.Equal("1", (await asked).Of("manifests"));
        using var next = await reclaimable.TakeTurnAsync(TimeSpan.FromSeconds(30), Stop);
        Assert.NotNull(next);
    }

    [Fact]
    public async Task A_namespace_may_have_a_longer_name_than_an_account()
    {
        var space = new string('n', 100);
        await admin.PushAsync($"{space}/app", "v1", "one");
        foreach (var path in new[] { "/usage", "/trash", "/tag-rules", "/retention/estimate" })
        {
            await admin.ApiAsync("GET", $"{path}?namespace={space}", null, 200);
            await admin.ApiAsync("GET", $"{path}?namespace={space}n", null, 404);
        }

        var listed = await admin.ApiAsync("GET", $"/repositories?namespace={space}", null, 200);
        Assert.Equal($"{space}/app", listed.GetProperty("items")[0].Of("name"));
        (await new AccountCommand(registry).RunAsync("retention", "run", "--namespace", space, "--dry-run")).Is(0);
    }

    private Task<int> AddRepositoriesAsync(int count) => RunAsync(
        $"""
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
        INSERT INTO repository (name, created_at, listed) SELECT 'many/r' || CAST(i AS TEXT), 0, 1 FROM n
        """);

    private Task<int> RunAsync(string sql) => registry.Services.GetRequiredService<AccessChanges>().RunAsync(
        session => session.RunAsync(sql), Stop);
}
