using Berth.Tests.Lifecycle;

namespace Berth.Tests.Search;

/// <summary>The index follows what is stored, in the same transaction.</summary>
[Inside]
public sealed class SearchIndexTests : IAsyncLifetime
{
    private const string Labelled = """{"os":"linux","architecture":"amd64","config":{"Labels":{"kind":"gadget"}}}""";

    private SearchFixture registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => registry = await SearchFixture.StartAsync();

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task What_is_deleted_is_not_found_and_what_is_restored_is()
    {
        await registry.Admin.PushConfigAsync("a/app", "gadgets", Labelled);
        await registry.PushAsync("a/app", "plain-tag");
        await registry.ChangeAsync("a/app", """{"description":"something described"}""");
        var before = await registry.IndexAsync();
        await registry.Admin.IsAsync("DELETE", "/v2/a/app/manifests/plain-tag", 202);
        Assert.Equal("", await registry.NamesAsync("plain"));
        Assert.Equal("a/app", await registry.NamesAsync("gadget"));
        await RestoreAsync();
        Assert.Equal("a/app", await registry.NamesAsync("plain"));

        var digest = await registry.Admin.DigestOfAsync("a/app", "gadgets");
        await registry.Admin.IsAsync("DELETE", $"/v2/a/app/manifests/{digest}", 202);
        foreach (var query in new[] { "gadget", "gadgets", "label:kind", "platform:linux" })
            Assert.Equal((query, ""), (query, await registry.NamesAsync(query)));
        await RestoreAsync();
        foreach (var query in new[] { "gadget", "gadgets", "label:kind", "platform:linux" })
            Assert.Equal((query, "a/app"), (query, await registry.NamesAsync(query)));

        await registry.Admin.ApiAsync("DELETE", "/repositories/a/app", null, 204);
        foreach (var query in new[] { "a/app", "described", "gadget", "plain", "" })
            Assert.Equal((query, ""), (query, await registry.NamesAsync(query)));
        await RestoreAsync();
        await registry.MendedAsync();
        Assert.Equal(before, await registry.IndexAsync());
        Assert.Equal("a/app", await registry.NamesAsync("described gadget plain app"));
    }

    [Fact]
    public async Task A_repository_made_anew_has_nothing_of_the_old_one()
    {
        await registry.Admin.PushConfigAsync("a/app", "old-tag", Labelled);
        await registry.ChangeAsync("a/app", """{"description":"described","isPublic":true}""");
        await registry.Admin.ApiAsync("DELETE", "/repositories/a/app", null, 204);
        await registry.PushAsync("a/app", "new");
        foreach (var query in new[] { "described", "old", "gadget", "is:public" })
            Assert.Equal((query, ""), (query, await registry.NamesAsync(query)));
        Assert.Equal("a/app", await registry.NamesAsync("app new"));
    }

    [Fact]
    public async Task A_moved_or_copied_repository_is_found_where_it_is()
    {
        await registry.Admin.PushConfigAsync("a/app", "v1", Labelled);
        await registry.ChangeAsync("a/app", """{"description":"described","isPublic":true}""");
        await registry.Admin.ApiAsync(
            "POST", "/repositories/moves", """{"from":"a/app","to":"b/moved"}""", 200);
        Assert.Equal("b/moved", await registry.NamesAsync("moved"));
        foreach (var query in new[] { "a/app", "namespace:a", "namespace:a v1" })
            Assert.Equal((query, ""), (query, await registry.NamesAsync(query)));
        await registry.MendedAsync();
        foreach (var query in new[] { "described", "gadget", "v1", "moved", "namespace:b", "is:public" })
            Assert.Equal((query, "b/moved"), (query, await registry.NamesAsync(query)));
        foreach (var query in new[] { "namespace:a", "app" }) Assert.Equal("", await registry.NamesAsync(query));
        await registry.Admin.ApiAsync(
            "POST", "/repositories/copies", """{"from":"b/moved","to":"c/copied"}""", 200);
        Assert.Equal("b/moved c/copied", await registry.NamesAsync("gadget v1"));
        Assert.Equal("c/copied", await registry.NamesAsync("gadget v1 namespace:c"));
        Assert.Equal("c/copied", await registry.NamesAsync("gadget is:private"));
        await registry.ChangeAsync("b/moved", """{"description":""}""");
        Assert.Equal("", await registry.NamesAsync("described"));
    }

    [Fact]
    public async Task A_rebuild_makes_the_same_index_that_pushes_made_and_removes_what_is_stale()
    {
        await registry.Admin.PushConfigAsync("a/app", "1.0-alpine", Labelled);
        await registry.PushAsync("b/other", [.. Enumerable.Range(0, 5).Select(i => $"build-{i}")]);
        await registry.ChangeAsync("b/other", """{"description":"described","isPublic":true}""");
        await registry.MendedAsync();
        var whole = await registry.IndexAsync();
        await registry.WriteAsync(session => session.RunAsync("DELETE FROM search_word"));
        await registry.WriteAsync(session => session.RunAsync("UPDATE manifest SET search_set = NULL"));
        Assert.Equal("", await registry.NamesAsync("app"));
        var row = await registry.RebuildAsync();
        Assert.Equal(("2", "6", "admin"), (row.Of("repositories"), row.Of("missingTags"), row.Of("requestedBy")));
        Assert.Equal(whole, await registry.IndexAsync());

        // Only the words of what images say are lost, or there are some of what is gone.
        await registry.WriteAsync(session => session.RunAsync("DELETE FROM search_word WHERE kind >= 5"));
        await registry.WriteAsync(session => session.RunAsync(
            "INSERT INTO search_word SELECT id, 'stale', 4, 'stale', 'a', 0 FROM repository WHERE name = 'a/app'"));
        Assert.Equal("", await registry.NamesAsync("stale"));
        await registry.RebuildAsync();
        Assert.Equal(whole, await registry.IndexAsync());
        var list = await registry.Admin.ApiAsync("GET", "/search/rebuilds?n=2", null, 200);
        Assert.Equal(2, list.GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task Pushes_and_deletions_beside_a_rebuild_are_not_lost()
    {
        await registry.PushAsync("a/app", "kept");
        await registry.WriteAsync(session => session.RunAsync("DELETE FROM search_word"));
        var pushing = Task.Run(
            async () =>
            {
                for (var i = 0; i < 40; i++)
                {
                    await registry.PushAsync($"a/app{i % 3}", $"made-{i}");
                    if (i % 4 == 3) await registry.Admin.IsAsync("DELETE", $"/v2/a/app{i % 3}/manifests/made-{i}", 202);
                }
            },
            Stop);
        do await registry.RebuildAsync();
        while (!pushing.IsCompleted);
        await pushing;
        var index = await registry.IndexAsync();
        var tags = index.Select(row => row.Split('|')).Where(row => row[2] == "4").Select(row => row[3]).Distinct();
        Assert.Equal(31, tags.Count());
        await registry.RebuildAsync();
        Assert.Equal(index, await registry.IndexAsync());
    }

    private async Task RestoreAsync()
    {
        var trash = await registry.Admin.ApiAsync("GET", "/trash?namespace=a", null, 200);
        foreach (var entry in trash.GetProperty("items").EnumerateArray())
            await registry.Admin.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
    }
}
