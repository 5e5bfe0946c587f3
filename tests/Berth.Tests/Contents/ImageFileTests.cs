using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Berth.Contents;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Contents;

/// <summary>What is inside images is shown without pulling them, to those who may pull them.</summary>
[Inside]
public sealed class ImageFileTests(ContentRegistry opened) : IClassFixture<ContentRegistry>
{
    /// <summary>A base, as tar; a layer on it, as gzip; and one more, as zstd, all with the same media type.</summary>
    private static readonly byte[] Base = new RawTar().Folder("etc").File("etc/motd", "hello\n")
        .File("etc/old", "12345").Folder("usr/lib/", 0x1c0).File("usr/lib/big", new string('b', 5000))
        .File("usr/lib/same", "", '1', "usr/lib/big").File("lib", "", '2', "usr/lib")
        .File("cache/a", "aaa").File("cache/b", "bbbb").File("file", "file").End();

    private static readonly byte[] Second = RawTar.Gzip(new RawTar().File("etc/.wh.old", "").File("cache/c", "cc")
        .File("cache/.wh..wh..opq", "").File("etc/motd", "hello you\n", mode: 0x180).File("file/inside", "x").End());

    private static readonly byte[] Third = RawTar.Zstd(
        new RawTar().File("usr/lib/.wh.big", "").File("lib/new", "n").File("etc/motd", "hello\n").End());

    private readonly RegistryFixture registry = opened.Registry;
    private readonly ContentImages images = new(opened.Registry);

    /// <summary>A repository for each test.</summary>
    private readonly string app = $"team/app-{Guid.NewGuid():N}";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Folders_are_listed_as_whoever_runs_the_image_sees_them()
    {
        var digest = await images.PushAsync(app, "1", Base, Second, Third);
        var root = await images.SeeAsync($"1/files?repository={app}");
        Assert.Equal((digest, "True", ""), (root.Of("digest"), root.Of("isComplete"), root.Of("platform")));
        Assert.Equal(
            ["cache folder 2 1", "etc folder 6 1", "file folder 1 1", "lib folder 1 1", "usr folder 5000 1"],
            Items(root).Select(one => $"{one.Of("name")} {one.Of("kind")} {one.Of("sizeBytes")} {one.Of("files")}"));
        Assert.Equal("5010", root.GetProperty("file").Of("sizeBytes"));
        Assert.Equal(
            ["indexed 10 5022", "indexed 5 13", "indexed 3 7"],
            root.GetProperty("layers").EnumerateArray()
                .Select(one => $"{one.Of("state")} {one.Of("entries")} {one.Of("fileBytes")}"));
        var motd = Assert.Single(Items(await images.AskAsync($"1/files?repository={app}&path=/etc")));
        Assert.Equal(
            ("/etc/motd", "file", "6", "0644", ContentImages.DigestOf(Third), "2023-11-14T22:13:20+00:00"),
            (motd.Of("path"), motd.Of("kind"), motd.Of("sizeBytes"), motd.Of("mode"), motd.Of("layer"),
                motd.Of("modifiedAt")));
        var link = Assert.Single(Items(await images.AskAsync($"{digest}/files?repository={app}&path=usr/lib")));
        Assert.Equal(
            ("same", "hardLink", "5000", "/usr/lib/big"),
            (link.Of("name"), link.Of("kind"), link.Of("sizeBytes"), link.Of("link")));
        var file = await images.AskAsync($"1/files?repository={app}&path=/etc/motd");
        Assert.Equal(("file", 0), (file.GetProperty("file").Of("kind"), Items(file).Count));
        await images.AskAsync($"1/files?repository={app}&path=/etc/old", 404);
        await images.AskAsync($"1/files?repository={app}&path=/etc/../cache", 404);
        await images.AskAsync($"2/files?repository={app}", 404);
        await images.AskAsync($"1/files?repository={app}&platform=linux", 400);
    }

