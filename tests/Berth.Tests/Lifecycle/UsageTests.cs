using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>What is kept where, and what a deletion would free.</summary>
[Inside]
public sealed class UsageTests : IAsyncLifetime
{
    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync();
        admin = new ImagePusher(registry, "admin");
        await admin.PushAsync("a/app", "v1", "shared", "one");
        await admin.PushAsync("a/app", "v2", "shared", "two");
        await admin.PushAsync("b/app", "v1", "shared");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Each_blob_counts_once_and_is_somebodys_own_or_shared()
    {
        await admin.PushAsync("a/other", "v1", "one");
        var all = await admin.ApiAsync("GET", "/usage", null, 200);
        Assert.Equal(("", "14", "14", "0", "4", "4"), FiguresOf(all));
        Assert.Equal(
            [("a", "14", "6", "0", "4", "3"), ("b", "8", "0", "0", "2", "1")], PartsOf(all).Select(FiguresOf));
        Assert.Equal(
            [("a/app", "14", "3", "0", "4", "2"), ("a/other", "5", "0", "0", "2", "1")],
            PartsOf(PartsOf(all)[0]).Select(FiguresOf));
        var space = await admin.ApiAsync("GET", "/usage?namespace=a", null, 200);
        Assert.Equal(PartsOf(all)[0].GetRawText(), space.GetRawText());
        var one = await admin.ApiAsync("GET", "/usage?repository=b/app", null, 200);
        Assert.Equal(("b/app", "8", "0", "0", "2", "1"), FiguresOf(one));
    }

    [Fact]
    public async Task What_only_the_trash_needs_is_told_apart()
    {
        var v1 = await admin.DigestOfAsync("a/app", "v1");
        await admin.IsAsync("DELETE", $"/v2/a/app/manifests/{v1}", 202);
        Assert.Equal("3", (await admin.ApiAsync("GET", "/usage", null, 200)).Of("trashBytes"));
        Assert.Equal("3", (await admin.ApiAsync("GET", "/usage?repository=a/app", null, 200)).Of("trashBytes"));

        // The trash holds the layer that both have, so the other image does not free it in that repository.
        var free = await admin.ApiAsync("GET", "/usage/reclaimable?repository=a/app&tag=v2", null, 200);
        Assert.Equal(("3", "8"), (free.Of("ownBytes"), free.Of("sharedBytes")));
        var holders = free.GetProperty("holders").EnumerateArray().ToDictionary(h => h.Of("repository"));
        Assert.Equal("True", holders["a/app"].Of("inTrash"));
        Assert.Equal(v1, holders["a/app"].GetProperty("images")[0].GetString());
        Assert.Equal("False", holders["b/app"].Of("inTrash"));
    }

    [Theory]
    [InlineData("tag=v1", 1, 1, 3, 8, "a/app b/app")]
    [InlineData("tags=v*", 2, 2, 6, 8, "b/app")]
    [InlineData("tags=/2$/", 1, 1, 3, 8, "a/app b/app")]
    [InlineData("tags=none", 0, 0, 0, 0, "")]
    [InlineData("", 2, 2, 6, 8, "b/app")]
    public async Task A_deletion_frees_what_nothing_else_holds(
        string query, int manifests, int blobs, int own, int shared, string holders)
    {
        var free = await admin.ApiAsync("GET", $"/usage/reclaimable?repository=a/app&{query}", null, 200);
        Assert.Equal(
            ($"{manifests}", $"{blobs}", $"{own}", $"{shared}"),
            (free.Of("manifests"), free.Of("blobs"), free.Of("ownBytes"), free.Of("sharedBytes")));
        Assert.Equal(holders.Split(' ', StringSplitOptions.RemoveEmptyEntries), HoldersOf(free));
    }

