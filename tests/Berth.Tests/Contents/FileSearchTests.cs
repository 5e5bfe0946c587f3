using System.Text.Json;
using Berth.Contents;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Contents;

/// <summary>Which images have a file, by its name: of those that the caller may pull.</summary>
[Inside]
[Slow]
public sealed class FileSearchTests : IAsyncLifetime
{
    private static readonly byte[] Base = new RawTar().Folder("usr").Folder("usr/sbin").File("usr/sbin/sshd", "elf")
        .File("usr/lib/libssl.so.3", "12345").File("lib/libssl.so", "", '2', "../usr/lib/libssl.so.3")
        .File("etc/Key.PEM", "key").Folder("sshd").File("Größe/ünï😀x", "u").End();

    private static readonly byte[] Jar = RawTar.Gzip(new RawTar().File("opt/app/log4j-core-2.14.1.jar", "zip")
        .File("usr/sbin/.wh.sshd", "").End());

    private RegistryFixture registry = null!;
    private ContentImages images = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await StartAsync(settings => settings);

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_file_is_found_in_all_images_with_its_layer()
    {
        await images.PushAsync("acme/app", "1", Base);
        var second = await images.PushAsync("acme/app", "2", Base, Jar);
        await images.PushAsync("other/app", "x", Base);
        await KnownAsync("acme/app/2", "other/app/x");
        var found = await AskAsync("name=sshd");
        var item = Assert.Single(Items(found));
        Assert.Equal(ContentImages.DigestOf(Base), item.Of("layer"));
        Assert.Equal(["/usr/sbin/sshd file 3"], FilesOf(item));
        Assert.Equal(["acme/app:1", "acme/app:2", "other/app:x"], ImagesOf(item).Order());
        Assert.Equal(
            ("True", "1", "2", "0"),
            (found.Of("isComplete"), found.Of("progress"), found.Of("searched"), found.Of("unsearched")));
        var jar = Assert.Single(Items(await AskAsync("name=LOG4J-core-*.jar")));
        Assert.Equal(["/opt/app/log4j-core-2.14.1.jar file 3"], FilesOf(jar));
        Assert.Equal(second, jar.GetProperty("repositories")[0].GetProperty("images")[0].Of("digest"));
    }

    [Fact]
    public async Task Names_and_paths_may_have_wildcards()
    {
        await images.PushAsync("acme/app", "2", Base, Jar);
        await KnownAsync("acme/app/2");
        foreach (var (name, paths) in new[]
        {
            ("*.pem", "/etc/Key.PEM"), ("key.???", "/etc/Key.PEM"), ("key.??", ""), ("libssl", ""),
            ("libssl*", "/lib/libssl.so /usr/lib/libssl.so.3"), ("/usr/lib/libssl.so.3", "/usr/lib/libssl.so.3"),
            ("lib/libssl*", "/lib/libssl.so"), ("*/libssl*3", "/usr/lib/libssl.so.3"), ("usr/*", "/usr/lib/libssl.so.3 "
            + "/usr/sbin/sshd"), ("grö*/*", "/Größe/ünï😀x"), ("ÜNÏ?X", "/Größe/ünï😀x"), ("usr", ""),
            ("*s*h*d", "/usr/sbin/sshd"), ("*ssh", ""), (".wh.sshd", ""), ("[s]shd", ""), ("/sshd", ""),
            ("*.so*", "/lib/libssl.so /usr/lib/libssl.so.3"),
        })
        {
            var found = Items(await AskAsync($"name={Uri.EscapeDataString(name)}"))
                .SelectMany(one => one.GetProperty("files").EnumerateArray()).Select(one => one.Of("path"));
            Assert.Equal($"{name}: {paths}", $"{name}: {string.Join(' ', found.Order(StringComparer.Ordinal))}");
        }

        Assert.Contains("/lib/libssl.so symbolicLink 0", FilesOf(Assert.Single(Items(await AskAsync("name=libssl*")))));
    }

    [Fact]
    public async Task Images_of_an_index_have_its_tag_and_their_platform()
    {
        var arm = await images.PushAsync(
            "acme/app", null, """{"os":"linux","architecture":"arm64"}""", (Base, ContentImages.LayerType));
        await images.PushIndexAsync("acme/app", "all", (arm, """{"os":"linux","architecture":"arm64"}"""));
        await KnownAsync("acme/app/all");
        var image = Items(await AskAsync("name=sshd"))[0].GetProperty("repositories")[0].GetProperty("images")[0];
        Assert.Equal(
            (arm, "all", "linux/arm64"), (image.Of("digest"), image.Of("tag"), image.Of("platform")));
    }

