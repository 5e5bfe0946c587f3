using System.Text.Json;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Cli;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>Rules on tags, pins, expiry and immutable tags, over HTTP.</summary>
[Inside]
public sealed class RetentionTests : IAsyncLifetime
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly SetClock clock = new();
    private RegistryFixture registry = null!;
    private ImagePusher images = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync(
            settings: s => s with
            {
                Storage = s.Storage with
                {
                    Maintenance = s.Storage.Maintenance with
                    {
                        Gc = new GarbageSettings { Enabled = false },
                        Retention = new RetentionSettings { Enabled = false },
                    },
                },
            },
            clock: clock);
        images = new ImagePusher(registry, "admin");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_plan_says_what_goes_and_a_run_does_just_that()
    {
        for (var i = 1; i <= 4; i++)
        {
            await images.PushAsync("acme/app", $"pr-{i}", $"layer {i}");
            clock.Advance(Day);
        }

        await images.ApiAsync("PUT", "/tags/stable?repository=acme/app", """{"target":"pr-1"}""", 200);
        await images.PushAsync("acme/other", "pr-1", "layer");
        await AddRuleAsync("""{"names":"acme/app","tags":["pr-*"],"keepLastPushed":2}""");
        var plan = await PlanAsync("acme/app");
        Assert.Equal(["pr-1 True", "pr-2 True", "pr-3 False", "pr-4 False", "stable False"], plan);
        Assert.Equal(["pr-1 True", "pr-2 True"], await PlanAsync("acme/app", "&going=true"));
        var estimate = await images.ApiAsync("GET", "/retention/estimate?namespace=acme", null, 200);
        Assert.Equal(
            ("2", "1", "7", "2"),
            (estimate.Of("tags"), estimate.Of("manifests"), estimate.Of("bytes"), estimate.Of("sharedBytes")));
        var run = await RunAsync("{}");
        Assert.Equal(("done", "2", "1"), (run.Of("state"), run.Of("tags"), run.Of("manifests")));

        // An image that another tag holds stays, and so does what the rule is not about.
        Assert.Equal(["pr-3", "pr-4", "stable"], await images.TagsAsync("acme/app"));
        Assert.Equal(["pr-1"], await images.TagsAsync("acme/other"));
        var trash = (await images.ApiAsync("GET", "/trash?repository=acme/app", null, 200)).GetProperty("items");
        Assert.Equal(
            ["manifest retention", "tag retention"],
            trash.EnumerateArray().Select(one => $"{one.Of("kind")} {one.Of("reason")}").Order());
        Assert.Equal("0", (await RunAsync("""{"repository":"acme/app"}""")).Of("tags"));
    }

    [Fact]
    public async Task A_pull_keeps_an_image_but_not_that_of_a_scanner()
    {
        foreach (var tag in new[] { "pulled", "headed", "scanned", "old" })
            await images.PushAsync("acme/app", tag, $"layer {tag}");
        await AddRuleAsync("""{"names":"acme/*","keepForSeconds":864000}""");
        clock.Advance(9 * Day);
        await images.IsAsync("GET", "/v2/acme/app/manifests/pulled", 200);
        await images.IsAsync("HEAD", "/v2/acme/app/manifests/headed", 200);
        using var scan = new HttpRequestMessage(HttpMethod.Get, "/v2/acme/app/manifests/scanned");
        scan.Headers.TryAddWithoutValidation("Authorization", Basic("admin", AdminPassword));
        scan.Headers.TryAddWithoutValidation("User-Agent", "Trivy/0.60");
        using (var answer = await registry.Client.SendAsync(scan, Stop)) Assert.True(answer.IsSuccessStatusCode);
        clock.Advance(2 * Day);
        Assert.Equal(
            ["headed False", "old True", "pulled False", "scanned True"], await PlanAsync("acme/app"));
        var shown = await images.ApiAsync("GET", "/tags/pulled?repository=acme/app", null, 200);
        Assert.Equal(
            (clock.GetUtcNow() - (2 * Day)).ToUnixTimeMilliseconds(),
            shown.GetProperty("pulledAt").GetDateTimeOffset().ToUnixTimeMilliseconds());
        var sorted = await images.ApiAsync("GET", "/tags?repository=acme/app&sort=-pulled", null, 200);
        Assert.Equal(
            ["pulled", "headed", "scanned", "old"],
            sorted.GetProperty("items").EnumerateArray().Select(tag => tag.Of("name")));
        await RunAsync("{}");
        Assert.Equal(["headed", "pulled"], await images.TagsAsync("acme/app"));
        var pulls = await registry.Services.GetRequiredService<Database>().ReadAsync(
            session => session.NumberAsync("SELECT sum(pulls) FROM pull_day"), Stop);
        Assert.Equal(1, pulls);
    }

    [Fact]
    public async Task A_pull_of_the_last_minute_counts_wherever_the_run_was_asked_for()
    {
        foreach (var tag in new[] { "used", "other" })
        {
            await images.PushAsync("acme/app", tag, $"layer {tag}");
            clock.Advance(Day);
        }

        await AddRuleAsync("""{"names":"acme/*","keepLastPulled":1}""");
        await images.IsAsync("GET", "/v2/acme/app/manifests/used", 200);

        // As another node does it, which knows nothing of that pull.
        var jobs = registry.Services.GetRequiredService<JobTable>();
        var run = new RetentionRun(0, null, null, CollectionStates.Waiting) { RequestedAt = clock.GetUtcNow() };
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            session => RequestedRetentionJob.AddAsync(session, jobs, run), isDurable: true, Stop);
        await Eventually.TrueAsync(async () => (await images.TagsAsync("acme/app")).Count == 1);
        Assert.Equal(["used"], await images.TagsAsync("acme/app"));
    }

    [Fact]
    public async Task Pins_of_clusters_and_of_tags_are_passed_over()
    {
        var child = await images.PushAsync("acme/app", null, "child");
        await images.PushIndexAsync("acme/app", "index", child);
        var running = await images.PushAsync("acme/app", "running", "layer");
        await images.PushAsync("acme/app", "pinned", "other");
        await images.PushAsync("acme/app", "old", "more");
        await AddRuleAsync("""{"names":"acme/**","keepForSeconds":60}""");
        await images.ApiAsync("PATCH", "/tags/pinned?repository=acme/app", """{"isPinned":true}""", 200);
        var posted = await images.ApiAsync(
            "PUT", "/pins/prod",
            $$"""
            {"images":["docker-pullable://registry.example.com:5000/acme/app@{{running}}","acme/app:1@{{child}}",
            "docker.io/library/nginx@{{running}}"],"expiresAt":"{{clock.GetUtcNow() + (9 * Day):O}}"}
            """,
            200);
        Assert.Equal(("2", 1), (posted.Of("count"), posted.GetProperty("ignored").GetArrayLength()));
        clock.Advance(Day);
        Assert.Equal(["index False", "old True", "pinned False", "running False"], await PlanAsync("acme/app"));

        // Neither the collector nor an expiry touches what runs.
        await images.IsAsync("DELETE", "/v2/acme/app/manifests/running", 202);
        await images.ApiAsync(
            "PATCH", "/tags/index?repository=acme/app",
            $$"""{"expiresAt":"{{clock.GetUtcNow() + TimeSpan.FromHours(1):O}}"}""", 200);
        clock.Advance(Day);
        Assert.Equal(0, await registry.Services.GetRequiredService<Retention>().ExpireAsync(Stop));
        var collector = registry.Services.GetRequiredService<Berth.Lifecycle.GarbageCollector>();
        Assert.Equal(0, (await collector.RunAsync(Day, Stop)).Trashed);
        await images.IsAsync("GET", $"/v2/acme/app/manifests/{running}", 200);
        await images.ApiAsync("PUT", "/tags/running?repository=acme/app", $$"""{"target":"{{running}}"}""", 200);

        // A list that nobody renews does not count for ever.
        clock.Advance(8 * Day);
        Assert.Equal(["index True", "old True", "pinned False", "running True"], await PlanAsync("acme/app"));
        await images.ApiAsync("DELETE", "/pins/prod", null, 204);
        await images.ApiAsync("GET", "/pins/prod", null, 404);
    }

    [Fact]
    public async Task A_list_without_images_does_not_unpin_a_cluster_by_mistake()
    {
        var digest = await images.PushAsync("acme/app", "v1", "layer");
        await images.ApiAsync("PUT", "/pins/prod", $$"""{"images":["acme/app@{{digest}}"]}""", 200);
        var command = new AccountCommand(registry);
        string[] pin = ["pins", "from-kubernetes", "prod"];
        Assert.Contains("--allow-empty", (await command.TellAsync("""{"items":[]}""", pin)).Is(2).Errors);
        Assert.Equal("1", (await images.ApiAsync("GET", "/pins/prod", null, 200)).Of("count"));
        var emptied = await command.TellAsync("""{"items":[]}""", [.. pin, "--allow-empty"]);
        Assert.Contains("Pinned 0 images for", emptied.Is(0).Output);
    }

    [Fact]
    public async Task Untagged_manifests_go_by_a_rule_even_if_they_never_had_a_tag()
    {
        var child = await images.PushAsync("acme/app", null, "child");
        var index = await images.PushIndexAsync("acme/app", "v1", child);
        var sbom = await images.PushReferrerAsync("acme/app", index);
        var alone = await images.PushAsync("acme/app", null, "alone");
        await AddRuleAsync("""{"names":"acme/**","untaggedSeconds":86400}""");
        clock.Advance(2 * Day);
        Assert.Equal([$"{alone} True", "v1 False"], await PlanAsync("acme/app"));
        Assert.Equal("1", (await RunAsync("{}")).Of("manifests"));
        await images.IsAsync("GET", $"/v2/acme/app/manifests/{alone}", 404);
        foreach (var kept in new[] { child, index, sbom })
            await images.IsAsync("GET", $"/v2/acme/app/manifests/{kept}", 200);
    }

    [Fact]
    public async Task Tags_go_when_their_annotation_label_or_a_call_says_so()
    {
        await images.PushAsync("acme/app", "kept", "layer");
        await images.PushAsync("acme/app", "called", "called");
        var labelled = await images.PushConfigAsync(
            "acme/app", "labelled", """{"config":{"Labels":{"quay.expires-after":"2d"}}}""");
        await images.PushIndexAsync("acme/app", "index", labelled);
        await images.PushManifestAsync(
            "acme/app", "annotated",
            """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],
            "annotations":{"berth.expires-after":"1d","quay.expires-after":"9w"}}
            """,
            "application/vnd.oci.image.index.v1+json");
        await images.ApiAsync(
            "PATCH", "/tags/called?repository=acme/app",
            $$"""{"expiresAt":"{{clock.GetUtcNow() + (3 * Day):O}}"}""", 200);
        await images.ApiAsync(
            "PATCH", "/tags/kept?repository=acme/app", """{"expiresAt":"2001-01-01T00:00:00Z"}""", 400);
        await ExpireAsync(0.9, "annotated", "called", "index", "kept", "labelled");
        await ExpireAsync(0.2, "called", "index", "kept", "labelled");
        await ExpireAsync(1, "called", "kept");
        await images.ApiAsync("PATCH", "/tags/called?repository=acme/app", """{"expiresAt":null}""", 200);
        await ExpireAsync(4, "called", "kept");

        // Back from the trash, they stay until they are pushed anew.
        var trash = (await images.ApiAsync("GET", "/trash?repository=acme/app", null, 200)).GetProperty("items");
        foreach (var entry in trash.EnumerateArray())
            await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        await ExpireAsync(9, "annotated", "called", "index", "kept", "labelled");
    }

    [Fact]
    public async Task An_expiry_that_can_not_be_read_is_logged_and_counts_as_none()
    {
        await images.PushConfigAsync(
            "acme/app", "labelled", """{"config":{"Labels":{"quay.expires-after":"in a month"}}}""");
        await images.PushManifestAsync(
            "acme/app", "annotated",
            """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],
            "annotations":{"berth.expires-after":"14 days","quay.expires-after":"1d"}}
            """,
            "application/vnd.oci.image.index.v1+json");
        foreach (var value in new[] { "in a month", "14 days" })
        {
            Assert.Single(registry.Log, line => line.Contains(
                $"expires after '{value}', which is not a duration", StringComparison.Ordinal));
        }

        await ExpireAsync(2, "labelled");
    }

    [Fact]
    public async Task Immutable_tags_do_not_move_and_are_not_deleted_and_say_which_rule()
    {
        var first = await images.PushAsync("acme/app", "v1", "one");
        await images.ApiAsync("PATCH", "/tags/v1?repository=acme/app",
            $$"""{"expiresAt":"{{clock.GetUtcNow() + Day:O}}"}""", 200);
        var child = await images.PushAsync("acme/app", null, "child");
        await images.PushIndexAsync("acme/app", "v2", child);
        var rule = await AddRuleAsync("""{"names":"acme/**","tags":["v*"],"except":["v*-rc*"],"isImmutable":true}""");
        var name = $"rule {rule} (acme/**: v*)";

        // The same again is fine, and so are new tags, and those that are excepted.
        await images.PushAsync("acme/app", "v1", "one");
        await images.PushAsync("acme/app", "v1-rc1", "one");
        await images.PushAsync("acme/app", "v1-rc1", "two");
        foreach (var signed in new[] { "a", "b" })
            await images.PushAsync("acme/app", first.Replace(':', '-') + ".sig", signed);
        var two = await images.DigestOfAsync("acme/app", "v1-rc1");
        var manifest = await images.TextAsync("/v2/acme/app/manifests/v1-rc1");
        const string Type = "application/vnd.oci.image.manifest.v1+json";
        foreach (var (method, path, body, type) in new[]
        {
            ("PUT", "/v2/acme/app/manifests/v1", manifest, Type),
            ("PUT", $"/v2/acme/app/manifests/{two}?tag=new&tag=v1", manifest, Type),
            ("DELETE", "/v2/acme/app/manifests/v1", null, null),
            ("DELETE", $"/v2/acme/app/manifests/{first}", null, null),
            ("PUT", "/api/v1/tags/v1?repository=acme/app", $$"""{"target":"{{two}}"}""", "application/json"),
            ("DELETE", "/api/v1/tags/v1?repository=acme/app", null, null),
            ("DELETE", "/api/v1/repositories/acme/app", null, null),
            ("DELETE", $"/v2/acme/app/manifests/{child}", null, null),
        })
        {
            Assert.Contains(name, (await images.SendAsync(method, path, body, type, 403)).Text);
        }

        Assert.Equal(first, await images.DigestOfAsync("acme/app", "v1"));
        await images.IsAsync("GET", "/v2/acme/app/manifests/new", 404);
        await images.ApiAsync("PATCH", "/tags/v1?repository=acme/app",
            $$"""{"expiresAt":"{{clock.GetUtcNow() + Day:O}}"}""", 403);
        var listed = (await images.ApiAsync("GET", "/tags?repository=acme/app", null, 200)).GetProperty("items");
        Assert.Equal(name, listed.EnumerateArray().Single(tag => tag.Of("name") == "v1").Of("immutableBy"));
        var said = (await new AccountCommand(registry).RunAsync("tag", "list", "acme/app")).Is(0).Output;
        Assert.Matches("\nv1 .* never: immutable\n", said);
        await AddRuleAsync("""{"names":"acme/**","keepForSeconds":1}""");
        clock.Advance(9 * Day);
        Assert.Equal(0, await registry.Services.GetRequiredService<Retention>().ExpireAsync(Stop));
        await RunAsync("{}");
        Assert.Contains("v1", await images.TagsAsync("acme/app"));
        await images.ApiAsync("DELETE", $"/tag-rules/{rule}", null, 204);
        clock.Advance(Day);
        await images.PushAsync("acme/app", "v1", "three");
    }

    [Fact]
    public async Task Two_pushes_at_once_to_an_immutable_tag_leave_one()
    {
        await AddRuleAsync("""{"names":"acme/**","isImmutable":true}""");
        var contents = Enumerable.Range(0, 8).Select(i => $"layer {i}").ToList();
        foreach (var content in contents) await images.PushAsync("acme/app", content.Replace(' ', '-'), content);
        var manifests = new List<string>();
        foreach (var content in contents)
            manifests.Add(await images.TextAsync($"/v2/acme/app/manifests/{content.Replace(' ', '-')}"));
        var answers = await Task.WhenAll(manifests.Select(async manifest =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, "/v2/acme/app/manifests/once")
            {
                Content = new StringContent(manifest),
            };
            request.Content.Headers.ContentType = new("application/vnd.oci.image.manifest.v1+json");
            request.Headers.TryAddWithoutValidation("Authorization", Basic("admin", AdminPassword));
            using var answer = await registry.Client.SendAsync(request, Stop);
            return (int)answer.StatusCode;
        }));
        Assert.Equal(1, answers.Count(status => status == 201));
        Assert.Equal(7, answers.Count(status => status == 403));
    }

    [Fact]
    public async Task Each_rules_over_their_own_repositories_only()
    {
        await new AccountsOf(registry).AddUserAsync("ann", ImagePusher.Password);
        await new AccountsOf(registry).AddUserAsync("bob", ImagePusher.Password);
        var (ann, bob) = (new ImagePusher(registry, "ann"), new ImagePusher(registry, "bob"));
        await ann.PushAsync("ann/app", "v1", "layer");
        const string Rule = """{"names":"ann/**","keepForSeconds":1}""";
        var made = await ann.ApiAsync("POST", "/tag-rules", Rule, 201);
        var path = $"/tag-rules/{made.Of("id")}";
        await bob.ApiAsync("POST", "/tag-rules", Rule, 403);
        await bob.ApiAsync("POST", "/tag-rules", """{"names":"**","keepForSeconds":1}""", 403);
        await bob.ApiAsync("GET", path, null, 404);
        await bob.ApiAsync("PUT", path, """{"names":"bob/**","keepForSeconds":1}""", 404);
        await bob.ApiAsync("DELETE", path, null, 404);
        await bob.ApiAsync("GET", "/tag-rules?namespace=ann", null, 404);
        await bob.ApiAsync("GET", "/retention/plan?repository=ann/app", null, 404);
        await bob.ApiAsync("POST", "/retention/runs", """{"repository":"ann/app"}""", 404);
        await bob.ApiAsync("POST", "/retention/runs", """{"namespace":"ann"}""", 404);
        await bob.ApiAsync("POST", "/retention/runs", "{}", 403);
        await bob.ApiAsync("GET", "/retention/estimate", null, 403);
        await bob.ApiAsync("GET", "/retention/estimate?repository=ann/app", null, 404);
        clock.Advance(Day);
        var run = await ann.ApiAsync("POST", "/retention/runs", """{"namespace":"ann"}""", 201);
        await bob.ApiAsync("GET", $"/retention/runs/{run.Of("id")}", null, 404);
        await Eventually.TrueAsync(async () =>
            (await ann.ApiAsync("GET", $"/retention/runs/{run.Of("id")}", null, 200)).Of("tags") == "1");
        var digest = await images.PushAsync("acme/app", "v1", "layer");
        var posted = await bob.ApiAsync(
            "PUT", "/pins/mine", $$"""{"images":["ann/app@{{digest}}","{{digest}}"]}""", 200);
        Assert.Equal("0", posted.Of("count"));
        await ann.ApiAsync("GET", "/pins/mine", null, 404);
        await ann.ApiAsync("GET", "/pins/bob/mine", null, 404);
        await images.ApiAsync("GET", "/pins/bob/mine", null, 200);
        await ann.ApiAsync("PUT", "/pins/mine", """{"images":[]}""", 200);
    }

    private async Task<string> AddRuleAsync(string rule)
    {
        var made = await images.ApiAsync("POST", "/tag-rules", rule, 201);

        // What is remembered of rules is read again after a second.
        clock.Advance(TimeSpan.FromSeconds(2));
        return made.Of("id");
    }

    private async Task<List<string>> PlanAsync(string repository, string query = "") =>
        [.. (await images.ApiAsync("GET", $"/retention/plan?repository={repository}{query}", null, 200))
            .GetProperty("items").EnumerateArray().Select(one => $"{one.Of("name")} {one.Of("goes")}")];

    private async Task<JsonElement> RunAsync(string scope)
    {
        var run = await images.ApiAsync("POST", "/retention/runs", scope, 201);
        await Eventually.TrueAsync(async () =>
            (run = await images.ApiAsync("GET", $"/retention/runs/{run.Of("id")}", null, 200)).Of("state") == "done");
        return run;
    }

    private async Task ExpireAsync(double days, params string[] left)
    {
        clock.Advance(days * Day);
        await registry.Services.GetRequiredService<Retention>().ExpireAsync(Stop);
        Assert.Equal(left, await images.TagsAsync("acme/app"));
    }
}
