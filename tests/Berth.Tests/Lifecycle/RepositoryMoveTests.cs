using System.Net.Http.Headers;
using System.Text.Json;
using Berth.Lifecycle;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>
/// A repository gets another name with all it has, and those who know the old one still pull from it.
/// </summary>
[Inside]
public sealed class RepositoryMoveTests : IAsyncLifetime
{
    private const string Body = """{"from":"a/app","to":"b/new"}""";

    private readonly SetClock clock = new();
    private RegistryFixture registry = null!;
    private ImagePusher images = null!;
    private AccountsOf accounts = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync(auth => auth with { Anonymous = AnonymousAccess.Public }, clock: clock);
        images = new ImagePusher(registry, "admin");
        accounts = new AccountsOf(registry);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_repository_moves_with_all_it_has()
    {
        // What is compared begins with a day: it must not end meanwhile.
        if (clock.GetUtcNow().Hour == 23) clock.Advance(TimeSpan.FromHours(1));
        await images.ApiAsync(
            "POST", "/repositories",
            """{"name":"a/app","description":"Serves","readme":"# App","isPublic":true}""", 201);
        var (index, referrer) = await FillAsync();
        await images.ApiAsync("PUT", "/stars/a/app", null, 204);
        await images.TextAsync("/v2/a/app/manifests/v1");
        await registry.Services.GetRequiredService<PullTimes>().WriteAsync(Stop);
        await images.ApiAsync("PATCH", "/tags/v1?repository=a/app", """{"isPinned":true}""", 200);
        var before = await LookAsync("a/app");
        clock.Advance(TimeSpan.FromHours(1));
        var moved = await MoveAsync(Body, 200);
        Assert.Equal(("2", "4", "True"), (moved.Of("tags"), moved.Of("manifests"), moved.Of("isPublic")));
        Assert.Equal(before, (await LookAsync("b/new")).Replace("b/new", "a/app", StringComparison.Ordinal));
        await images.IsAsync("GET", "/api/v1/repositories/a/app", 404);
        await images.IsAsync("GET", "/api/v1/tags?repository=a/app", 404);
        var catalog = await images.TextAsync("/v2/_catalog");
        Assert.Equal(["b/new"], JsonDocument.Parse(catalog).RootElement.GetProperty("repositories")
            .EnumerateArray().Select(name => name.GetString()));
        await UsageCount.ReadAsync(registry);

        // What was deleted before is brought back there, and nothing is lost as time goes by.
        var trash = (await images.ApiAsync("GET", "/trash?repository=b/new", null, 200)).GetProperty("items")[0];
        await images.ApiAsync("POST", $"/trash/{trash.Of("id")}/restore", "{}", 200);
        clock.Advance(TimeSpan.FromDays(100));
        foreach (var _ in new[] { 1, 2 })
        {
            await registry.Services.GetRequiredService<GarbageCollector>().RunAsync(TimeSpan.Zero, Stop);
            clock.Advance(TimeSpan.FromDays(100));
        }

        await accounts.AddUserAsync("reader", ImagePusher.Password);
        var reader = new ImagePusher(registry, "reader");
        foreach (var name in new[] { "a/app", "b/new" })
        {
            Assert.Equal(["gone", "latest", "v1"], await images.TagsAsync(name));
            foreach (var layer in new[] { "one", "two", "gone" })
                Assert.Equal(layer, await images.TextAsync($"/v2/{name}/blobs/{ImagePusher.DigestOf(layer)}"));
            await images.IsAsync("HEAD", $"/v2/{name}/manifests/v1", 200);
            await reader.IsAsync("HEAD", $"/v2/{name}/blobs/{ImagePusher.DigestOf("one")}", 200);
            await images.IsAsync("GET", $"/v2/{name}/manifests/none", 404);
            Assert.Contains(referrer, await images.TextAsync($"/v2/{name}/referrers/{index}"));
        }

        await UsageCount.ReadAsync(registry);
    }

