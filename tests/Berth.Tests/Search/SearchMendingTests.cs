using System.Globalization;
using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Search;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Search;

/// <summary>Changes that concern many words note their repository, and a job mends its words.</summary>
[Inside]
public sealed class SearchMendingTests : IAsyncLifetime
{
    /// <summary>More than a page of the mending, and than a walk reads at once.</summary>
    private const int Many = 2500;

    private SearchFixture registry = null!;

    public async ValueTask InitializeAsync() => registry = await SearchFixture.StartAsync();

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Many_tags_are_hidden_at_once_and_found_after_they_were_mended()
    {
        await FillAsync("blue/app");
        var none = await registry.UserAsync("nil");
        foreach (var query in new[] { "app", "build-7", "type:image" })
            Assert.Equal((query, ""), (query, await registry.NamesAsync(query, none)));
        await registry.ChangeAsync("blue/app", """{"isPublic":true}""");
        Assert.Equal("blue/app", await registry.NamesAsync("app", none));
        await registry.MendedAsync();
        foreach (var query in new[] { "build-0", $"build-{Many - 1}", "type:image", "is:public build-77" })
            Assert.Equal((query, "blue/app"), (query, await registry.NamesAsync(query, none)));
        Assert.All(await registry.IndexAsync(), row => Assert.EndsWith("|blue|1", row));

        await registry.ChangeAsync("blue/app", """{"isPublic":false}""");
        foreach (var query in new[] { "app", "build-0", "type:image", "bulid-0" })
        {
            var found = await registry.SearchAsync(query, none);
            Assert.Equal((query, "", "0"), (query, SearchFixture.NamesOf(found), found.Of("total")));
            Assert.Equal("", SearchFixture.FacetsOf(found));
        }

        await registry.MendedAsync();
        Assert.All(await registry.IndexAsync(), row => Assert.EndsWith("|blue|0", row));
        Assert.Equal("blue/app", await registry.NamesAsync("build-0"));
    }

    [Fact]
    public async Task Many_tags_move_are_copied_deleted_and_restored()
    {
        await FillAsync("a/app");
        await registry.Admin.ApiAsync("POST", "/repositories/moves", """{"from":"a/app","to":"b/moved"}""", 200);
        foreach (var query in new[] { "build-3 namespace:a", "a/app" })
            Assert.Equal("", await registry.NamesAsync(query));
        await registry.MendedAsync();
        Assert.Equal("b/moved", await registry.NamesAsync($"build-{Many - 1}"));
        await registry.Admin.ApiAsync("POST", "/repositories/copies", """{"from":"b/moved","to":"c/copied"}""", 200);
        await registry.MendedAsync();
        var whole = await registry.IndexAsync();
        foreach (var query in new[] { "build-0", $"build-{Many - 1}", "type:image" })
            Assert.Equal((query, "b/moved c/copied"), (query, await registry.NamesAsync(query)));

        await registry.Admin.ApiAsync("DELETE", "/repositories/b/moved", null, 204);
        Assert.Equal("c/copied", await registry.NamesAsync("build-0"));

        // Made anew while its old words may be there still.
        await registry.PushAsync("b/moved", "other");
        foreach (var query in new[] { "build-0", "build" }) Assert.Equal("c/copied", await registry.NamesAsync(query));
        Assert.Equal("type:image=2", SearchFixture.FacetsOf(await registry.SearchAsync("type:image")).Split(' ')[0]);
        await registry.MendedAsync();
        Assert.DoesNotContain(await registry.IndexAsync(), row => row.StartsWith("b/moved|build"));
        await registry.Admin.IsAsync("DELETE", "/v2/b/moved/manifests/other", 202);
        var trash = await registry.Admin.ApiAsync("GET", "/trash?namespace=b", null, 200);
        foreach (var entry in trash.GetProperty("items").EnumerateArray())
            await registry.Admin.ApiAsync("POST", $"/trash/{entry.Of("id")}/restore", "{}", 200);
        await registry.MendedAsync();
        Assert.Equal(
            whole, (await registry.IndexAsync()).FindAll(row => !row.StartsWith("b/moved|other")));
    }