    [Fact]
    public async Task Nothing_tells_of_layers_that_the_caller_may_not_see()
    {
        var accounts = new AccountsOf(registry);
        await accounts.GrantAsync(await accounts.AddUserAsync("ann", ImagePusher.Password), "team/ann*", "pull");
        await accounts.AddUserAsync("none", ImagePusher.Password);
        await images.PushAsync("team/ann-app", "1", Base);
        await KnownAsync("team/ann-app/1");
        var asked = new[]
        {
            "name=sshd", "name=*", "name=*.jar&n=1", "name=sshd&namespace=team", "name=*&repository=team/secret",
            "name=*&repository=team/gone", "name=*&namespace=open",
        };
        var before = await AllAsync();

        // The same layer in others, and others that they may not see: of known files, of unknown ones, and damaged.
        await images.PushAsync("team/secret", "1", Base, Jar);
        await images.PushAsync("team/secret", "2", new RawTar().File("x/sshd", "other").End());
        await images.PushAsync("team/secret", "3", [1, 2, 3]);
        await images.PushAsync("open/app", "1", Base, Jar);
        await KnownAsync("team/secret/1", "team/secret/2", "team/secret/3", "open/app/1");
        Assert.Equal(before, await AllAsync());
        Assert.Equal(
            before[4], before[5].Replace("team/gone", "team/secret", StringComparison.Ordinal));

        await accounts.MakePublicAsync("open/app");
        var shown = Assert.Single(Items(await AskAsync("name=sshd", "ann")));
        Assert.Equal(["open/app:1", "team/ann-app:1"], ImagesOf(shown).Order());
        Assert.Equal(["open/app:1"], ImagesOf(Assert.Single(Items(await AskAsync("name=*.jar", "none")))));

        async Task<List<string>> AllAsync()
        {
            var answers = new List<string>();
            foreach (var user in new[] { "ann", "none" })
            {
                foreach (var one in asked)
                {
                    var (found, next) = await PageAsync("search/files?" + one, user);
                    answers.Add($"{one}: {found.GetRawText()} {next}");
                }
            }

            return answers;
        }
    }

    /// <summary>As for callers who may see too many repositories to look them up by name.</summary>
    [Fact]
    public async Task Where_ranges_of_names_are_walked_what_is_hidden_is_passed_over()
    {
        for (var i = 0; i < 20; i++)
            await images.PushAsync("team/secret", $"{i}", new RawTar().File($"hidden-{i}", "x").End());
        await images.PushAsync("team/shown", "1", Base);
        await images.PushAsync("teams/app", "1", Jar);
        await KnownAsync("team/shown/1", "teams/app/1");
        var places = new RepositoryPlaces(null, [("team/", "team0")]);
        var search = registry.Services.GetRequiredService<LayerSearch>();
        var found = await search.RunAsync(
            new SoughtFiles(
                FilePattern.TryParse("*", out _)!, places, (name, _) => name == "team/shown", 0, 10), Stop);
        Assert.Equal(ContentImages.DigestOf(Base), Assert.Single(found.Found).Layer.Text);
        Assert.Equal((null, 1, 0), (found.Next, found.Searched, found.Unsearched));
    }

    [Fact]
    public async Task A_search_goes_on_where_it_stopped_until_all_is_searched()
    {
        await registry.DisposeAsync();
        await StartAsync(settings => settings with { SearchTime = TimeSpan.FromMilliseconds(1) });
        var layers = Enumerable.Range(0, 30).Select(i => new RawTar().File($"d/needle-{i}", "x").End()).ToArray();
        await images.PushAsync("acme/app", "1", layers);
        await images.PushAsync("acme/more", "1", layers);
        await KnownAsync("acme/app/1");
        foreach (var (query, hits) in new[] { ("name=needle-*", 30), ("name=needle-*&n=1", 30), ("name=none", 0) })
        {
            var (found, progress, pages, searched) = (new List<string>(), 0.0, 0, 0L);
            for (var next = "search/files?" + query; next is not null; pages++)
            {
                (var page, next) = await PageAsync(next);
                found.AddRange(Items(page).Select(one => one.Of("layer")));
                searched += page.GetProperty("searched").GetInt64();
                Assert.Equal(next is null, page.GetProperty("isComplete").GetBoolean());
                Assert.InRange(page.GetProperty("progress").GetDouble(), progress, 1);
                progress = page.GetProperty("progress").GetDouble();
                if (query.EndsWith("n=1", StringComparison.Ordinal)) Assert.InRange(Items(page).Count, 0, 1);
            }

            Assert.Equal((hits, 30L, 1.0), (found.Distinct().Count(), searched, progress));
            Assert.Equal(hits, found.Count);
            Assert.True(pages > 1);
        }
    }

