using System.Text;
using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>What lists and pages tell of unusual indexes, and of images that are not whole.</summary>
[Accounts]
public sealed class IndexPageTests : IAsyncLifetime
{
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    private const string IndexType = "application/vnd.oci.image.index.v1+json";
    private const string CacheType = "application/vnd.buildkit.cacheconfig.v0";
    private const string ForeignType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    private const string Amd64 = """{"os":"linux","architecture":"amd64"}""";
    private const string Arm64 = """{"os":"linux","architecture":"arm64"}""";
    private const string Arm = """{"os":"linux","architecture":"arm","variant":"v7"}""";

    private static readonly string[] Parts = ["one", "two", "three", "four"];

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private ContentImages images = null!;
    private PageReader pages = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        (admin, images, pages) = (new ImagePusher(registry, "admin"), new ContentImages(registry), new(registry));
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Theory]
    [InlineData("10.0.17763.6893", "10.0.20348.2966", "10.0.20348.2966")]
    [InlineData("", "", null)]
    public async Task Images_for_the_same_platform_are_each_shown(string first, string second, string? shown)
    {
        string Of(string version) => """{"os":"windows","architecture":"amd64"}""".Replace(
            "}", version.Length == 0 ? "}" : $",\"os.version\":\"{version}\"}}");
        var one = await PushAsync(Of(first), "one");
        var two = await PushAsync(Of(second), "two");
        await images.PushIndexAsync("team/app", "1", (one, Of(first)), (two, Of(second)));
        var platforms = (await images.AskAsync("1?repository=team/app")).GetProperty("platforms").EnumerateArray();
        Assert.Equal(
            [("windows/amd64", first, one), ("windows/amd64", second, two)],
            platforms.Select(each => (each.Of("platform"), each.Of("osVersion"), each.Of("digest"))));
        foreach (var (digest, file) in new[] { (one, "one"), (two, "two") })
        {
            var chosen = $"?platform={Uri.EscapeDataString(digest)}";
            var page = (await pages.GetAsync("/r/team/app:1" + chosen)).Is(200);
            Assert.Contains($"href=\"/r/team/app:1{chosen}\" aria-current=\"true\"", page.Text);
            Assert.Contains(ContentImages.DigestOf(Layer(file)), page.Text);
            Assert.Contains(shown ?? two[7..19], page.Text);
            Assert.Contains(
                $"/api/v1/images/{digest}/manifest", (await pages.GetAsync("/r/team/app:1/-/json" + chosen)).Text);
            var files = await images.SeeAsync($"1/files?repository=team/app&{chosen[1..]}");
            Assert.Equal(file, files.GetProperty("items")[0].Of("name"));
            Assert.Contains($">{file}</a>", (await pages.GetAsync("/r/team/app:1/-/files" + chosen)).Is(200).Text);
        }

        if (shown is null) return;
        var named = Uri.EscapeDataString($"windows({second})/amd64");
        var found = await images.SeeAsync($"1/files?repository=team/app&platform={named}");
        Assert.Equal(two, found.Of("digest"));
    }

    [Fact]
    public async Task Images_of_an_index_in_an_index_count_and_are_shown()
    {
        var (amd, arm, old) = (await PushAsync(Amd64, "one"), await PushAsync(Arm64, "two"), await PushAsync(Arm, "x"));
        var inner = await images.PushIndexAsync("team/app", "inner", (amd, Amd64), (arm, Arm64), (old, Arm));
        var other = await PushAsync("""{"os":"linux","architecture":"s390x"}""", "three");
        await PushIndexAsync("1", (IndexType, inner, null), (ManifestType, other, "linux/s390x"));
        var sum = Sum((Amd64, "one"), (Arm64, "two"), (Arm, "x"))
            + Sum(("""{"os":"linux","architecture":"s390x"}""", "three"));
        var tag = await admin.ApiAsync("GET", "/tags/1?repository=team/app", null, 200);
        Assert.Equal(sum, tag.GetProperty("contentBytes").GetInt64());
        Assert.Equal(
            """["linux/amd64","linux/arm64","linux/arm/v7","linux/s390x"]""",
            tag.GetProperty("platforms").GetRawText());
        var list = await admin.ApiAsync("GET", "/tags?repository=team/app&sort=-size", null, 200);
        Assert.Equal(["1", "inner"], list.GetProperty("items").EnumerateArray().Select(one => one.Of("name")));
        var image = await images.AskAsync("1?repository=team/app");
        Assert.Equal(sum, image.GetProperty("contentBytes").GetInt64());
        Assert.Equal(
            [("linux/amd64", inner), ("linux/arm64", inner), ("linux/arm/v7", inner), ("linux/s390x", "")],
            image.GetProperty("platforms").EnumerateArray().Select(one => (one.Of("platform"), one.Of("index"))));
        var page = (await pages.GetAsync("/r/team/app:1?platform=linux/arm64")).Is(200);
        Assert.Contains(ContentImages.DigestOf(Layer("two")), page.Text);
        var files = await images.SeeAsync("1/files?repository=team/app&platform=linux/arm64");
        Assert.Equal("two", files.GetProperty("items")[0].Of("name"));
        Assert.Contains(
            ">two</a>", (await pages.GetAsync("/r/team/app:1/-/files?platform=linux/arm64")).Is(200).Text);
        var found = await admin.ApiAsync("GET", "/search?q=platform:linux/s390x", null, 200);
        Assert.Single(found.GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task An_image_that_is_missing_from_its_index_is_said_to_be()
    {
        var (amd, arm) = (await PushAsync(Amd64, "one"), await PushAsync(Arm64, "two"));
        await images.PushIndexAsync("team/app", "1", (amd, Amd64), (arm, Arm64));
        await images.SendAsync("DELETE", $"/v2/team/app/manifests/{arm}", null, null, 202);
        var image = await images.AskAsync("1?repository=team/app");
        Assert.Equal(
            [("linux/amd64", "False"), ("linux/arm64", "True")],
            image.GetProperty("platforms").EnumerateArray().Select(one => (one.Of("platform"), one.Of("isMissing"))));
        var tag = await admin.ApiAsync("GET", "/tags/1?repository=team/app", null, 200);
        Assert.Equal(image.Of("contentBytes"), tag.Of("contentBytes"));
        Assert.Equal(Sum((Amd64, "one")), tag.GetProperty("contentBytes").GetInt64());
        var first = (await pages.GetAsync("/r/team/app:1")).Is(200);
        Assert.Contains("1 of 2 images is missing", first.Text);
        Assert.DoesNotContain("The index lists it", first.Text);
        foreach (var tab in new[] { "", "/-/files", "/-/json" })
        {
            var page = (await pages.GetAsync($"/r/team/app:1{tab}?platform=linux/arm64")).Is(200);
            Assert.Contains("The image for linux/arm64 is missing. The index lists it", page.Text);
            Assert.Contains(arm, page.Text);
            Assert.DoesNotContain("schemaVersion", page.Text);
            Assert.DoesNotContain("--platform", page.Text);
            Assert.Contains("linux/arm64 <span class=\"chip bad\">missing</span>", page.Text);
        }

        var refused = await images.AskAsync("1/files?repository=team/app&platform=linux/arm64", 404);
        Assert.Contains("linux/arm64", refused.GetRawText());
    }

    [Fact]
    public async Task The_chosen_image_of_an_index_has_its_digest_its_size_and_a_command()
    {
        var (amd, arm) = (await PushAsync(Amd64, "one"), await PushAsync(Arm64, "two"));
        await images.PushIndexAsync("team/app", "1", (amd, Amd64), (arm, Arm64));
        var name = $"{registry.BaseAddress.Authority}/team/app:1";
        var page = (await pages.GetAsync("/r/team/app:1?platform=linux/arm64&tool=docker")).Is(200);
        Assert.Contains($"href=\"/r/team/app@{arm}\"", page.Text);
        Assert.Contains($"title=\"{Sum((Arm64, "two")):N0} bytes\"", page.Text);
        foreach (var (tool, command) in new[]
        {
            ("docker", $"docker pull --platform linux/arm64 {name}"),
            ("podman", $"podman pull --platform linux/arm64 --tls-verify=false {name}"),
            ("crane", $"crane pull --platform linux/arm64 --insecure {name} image.tar"),
            ("containerfile", $"FROM --platform=linux/arm64 {name}"),
            ("kubernetes", $"image: {name}"),
        })
        {
            Assert.Contains(
                $">{command}</code>",
                (await pages.GetAsync($"/r/team/app:1?platform=linux/arm64&tool={tool}")).Is(200).Text);
        }

        // Nobody chose: clients choose by themselves.
        Assert.Contains($">docker pull {name}<", (await pages.GetAsync("/r/team/app:1?tool=docker")).Text);
        Assert.DoesNotContain("--platform", (await pages.GetAsync($"/r/team/app@{arm}?platform=linux/arm64")).Text);
    }

    [Fact]
    public async Task A_platform_that_is_a_command_is_in_none()
    {
        const string Hostile = "linux/amd64;rm -rf ~";
        var digest = await PushAsync("{}", "one");
        await PushIndexAsync("1", (ManifestType, digest, Hostile), (ManifestType, digest, "linux/$(id)"));
        foreach (var asked in new[] { Hostile, "linux/$(id)" })
        {
            var page = (await pages.GetAsync($"/r/team/app:1?platform={Uri.EscapeDataString(asked)}&tool=docker"));
            Assert.Contains($"Image for {asked}<", page.Is(200).Text);
            Assert.DoesNotContain("--platform", page.Text);
        }
    }

    [Fact]
    public async Task An_index_that_names_no_platforms_has_those_of_its_images()
    {
        var (amd, arm) = (await PushAsync(Amd64, "one"), await PushAsync(Arm64, "two"));
        await PushIndexAsync("1", (ManifestType, amd, null), (ManifestType, arm, null));
        var tag = await admin.ApiAsync("GET", "/tags/1?repository=team/app", null, 200);
        Assert.Equal("""["linux/amd64","linux/arm64"]""", tag.GetProperty("platforms").GetRawText());
        var list = await admin.ApiAsync("GET", "/repositories?platform=linux/arm64", null, 200);
        Assert.Single(list.GetProperty("items").EnumerateArray());
        var found = await images.SeeAsync("1/files?repository=team/app&platform=linux/arm64");
        Assert.Equal(arm, found.Of("digest"));
        Assert.Contains(
            ">two</a>", (await pages.GetAsync("/r/team/app:1/-/files?platform=linux/arm64")).Is(200).Text);
    }

    [Fact]
    public async Task A_build_cache_has_a_size_a_kind_and_its_layers()
    {
        foreach (var part in Parts)
        {
            await images.SendAsync(
                "POST", $"/v2/team/app/blobs/uploads/?digest={ContentImages.DigestOf(Layer(part))}", Layer(part), null,
                201);
        }

        var entries = Parts.Select((part, i) =>
            ContentImages.Describe(i == 0 ? CacheType : ContentImages.LayerType, Layer(part)));
        await images.PushManifestAsync("team/app", "cache", IndexType, $$"""
            {"schemaVersion":2,"mediaType":"{{IndexType}}","manifests":[{{string.Join(',', entries)}}]}
            """);
        var sum = Parts.Sum(part => Layer(part).Length);
        var tag = await admin.ApiAsync("GET", "/tags/cache?repository=team/app", null, 200);
        Assert.Equal(sum, tag.GetProperty("contentBytes").GetInt64());
        var image = await images.AskAsync("cache?repository=team/app");
        Assert.Equal(sum, image.GetProperty("contentBytes").GetInt64());
        Assert.Equal("cache", image.Of("kind"));
        Assert.Empty(image.GetProperty("platforms").EnumerateArray());
        Assert.Equal(
            Parts.Skip(1).Select(part => ContentImages.DigestOf(Layer(part))),
            image.GetProperty("layers").EnumerateArray().Select(layer => layer.Of("digest")));
        var page = (await pages.GetAsync("/r/team/app:cache")).Is(200);
        Assert.Contains(">Build cache<", page.Text);
        Assert.DoesNotContain(">Image<", page.Text);
        Assert.Contains(ContentImages.DigestOf(Layer("three")), page.Text);
        Assert.Equal("cache", (await images.AskAsync("cache/artifact?repository=team/app")).Of("kind"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_foreign_layer_counts_only_if_it_is_here(bool isHere)
    {
        var config = """{"os":"windows","architecture":"amd64"}""";
        var (foreign, own) = (Layer("windows"), Layer("own"));
        foreach (var blob in isHere ? [foreign, own] : new[] { own })
        {
            await images.SendAsync(
                "POST", $"/v2/team/app/blobs/uploads/?digest={ContentImages.DigestOf(blob)}", blob, null, 201);
        }

        var bytes = Encoding.UTF8.GetBytes(config);
        await images.SendAsync(
            "POST", $"/v2/team/app/blobs/uploads/?digest={ContentImages.DigestOf(bytes)}", bytes, null, 201);
        var elsewhere = ContentImages.Describe(ForeignType, foreign).Replace(
            "{", """{"urls":["https://mcr.example/layer"],""");
        await images.PushManifestAsync("team/app", "1", ManifestType, $$"""
            {"schemaVersion":2,"mediaType":"{{ManifestType}}",
            "config":{{ContentImages.Describe("application/vnd.oci.image.config.v1+json", bytes)}},
            "layers":[{{elsewhere}},{{ContentImages.Describe(ContentImages.LayerType, own)}}]}
            """);
        var sum = bytes.Length + own.Length + (isHere ? foreign.Length : 0);
        var tag = await admin.ApiAsync("GET", "/tags/1?repository=team/app", null, 200);
        Assert.Equal(sum, tag.GetProperty("contentBytes").GetInt64());
        var image = await images.AskAsync("1?repository=team/app");
        Assert.Equal(
            [isHere.ToString(), "True"],
            image.GetProperty("layers").EnumerateArray().Select(layer => layer.Of("isStored")));
        var page = (await pages.GetAsync("/r/team/app:1")).Is(200);
        Assert.Equal(!isHere, page.Text.Contains(">not stored here</span>", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("0001-01-01T00:00:00Z", null)]
    [InlineData("1970-01-01T00:00:00Z", "1970-01-01")]
    [InlineData("1980-01-01T00:00:01Z", "1980-01-01")]
    public async Task A_time_that_builds_are_given_is_not_shown_as_an_age(string created, string? shown)
    {
        var config = $$$"""
            {"os":"linux","architecture":"amd64","created":"{{{created}}}",
            "history":[{"created":"{{{created}}}","created_by":"COPY a"}]}
            """;
        await images.PushAsync("team/app", "1", config, (Layer("one"), ContentImages.LayerType));
        var page = (await pages.GetAsync("/r/team/app:1")).Is(200);
        Assert.DoesNotContain("years", page.Text);
        Assert.Equal(shown is not null, page.Text.Contains(">Built</dt>", StringComparison.Ordinal));
        if (shown is not null) Assert.Contains($">{shown}</time>", page.Text);
        Assert.Equal(shown is not null, page.Text.Contains("(a fixed date)", StringComparison.Ordinal));
        var told = (await images.AskAsync("1?repository=team/app")).GetProperty("config").Of("createdAt");
        var tag = await admin.ApiAsync("GET", "/tags/1?repository=team/app", null, 200);
        Assert.Equal((shown is null, shown is null), (told.Length == 0, tag.Of("builtAt").Length == 0));
    }

    private static byte[] Layer(string file) => new RawTar().File(file, file).End();

    private static long Sum(params (string Config, string File)[] parts) =>
        parts.Sum(one => (long)Encoding.UTF8.GetByteCount(one.Config) + Layer(one.File).Length);

    private Task<string> PushAsync(string config, string file) =>
        images.PushAsync("team/app", null, config, (Layer(file), ContentImages.LayerType));

    private Task<string> PushIndexAsync(string tag, params (string Type, string Digest, string? Platform)[] children) =>
        images.PushManifestAsync("team/app", tag, IndexType, JsonSerializer.Serialize(new
        {
            schemaVersion = 2,
            mediaType = IndexType,
            manifests = children.Select(one => new Dictionary<string, object>
            {
                ["mediaType"] = one.Type,
                ["digest"] = one.Digest,
                ["size"] = 2,
            }.Concat(one.Platform is null ? [] : new Dictionary<string, object>
            {
                ["platform"] = new { os = one.Platform.Split('/')[0], architecture = one.Platform.Split('/')[1] },
            }).ToDictionary()),
        }));
}