    [Fact]
    public async Task A_layer_is_listed_by_itself_with_what_it_takes_away()
    {
        await images.PushAsync(app, "1", Base, Second, Third);
        var path = $"1/files?repository={app}&layer={ContentImages.DigestOf(Second)}";
        var root = await images.SeeAsync(path);
        Assert.Equal(
            ["cache folder True", "etc folder ", "file folder "],
            Items(root).Select(one => $"{one.Of("name")} {one.Of("kind")} {one.Of("isOpaque")}"));
        Assert.Equal(
            ["motd file", "old whiteout"],
            Items(await images.AskAsync(path + "&path=etc")).Select(one => $"{one.Of("name")} {one.Of("kind")}"));
        await images.AskAsync($"1/files?repository={app}&layer={ContentImages.DigestOf([1])}", 404);
    }

    [Fact]
    public async Task A_file_is_given_out_as_something_to_save_from_the_layer_that_has_it()
    {
        await images.PushAsync(app, "1", Base, Second, Third);
        await images.SeeAsync($"1/files?repository={app}");
        Assert.Equal("hello\n", await ReadAsync($"1/files/content?repository={app}&path=/etc/motd"));
        Assert.Equal(
            "hello you\n", await ReadAsync(
                $"1/files/content?repository={app}&path=/etc/motd&layer={ContentImages.DigestOf(Second)}"));
        Assert.Equal(
            new string('b', 5000), await ReadAsync($"1/files/content?repository={app}&path=usr/lib/same"));
        await images.PushAsync(app, "script", new RawTar().File("a \"b\".html", "<script>").Folder("f")
            .File("link", "", '2', "/etc/passwd").File("gone", "", '1', "nothing").File("empty", "")
            .File("tty", "", '3').End());
        await images.SeeAsync($"script/files?repository={app}");
        using var answer = await images.SendAsync(
            "GET", $"/api/v1/images/script/files/content?repository={app}&path=a%20%22b%22.html", null, null, 200);
        Assert.Equal("<script>", await answer.Content.ReadAsStringAsync(Stop));
        Assert.Equal("application/octet-stream", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal(
            "attachment; filename*=UTF-8''a%20%22b%22.html",
            answer.Content.Headers.GetValues("Content-Disposition").Single());
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("default-src 'none'; sandbox", answer.Headers.GetValues("Content-Security-Policy").Single());
        Assert.Equal("", await ReadAsync($"script/files/content?repository={app}&path=empty"));
        foreach (var (path, why) in new[]
        {
            ("link", "link is a symbolic link to /etc/passwd: ask for that"), ("f", "f is no file, but a folder"),
            ("gone", "gone is a link to nothing, which is not there"), ("tty", "tty is no file, but a characterDevice"),
        })
        {
            var refused = await images.AskAsync($"script/files/content?repository={app}&path={path}", 409);
            Assert.Equal(why, refused.Of("detail"));
        }

        await images.AskAsync($"script/files/content?repository={app}&path=link/passwd", 404);
    }

    [Fact]
    public async Task Whoever_finds_no_place_to_read_a_file_is_told_when_to_ask_again()
    {
        await images.PushAsync(app, "1", Base);
        await images.SeeAsync($"1/files?repository={app}");
        var reading = registry.Services.GetRequiredService<FileReading>();
        using var first = await reading.TakePlaceAsync(Stop);
        using var second = await reading.TakePlaceAsync(Stop);
        using var refused = await images.SendAsync(
            "GET", $"/api/v1/images/1/files/content?repository={app}&path=file", null, null, 503);
        Assert.Equal("10", refused.Headers.GetValues("Retry-After").Single());
    }

    /// <summary>A pipe that nobody reads takes some bytes, and no more.</summary>
    [Fact]
    public async Task Whoever_takes_a_file_too_slowly_loses_the_place()
    {
        var layer = new RawTar().File("large", new string('x', 1 << 20)).End();
        await images.PushAsync(app, "1", layer);
        var clock = new SteppingClock();
        using var reading = ActivatorUtilities.CreateInstance<FileReading>(registry.Services, clock);
        var output = new Pipe();
        var copy = reading.CopyAsync(
            Digest.Parse(ContentImages.DigestOf(layer)), 0, output.Writer.AsStream(), Stop);
        await Eventually.TrueAsync(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(20));
            return Task.FromResult(copy.IsCompleted);
        });
        Assert.Equal("taking it takes longer than 60 seconds", await copy);
    }

    [Fact]
    public async Task Files_are_found_by_a_part_of_their_name_and_lists_have_pages()
    {
        var tar = new RawTar();
        for (var i = 0; i < 250; i++) tar.File($"d{i % 5}/some-FILE-{i:D3}.txt", "x").File($"d{i % 5}/other-{i}", "");
        await images.PushAsync(app, "1", tar.End());
        await images.SeeAsync($"1/files?repository={app}");
        var found = await AllAsync($"1/files/search?repository={app}&q=file-0&n=30");
        Assert.Equal(100, found.Count);
        Assert.Equal(found.Distinct().Order(StringComparer.Ordinal), found);
        Assert.Equal("/d0/some-FILE-000.txt", found[0]);
        Assert.Equal(500 / 5, (await AllAsync($"1/files?repository={app}&path=d3&n=33")).Count);
        Assert.Equal(5, (await AllAsync($"1/files/search?repository={app}&q=d&n=1")).Count);
        Assert.Empty(await AllAsync($"1/files/search?repository={app}&q=nothing"));
        await images.AskAsync($"1/files/search?repository={app}&q=", 400);
        await images.AskAsync($"1/files/search?repository={app}", 400);
    }

    [Fact]
    public async Task What_later_layers_replaced_or_removed_is_wasted()
    {
        await images.PushAsync(app, "1", Base, Second, Third);
        var waste = await images.SeeAsync($"1/waste?repository={app}");
        Assert.Equal(("5042", "32", "6"), (waste.Of("layerBytes"), waste.Of("wastedBytes"), waste.Of("wastedFiles")));
        Assert.Equal("0.9937", waste.Of("efficiency"));

        // The 5000 bytes that the third layer removes still have another name.
        var (one, two, three) = (
            ContentImages.DigestOf(Base), ContentImages.DigestOf(Second), ContentImages.DigestOf(Third));
        Assert.Equal(
            new[]
            {
                $"/cache/a 3 {one} {two} False", $"/cache/b 4 {one} {two} False", $"/etc/motd 10 {two} {three} True",
                $"/etc/motd 6 {one} {two} True", $"/etc/old 5 {one} {two} False", $"/file 4 {one} {two} True",
            },
            Items(waste).Select(file => $"{file.Of("path")} {file.Of("sizeBytes")} {file.Of("layer")} "
                + $"{file.Of("goneIn")} {file.Of("isReplaced")}").Order(StringComparer.Ordinal));
        Assert.Equal("/etc/motd", Items(waste)[0].Of("path"));
    }

    [Fact]
    public async Task Of_an_index_the_platform_is_chosen()
    {
        var arm = await images.PushAsync(
            app, null, "{}", (new RawTar().File("arm", "x").End(), ContentImages.LayerType));
        var intel = await images.PushAsync(
            app, null, "{}", (new RawTar().File("intel", "x").End(), ContentImages.LayerType));
        await images.PushIndexAsync(
            app, "all", (arm, """{"os":"linux","architecture":"arm","variant":"v7"}"""),
            (intel, """{"os":"linux","architecture":"amd64"}"""));
        await images.PushIndexAsync(
            app, "arm", (intel, """{"os":"unknown","architecture":"unknown"}"""),
            (arm, """{"os":"linux","architecture":"arm","variant":"v7"}"""));
        foreach (var (query, platform, file) in new[]
        {
            ("all/files?", "linux/amd64", "intel"), ("all/files?platform=linux/arm/v7&", "linux/arm/v7", "arm"),
            ("all/files?platform=linux/arm&", "linux/arm/v7", "arm"), ("arm/files?", "linux/arm/v7", "arm"),
        })
        {
            var seen = await images.SeeAsync(query + $"repository={app}");
            Assert.Equal((platform, file), (seen.Of("platform"), Assert.Single(Items(seen)).Of("name")));
        }

        var none = await images.AskAsync($"all/files?repository={app}&platform=linux/s390x", 404);
        Assert.Equal("there is no image all for linux/s390x", none.Of("detail"));
    }

    [Fact]
    public async Task A_bad_layer_is_told_and_the_others_are_shown()
    {
        var trick = new RawTar().File("../../etc/passwd", "x").End();
        await images.PushAsync(
            app, "1", "{}", (Base, ContentImages.LayerType), (trick, ContentImages.LayerType),
            ("sig"u8.ToArray(), "application/vnd.dev.cosign.simplesigning.v1+json"));
        var root = await images.SeeAsync($"1/files?repository={app}");
        Assert.Equal("False", root.Of("isComplete"));
        Assert.Equal(
            ["indexed ", "fault a path leads out of it: ../../etc/passwd", "other "],
            root.GetProperty("layers").EnumerateArray().Select(one => $"{one.Of("state")} {one.Of("fault")}"));
        Assert.Equal(5, Items(root).Count);
        var missing = await images.AskAsync($"1/files?repository={app}&path=passwd", 404);
        Assert.Equal("there is no passwd in the image, so far as its layers are known", missing.Of("detail"));
        Assert.Contains(registry.Log, line => line.Contains("can't be listed: a path leads out of it"));
    }

    /// <summary>A manifest may name a layer that clients fetch elsewhere, and so any blob.</summary>
    [Fact]
    public async Task Nobody_sees_a_file_of_what_they_may_not_pull()
    {
        var secret = new RawTar().File("secret", "s3cret").End();
        await images.PushAsync(app, "1", secret);
        await images.SeeAsync($"1/files?repository={app}");
        await new AccountsOf(registry).AddUserAsync("bob", ImagePusher.Password);
        var bob = new ContentImages(registry, "bob");
        var own = new RawTar().File("own", "x").End();
        await bob.PushAsync("bob/app", "1", own);
        await bob.PushManifestAsync("bob/app", "trick", "application/vnd.oci.image.manifest.v1+json", $$"""
            {"schemaVersion":2,
            "config":{{ContentImages.Describe("application/vnd.oci.image.config.v1+json", "{}"u8.ToArray())}},
            "layers":[{{ContentImages.Describe("application/vnd.oci.image.layer.nondistributable.v1.tar", secret)}},
            {{ContentImages.Describe(ContentImages.LayerType, own)}}]}
            """);
        var seen = await bob.SeeAsync("trick/files?repository=bob/app");
        Assert.Equal(
            ["absent", "indexed"], seen.GetProperty("layers").EnumerateArray().Select(layer => layer.Of("state")));
        Assert.Equal("own", Assert.Single(Items(seen)).Of("name"));
        Assert.DoesNotContain("entries", seen.GetProperty("layers")[0].ToString());
        await bob.AskAsync("trick/files/content?repository=bob/app&path=secret", 404);
        foreach (var path in new[]
        {
            "files?", "files/content?path=secret&", "files/search?q=s&", "waste?", "differences?with=1&",
        })
        {
            var hidden = await bob.AskAsync($"1/{path}repository={app}", 404);
            Assert.Equal(hidden.ToString(), (await bob.AskAsync($"1/{path}repository=team/none", 404)).ToString());
        }

        var other = await bob.AskAsync($"1/differences?repository=bob/app&with=1&withRepository={app}", 404);
        Assert.Equal("there is no such repository", other.Of("detail"));
    }

    [Fact]
    public async Task Two_images_are_compared_by_files_and_config()
    {
        const string Config = """
            {"architecture":"amd64","os":"linux","config":{"Env":["A=1","PATH=/bin"],"Cmd":["sh"],"User":"",
            "Labels":{"v":"1"},"ExposedPorts":{"80/tcp":{}}}}
            """;
        const string Other = """
            {"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin","A=2"],"Cmd":["sh","-c"],"User":"app",
            "Labels":{"v":"1","x":"y"},"ExposedPorts":{"80/tcp":{}}}}
            """;
        await images.PushAsync(
            app, "1", Config, (Base, ContentImages.LayerType), (Second, ContentImages.LayerType));
        await images.PushAsync(
            "team/other", "2", Other, (Base, ContentImages.LayerType), (Second, ContentImages.LayerType),
            (Third, ContentImages.LayerType), (new RawTar().File("etc/motd", "HELLO\n").End(), ContentImages.LayerType),
            (new RawTar().File("cache/c", "cc", mode: 0x1ff).End(), ContentImages.LayerType));
        var path = $"1/differences?repository={app}&with=2&withRepository=team/other";
        var seen = await images.SeeAsync(path);
        Assert.Equal(
            [
                "command [\"sh\"] [\"sh\",\"-c\"]", "environment [\"A=1\"] [\"A=2\"]", "labels [] [\"x=y\"]",
                "user [] [\"app\"]",
            ],
            seen.GetProperty("config").EnumerateArray()
                .Select(one => $"{one.Of("field")} {one.Of("from")} {one.Of("to")}").Order(StringComparer.Ordinal));
        string[] expected =
        [
            "/cache/c changed [\"mode\"] 2 2", "/etc/motd changed [\"content\",\"mode\"] 10 6",
            "/lib changed [\"kind\"] 0 1", "/lib/new added [] _ 1", "/usr/lib/big removed [] 5000 _",
        ];
        Assert.Equal(expected, Lines(seen));
        Assert.Equal(("1", "1", "3"), (seen.Of("added"), seen.Of("removed"), seen.Of("changed")));
        Assert.Equal(2, seen.GetProperty("sharedLayers").GetArrayLength());
        Assert.Equal("team/other", seen.GetProperty("to").Of("repository"));

        var paged = new List<string>();
        for (var last = ""; paged.Count < 5;)
        {
            var page = await images.AskAsync($"{path}&n=2&last={Uri.EscapeDataString(last)}");
            Assert.Equal("3", page.Of("changed"));
            paged.AddRange(Lines(page));
            last = Items(page)[^1].Of("path");
        }

        Assert.Equal(Lines(seen), paged);
        Assert.Empty(Items(await images.AskAsync($"1/differences?repository={app}&with=1")));

        static IEnumerable<string> Lines(JsonElement json) => Items(json).Select(one =>
            $"{one.Of("path")} {one.Of("change")} {one.Of("what")} {Shown(one, "fromBytes")} {Shown(one, "toBytes")}");

        static string Shown(JsonElement json, string field) => json.Of(field) is { Length: > 0 } text ? text : "_";
    }

    private static List<JsonElement> Items(JsonElement json) => [.. json.GetProperty("items").EnumerateArray()];

    private async Task<string> ReadAsync(string path)
    {
        using var answer = await images.SendAsync("GET", "/api/v1/images/" + path, null, null, 200);
        return await answer.Content.ReadAsStringAsync(Stop);
    }

    /// <summary>All pages, by their links.</summary>
    private async Task<List<string>> AllAsync(string path)
    {
        var all = new List<string>();
        for (var next = "/api/v1/images/" + path; next is not null;)
        {
            using var answer = await images.SendAsync("GET", next, null, null, 200);
            var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement;
            all.AddRange(Items(json).Select(one => one.Of("path")));
            next = answer.Headers.TryGetValues("Link", out var links)
                ? new Uri(registry.BaseAddress, links.Single().Split('<', '>')[1]).PathAndQuery : null;
        }

        return all;
    }
}

/// <summary>A registry for all tests of the class.</summary>
public sealed class ContentRegistry : IAsyncLifetime
{
    internal RegistryFixture Registry { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Registry = await AccountsOf.StartAsync();

    public ValueTask DisposeAsync() => Registry.DisposeAsync();
}