    [Fact]
    public async Task What_is_deleted_is_not_found_and_what_is_restored_is()
    {
        var first = await images.PushAsync("acme/app", "1", Base);
        await images.PushAsync("acme/app", "2", Base, Jar);
        await images.PushAsync("acme/gone", "1", Base);
        await KnownAsync("acme/app/2");
        var admin = new ImagePusher(registry, "admin");
        await admin.ApiAsync("DELETE", "/repositories/acme/gone", null, 204);
        Assert.Equal(
            ["acme/app:1", "acme/app:2"], ImagesOf(Assert.Single(Items(await AskAsync("name=sshd")))).Order());
        await (await images.SendAsync("DELETE", $"/v2/acme/app/manifests/{first}", null, null, 202))
            .Content.ReadAsStringAsync(Stop);
        Assert.Equal(["acme/app:2"], ImagesOf(Assert.Single(Items(await AskAsync("name=sshd")))));
        await admin.ApiAsync("DELETE", "/repositories/acme/app", null, 204);
        var none = await AskAsync("name=sshd");
        Assert.Equal((0, "0", "0"), (Items(none).Count, none.Of("searched"), none.Of("unsearched")));
        var trash = await admin.ApiAsync("GET", "/trash?repository=acme/gone", null, 200);
        await admin.ApiAsync("POST", $"/trash/{trash.GetProperty("items")[0].Of("id")}/restore", "{}", 200);
        Assert.Equal(["acme/gone:1"], ImagesOf(Assert.Single(Items(await AskAsync("name=sshd")))));
    }

    [Fact]
    public async Task A_search_may_be_in_a_namespace_or_a_repository()
    {
        foreach (var name in new[] { "acme/app", "acme/deep/app", "acme-not/app" })
            await images.PushAsync(name, "1", Base);
        await KnownAsync("acme/app/1");
        foreach (var (query, found) in new[]
        {
            ("namespace=acme", "acme/app:1 acme/deep/app:1"), ("repository=acme/deep/app", "acme/deep/app:1"),
            ("namespace=acme&repository=acme-not/app", ""), ("namespace=acm", ""), ("repository=", "acme-not/app:1 "
            + "acme/app:1 acme/deep/app:1"),
        })
        {
            var items = Items(await AskAsync("name=sshd&" + query));
            Assert.Equal(found, string.Join(' ', items.SelectMany(ImagesOf).Order(StringComparer.Ordinal)));
        }
    }

    [Fact]
    public async Task Layers_without_a_list_are_counted()
    {
        await images.PushAsync("acme/app", "1", Base);
        await images.PushAsync("acme/app", "bad", [1, 2, 3]);
        await KnownAsync("acme/app/1", "acme/app/bad");
        var found = await AskAsync("name=sshd");
        Assert.Equal((1, "1", "1"), (Items(found).Count, found.Of("searched"), found.Of("unsearched")));
        await registry.DisposeAsync();
        await StartAsync(settings => settings with { Index = ContentsIndexing.Never });
        await images.PushAsync(
            "acme/app", "1", """{"os":"linux","architecture":"arm64"}""", (Base, ContentImages.LayerType));
        await images.PushAsync(
            "acme/app", "said", """{"os":"unknown","architecture":"unknown"}""",
            (Jar, "application/vnd.in-toto+json"));
        found = await AskAsync("name=sshd");
        Assert.Equal((0, "0", "1"), (Items(found).Count, found.Of("searched"), found.Of("unsearched")));
    }

    [Fact]
    public async Task Many_files_of_a_layer_are_not_all_shown()
    {
        var tar = new RawTar();
        for (var i = 0; i < 150; i++) tar.File($"f{i}", "x");
        var layer = tar.End();
        await images.PushAsync("acme/app", "1", layer);
        await KnownAsync("acme/app/1");
        var item = Assert.Single(Items(await AskAsync("name=f*")));
        Assert.Equal((100, "True"), (FilesOf(item).Count, item.Of("hasMoreFiles")));
        for (var i = 0; i < 12; i++) await images.PushAsync($"acme/app{i}", "1", layer);
        item = Assert.Single(Items(await AskAsync("name=f1")));
        Assert.Equal((10, "True"), (ImagesOf(item).Count, item.Of("hasMoreRepositories")));
    }