    [Fact]
    public async Task A_change_while_words_are_mended_is_mended_too()
    {
        await registry.PushAsync("a/app", "1");
        await registry.MendedAsync();
        var id = await registry.WriteAsync(async session =>
        {
            var id = (await session.NumberAsync("SELECT id FROM repository WHERE name = 'a/app'"))!.Value;
            await SearchPendingTable.AddAsync(session, id);
            var read = (await SearchPendingTable.NextAsync(session, 0))!;
            await session.RunAsync("UPDATE repository SET is_public = 1 WHERE id = $1", id);
            Assert.Equal(0, await SearchPendingTable.RemoveAsync(session, read));
            return id;
        });
        await registry.MendedAsync();
        Assert.True(id > 0);
        Assert.All(await registry.IndexAsync(), row => Assert.EndsWith("|1", row));
    }

    [Fact]
    public async Task Words_of_what_is_gone_find_nothing_until_they_are_mended()
    {
        await registry.PushAsync("a/app", "there");
        foreach (var (query, count) in new[] { ("app", 1), ("there", 1), ("gone", 0), ("tag:go", 0), ("label:x", 0) })
        {
            // In a transaction of its own, so that no job is quicker.
            var found = await registry.WriteAsync(async session =>
            {
                var id = (await session.NumberAsync("SELECT id FROM repository WHERE name = 'a/app'"))!.Value;
                foreach (var (word, kind) in new[] { ("gone", 4), ("label:x=y", 6), ("type:gone", 6) })
                {
                    await session.RunAsync(
                        """
                        INSERT INTO search_word (repository_id, word, kind, source, namespace, is_public)
                        VALUES ($1, $2, $3, 'gone', 'a', 0) ON CONFLICT DO NOTHING
                        """,
                        id, word, kind);
                }

                await SearchPendingTable.AddAsync(session, id);
                var parsed = SearchQuery.Parse(query, out _)!;
                var places = SearchPlaces.Of(parsed, null, isLimited: false);
                Assert.DoesNotContain(
                    await SearchTable.CountFactsAsync(session, [id], 8), one => one.Fact == "type:gone");
                return await RegistrySearch.RunAsync(session, parsed, places, null);
            });
            Assert.Equal((query, count), (query, found.Repositories.Count));
        }

        await registry.MendedAsync();
        Assert.DoesNotContain(await registry.IndexAsync(), row => row.Contains("|gone|"));
    }

    [Fact]
    public async Task What_may_be_seen_is_found_among_very_many_others()
    {
        await registry.PushAsync("zz/app", "1");
        await registry.PushAsync("zz/other", "1");
        await AddRepositoriesAsync(Many);
        var any = await registry.UserAsync("any", "*/app");
        foreach (var query in new[] { "app", "zz", "", "is:private" })
        {
            var found = await registry.SearchAsync(query, any);
            Assert.Equal((query, "zz/app", "1"), (query, SearchFixture.NamesOf(found), found.Of("total")));
        }

        Assert.Equal("", await registry.NamesAsync("hidden", any));
    }

    [Fact]
    public async Task What_a_search_reads_does_not_grow_with_what_is_there()
    {
        await registry.PushAsync("zz/app", "1");
        await AddRepositoriesAsync(Many);
        Assert.True(NamePattern.TryParse("zz/**", out var pattern));
        var everybody = new VisibleNames([], WithPublic: true, _ => true);
        var one = new VisibleNames([pattern], WithPublic: true, _ => true);
        foreach (var (query, visible, rows, repositories) in new (string, VisibleNames?, int, int)[]
        {
            // The first 500 of each kind, of which those are looked up that are shown.
            ("app", null, 1000, 500), ("a", null, 1500, 500), ("hidden app", null, 1500, 501), ("", null, 500, 500),

            // What is hidden is not even passed over.
            ("app", one, 10, 1), ("a", one, 10, 1), ("hidden", one, 0, 0), ("", one, 2, 1), ("app", everybody, 0, 0),
            ("hiddne", everybody, 0, 0),
        })
        {
            var parsed = SearchQuery.Parse(query, out _)!;
            var places = SearchPlaces.Of(parsed, visible, isLimited: false);
            var walks = await registry.WriteAsync(async session =>
            {
                var walks = new SearchWalks(session, places, parsed.Fits);
                await RegistrySearch.RunAsync(session, walks, parsed, places, null);
                return walks;
            });
            Assert.True(
                walks.RowsRead <= rows && walks.RepositoriesRead <= repositories && walks.QueriesAsked <= 12,
                $"'{query}' read {walks.RowsRead} rows and {walks.RepositoriesRead} repositories in "
                + $"{walks.QueriesAsked} queries");
        }
    }

