using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Cli;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>
/// Tags of cosign (<c>sha256-….sig</c>) whose image is nowhere in the registry: only a rule that says so touches them,
/// and none touches those of images that are in it, wherever that is.
/// </summary>
[Inside]
public sealed class OrphanedAttachmentTests : IAsyncLifetime
{
    private const string Rule = """{"names":"acme/**","orphanedSeconds":7776000}""";

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly string Nowhere = TagOf(ImagePusher.DigestOf("nowhere"), ".sig");

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
                        Trash = new TrashSettings { Keep = 365 * Day },
                    },
                },
            },
            clock: clock);
        images = new ImagePusher(registry, "admin");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Only_a_rule_about_them_removes_them_and_only_if_their_image_is_nowhere()
    {
        var (other, same) = (
            await images.PushAsync("else/app", "v1", "other"), await images.PushAsync("acme/sigs", "v1", "same"));
        var trashed = await images.PushAsync("else/web", "v1", "trashed");
        var child = await images.PushAsync("else/app", null, "child");
        await images.PushIndexAsync("else/app", "index", child);
        var attached = new Dictionary<string, string>
        {
            ["other"] = TagOf(other, ".sig"),
            ["same"] = TagOf(same, ".att"),
            ["trashed"] = TagOf(trashed, ".sig"),
            ["child"] = TagOf(child, ".sbom"),
            ["nowhere"] = Nowhere,
            ["index"] = TagOf(DigestOf("a"), ""),
            ["att"] = TagOf(DigestOf("b"), ".att"),
            ["sbom"] = TagOf(DigestOf("c"), ".sbom"),
            ["pinned"] = TagOf(DigestOf("d"), ".sig"),
            ["pulled"] = TagOf(DigestOf("e"), ".sig"),
        };
        foreach (var (name, tag) in attached) await images.PushAsync("acme/sigs", tag, $"signature {name}");
        await images.PushAsync("else/sigs", Nowhere, "not that of the rule");
        await images.IsAsync("DELETE", $"/v2/else/web/manifests/{trashed}", 202);
        await images.ApiAsync(
            "PATCH", $"/tags/{attached["pinned"]}?repository=acme/sigs", """{"isPinned":true}""", 200);
        clock.Advance(89 * Day);
        await images.IsAsync("GET", $"/v2/acme/sigs/manifests/{attached["pulled"]}", 200);
        clock.Advance(2 * Day);
        foreach (var rule in new[] { "\"keepForSeconds\":1", "\"untaggedSeconds\":1" })
            await images.ApiAsync("POST", "/tag-rules", $$"""{"names":"acme/**","except":["v*"],{{rule}}}""", 201);
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(("0", "0"), await RunAsync());
        await images.ApiAsync("POST", "/tag-rules", Rule, 201);
        clock.Advance(TimeSpan.FromSeconds(2));

        var plan = (await images.ApiAsync("GET", "/retention/plan?repository=acme/sigs", null, 200))
            .GetProperty("items").EnumerateArray().ToDictionary(
                one => one.Of("name"), one => $"{one.Of("goes")} {one.Of("reason")}");
        foreach (var name in new[] { "other", "same", "trashed", "child" })
            Assert.Equal("False what it is attached to is in the registry", plan[attached[name]]);
        Assert.Equal("False it is pinned", plan[attached["pinned"]]);
        Assert.Matches(
            @"^False rule \d+ \(acme/\*\*\) keeps what was used in the last 90 days$", plan[attached["pulled"]]);
        string[] gone = ["nowhere", "index", "att", "sbom"];
        foreach (var name in gone)
        {
            Assert.Matches(
                @"^True rule \d+ \(acme/\*\*\) does not keep it: what it is attached to is not in the registry; last "
                + @"used \d{4}-\d\d-\d\d$", plan[attached[name]]);
        }

        var estimate = await images.ApiAsync("GET", "/retention/estimate?namespace=acme", null, 200);
        Assert.Equal(("4", "4"), (estimate.Of("tags"), estimate.Of("manifests")));
        Assert.Equal(("4", "4"), await RunAsync());
        Assert.Equal(
            attached.Where(one => !gone.Contains(one.Key)).Select(one => one.Value)
                .Append("v1").Order(StringComparer.Ordinal),
            await images.TagsAsync("acme/sigs"));
        Assert.Equal([Nowhere], await images.TagsAsync("else/sigs"));

        // They come back from the trash, and have their time again.
        var trash = (await images.ApiAsync("GET", "/trash?repository=acme/sigs", null, 200)).GetProperty("items");
        Assert.Equal(4, trash.EnumerateArray().Count(entry => entry.Of("reason") == "retention"));
        foreach (var entry in trash.EnumerateArray())
            await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        Assert.Equal(("0", "0"), await RunAsync());
    }

    [Fact]
    public async Task An_image_that_comes_back_between_plan_and_run_keeps_its_signature()
    {
        var image = await images.PushAsync("else/app", "v1", "layer");
        var manifest = await images.TextAsync("/v2/else/app/manifests/v1");
        var signature = TagOf(image, ".sig");
        foreach (var tag in new[] { signature, Nowhere }) await images.PushAsync("acme/sigs", tag, tag);
        await images.IsAsync("DELETE", $"/v2/else/app/manifests/{image}", 202);
        await images.ApiAsync("POST", "/tag-rules", Rule, 201);
        clock.Advance(91 * Day);
        Assert.Equal(("1", "1"), await PreviewAsync());
        await images.ApiAsync("POST", "/trash/empty", """{"repository":"else/app"}""", 200);
        await Eventually.TrueAsync(async () => await PreviewAsync() == ("2", "2"));

        var database = new DatabaseInterrupted(
            registry.Services.GetRequiredService<Database>(),
            () => images.PushManifestAsync(
                "else/app", "again", manifest, "application/vnd.oci.image.manifest.v1+json"));
        var retention = ActivatorUtilities.CreateInstance<Retention>(registry.Services, database);
        Assert.Equal((1, 1), await retention.ApplyAsync(RepositoryName.Parse("acme/sigs"), Stop));
        Assert.Equal([signature], await images.TagsAsync("acme/sigs"));

        async Task<(string, string)> PreviewAsync()
        {
            var found = await images.ApiAsync("GET", "/retention/estimate?repository=acme/sigs", null, 200);
            return (found.Of("tags"), found.Of("manifests"));
        }
    }

    [Fact]
    public async Task The_command_line_makes_such_a_rule_and_says_what_it_matches()
    {
        await images.PushAsync("acme/sigs", "v1", "layer");
        foreach (var tag in new[] { Nowhere, TagOf(DigestOf("b"), ".att") })
            await images.PushAsync("acme/sigs", tag, tag);
        clock.Advance(91 * Day);
        string[] rule = ["rule", "add", "acme/**", "--tags", "*.sig", "--orphaned-after", "90d"];
        var tried = (await AskAsync([.. rule, "--dry-run"])).Is(0).Output;
        Assert.Matches(
            $@"acme/sigs:{Nowhere} +goes +the new rule \(acme/\*\*: \*\.sig\) does not keep it: what", tried);
        Assert.DoesNotContain(".att", tried);
        Assert.Contains("1 tag and 0 manifests without tags would go. It matches 1 repository and 1 tag now.", tried);
        Assert.Contains(
            "orphaned attachments go after 90 days, in acme/**. It matches 1 repository and 1 tag now.",
            (await AskAsync(rule)).Is(0).Output);
        Assert.Contains(
            "no tag there yet: if it should, check the patterns of tags",
            (await AskAsync("rule", "add", "acme/**", "--tags", "*.sgi", "--orphaned-after", "90d")).Is(0).Output);
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Contains(
            "Put 1 tag and 1 manifest into the trash.",
            (await AskAsync("retention", "run", "--repository", "acme/sigs", "--yes")).Is(0).Output);
        var refused = await AskAsync("rule", "add", "acme/**", "--immutable", "--orphaned-after", "90d");
        Assert.Contains("a rule makes tags immutable, or says which stay: make two of it", refused.Is(1).Errors);

        // By the server's clock, which has gone on.
        Task<CommandResult> AskAsync(params string[] arguments) =>
            new AccountCommand(registry).AskAsync("admin", AdminPassword, arguments);
    }

    private async Task<(string Tags, string Manifests)> RunAsync()
    {
        var run = await images.ApiAsync("POST", "/retention/runs", "{}", 201);
        await Eventually.TrueAsync(async () =>
            (run = await images.ApiAsync("GET", $"/retention/runs/{run.Of("id")}", null, 200)).Of("state") == "done");
        return (run.Of("tags"), run.Of("manifests"));
    }

    private static string TagOf(string digest, string ending) => digest.Replace(':', '-') + ending;

    private static string DigestOf(string text) => ImagePusher.DigestOf(text);

    /// <summary>A database where something else happens after the first read.</summary>
    private sealed class DatabaseInterrupted(Database inner, Func<Task> interruption) : Database
    {
        private readonly Lazy<Task> once = new(interruption);

        public override string Name => inner.Name;

        public override async ValueTask<T> ReadAsync<T>(
            Func<Session, ValueTask<T>> query, CancellationToken cancellation = default)
        {
            var found = await inner.ReadAsync(query, cancellation);
            await once.Value;
            return found;
        }

        public override Task ReadSnapshotAsync(Func<Session, Task> work, CancellationToken cancellation) =>
            inner.ReadSnapshotAsync(work, cancellation);

        public override Task<T> WriteAsync<T>(
            Func<Session, ValueTask<T>> change, bool isDurable, CancellationToken cancellation = default) =>
            inner.WriteAsync(change, isDurable, cancellation);

        public override Task UseAloneAsync(Func<Session, Task> work, CancellationToken cancellation) =>
            inner.UseAloneAsync(work, cancellation);

        public override Task<List<string>> CheckAsync(CancellationToken cancellation) =>
            inner.CheckAsync(cancellation);

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
