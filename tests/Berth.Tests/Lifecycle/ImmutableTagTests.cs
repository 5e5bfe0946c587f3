using System.Text.Json;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Cli;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>What would move or delete an immutable tag says so, and loses nothing.</summary>
[Inside]
public sealed class ImmutableTagTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-immutable-").FullName;
    private readonly SetClock clock = new();
    private RegistryFixture registry = null!;
    private ImagePusher images = null!;
    private AccountCommand command = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync(
            settings: s => s with { Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) } },
            clock: clock);
        images = new ImagePusher(registry, "admin");
        command = new AccountCommand(registry);
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_restoration_that_would_move_one_names_the_rule_and_keeps_the_entry()
    {
        var old = await images.PushAsync("acme/app", "v1", "old");
        await images.IsAsync("DELETE", "/v2/acme/app/manifests/v1", 202);
        var newer = await images.PushAsync("acme/app", "v1", "newer");
        var id = await EntryAsync();
        var unsaid = (await command.RunAsync("trash", "restore", id)).Is(1).Errors;
        Assert.Contains("the tag v1 points elsewhere by now: --keep-tags (over REST, moveTags: false)", unsaid);
        Assert.Contains("--move-tags (moveTags: true) moves it back too", unsaid);
        var told = await images.ApiAsync("POST", $"/trash/{id}/restore", "{}", 409);
        Assert.Equal(("tags-moved", "moveTags"), (told.Of("code"), told.Of("field")));
        var rule = await FreezeAsync("v*");
        foreach (var option in new[] { "--move-tags", "--json" })
        {
            var refused = (await command.RunAsync("trash", "restore", id, option)).Is(1).Errors;
            Assert.Contains($"rule {rule} (acme/**: v*) keeps it there", refused);
        }

        told = await images.ApiAsync("POST", $"/trash/{id}/restore", """{"moveTags":true}""", 403);
        Assert.Equal("tags-immutable", told.Of("code"));
        Assert.Equal(newer, await images.DigestOfAsync("acme/app", "v1"));
        var kept = (await command.RunAsync("trash", "restore", id, "--keep-tags")).Is(0).Output;
        Assert.Contains("Stays in the trash, since it points elsewhere by now: v1.", kept);
        Assert.Equal(id, await EntryAsync());
        await images.ApiAsync("DELETE", $"/tag-rules/{rule}", null, 204);
        clock.Advance(TimeSpan.FromSeconds(2));
        (await command.AskAsync("admin", AdminPassword, "trash", "restore", id, "--move-tags")).Is(0);
        Assert.Equal(old, await images.DigestOfAsync("acme/app", "v1"));
        Assert.Empty(await EntriesAsync());
    }

    [Fact]
    public async Task A_repository_comes_back_without_the_tags_that_are_kept_elsewhere_and_these_follow_later()
    {
        var (first, second) = (
            await images.PushAsync("acme/app", "v1", "one"), await images.PushAsync("acme/app", "v2", "two"));
        await images.PushAsync("acme/app", "dev", "three");
        await images.ApiAsync("DELETE", "/repositories/acme/app", null, 204);
        var newer = await images.PushAsync("acme/app", "v1", "newer");
        var rule = await FreezeAsync("v1");
        var id = await EntryAsync();
        await images.ApiAsync("POST", $"/trash/{id}/restore", """{"moveTags":true}""", 403);
        Assert.Equal(["v1"], await images.TagsAsync("acme/app"));
        var done = await images.ApiAsync("POST", $"/trash/{id}/restore", """{"moveTags":false}""", 200);
        Assert.Equal(("3", "v1"), (done.Of("manifests"), done.GetProperty("taken")[0].GetString()));
        Assert.Equal(["dev", "v1", "v2"], await images.TagsAsync("acme/app"));
        Assert.Equal((newer, second), (
            await images.DigestOfAsync("acme/app", "v1"), await images.DigestOfAsync("acme/app", "v2")));
        var left = await images.ApiAsync("GET", $"/trash/{id}", null, 200);
        Assert.Equal(["v1"], left.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()));

        // Another tag that went with it can move and go: it is not the entry's any more.
        await images.IsAsync("DELETE", "/v2/acme/app/manifests/dev", 202);
        await images.ApiAsync("DELETE", $"/tag-rules/{rule}", null, 204);
        clock.Advance(TimeSpan.FromSeconds(2));
        done = await images.ApiAsync("POST", $"/trash/{id}/restore", """{"moveTags":true}""", 200);
        Assert.Equal("v1", done.GetProperty("tags").EnumerateArray().Single().GetString());
        Assert.Equal(first, await images.DigestOfAsync("acme/app", "v1"));
        Assert.Equal(["v1", "v2"], await images.TagsAsync("acme/app"));
        await images.ApiAsync("GET", $"/trash/{id}", null, 404);
    }

    [Fact]
    public async Task A_dry_run_of_a_deletion_is_refused_as_the_deletion_is()
    {
        await images.PushAsync("acme/app", "v1.0", "one");
        await images.PushAsync("acme/app", "dev", "two");
        var rule = await FreezeAsync("v*");
        var view = await images.ApiAsync("GET", "/tags/v1.0?repository=acme/app", null, 200);
        Assert.Equal($"rule {rule} (acme/**: v*)", view.Of("immutableBy"));
        foreach (var delete in new[] { "tag delete acme/app:v1.0", "repo delete acme/app" })
        {
            var answers = new List<string>();
            foreach (var option in new[] { "--dry-run", "--yes" })
            {
                var refused = await command.RunAsync([.. delete.Split(' '), option]);
                Assert.Empty(refused.Is(1).Output);
                answers.Add(refused.Errors);
            }

            Assert.Contains($"the tag is immutable: v1.0: rule {rule} (acme/**: v*) keeps it where it is", answers[0]);
            Assert.Equal(answers[1], answers[0]);
        }

        Assert.Contains(
            "would delete the tag acme/app:dev",
            (await command.RunAsync("tag", "delete", "acme/app:dev", "--dry-run")).Is(0).Output);
        (await command.RunAsync("tag", "delete", "acme/app:dev", "--yes")).Is(0);
        Assert.Equal(["v1.0"], await images.TagsAsync("acme/app"));
    }

    /// <summary>The rule that the answer names is no part of what If-Match compares.</summary>
    [Fact]
    public async Task The_ETag_of_an_immutable_tag_is_good_for_a_change()
    {
        await images.PushAsync("acme/app", "v1", "one");
        await FreezeAsync("v*");
        var (_, headers) = await images.SendAsync("GET", "/api/v1/tags/v1?repository=acme/app", null, null, 200);
        using var request = new HttpRequestMessage(HttpMethod.Patch, "/api/v1/tags/v1?repository=acme/app")
        {
            Content = new StringContent("""{"isPinned":true}""", System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Authorization", Basic("admin", AdminPassword));
        request.Headers.TryAddWithoutValidation("If-Match", headers.ETag!.ToString());
        using var answer = await registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(200, (int)answer.StatusCode);
    }

    [Fact]
    public async Task An_import_of_images_notes_it_and_goes_on()
    {
        var digests = new Dictionary<string, string>();
        foreach (var tag in new[] { "a1", "v1", "z1" })
            digests[tag] = await images.PushAsync("acme/app", tag, $"from the archive {tag}");
        var archive = Path.Combine(folder, "app.tar");
        (await command.RunAsync("export", "acme/app", "--to", archive)).Is(0);
        foreach (var (user, to) in new[] { ("", "acme/local"), ("admin", "acme/remote") })
        {
            foreach (var tag in digests.Keys) await images.PushAsync(to, tag, $"here {tag}");
            var here = await images.DigestOfAsync(to, "v1");
            var rule = await FreezeAsync("v*");
            string[] import = ["import", archive, to, "--yes"];

            // The command's clock must not be ahead of the server's, or the job is not due there.
            clock.Advance(TimeSpan.FromHours(1));
            var said = await (user.Length == 0
                ? command.RunAsync(import) : command.AskAsync(user, AdminPassword, import));
            Assert.Contains("2 tags of 3", said.Is(0).Output);
            Assert.Matches($"tag kept +{to}:v1 +.*rule {rule} \\(acme/\\*\\*: v\\*\\) keeps it", said.Output);
            Assert.DoesNotContain("rule rule", said.Output);
            Assert.Equal(here, await images.DigestOfAsync(to, "v1"));
            foreach (var moved in new[] { "a1", "z1" })
                Assert.Equal(digests[moved], await images.DigestOfAsync(to, moved));
            await images.IsAsync("GET", $"/v2/{to}/manifests/{digests["v1"]}", 200);
            await images.ApiAsync("DELETE", $"/tag-rules/{rule}", null, 204);
            clock.Advance(TimeSpan.FromSeconds(2));
        }
    }

    private async Task<string> FreezeAsync(string tags)
    {
        var made = await images.ApiAsync(
            "POST", "/tag-rules", $$"""{"names":"acme/**","tags":["{{tags}}"],"isImmutable":true}""", 201);

        // What is remembered of rules is read again after a second.
        clock.Advance(TimeSpan.FromSeconds(2));
        return made.Of("id");
    }

    private async Task<string> EntryAsync() => (await EntriesAsync()).Single().Of("id");

    private async Task<List<JsonElement>> EntriesAsync() =>
        [.. (await images.ApiAsync("GET", "/trash", null, 200)).GetProperty("items").EnumerateArray()];
}
