using Berth.Lifecycle;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>Images are copied within the registry as they are, or not at all.</summary>
[Inside]
public sealed class RepositoryCopyTests : IAsyncLifetime
{
    private readonly SetClock clock = new();
    private RegistryFixture registry = null!;
    private ImagePusher images = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync(clock: clock);
        images = new ImagePusher(registry, "admin");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_copy_has_the_same_digests_and_new_times()
    {
        var source = await FillAsync();
        clock.Advance(TimeSpan.FromHours(1));
        var copied = await CopyAsync("""{"from":"a/app","to":"b/copy"}""", 200);
        Assert.Equal(("4", "6", "4"), (copied.Of("tags"), copied.Of("manifests"), copied.Of("blobs")));
        foreach (var (tag, digest) in source.Tags)
            Assert.Equal(digest, await images.DigestOfAsync("b/copy", tag));
        foreach (var digest in source.Untagged) Assert.Equal(digest, await images.DigestOfAsync("b/copy", digest));
        foreach (var layer in new[] { "one", "two", "other" })
            Assert.Equal(layer, await images.TextAsync($"/v2/b/copy/blobs/{ImagePusher.DigestOf(layer)}"));
        Assert.Contains(source.Referrer, await images.TextAsync($"/v2/b/copy/referrers/{source.Index}"));
        var history = (await images.ApiAsync("GET", "/tags/v1/history?repository=b/copy", null, 200))
            .GetProperty("items");
        var move = Assert.Single(history.EnumerateArray());
        Assert.Equal(("copy", "admin"), (move.Of("action"), move.Of("movedBy")));
        var tag1 = await images.ApiAsync("GET", "/tags/v1?repository=b/copy", null, 200);
        foreach (var field in new[] { "movedAt", "pushedAt" })
        {
            Assert.Equal(
                clock.GetUtcNow().ToUnixTimeSeconds(),
                tag1.GetProperty(field).GetDateTimeOffset().ToUnixTimeSeconds());
        }

        // Once more, nothing is left to do; and the copy is none of the source's business.
        copied = await CopyAsync("""{"from":"a/app","to":"b/copy"}""", 200);
        Assert.Equal(("0", "0"), (copied.Of("tags"), copied.Of("manifests")));
        await images.IsAsync("DELETE", "/api/v1/repositories/a/app", 204);
        await images.ApiAsync("POST", "/trash/empty", """{"repository":"a/app"}""", 200);
        clock.Advance(TimeSpan.FromDays(100));
        foreach (var _ in new[] { 1, 2, 3 })
        {
            await registry.Services.GetRequiredService<GarbageCollector>().RunAsync(TimeSpan.Zero, Stop);
            clock.Advance(TimeSpan.FromDays(100));
        }

        await images.IsAsync("GET", $"/v2/a/app/blobs/{ImagePusher.DigestOf("one")}", 404);
        Assert.Equal(source.Index, await images.DigestOfAsync("b/copy", "v1"));
        foreach (var layer in new[] { "one", "two", "other" })
            await images.IsAsync("GET", $"/v2/b/copy/blobs/{ImagePusher.DigestOf(layer)}", 200);
        Assert.Contains(source.Referrer, await images.TextAsync($"/v2/b/copy/referrers/{source.Index}"));
    }

    [Fact]
    public async Task A_copy_of_a_tag_brings_what_belongs_to_it_and_no_more()
    {
        var source = await FillAsync();
        await images.PushAsync("b/copy", "own", "own");
        var copied = await CopyAsync("""{"from":"a/app","to":"b/copy","tags":["v1"]}""", 200);
        Assert.Equal(("2", "5"), (copied.Of("tags"), copied.Of("manifests")));
        Assert.Equal(["own", source.Attachment, "v1"], await images.TagsAsync("b/copy"));
        Assert.Contains(source.Referrer, await images.TextAsync($"/v2/b/copy/referrers/{source.Index}"));
        await images.IsAsync("GET", $"/v2/b/copy/manifests/{source.Tags["other"]}", 404);
        await images.IsAsync("GET", $"/v2/b/copy/blobs/{ImagePusher.DigestOf("other")}", 404);
    }