    [Fact]
    public async Task An_answer_has_only_so_much_of_long_paths()
    {
        for (var i = 0; i < 6; i++)
        {
            var tar = new RawTar();
            for (var j = 0; j < 100; j++) tar.Pax(("path", $"{new string('p', 4000)}/{i}-{j}")).File("x", "x");
            await images.PushAsync("acme/app", $"{i}", RawTar.Gzip(tar.End()));
            await KnownAsync($"acme/app/{i}");
        }

        var (first, next) = await PageAsync("search/files?name=*-9");
        Assert.Equal((6, null), (Items(first).Count, next));
        var counts = new List<int>();
        for (next = "search/files?name=*"; next is not null; counts.Add(Items(first).Count))
            (first, next) = await PageAsync(next);
        Assert.Equal((6, 3), (counts.Sum(), counts.Max()));
    }

    [Fact]
    public async Task What_is_no_search_is_refused()
    {
        foreach (var query in new[]
        {
            "", "name=", "name=a/", "name=" + new string('a', 256), "name=a&last=x", "name=a&last=fffffffffffffff0",
            "name=a&last=-00000000000001", "name=a&last=000-partial", "name=a/" + new string('a', 4095),
            "name=a&last=sha256:00000000", "name=a&namespace=A", "name=a&namespace=%00", "name=a&repository=%00",
            "name=a&n=x", "name=a%00",
        })
        {
            using var refused = await images.SendAsync("GET", "/api/v1/search/files?" + query, null, null, 400);
        }

        await AskAsync("name=a&last=fffffffffffffff");
        await AskAsync("name=a/" + new string('a', 4094));
    }

    [Fact]
    public async Task Whoever_finds_no_place_is_told_when_to_ask_again()
    {
        var reading = registry.Services.GetRequiredService<FileReading>();
        using var file = await reading.TakePlaceAsync(Stop);
        using (await reading.TakePlaceAsync(Stop)) await AskAsync("name=a");
        using var first = await reading.TakeSearchPlaceAsync(Stop);
        using var second = await reading.TakeSearchPlaceAsync(Stop);
        using var other = await reading.TakePlaceAsync(Stop);
        Assert.NotNull(other);
        using var refused = await images.SendAsync("GET", "/api/v1/search/files?name=a", null, null, 503);
        Assert.Equal("10", refused.Headers.GetValues("Retry-After").Single());
    }

    /// <summary>A pattern that goes back at each star would take longer than there is time.</summary>
    [Fact]
    public void A_pattern_of_many_stars_takes_little_time()
    {
        var pattern = FilePattern.TryParse(string.Concat(Enumerable.Repeat("*a", 120)) + "*b", out _)!;
        Assert.False(pattern.Matches(new string('a', 8192)));
        Assert.True(pattern.Matches(new string('a', 8192) + "b"));
        Assert.False(FilePattern.TryParse(new string('?', 200) + "*x", out _)!.Matches(new string('y', 8192)));
        Assert.True(FilePattern.TryParse(new string('*', 255), out _)!.Matches("\ud83d"));
    }

    [Fact]
    public void Case_is_compared_alike_on_both_sides()
    {
        Assert.True(FilePattern.TryParse("\ud801\udc28ß*", out _)!.Matches("\ud801\udc28ßx"));
        Assert.True(FilePattern.TryParse("ÄB", out _)!.Matches("äb"));
    }

    private static List<JsonElement> Items(JsonElement found) => [.. found.GetProperty("items").EnumerateArray()];

    private static List<string> FilesOf(JsonElement item) => [.. item.GetProperty("files").EnumerateArray()
        .Select(one => $"{one.Of("path")} {one.Of("kind")} {one.Of("sizeBytes")}")];

    private static List<string> ImagesOf(JsonElement item) =>
    [
        .. from one in item.GetProperty("repositories").EnumerateArray()
        from image in one.GetProperty("images").EnumerateArray()
        select $"{one.Of("repository")}:{image.Of("tag")}",
    ];

    private async Task StartAsync(Func<ContentsSettings, ContentsSettings> contents)
    {
        registry = await AccountsOf.StartAsync(settings: s => s with { Contents = contents(s.Contents) });
        images = new ContentImages(registry);
    }

    /// <summary>Waits until the files of images are known.</summary>
    private async Task KnownAsync(params string[] references)
    {
        foreach (var one in references)
        {
            var slash = one.LastIndexOf('/');
            await images.SeeAsync($"{one[(slash + 1)..]}/files?repository={one[..slash]}");
        }
    }

    private async Task<JsonElement> AskAsync(string query, string user = "admin") =>
        (await PageAsync("search/files?" + query, user)).Found;

    private Task<(JsonElement Found, string? Next)> PageAsync(string path, string user = "admin") =>
        new ContentImages(registry, user).FindFilesAsync(path.Split('?')[1]);
}
