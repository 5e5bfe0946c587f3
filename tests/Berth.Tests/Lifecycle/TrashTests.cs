using System.Net;
using System.Text.Json;
using Berth.Lifecycle;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Cli;
using Berth.Tests.Distribution;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>What is deleted goes into the trash, and comes back as it was, or goes for good.</summary>
[Inside]
public sealed class TrashTests : IAsyncLifetime
{
    private static readonly TimeSpan Grace = new GarbageSettings().Grace;
    private static readonly TimeSpan Keep = new TrashSettings().Keep;

    private readonly SetClock clock = new();
    private RegistryFixture registry = null!;
    private ImagePusher images = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private GarbageCollector Collector => registry.Services.GetRequiredService<GarbageCollector>();

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync(
            settings: s => s with
            {
                Storage = s.Storage with
                {
                    Maintenance = s.Storage.Maintenance with { Gc = new GarbageSettings { Enabled = false } },
                },
            },
            clock: clock);
        images = new ImagePusher(registry, "admin");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task The_commands_count_entries_and_know_names_and_numbers()
    {
        await images.PushAsync("a/app", "v1", "layer");
        await images.IsAsync("DELETE", "/v2/a/app/manifests/v1", 202);
        var command = new AccountCommand(registry);
        Assert.Contains(
            "would remove 1 entry of the trash, 0 manifests",
            (await command.RunAsync("gc", "--empty-trash", "--dry-run")).Is(0).Output);
        var restore = await command.RunAsync("trash", "restore", "abc");
        Assert.Contains("ID must be a number, not 'abc'.", restore.Errors);
        Assert.DoesNotContain("System.", restore.Output + restore.Errors);
        foreach (var name in new[] { "trash empty --yes", "trash list", "retention plan", "retention run --yes" })
        {
            var none = await command.RunAsync([.. name.Split(' '), "--repository", "no/such"]);
            Assert.Contains("no such repository", none.Is(1).Errors);
        }

        Assert.EndsWith(
            "Removed 1 entry of the trash, 0 manifests and 0 blobs, which frees 0 bytes.",
            (await command.AskAsync("admin", AdminPassword, "gc", "--empty-trash", "--yes")).Is(0).Output.Trim());
    }