    [Fact]
    public async Task A_tag_that_is_elsewhere_stops_the_copy_before_anything_is_done()
    {
        await FillAsync();
        var there = await images.PushAsync("b/copy", "other", "there");
        var refused = await CopyAsync("""{"from":"a/app","to":"b/copy"}""", 409);
        Assert.Contains("b/copy:other points elsewhere", refused.Of("detail"));
        Assert.Equal(["other"], await images.TagsAsync("b/copy"));
        Assert.Equal(there, await images.DigestOfAsync("b/copy", "other"));
        await images.IsAsync("GET", $"/v2/b/copy/blobs/{ImagePusher.DigestOf("one")}", 404);

        // What is there already does not count, even if a rule keeps it where it is.
        await images.ApiAsync("POST", "/tag-rules", """{"names":"b/**","isImmutable":true}""", 201);
        await CopyAsync("""{"from":"a/app","to":"b/copy","tags":["v1"]}""", 200);
        await CopyAsync("""{"from":"a/app","to":"b/copy","tags":["v1"]}""", 200);
    }

    [Fact]
    public async Task A_quota_refuses_a_copy_as_a_whole()
    {
        await FillAsync();
        await images.ApiAsync("PUT", "/quotas/b", """{"maxBytes":8}""", 200);
        var refused = await CopyAsync("""{"from":"a/app","to":"b/copy"}""", 403);
        Assert.Contains("over quota: the copy adds 13 B, and b uses 0 B of 8 B", refused.Of("detail"));
        await images.IsAsync("GET", "/api/v1/repositories/b/copy", 404);
        await CopyAsync("""{"from":"a/app","to":"b/copy","tags":["other"]}""", 200);
        await images.ApiAsync("PUT", "/quotas/b", """{"maxTags":3}""", 200);
        refused = await CopyAsync("""{"from":"a/app","to":"b/copy"}""", 403);
        Assert.Contains("b has 1 of at most 3 tags", refused.Of("detail"));
        Assert.Equal(["other"], await images.TagsAsync("b/copy"));
        await images.ApiAsync("PUT", "/quotas/b", """{"maxTags":4,"maxBytes":13}""", 200);
        await CopyAsync("""{"from":"a/app","to":"b/copy"}""", 200);

        // Within a namespace, blobs count once.
        await CopyAsync("""{"from":"b/copy","to":"b/again","tags":["other"]}""", 403);
        await images.ApiAsync("PUT", "/quotas/b", """{"maxBytes":13}""", 200);
        await CopyAsync("""{"from":"b/copy","to":"b/again"}""", 200);
    }

    [Fact]
    public async Task A_copy_takes_the_right_to_pull_here_and_to_push_there()
    {
        await FillAsync();
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", ImagePusher.Password);
        var user = new ImagePusher(registry, "ann");
        const string Body = """{"from":"a/app","to":"ann/copy"}""";
        var hidden = await user.ApiAsync("POST", "/repositories/copies", Body, 404);
        var absent = await user.ApiAsync("POST", "/repositories/copies", """{"from":"a/no","to":"ann/copy"}""", 404);
        Assert.Equal(absent.GetRawText(), hidden.GetRawText());
        await accounts.GrantAsync(ann, "a/app", "pull");
        await user.ApiAsync("POST", "/repositories/copies", """{"from":"a/app","to":"c/copy"}""", 403);
        await user.ApiAsync("POST", "/repositories/copies", """{"from":"a/app","to":"a/copy"}""", 403);
        await user.ApiAsync("POST", "/repositories/copies", Body, 200);

        foreach (var (body, status, words) in new[]
        {
            ("""{"from":"a/app","to":"a/app"}""", 400, "the same repository"),
            ("""{"from":"a/app","to":"A"}""", 400, "invalid repository name"),
            ("""{"from":"a/app","to":"a/b","tags":[]}""", 400, "name 1 to 1,000 tags"),
            ("""{"from":"a/app","to":"a/b","tags":["!"]}""", 400, "invalid tag"),
            ("""{"from":"a/app","to":"a/b","tags":["no"]}""", 404, "there is no tag no in a/app"),
            ("""{"from":"a/no","to":"a/b"}""", 404, "no such repository"),
        })
        {
            Assert.Contains(words, (await CopyAsync(body, status)).Of("detail"), StringComparison.Ordinal);
        }

        await images.IsAsync("GET", "/api/v1/repositories/a/b", 404);
    }