    [Fact]
    public async Task What_goes_with_an_image_counts_and_what_holds_it_keeps_it()
    {
        var child = await admin.PushAsync("c/app", null, "child");
        var index = await admin.PushIndexAsync("c/app", "latest", child);
        var signature = index.Replace(':', '-') + ".sig";
        await admin.PushAsync("c/app", signature, "signature");
        foreach (var query in new[] { "tag=latest", $"digest={index}" })
        {
            var free = await admin.ApiAsync("GET", $"/usage/reclaimable?repository=c/app&{query}", null, 200);
            Assert.Equal(("3", "14", "2"), (free.Of("manifests"), free.Of("ownBytes"), free.Of("sharedBytes")));
        }

        // With another tag, the first alone frees nothing.
        await admin.ApiAsync("PUT", "/tags/also?repository=c/app", """{"target":"latest"}""", 200);
        var held = await admin.ApiAsync("GET", "/usage/reclaimable?repository=c/app&tag=latest", null, 200);
        Assert.Equal(("0", "0"), (held.Of("manifests"), held.Of("ownBytes")));

        // The tag that keeps the image is named, not the one that goes.
        await admin.PushAsync("d/app", "1.0", "only here");
        await admin.ApiAsync("PUT", "/tags/stable?repository=d/app", """{"target":"1.0"}""", 200);
        foreach (var query in new[] { "tag=1.0", "tags=1.*" })
        {
            var free = await admin.ApiAsync("GET", $"/usage/reclaimable?repository=d/app&{query}", null, 200);
            var holder = free.GetProperty("holders").EnumerateArray().Single(one => one.Of("repository") == "d/app");
            Assert.Equal(["stable"], holder.GetProperty("images").EnumerateArray().Select(one => one.GetString()));
        }
    }

    [Fact]
    public async Task Holders_that_the_caller_may_not_pull_from_are_counted_and_not_named()
    {
        var accounts = new AccountsOf(registry);
        await accounts.GrantAsync(await accounts.AddUserAsync("ann", ImagePusher.Password), "a/**", "pull,delete");
        await accounts.AddUserAsync("b", ImagePusher.Password);
        await accounts.GrantAsync(await accounts.AddUserAsync("reader", ImagePusher.Password), "a/**", "pull");
        var ann = new ImagePusher(registry, "ann");
        await new ImagePusher(registry, "reader").ApiAsync(
            "GET", "/usage/reclaimable?repository=a/app&tag=v1", null, 403);
        var free = await ann.ApiAsync("GET", "/usage/reclaimable?repository=a/app&tag=v1", null, 200);
        Assert.Equal(["a/app"], HoldersOf(free));
        Assert.Equal("1", free.Of("otherHolders"));
        await ann.ApiAsync("GET", "/usage/reclaimable?repository=b/app&tag=v1", null, 404);
        await ann.ApiAsync("GET", "/usage?repository=a/app", null, 200);
        await ann.ApiAsync("GET", "/usage?repository=b/app", null, 404);
        await ann.ApiAsync("GET", "/usage?namespace=a", null, 404);
        await ann.ApiAsync("GET", "/usage", null, 403);
        var owner = new ImagePusher(registry, "b");
        Assert.Equal("8", (await owner.ApiAsync("GET", "/usage?namespace=b", null, 200)).Of("bytes"));
    }

    [Theory]
    [InlineData("/usage?repository=a/app&namespace=a", 400)]
    [InlineData("/usage?repository=a/none", 404)]
    [InlineData("/usage?repository=A", 404)]
    [InlineData("/usage/reclaimable", 400)]
    [InlineData("/usage/reclaimable?repository=a/none", 404)]
    [InlineData("/usage/reclaimable?repository=a/app&tag=v3", 404)]
    [InlineData("/usage/reclaimable?repository=a/app&tag=v1&tags=*", 400)]
    [InlineData("/usage/reclaimable?repository=a/app&digest=v1", 404)]
    [InlineData("/usage/reclaimable?repository=a/app&tags=/(/", 400)]
    [InlineData("/usage/reclaimable?repository=a/app&tags=a b", 400)]
    public Task Bad_questions_get_an_error(string path, int status) => admin.ApiAsync("GET", path, null, status);

    [Fact]
    public async Task The_command_shows_a_tree_and_what_a_deletion_would_free()
    {
        var command = new AccountCommand(registry);
        var tree = (await command.RunAsync("usage")).Is(0).Output;
        Assert.Matches("\nall +14 B +14 B +0 B +3 +3\n  a +14 B +6 B +0 B +2 +2\n    a/app +14 B ", tree);
        Assert.All(tree.Split('\n'), line => Assert.True(line.Length <= 80));
        Assert.DoesNotContain("a/app", (await command.RunAsync("usage", "--namespace", "b")).Is(0).Output);
        var free = (await command.RunAsync("usage", "free", "a/app:v1")).Is(0).Output;
        Assert.Contains("Would free 3 B: 1 manifest and 1 blob", free);
        Assert.Contains("Shared with others, and kept: 8 B.", free);
        Assert.Matches("\nb/app +8 B +v1\n", free);
        Assert.Contains("6 B", (await command.RunAsync("usage", "free", "a/app", "--tags", "v*")).Is(0).Output);
        var both = await command.RunAsync("usage", "free", "a/app:v1", "--tags", "v*");
        Assert.Contains("name no tag", both.Is(2).Errors);
        Assert.Contains("no such tag", (await command.RunAsync("usage", "free", "a/app:v9")).Is(1).Errors);
    }