    [Fact]
    public async Task A_deleted_tag_comes_back_and_its_history_tells_of_it()
    {
        var digest = await images.PushAsync("a/app", "v1", "layer");
        await images.IsAsync("DELETE", "/v2/a/app/manifests/v1", 202);
        await images.IsAsync("GET", "/v2/a/app/manifests/v1", 404);
        await images.IsAsync("GET", $"/v2/a/app/manifests/{digest}", 200);
        var entry = (await ListAsync("?repository=a/app")).Single();
        Assert.Equal(("tag", "v1", digest, "deleted", "admin"), (
            entry.Of("kind"), entry.Of("name"), entry.Of("digest"), entry.Of("reason"), entry.Of("deletedBy")));
        var done = await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        Assert.Equal("v1", done.GetProperty("tags")[0].GetString());
        await images.IsAsync("GET", "/v2/a/app/manifests/v1", 200);
        Assert.Empty(await ListAsync("?repository=a/app"));
        var history = (await images.ApiAsync("GET", "/tags/v1/history?repository=a/app", null, 200))
            .GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["restore", "deleted", "push"], history.Select(move => move.Of("action")));
        Assert.Equal([digest, "", digest], history.Select(move => move.Of("digest")));
        Assert.All(history, move => Assert.True(IPAddress.IsLoopback(IPAddress.Parse(move.Of("address")))));
        await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 404);
    }

    [Fact]
    public async Task A_tag_that_points_elsewhere_by_now_moves_back_only_if_told_so()
    {
        var old = await images.PushAsync("a/app", "v1", "old");
        await images.IsAsync("DELETE", "/v2/a/app/manifests/v1", 202);
        var newer = await images.PushAsync("a/app", "v1", "newer");
        var id = (await ListAsync("?repository=a/app")).Single().Of("id");
        var refused = await images.ApiAsync("POST", $"/trash/{id}/restore", "{}", 409);
        Assert.Contains("the tag v1 points elsewhere by now", refused.Of("detail"));
        Assert.Single(await ListAsync("?repository=a/app"));
        Assert.Equal(newer, await images.DigestOfAsync("a/app", "v1"));
        await images.ApiAsync("POST", $"/trash/{id}/restore", """{"moveTags":true}""", 200);
        Assert.Equal(old, await images.DigestOfAsync("a/app", "v1"));

        // And back again, in one call.
        await images.ApiAsync("PUT", "/tags/v1?repository=a/app", $$"""{"target":"{{newer}}"}""", 200);
        Assert.Equal(newer, await images.DigestOfAsync("a/app", "v1"));
    }

    [Fact]
    public async Task An_index_goes_with_all_that_only_it_holds_and_comes_back_with_it()
    {
        var kept = await images.PushAsync("a/app", "kept", "kept");
        var child = await images.PushAsync("a/app", null, "child");
        var index = await images.PushIndexAsync("a/app", "v1", kept, child);
        var sbom = await images.PushReferrerAsync("a/app", index);
        var signature = index.Replace(':', '-') + ".sig";
        await images.PushAsync("a/app", signature, "signature");
        await images.IsAsync("DELETE", $"/v2/a/app/manifests/{index}", 202);
        foreach (var gone in new[] { "v1", index, child, sbom, signature })
            await images.IsAsync("GET", $"/v2/a/app/manifests/{gone}", 404);
        await images.IsAsync("GET", "/v2/a/app/manifests/kept", 200);
        Assert.Equal(["kept"], await images.TagsAsync("a/app"));

        // Hidden after half of the grace period, and kept for as long as the trash keeps it.
        clock.Advance(Grace);
        await CollectAsync();
        await images.IsAsync("HEAD", $"/v2/a/app/blobs/{ImagePusher.DigestOf("child")}", 404);
        clock.Advance(Keep - (2 * Grace));
        await CollectAsync();
        var entry = (await ListAsync("?repository=a/app")).Single();
        var done = await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        Assert.Equal(4, done.GetProperty("manifests").GetInt32());
        foreach (var back in new[] { "v1", index, child, sbom, signature })
            await images.IsAsync("GET", $"/v2/a/app/manifests/{back}", 200);
        await images.IsAsync("GET", $"/v2/a/app/blobs/{ImagePusher.DigestOf("child")}", 200);
        Assert.Equal(["kept", signature, "v1"], await images.TagsAsync("a/app"));
        Assert.Contains(sbom, await images.TextAsync($"/v2/a/app/referrers/{index}"));
        clock.Advance(10 * Keep);
        await CollectAsync();
        await images.IsAsync("GET", $"/v2/a/app/blobs/{ImagePusher.DigestOf("child")}", 200);
    }

    /// <summary>The trash numbers its entries, and the database its repositories: they are not the same.</summary>
    [Fact]
    public async Task A_repository_is_deleted_and_no_other()
    {
        foreach (var repository in new[] { "a/one", "a/two", "a/three" })
            await images.PushAsync(repository, "v1", "layer");
        await images.ApiAsync("DELETE", "/repositories/a/three", null, 204);
        await images.IsAsync("GET", "/v2/a/three/manifests/v1", 404);
        foreach (var kept in new[] { "a/one", "a/two" }) await images.IsAsync("GET", $"/v2/{kept}/manifests/v1", 200);
    }

    [Fact]
    public async Task What_was_in_the_trash_for_its_time_goes_for_good()
    {
        await images.PushAsync("a/kept", "v1", "common");
        var digest = await images.PushAsync("a/app", "v1", "common", "own");
        await images.IsAsync("DELETE", $"/v2/a/app/manifests/{digest}", 202);
        clock.Advance(Grace);
        await CollectAsync();
        clock.Advance((Keep * 0.99) - Grace);
        await CollectAsync();
        Assert.Equal(3, await StoredAsync());
        clock.Advance(Keep * 0.02);
        await CollectAsync();
        Assert.Empty(await ListAsync(""));

        // It was hidden for longer than a push takes, so that it goes at once.
        Assert.Equal(2, await StoredAsync());
        await images.IsAsync("GET", $"/v2/a/kept/blobs/{ImagePusher.DigestOf("common")}", 200);
        await images.PushAsync("a/app", "v1", "common", "own");
        await images.IsAsync("GET", $"/v2/a/app/blobs/{ImagePusher.DigestOf("own")}", 200);
    }

    [Fact]
    public async Task A_push_brings_back_what_it_needs_from_the_trash()
    {
        var child = await images.PushAsync("a/app", null, "child");
        var index = await images.PushIndexAsync("a/app", "v1", child);
        var sbom = await images.PushReferrerAsync("a/app", index);
        await images.IsAsync("DELETE", $"/v2/a/app/manifests/{index}", 202);
        clock.Advance(2 * Grace);
        await CollectAsync();
        await images.IsAsync("GET", $"/v2/a/app/manifests/{child}", 404);

        // The index alone, as of a client that saw its child a while ago.
        Assert.Equal(index, await images.PushIndexAsync("a/app", "v2", child));
        foreach (var back in new[] { child, index, sbom, "v2" })
            await images.IsAsync("GET", $"/v2/a/app/manifests/{back}", 200);
        await images.IsAsync("GET", $"/v2/a/app/blobs/{ImagePusher.DigestOf("child")}", 200);

        // Only the old tag is left there.
        var entry = (await ListAsync("?repository=a/app")).Single();
        await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        Assert.Equal(["v1", "v2"], await images.TagsAsync("a/app"));
        clock.Advance(10 * Keep);
        await CollectAsync();
        await images.IsAsync("GET", $"/v2/a/app/blobs/{ImagePusher.DigestOf("child")}", 200);
    }

    [Fact]
    public async Task A_deleted_repository_is_not_there_and_comes_back_as_it_was()
    {
        var digest = await images.PushAsync("a/app", "v1", "layer");
        await images.PushAsync("a/app", "v2", "other");
        await images.ApiAsync("PATCH", "/repositories/a/app", """{"isPublic":true}""", 200);
        await images.ApiAsync("DELETE", "/repositories/a/app", null, 204);
        await images.ApiAsync("GET", "/repositories/a/app", null, 404);
        await images.ApiAsync("GET", "/tags?repository=a/app", null, 404);
        await images.IsAsync("GET", "/v2/a/app/tags/list", 404);
        await images.IsAsync("GET", $"/v2/a/app/manifests/{digest}", 404);
        Assert.DoesNotContain("a/app", await images.TextAsync("/v2/_catalog"));
        await images.ApiAsync("DELETE", "/repositories/a/app", null, 404);
        clock.Advance(Keep * 0.9);
        await CollectAsync();
        var entry = (await ListAsync("?namespace=a")).Single();
        Assert.Equal("repository", entry.Of("kind"));
        var shown = await images.ApiAsync("GET", $"/trash/{entry.Of("id")}", null, 200);
        Assert.Equal(["v1", "v2"], shown.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()));
        await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        Assert.Equal("True", (await images.ApiAsync("GET", "/repositories/a/app", null, 200)).Of("isPublic"));
        Assert.Equal(["v1", "v2"], await images.TagsAsync("a/app"));
        await images.IsAsync("GET", $"/v2/a/app/blobs/{ImagePusher.DigestOf("other")}", 200);
    }

    [Fact]
    public async Task A_repository_that_is_pushed_anew_shows_nothing_of_the_deleted_one()
    {
        await images.PushAsync("a/app", "v1", "layer");
        await images.ApiAsync("PATCH", "/repositories/a/app", """{"isPublic":true}""", 200);
        await images.ApiAsync("DELETE", "/repositories/a/app", null, 204);
        await images.PushAsync("a/app", "other", "secret");
        Assert.Equal("False", (await images.ApiAsync("GET", "/repositories/a/app", null, 200)).Of("isPublic"));
        Assert.Equal(["other"], await images.TagsAsync("a/app"));

        // The old one comes back into it, which stays private.
        var entry = (await ListAsync("?repository=a/app")).Single();
        await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        Assert.Equal("False", (await images.ApiAsync("GET", "/repositories/a/app", null, 200)).Of("isPublic"));
        Assert.Equal(["other", "v1"], await images.TagsAsync("a/app"));
    }

    [Fact]
    public async Task Emptying_the_trash_frees_what_was_hidden_for_long_enough_at_once()
    {
        await images.PushAsync("a/app", "v1", "one");
        await images.PushAsync("b/app", "v1", "two");
        foreach (var name in new[] { "a/app", "b/app" })
            await images.ApiAsync("DELETE", $"/repositories/{name}", null, 204);
        clock.Advance(Grace);
        await CollectAsync();
        clock.Advance(Grace);
        await CollectAsync();
        Assert.Equal(3, await StoredAsync());
        Assert.Equal("1", (await images.ApiAsync("POST", "/trash/empty", """{"namespace":"a"}""", 200)).Of("entries"));
        await Eventually.TrueAsync(async () => await StoredAsync() == 2);
        Assert.Equal("b/app", (await ListAsync("")).Single().Of("repository"));
        await images.ApiAsync("GET", "/tags/v1/history?repository=a/app", null, 404);
        Assert.Equal("1", (await images.ApiAsync("POST", "/trash/empty", "{}", 200)).Of("entries"));
        await Eventually.TrueAsync(async () => await StoredAsync() == 0);
    }

    [Fact]
    public async Task A_manifest_that_nothing_holds_goes_through_the_trash_too()
    {
        var digest = await images.PushAsync("a/app", "v1", "layer");
        await images.IsAsync("DELETE", "/v2/a/app/manifests/v1", 202);
        clock.Advance(new GarbageSettings().Untagged * 1.01);
        var report = await Collector.RunAsync(Grace, Stop);
        Assert.Equal((1, 0), (report.Trashed, report.Manifests));
        var entry = (await ListAsync("?repository=a/app")).Single();
        Assert.Equal(("untagged", digest), (entry.Of("reason"), entry.Of("name")));
        await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        await images.IsAsync("GET", $"/v2/a/app/manifests/{digest}", 200);
    }

    [Fact]
    public async Task A_blob_that_only_the_trash_needs_can_be_deleted_and_still_comes_back()
    {
        var digest = await images.PushAsync("a/app", "v1", "layer");
        var blob = ImagePusher.DigestOf("layer");
        await images.IsAsync("DELETE", $"/v2/a/app/manifests/{digest}", 202);
        await images.IsAsync("DELETE", $"/v2/a/app/blobs/{blob}", 202);
        await images.IsAsync("HEAD", $"/v2/a/app/blobs/{blob}", 404);
        await CollectAsync();
        var entry = (await ListAsync("?repository=a/app")).Single();
        await images.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        await images.IsAsync("GET", $"/v2/a/app/blobs/{blob}", 200);
    }

    [Fact]
    public async Task An_image_that_two_deleted_indexes_share_stays_for_the_one_that_is_left()
    {
        var child = await images.PushAsync("a/app", null, "child");
        var (one, other) = (
            await images.PushIndexAsync("a/app", "one", child),
            await images.PushIndexAsync("a/app", "other", child, child));
        foreach (var index in new[] { one, other }) await images.IsAsync("DELETE", $"/v2/a/app/manifests/{index}", 202);
        var entries = await ListAsync("?repository=a/app");
        await images.ApiAsync("DELETE", $"/trash/{entries[0].Of("id")}", null, 200);
        await Eventually.TrueAsync(async () => (await ListAsync("?repository=a/app")).Count == 1);
        await images.ApiAsync("POST", $"/trash/{entries[1].Of("id")}/restore", "{}", 200);
        foreach (var back in new[] { "one", child }) await images.IsAsync("GET", $"/v2/a/app/manifests/{back}", 200);
        clock.Advance(10 * Keep);
        await CollectAsync();
        await images.IsAsync("GET", $"/v2/a/app/blobs/{ImagePusher.DigestOf("child")}", 200);
    }

    [Fact]
    public async Task An_image_that_is_pushed_again_gets_its_signature_back()
    {
        var digest = await images.PushAsync("a/app", "v1", "layer");
        var signature = digest.Replace(':', '-') + ".sig";
        await images.PushAsync("a/app", signature, "signature");
        await images.IsAsync("DELETE", $"/v2/a/app/manifests/{digest}", 202);
        Assert.Empty(await images.TagsAsync("a/app"));
        await images.PushAsync("a/app", "v2", "layer");
        Assert.Equal([signature, "v2"], await images.TagsAsync("a/app"));
        await images.IsAsync("GET", $"/v2/a/app/manifests/{signature}", 200);
    }

    [Fact]
    public async Task What_is_due_can_not_be_restored_any_more_and_what_was_private_not_into_the_open()
    {
        await images.PushAsync("a/app", "v1", "layer");
        await images.ApiAsync("DELETE", "/repositories/a/app", null, 204);
        var entry = (await ListAsync("?repository=a/app")).Single().Of("id");
        await images.PushAsync("a/app", "v2", "layer");
        await images.ApiAsync("PATCH", "/repositories/a/app", """{"isPublic":true}""", 200);
        var refused = await images.ApiAsync("POST", $"/trash/{entry}/restore", "{}", 409);
        Assert.Contains("make it private first", refused.Of("detail"));
        Assert.Equal(["v2"], await images.TagsAsync("a/app"));
        clock.Advance(Keep);
        await images.ApiAsync("POST", $"/trash/{entry}/restore", "{}", 404);
    }

    [Fact]
    public async Task Each_sees_and_restores_only_what_they_may_delete_and_push()
    {
        await new AccountsOf(registry).AddUserAsync("ann", ImagePusher.Password);
        await new AccountsOf(registry).AddUserAsync("bob", ImagePusher.Password);
        var (ann, bob) = (new ImagePusher(registry, "ann"), new ImagePusher(registry, "bob"));
        await ann.PushAsync("ann/app", "v1", "layer");
        await ann.IsAsync("DELETE", "/v2/ann/app/manifests/v1", 202);
        var id = (await ListAsync("?repository=ann/app")).Single().Of("id");
        foreach (var (method, path, body) in new[]
        {
            ("GET", "/trash?repository=ann/app", null), ("GET", "/trash?namespace=ann", null),
            ("GET", $"/trash/{id}", null), ("POST", $"/trash/{id}/restore", "{}"), ("DELETE", $"/trash/{id}", null),
            ("POST", "/trash/empty", """{"repository":"ann/app"}"""),
            ("POST", "/trash/empty", """{"namespace":"ann"}"""),
        })
        {
            await bob.ApiAsync(method, path, body, 404);
        }

        await bob.ApiAsync("GET", "/trash", null, 403);
        await bob.ApiAsync("POST", "/trash/empty", "{}", 403);

        // Who may only pull learns that it is there, and no more.
        await images.ApiAsync(
            "POST", "/grants", """{"names":"ann/app","user":"bob","actions":["pull"]}""", 201);
        await bob.ApiAsync("GET", $"/trash/{id}", null, 403);
        await bob.ApiAsync("POST", $"/trash/{id}/restore", "{}", 403);
        await ann.ApiAsync("GET", "/trash?namespace=ann", null, 200);
        await ann.ApiAsync("POST", $"/trash/{id}/restore", "{}", 200);
    }

    private async Task<List<JsonElement>> ListAsync(string query) =>
        [.. (await images.ApiAsync("GET", "/trash" + query, null, 200)).GetProperty("items").EnumerateArray()];

    private async Task CollectAsync()
    {
        for (var i = 0; i < 2; i++) await Collector.RunAsync(Grace, Stop);
    }

    private async Task<int> StoredAsync() => (await registry.StoredAsync("blobs")).Count;
}