    [Fact]
    public async Task A_push_to_the_old_name_makes_another_repository_at_once()
    {
        var (index, _) = await FillAsync();
        await MoveAsync(Body, 200);
        Assert.Equal(index, await images.DigestOfAsync("a/app", "v1"));
        var pushed = await images.PushAsync("a/app", "v1", "new");
        Assert.Equal(pushed, await images.DigestOfAsync("a/app", "v1"));
        Assert.Equal(["v1"], await images.TagsAsync("a/app"));
        await images.IsAsync("GET", "/v2/a/app/manifests/latest", 404);
        await images.IsAsync("GET", $"/v2/a/app/blobs/{ImagePusher.DigestOf("one")}", 404);
        Assert.Equal(index, await images.DigestOfAsync("b/new", "v1"));

        // Nor does it come back when that one goes.
        await images.IsAsync("DELETE", "/api/v1/repositories/a/app", 204);
        await images.IsAsync("GET", "/v2/a/app/manifests/latest", 404);
    }

    [Fact]
    public async Task Pulls_by_the_old_name_take_the_rights_in_the_new_place()
    {
        await FillAsync();
        var old = await accounts.AddUserAsync("old", ImagePusher.Password);
        var young = await accounts.AddUserAsync("young", ImagePusher.Password);
        await accounts.GrantAsync(old, "a/*", "pull");
        await accounts.GrantAsync(young, "b/*", "pull");
        var (app, none) = ("/v2/a/app/manifests/v1", "/v2/a/none/manifests/v1");
        var (was, sees) = (new ImagePusher(registry, "old"), new ImagePusher(registry, "young"));
        string[] paths = [app, "/v2/a/app/tags/list", $"/v2/a/app/blobs/{ImagePusher.DigestOf("one")}"];
        foreach (var path in paths) await was.IsAsync("GET", path, 200);
        await MoveAsync(Body, 200);
        foreach (var path in paths)
        {
            await was.IsAsync("GET", path, 404);
            await sees.IsAsync("GET", path, 200);
        }

        Assert.Equal(
            (await was.SendAsync("GET", none, null, null, 404)).Text.Replace("a/none", "a/app"),
            (await was.SendAsync("GET", app, null, null, 404)).Text);

        // As clients ask, with a token for the name that they know.
        var token = await accounts.BearerAsync(Basic("young", ImagePusher.Password), "repository:a/app:pull");
        Assert.Equal(200, await AskAsync(app, token));
        Assert.Equal(401, await AskAsync(app, null));
        token = await accounts.BearerAsync(Basic("young", ImagePusher.Password), "repository:a/other:pull");
        Assert.NotEqual(200, await AskAsync(app, token));
        token = await accounts.BearerAsync(Basic("old", ImagePusher.Password), "repository:a/app:pull");
        Assert.Equal(404, await AskAsync(app, token));
        await sees.IsAsync("DELETE", app, 403);

        await images.ApiAsync("PATCH", "/repositories/b/new", """{"isPublic":true}""", 200);
        Assert.Equal(200, await AskAsync(app, null));
        Assert.Equal(200, await AskAsync(app, Basic("old", "wrong")));
        await images.ApiAsync("PATCH", "/repositories/b/new", """{"isPublic":false}""", 200);
        Assert.Equal(401, await AskAsync(app, null));
    }

    [Fact]
    public async Task A_move_takes_the_right_to_manage_here_and_to_push_there()
    {
        await FillAsync();
        var id = await accounts.AddUserAsync("ann", ImagePusher.Password);
        var ann = new ImagePusher(registry, "ann");
        async Task IsAsync(int status, string to = "ann/new") => await ann.ApiAsync(
            "POST", "/repositories/moves", $$"""{"from":"a/app","to":"{{to}}"}""", status);
        await IsAsync(404);
        await accounts.GrantAsync(id, "a/app", "pull,push,delete");
        await IsAsync(403);
        await accounts.GrantAsync(id, "a/app", "pull,push,delete,manage");
        await IsAsync(403, "c/new");
        await accounts.GrantAsync(id, "c/*", "pull,push");

        // What was public is so there only if they may say that it is.
        await accounts.MakePublicAsync("a/app");
        await IsAsync(200, "c/new");
        Assert.Equal("False", (await images.ApiAsync("GET", "/repositories/c/new", null, 200)).Of("isPublic"));
        await images.ApiAsync("POST", "/repositories/moves", """{"from":"c/no","to":"c/other"}""", 404);
        foreach (var wrong in new[] { """{"from":"c/new","to":"c/new"}""", """{"from":"c/new","to":"C"}""" })
            await images.ApiAsync("POST", "/repositories/moves", wrong, 400);
    }