    [Fact]
    public async Task Several_repositories_free_what_only_they_share()
    {
        await admin.PushAsync("a/other", "v1", "one", "mine");
        await admin.PushAsync("c", "v1", "alone");
        var command = new AccountCommand(registry);
        foreach (var (argument, manifests, own, shared) in new[]
        {
            ("a/**", 3, 10, 8), ("a", 3, 10, 8), ("a/o*", 1, 4, 5), ("a/**,v1", 2, 7, 8), ("**", 5, 23, 0),
            ("c", 1, 5, 2), ("**,none", 0, 0, 0),
        })
        {
            string[] tags = argument.Split(',') is [_, var pattern] ? ["--tags", pattern] : [];
            var said = await command.RunAsync(["usage", "free", argument.Split(',')[0], .. tags, "--json"]);
            var free = JsonDocument.Parse(said.Is(0).Output).RootElement;
            Assert.Equal(
                (argument, $"{manifests}", $"{own}", $"{shared}"),
                (argument, free.Of("manifests"), free.Of("ownBytes"), free.Of("sharedBytes")));
        }

        foreach (var none in new[] { "nope", "nope/**" })
        {
            Assert.Contains(
                "there is no repository that nope/** matches",
                (await command.RunAsync("usage", "free", none)).Is(1).Errors);
        }

        await admin.ApiAsync("GET", "/usage/reclaimable/matching", null, 400);
        await admin.ApiAsync("GET", "/usage/reclaimable/matching?names=a//", null, 400);
        await admin.ApiAsync("GET", "/usage/reclaimable/matching?names=a/**&tags=/(/", null, 400);
        var accounts = new AccountsOf(registry);
        await accounts.GrantAsync(await accounts.AddUserAsync("ann", ImagePusher.Password), "a/**", "pull,delete");
        var ann = new ImagePusher(registry, "ann");
        var seen = await ann.ApiAsync("GET", "/usage/reclaimable/matching?names=a/**", null, 200);
        Assert.Equal(("10", "2"), (seen.Of("ownBytes"), seen.Of("otherHolders")));
        foreach (var others in new[] { "**", "b/**" })
            await ann.ApiAsync("GET", $"/usage/reclaimable/matching?names={others}", null, 403);
    }

    /// <summary>A name that is mistyped is told from a namespace in which nothing is.</summary>
    [Fact]
    public async Task Commands_refuse_a_namespace_that_there_is_not()
    {
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("empty", ImagePusher.Password);
        var command = new AccountCommand(registry);
        foreach (var words in new[]
        {
            "usage", "trash list", "trash empty --dry-run", "trash empty --yes", "rule list", "retention plan",
            "retention run --dry-run", "retention run --yes",
        })
        {
            var none = await command.RunAsync([.. words.Split(' '), "--namespace", "nope"]);
            Assert.Contains("there is no such namespace", none.Is(1).Errors);
            (await command.RunAsync([.. words.Split(' '), "--namespace", "empty"])).Is(0);
        }

        foreach (var path in new[] { "/usage", "/trash", "/tag-rules", "/retention/estimate" })
        {
            foreach (var name in new[] { "a", "A" }) await admin.ApiAsync("GET", $"{path}?namespace={name}", null, 200);
            foreach (var name in new[] { "no/such", "A_", "" })
                await admin.ApiAsync("GET", $"{path}?namespace={name}", null, 404);
        }
    }

    private static List<string> HoldersOf(JsonElement free) =>
        [.. free.GetProperty("holders").EnumerateArray().Select(h => h.Of("repository")).Order()];

    private static List<JsonElement> PartsOf(JsonElement usage) => [.. usage.GetProperty("parts").EnumerateArray()];

    private static (string, string, string, string, string, string) FiguresOf(JsonElement usage) => (
        usage.Of("name"), usage.Of("bytes"), usage.Of("ownBytes"), usage.Of("trashBytes"), usage.Of("blobs"),
        usage.Of("manifests"));
}
