using System.Net.Http.Headers;
using System.Text.Json;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>What clients are told by the old name of a repository, and what happens while it is moved.</summary>
[Inside]
public sealed class OldNameTests : IAsyncLifetime
{
    private const string Scope = "repository:a/app:pull";

    private RegistryFixture registry = null!;
    private ImagePusher images = null!;
    private AccountsOf accounts = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private Database Database => registry.Services.GetRequiredService<Database>();

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync();
        images = new ImagePusher(registry, "admin");
        accounts = new AccountsOf(registry);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    /// <summary>As clients do, which leave out what is there already.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_same_image_is_pushed_to_the_old_name_by_those_who_ask_first(bool hasToken)
    {
        var child = await images.PushAsync("a/app", null, "one");
        var index = await images.PushIndexAsync("a/app", "v1", child);
        var manifest = await images.TextAsync($"/v2/a/app/manifests/{child}");
        await MoveAsync();
        var writer = hasToken
            ? await accounts.BearerAsync(Basic("admin", AdminPassword), Scope + ",push")
            : Basic("admin", AdminPassword);
        var (blobs, manifests) = ("/v2/a/app/blobs/", "/v2/a/app/manifests/");
        foreach (var blob in new[] { "one", ImagePusher.Config })
        {
            if (await AskAsync("HEAD", blobs + ImagePusher.DigestOf(blob), writer) == 404)
                await images.SendAsync("POST", $"{blobs}uploads/?digest={ImagePusher.DigestOf(blob)}", blob, null, 201);
        }

        if (await AskAsync("HEAD", manifests + child, writer) == 404)
        {
            await images.PushManifestAsync("a/app", null, manifest, MediaTypes.OciManifest);
        }

        if (await AskAsync("HEAD", manifests + "v1", writer) == 404)
            await images.PushIndexAsync("a/app", "v1", child);
        await images.ApiAsync("GET", "/repositories/a/app", null, 200);
        Assert.Equal(index, await images.DigestOfAsync("a/app", "v1"));
        Assert.Equal("one", await images.TextAsync(blobs + ImagePusher.DigestOf("one")));
    }

    [Fact]
    public async Task Pulls_by_the_old_name_go_on_for_those_who_may_push_there()
    {
        var digest = await images.PushAsync("a/app", "v1", "one");
        await MoveAsync();
        var basic = Basic("admin", AdminPassword);
        var reader = await accounts.BearerAsync(basic, Scope);
        var writer = await accounts.BearerAsync(basic, Scope + ",push");
        foreach (var (path, heads) in new[]
        {
            ("manifests/v1", new[] { 200, 200, 404 }), ("manifests/" + digest, [200, 404, 404]),
            ("blobs/" + ImagePusher.DigestOf("one"), [200, 404, 404]),
        })
        {
            var answers = new List<int>();
            foreach (var who in new[] { reader, basic, writer })
            {
                Assert.Equal(200, await AskAsync("GET", "/v2/a/app/" + path, who));
                answers.Add(await AskAsync("HEAD", "/v2/a/app/" + path, who));
            }

            Assert.Equal(heads, answers);
        }
    }

    [Fact]
    public async Task Lists_by_the_old_name_go_on_by_it()
    {
        var digest = await images.PushAsync("a/app", "v1", "one");
        await images.PushAsync("a/app", "v2", "two");
        await images.PushReferrerAsync("a/app", digest);
        await images.PushManifestAsync(
            "a/app", null,
            $$$"""
            {"schemaVersion":2,"mediaType":"{{{MediaTypes.OciIndex}}}","manifests":[],"artifactType":"application/x",
            "subject":{"mediaType":"{{{MediaTypes.OciManifest}}}","digest":"{{{digest}}}","size":2} }
            """,
            MediaTypes.OciIndex);
        await MoveAsync();
        foreach (var path in new[] { "/v2/a/app/tags/list", $"/v2/a/app/referrers/{digest}" })
        {
            var (text, headers) = await images.SendAsync("GET", path + "?n=1", null, null, 200);
            Assert.Contains(path + "?n=1&last=", headers.GetValues("Link").Single(), StringComparison.Ordinal);
            if (path.EndsWith("list", StringComparison.Ordinal))
                Assert.Equal("a/app", JsonDocument.Parse(text).RootElement.Of("name"));
        }
    }

    /// <summary>PostgreSQL has other writers meanwhile; SQLite, only before or after.</summary>
    [Fact]
    public async Task A_blob_that_is_linked_meanwhile_is_not_lost()
    {
        await images.PushAsync("a/app", "v1", "one");
        await images.PushAsync("b/other", "v1", "other");
        var digest = ImagePusher.DigestOf("late");
        Task linked = Task.CompletedTask, moving = Task.CompletedTask;
        await Database.WriteAsync(
            async session =>
            {
                await session.RunAsync("UPDATE namespace_usage SET used_bytes = used_bytes WHERE namespace = 'b'");
                moving = MoveAsync();
                if (TestEngines.IsPostgres) await IsWaitingAsync();
                linked = images.SendAsync("POST", $"/v2/a/app/blobs/uploads/?digest={digest}", "late", null, 201);
                if (TestEngines.IsPostgres) await linked;
                return true;
            },
            isDurable: false, Stop);
        await Task.WhenAll(moving, linked);
        var links = await Database.ReadAsync(
            session => session.NumberAsync("SELECT count(*) FROM repository_blob WHERE digest = $1", digest), Stop);
        Assert.Equal(1, links);
        Assert.Equal("one", await images.TextAsync($"/v2/b/new/blobs/{ImagePusher.DigestOf("one")}"));
        await UsageCount.ReadAsync(registry);
    }

    /// <summary>On PostgreSQL, all of them lock tags, manifests and repositories in the same order.</summary>
    [Fact]
    public async Task Moves_and_the_counts_of_pulls_do_not_wait_for_each_other()
    {
        var digest = await images.PushAsync("a/app", "v1", "one");
        string[] names = ["a/app", .. Enumerable.Range(0, 20).Select(i => $"{(i % 2 == 0 ? "c" : "b")}/{i}")];
        var isDone = false;
        var pulls = Enumerable.Range(0, 2).Select(async _ =>
        {
            for (var i = 1; !isDone; i++)
            {
                var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
                var pulled = names.Select(name => new Pull(name, "v1", digest, now + i, 1));
                await Database.WriteAsync(
                    async session =>
                    {
                        await PullTable.AddAsync(session, [.. pulled]);
                        return true;
                    },
                    isDurable: false, Stop);
            }
        }).ToList();
        foreach (var (from, to) in names.Zip(names.Skip(1))) await MoveAsync(from, to);
        isDone = true;
        await Task.WhenAll(pulls);
        Assert.Equal(digest, await images.DigestOfAsync(names[^1], "v1"));
        if (!TestEngines.IsPostgres) return;
        var deadlocks = await Database.ReadAsync(
            session => session.NumberAsync(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
            Stop);
        Assert.Equal(0, deadlocks);
    }

    private Task IsWaitingAsync() => Eventually.TrueAsync(async () => await Database.ReadAsync(
        session => session.NumberAsync(
            """
            SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                AND query LIKE 'INSERT INTO repository_blob%'
            """),
        Stop) is not null);

    private Task<JsonElement> MoveAsync(string from = "a/app", string to = "b/new") => images.ApiAsync(
        "POST", "/repositories/moves", $$"""{"from":"{{from}}","to":"{{to}}"}""", 200);

    private async Task<int> AskAsync(string method, string path, string authorization)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(authorization);
        using var answer = await registry.Client.SendAsync(request, Stop);
        return (int)answer.StatusCode;
    }
}