    [Fact]
    public async Task What_is_in_the_trash_there_comes_back_with_a_copy()
    {
        var source = await FillAsync();
        await CopyAsync("""{"from":"a/app","to":"b/copy"}""", 200);
        await images.IsAsync("DELETE", $"/v2/b/copy/manifests/{source.Index}", 202);
        await images.IsAsync("GET", $"/v2/b/copy/manifests/{source.Index}", 404);
        await CopyAsync("""{"from":"a/app","to":"b/copy"}""", 200);
        Assert.Equal(source.Index, await images.DigestOfAsync("b/copy", "v1"));
        Assert.Contains(source.Referrer, await images.TextAsync($"/v2/b/copy/referrers/{source.Index}"));

        // A repository that is in the trash begins anew.
        await images.IsAsync("DELETE", "/api/v1/repositories/b/copy", 204);
        await CopyAsync("""{"from":"a/app","to":"b/copy","tags":["other"]}""", 200);
        Assert.Equal(["other"], await images.TagsAsync("b/copy"));
    }

    [Fact]
    public async Task Copies_in_both_directions_at_once_all_succeed()
    {
        await FillAsync();
        await images.PushAsync("b/app", "own", "own");
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => CopyAsync(
            i % 2 == 0 ? """{"from":"a/app","to":"b/app"}""" : """{"from":"b/app","to":"a/app"}""", 200)));
        foreach (var repository in new[] { "a/app", "b/app" })
            Assert.Equal(5, (await images.TagsAsync(repository)).Count);
    }

    [Fact]
    public async Task The_command_copies_and_tells_before()
    {
        await FillAsync();
        var command = new AccountCommand(registry);
        Assert.Equal(
            "This would copy 2 tags and 5 manifests that are new in b/copy, with 3 blobs.\n",
            (await command.RunAsync("repo", "copy", "a/app", "b/copy", "--tags", "v1", "--dry-run")).Is(0).Output);
        await images.IsAsync("GET", "/api/v1/repositories/b/copy", 404);
        await images.IsAsync("GET", "/v2/b/copy/manifests/v1", 404);
        Assert.Equal(
            "Copied 4 tags and 6 manifests that are new in b/copy, with 4 blobs.\n",
            (await command.RunAsync("repo", "copy", "a/app", "b/copy")).Is(0).Output);
        await images.IsAsync("GET", "/v2/b/copy/manifests/v1", 200);
        var refused = (await command.RunAsync("repo", "copy", "a/app", "b/copy", "--tags", "nothing")).Is(1);
        Assert.Contains("no tag nothing", refused.Errors);
    }

    /// <summary>An index of two images with a referrer and an attachment, and another image.</summary>
    private async Task<Source> FillAsync()
    {
        var children = new[]
        {
            await images.PushAsync("a/app", null, "one"), await images.PushAsync("a/app", null, "two"),
        };
        var index = await images.PushIndexAsync("a/app", "v1", children);
        var referrer = await images.PushReferrerAsync("a/app", index);
        var attachment = index.Replace(':', '-') + ".sig";
        var tags = new Dictionary<string, string>
        {
            ["v1"] = index,
            ["latest"] = await images.PushIndexAsync("a/app", "latest", children),
            ["other"] = await images.PushAsync("a/app", "other", "other"),
            [attachment] = await images.PushAsync("a/app", attachment, "two", "one"),
        };
        return new Source(index, referrer, attachment, tags, [.. children, referrer]);
    }

    private Task<System.Text.Json.JsonElement> CopyAsync(string body, int status) =>
        images.ApiAsync("POST", "/repositories/copies", body, status);

    private sealed record Source(
        string Index, string Referrer, string Attachment, Dictionary<string, string> Tags, string[] Untagged);
}