    /// <summary>More namespaces than are asked for at once, and more in one than its first rows.</summary>
    [Fact]
    public async Task All_is_found_in_many_namespaces()
    {
        var accounts = new AccountsOf(registry.Registry);
        var id = await accounts.AddUserAsync("far", ImagePusher.Password);
        for (var i = 0; i < 20; i++)
        {
            await AddRepositoriesAsync(i is 3 or 12 ? 130 : 2, $"space{i:D2}");
            await accounts.GrantAsync(id, $"space{i:D2}/**", "pull");
        }

        var found = await registry.SearchAsync("app", new ImagePusher(registry.Registry, "far"));
        Assert.Equal(("296", "True"), (found.Of("total"), found.Of("isComplete")));
    }

    [Fact]
    public async Task Pages_of_what_very_many_have_neither_skip_nor_repeat()
    {
        await AddRepositoriesAsync(Many);
        var user = await registry.UserAsync("blu", "hidden/**");
        foreach (var caller in new[] { registry.Admin, user })
        {
            var names = new List<string>();
            for (var path = "/api/v1/search?n=100&q=app"; path.Length > 0;)
            {
                var (text, headers) = await caller.SendAsync("GET", path, null, null, 200);
                var page = System.Text.Json.JsonDocument.Parse(text).RootElement;
                Assert.Equal(("500", "False"), (page.Of("total"), page.Of("isComplete")));
                names.AddRange(SearchFixture.NamesOf(page).Split(' '));
                path = headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : "";
            }

            Assert.Equal(500, names.Count);
            Assert.Equal(500, names.Distinct().Count());
        }
    }

    /// <summary>A repository with an image that has many tags.</summary>
    private async Task FillAsync(string name)
    {
        await registry.PushAsync(name, "build-0");
        await registry.WriteAsync(async session =>
        {
            var id = (await session.NumberAsync("SELECT id FROM repository WHERE name = $1", name))!.Value;
            var tags = Enumerable.Range(1, Many - 1).Select(i => $"build-{i}").ToList();
            await session.RunEachAsync(
                """
                INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
                SELECT repository_id, $2, digest, moved_at, moved_by FROM tag
                WHERE repository_id = $1 AND name = 'build-0'
                """,
                [.. tags.Select(tag => new object?[] { id, tag })]);
            await SearchWordTable.AddTagsAsync(session, id, tags);
            return true;
        });
    }

    /// <summary>Private repositories with the word app in their names.</summary>
    private Task<bool> AddRepositoriesAsync(int count, string space = "hidden") => registry.WriteAsync(async session =>
    {
        var names = Enumerable.Range(0, count)
            .Select(i => string.Create(CultureInfo.InvariantCulture, $"{space}/app-{i:D5}")).ToList();
        await session.RunEachAsync(
            "INSERT INTO repository (name, created_at, is_public, listed) VALUES ($1, 1, 0, 1)",
            [.. names.Select(name => new object?[] { name })]);
        foreach (var name in names)
        {
            var id = (await session.NumberAsync("SELECT id FROM repository WHERE name = $1", name))!.Value;
            await SearchWordTable.IndexNameAsync(session, id);
        }

        return true;
    });
}