    [Fact]
    public async Task Names_lead_to_one_repository_at_most()
    {
        var (index, _) = await FillAsync();
        await images.PushAsync("b/other", "v1", "other");
        Assert.Contains("b/other is taken", (await MoveAsync("""{"from":"a/app","to":"b/other"}""", 409)).Of("detail"));
        await MoveAsync(Body, 200);
        Assert.Contains(
            "a/app is taken", (await MoveAsync("""{"from":"b/other","to":"a/app"}""", 409)).Of("detail"));
        await MoveAsync("""{"from":"b/new","to":"c/last"}""", 200);
        foreach (var name in new[] { "a/app", "b/new", "c/last" })
            Assert.Equal(index, await images.DigestOfAsync(name, "v1"));

        // Back, and there it is no old name any more.
        await MoveAsync("""{"from":"c/last","to":"a/app"}""", 200);
        foreach (var name in new[] { "a/app", "b/new", "c/last" })
            Assert.Equal(index, await images.DigestOfAsync(name, "v1"));
        await images.ApiAsync("GET", "/repositories/a/app", null, 200);

        // What another owner pushes to a name later is not found by its older names.
        await images.IsAsync("DELETE", "/api/v1/repositories/a/app", 204);
        await images.IsAsync("GET", "/v2/b/new/manifests/v1", 404);
        await images.PushAsync("a/app", "v1", "another");
        await images.IsAsync("GET", "/v2/b/new/manifests/v1", 404);
        Assert.Contains(
            "the trash has what was deleted in d/app", await RefuseIntoTrashAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rules_and_quotas_refuse_a_move_as_a_whole()
    {
        var (index, _) = await FillAsync();
        await images.ApiAsync("POST", "/tag-rules", """{"names":"a/**","tags":["v*"],"isImmutable":true}""", 201);
        Assert.Contains("v1", (await MoveAsync(Body, 403)).Of("detail"));
        await images.ApiAsync("POST", "/tag-rules", """{"names":"b/**","tags":["v*"],"isImmutable":true}""", 201);
        await images.ApiAsync("PUT", "/quotas/b", """{"maxBytes":8}""", 200);
        Assert.Contains(
            "the move adds 12 B, and b uses 0 B of 8 B", (await MoveAsync(Body, 403)).Of("detail"));
        await images.ApiAsync("PUT", "/quotas/b", """{"maxTags":1}""", 200);
        Assert.Contains("b would have 2 of at most 1 tags", (await MoveAsync(Body, 403)).Of("detail"));
        await images.IsAsync("GET", "/api/v1/repositories/b/new", 404);
        Assert.Equal(index, await images.DigestOfAsync("a/app", "v1"));
        Assert.Equal(2, (await images.TagsAsync("a/app")).Count);
        await images.ApiAsync("PUT", "/quotas/b", """{"maxTags":2,"maxBytes":12}""", 200);
        await MoveAsync(Body, 200);

        // Within a namespace it is no more than before.
        await MoveAsync("""{"from":"b/new","to":"b/newer"}""", 200);
    }

    [Fact]
    public async Task What_a_cluster_runs_stays_pinned_by_either_name()
    {
        var (index, _) = await FillAsync();
        var body = $$"""{"images":["a/app@{{index}}"]}""";
        await images.ApiAsync("PUT", "/pins/prod", body, 200);
        await MoveAsync(Body, 200);
        async Task<bool> IsPinnedAsync() => await registry.Services.GetRequiredService<Berth.Metadata.Database>()
            .ReadAsync(session => session.NumberAsync("SELECT 1 FROM pin WHERE repository = 'b/new'")) is not null;
        Assert.True(await IsPinnedAsync());
        await images.ApiAsync("DELETE", "/pins/prod", null, 204);
        var posted = await images.ApiAsync("PUT", "/pins/prod", body, 200);
        Assert.Equal(("1", "[]"), (posted.Of("count"), posted.Of("ignored")));
        Assert.True(await IsPinnedAsync());
    }

    [Fact]
    public async Task The_command_tells_asks_and_moves()
    {
        var (index, _) = await FillAsync();
        var command = new AccountCommand(registry);
        Assert.Contains(
            "This would move a/app with 2 tags to b/new, which is private then.",
            (await command.RunAsync("repo", "move", "a/app", "b/new", "--dry-run")).Is(0).Output);
        Assert.Contains("give --yes", (await command.RunAsync("repo", "move", "a/app", "b/new")).Is(2).Errors);
        await images.IsAsync("GET", "/api/v1/repositories/b/new", 404);
        Assert.Equal(
            "Moved a/app with 2 tags to b/new.\n",
            (await command.RunAsync("repo", "move", "a/app", "b/new", "--yes")).Is(0).Output);
        Assert.Equal(index, await images.DigestOfAsync("b/new", "v1"));
        var refused = await command.RunAsync("repo", "move", "a/app", "b/new", "--dry-run");
        Assert.Contains("no such repository", refused.Is(1).Errors);
    }

    [Fact]
    public async Task A_repository_may_be_named_as_the_paths_of_the_api_are()
    {
        foreach (var name in new[] { "copies", "moves" })
        {
            await images.PushAsync(name, "v1", "one");
            Assert.Equal(name, (await images.ApiAsync("GET", $"/repositories/{name}", null, 200)).Of("name"));
            await images.ApiAsync("PATCH", $"/repositories/{name}", """{"isPublic":true}""", 200);
            await images.IsAsync("DELETE", $"/api/v1/repositories/{name}", 204);
        }
    }

    private async Task<string> RefuseIntoTrashAsync()
    {
        await images.PushAsync("d/app", "v1", "one");
        await images.IsAsync("DELETE", "/api/v1/repositories/d/app", 204);
        var refused = (await MoveAsync("""{"from":"b/other","to":"d/app"}""", 409)).Of("detail");
        await images.IsAsync("GET", "/v2/b/other/manifests/v1", 200);
        return refused;
    }

    /// <summary>An index of two images with a referrer, tagged twice, and an image in the trash.</summary>
    private async Task<(string Index, string Referrer)> FillAsync()
    {
        var children = new[]
        {
            await images.PushAsync("a/app", null, "one"), await images.PushAsync("a/app", null, "two"),
        };
        var index = await images.PushIndexAsync("a/app", "v1", children);
        await images.PushIndexAsync("a/app", "latest", children);
        var referrer = await images.PushReferrerAsync("a/app", index);
        await images.PushAsync("a/app", "gone", "gone");
        await images.IsAsync("DELETE", $"/v2/a/app/manifests/{await images.DigestOfAsync("a/app", "gone")}", 202);
        return (index, referrer);
    }

    /// <summary>All that is shown of a repository.</summary>
    private async Task<string> LookAsync(string name)
    {
        var text = "";
        foreach (var path in new[]
        {
            $"/api/v1/repositories/{name}", $"/api/v1/tags?repository={name}", $"/api/v1/statistics?repository={name}",
            $"/api/v1/tags/v1/history?repository={name}", $"/api/v1/tags/gone/history?repository={name}",
            $"/api/v1/trash?repository={name}", "/api/v1/stars", $"/v2/{name}/tags/list",
        })
        {
            text += await images.TextAsync(path) + "\n";
        }

        return text;
    }

    private Task<JsonElement> MoveAsync(string body, int status) =>
        images.ApiAsync("POST", "/repositories/moves", body, status);

    private async Task<int> AskAsync(string path, string? authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (authorization is not null) request.Headers.Authorization = AuthenticationHeaderValue.Parse(authorization);
        using var answer = await registry.Client.SendAsync(request, Stop);
        return (int)answer.StatusCode;
    }
}
