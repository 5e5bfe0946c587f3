using Berth.Blobs;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Api;

/// <summary>What the API tells of images: platforms, sizes, layers, and how they run.</summary>
[Accounts]
[Inside]
public sealed class ImageTests : IAsyncLifetime
{
    private const string Manifest = "application/vnd.oci.image.manifest.v1+json";
    private const string Index = "application/vnd.oci.image.index.v1+json";

    private const string Config = """
        {"os":"linux","architecture":"arm64","variant":"v8","created":"2026-11-20T10:00:00Z","author":"ann",
        "config":{"User":"1000","Env":["A=1",7],"Entrypoint":["/app"],"Cmd":["serve"],"WorkingDir":"/srv",
        "ExposedPorts":{"80/tcp":{}},"Volumes":{"/data":{}},"StopSignal":"SIGINT","Labels":{"a":"b","c":3}},
        "history":[{"created_by":"ADD rootfs","created":"2026-11-19T10:00:00Z"},{"created_by":"ENV A=1",
        "empty_layer":true,"comment":"buildkit"},{"created_by":"COPY app"}]}
        """;

    private static readonly string[] Texts = ["platform", "author", "user", "workingDirectory", "stopSignal"];
    private static readonly string[] Lists = ["entryPoint", "command", "environment", "ports", "volumes", "labels"];

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task An_image_shows_how_it_runs_and_which_step_made_which_layer()
    {
        var digest = await PushAsync("a/app", "1", Config, "first", "second layer");
        var image = await admin.ApiAsync("GET", "/images/1?repository=a/app", null, 200);
        Assert.Equal(digest, image.Of("digest"));
        Assert.Equal(5 + 12 + Config.Length, image.GetProperty("contentBytes").GetInt64());
        Assert.Equal("""["1"]""", image.GetProperty("tags").GetRawText());
        var layers = image.GetProperty("layers").EnumerateArray().ToList();
        Assert.Equal(["ADD rootfs", "COPY app"], layers.Select(layer => layer.Of("instruction")));
        Assert.Equal(["5", "12"], layers.Select(layer => layer.Of("sizeBytes")));
        var config = image.GetProperty("config");
        Assert.Equal(
            "linux/arm64 ann 1000 /srv SIGINT",
            string.Join(' ', Texts.Select(field => config.Of(field))));
        Assert.Equal(
            """["/app"] ["serve"] ["A=1"] ["80/tcp"] ["/data"] {"a":"b"}""",
            string.Join(' ', Lists.Select(field => config.GetProperty(field).GetRawText())));
        var steps = config.GetProperty("history").EnumerateArray().ToList();
        Assert.Equal([layers[0].Of("digest"), "", layers[1].Of("digest")], steps.Select(step => step.Of("layer")));
    }

    [Fact]
    public async Task Steps_and_layers_that_do_not_match_are_not_guessed()
    {
        await PushAsync("a/app", "1", Config, "only one");
        var image = await admin.ApiAsync("GET", "/images/1?repository=a/app", null, 200);
        Assert.Equal("", image.GetProperty("layers")[0].Of("instruction"));
        Assert.All(
            image.GetProperty("config").GetProperty("history").EnumerateArray(),
            step => Assert.Equal("", step.Of("layer")));
    }

    [Fact]
    public async Task An_index_has_the_size_of_its_images_and_its_platforms_in_the_usual_order()
    {
        var arm = await PushAsync("a/app", null, Config, "arm");
        var amd = await PushAsync("a/app", null, """{"os":"linux","architecture":"amd64"}""", "amd64");
        var proof = await PushAsync("a/app", null, """{"os":"unknown","architecture":"unknown"}""", "proof");
        string Entry(string digest, string os, string architecture, string more = "") =>
            $$"""
            {"mediaType":"{{Manifest}}","digest":"{{digest}}","size":9,
            "platform":{"os":"{{os}}","architecture":"{{architecture}}"}{{more}} }
            """;
        var about = $$"""
            ,"annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"{{amd}}"}
            """;
        await admin.PushManifestAsync("a/app", "1", $$"""
            {"schemaVersion":2,"mediaType":"{{Index}}","annotations":{"note":"x"},"manifests":[
            {{Entry(proof, "unknown", "unknown", about)}},
            {{Entry(arm, "linux", "arm64")}},{{Entry(amd, "linux", "amd64")}}]}
            """, Index);
        var image = await admin.ApiAsync("GET", "/images/1?repository=a/app", null, 200);
        var platforms = image.GetProperty("platforms").EnumerateArray().ToList();
        Assert.Equal(["linux/amd64", "linux/arm64", ""], platforms.Select(one => one.Of("platform")));
        Assert.Equal(["", "", amd], platforms.Select(one => one.Of("attestationOf")));
        Assert.Equal("x", image.GetProperty("annotations").Of("note"));
        var sum = platforms.Sum(one => one.GetProperty("contentBytes").GetInt64());
        Assert.Equal(sum, image.GetProperty("contentBytes").GetInt64());
        var tag = await admin.ApiAsync("GET", "/tags/1?repository=a/app", null, 200);
        Assert.Equal(sum, tag.GetProperty("contentBytes").GetInt64());
        Assert.Equal("""["linux/amd64","linux/arm64"]""", tag.GetProperty("platforms").GetRawText());
    }

    [Theory]
    [InlineData("""[1,2]""")]
    [InlineData("""{"os":7,"config":[],"history":{"a":1}}""")]
    [InlineData("{\"os\":\"linux\"")]
    [InlineData("""{"config":{"Labels":{"a\u0000b":"c","\ud800":"x"}}}""")]
    public async Task A_config_that_is_none_is_no_reason_to_refuse_an_image(string config)
    {
        await PushAsync("a/app", "1", config, "layer");
        var image = await admin.ApiAsync("GET", "/images/1?repository=a/app", null, 200);
        Assert.Equal(5 + config.Length, image.GetProperty("contentBytes").GetInt64());
        Assert.Single(image.GetProperty("layers").EnumerateArray());
    }

    [Fact]
    public async Task What_is_no_image_is_shown_as_what_it_is()
    {
        await admin.PushReferrerAsync("a/app", await PushAsync("a/app", "1", Config));
        var sent = """{"schemaVersion":2,"artifactType":"application/x","anything":[1]}""";
        var digest = await admin.PushManifestAsync("a/app", null, sent, "application/vnd.example+json");
        var other = await admin.ApiAsync("GET", $"/images/{digest}?repository=a/app", null, 200);
        Assert.Equal("application/vnd.example+json", other.Of("mediaType"));
        Assert.Empty(other.GetProperty("layers").EnumerateArray());
        await admin.ApiAsync("GET", "/images/none?repository=a/app", null, 404);
        await admin.ApiAsync("GET", "/images/no!tag?repository=a/app", null, 404);
        await admin.ApiAsync("GET", "/images/1", null, 400);
    }

    [Fact]
    public async Task A_config_that_only_others_have_is_not_shown_whatever_mentions_it()
    {
        await PushAsync("secret/app", "1", Config, "layer");
        await new AccountsOf(registry).AddUserAsync("eve", ImagePusher.Password);
        var accounts = new AccountsOf(registry);
        await accounts.GrantAsync(await accounts.FindAsync("eve"), "eve/app", "push,pull");
        var eve = new ImagePusher(registry, "eve");
        var descriptor = $$"""
            {"mediaType":"application/vnd.oci.image.config.v1+json",
            "digest":"{{ImagePusher.DigestOf(Config)}}","size":9}
            """;
        foreach (var type in new[] { "application/vnd.example+json", "application/vnd.oci.artifact.manifest.v1+json" })
        {
            var digest = await eve.PushManifestAsync("eve/app", null, $$"""{"config":{{descriptor}} }""", type);
            var shown = await eve.ApiAsync("GET", $"/images/{digest}?repository=eve/app", null, 200);
            Assert.False(shown.TryGetProperty("config", out _), type);
            Assert.DoesNotContain("SIGINT", shown.GetRawText());
        }
    }

    [Fact]
    public async Task Sizes_that_are_lies_break_no_list()
    {
        string Image(int n) => $$"""
            {"schemaVersion":2,"artifactType":"application/x{{n}}","config":{"mediaType":"application/x",
            "digest":"{{ImagePusher.DigestOf(Config)}}","size":9223372036854775807},"layers":[]}
            """;
        await PushAsync("a/app", null, Config);
        var children = new List<string>();
        foreach (var n in new[] { 1, 2, 3 })
            children.Add(await admin.PushManifestAsync("a/app", null, Image(n), Manifest));
        await admin.PushIndexAsync("a/app", "big", [.. children]);
        Assert.Single((await admin.ApiAsync("GET", "/tags?repository=a/app", null, 200)).GetProperty("items")
            .EnumerateArray());
        await admin.ApiAsync("GET", "/images/big?repository=a/app", null, 200);
    }

    [Fact]
    public async Task Images_of_an_older_version_are_read_later()
    {
        await PushAsync("a/app", "1", Config, "layer");
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync("UPDATE manifest_body SET content_bytes = NULL, platforms = NULL"),
            isDurable: true, Stop);
        var before = await admin.ApiAsync("GET", "/tags/1?repository=a/app", null, 200);
        Assert.False(before.TryGetProperty("contentBytes", out _) || before.TryGetProperty("platforms", out _));
        var job = registry.Services.GetServices<Job>().OfType<ReadImagesJob>().Single();
        await job.RunAsync("", Stop);
        var after = await admin.ApiAsync("GET", "/tags/1?repository=a/app", null, 200);
        Assert.Equal(5 + Config.Length, after.GetProperty("contentBytes").GetInt64());
        Assert.Equal("""["linux/arm64"]""", after.GetProperty("platforms").GetRawText());
    }

    [Fact]
    public async Task An_upgrade_has_what_was_read_otherwise_read_again_and_nothing_else()
    {
        var arm = await PushAsync("a/app", "image", Config, "arm");
        await PushAsync("a/app", "windows", """{"os":"windows","architecture":"amd64"}""", "layer");
        await admin.PushIndexAsync("a/app", "index", arm);
        var script = Migrations.Known.Single(one => one.Name == "0026-explore").Sql;
        var marking = script[script.IndexOf("UPDATE manifest_body", StringComparison.Ordinal)..].Split(';')[0];
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            async session =>
            {
                await session.RunAsync("UPDATE manifest_body SET platforms = '' WHERE content_bytes = 0");
                return await session.RunAsync(marking);
            },
            isDurable: true, Stop);
        var before = (await admin.ApiAsync("GET", "/tags?repository=a/app", null, 200)).GetProperty("items");
        Assert.Equal(
            ["image"],
            before.EnumerateArray().Where(tag => tag.Of("contentBytes").Length > 0).Select(tag => tag.Of("name")));
        await registry.Services.GetServices<Job>().OfType<ReadImagesJob>().Single().RunAsync("", Stop);
        var after = (await admin.ApiAsync("GET", "/tags?repository=a/app", null, 200)).GetProperty("items");
        Assert.Equal(
            ["""["linux/arm64"]""", """["linux/arm64"]""", """["windows/amd64"]"""],
            after.EnumerateArray().Select(tag => tag.GetProperty("platforms").GetRawText()));
        Assert.All(after.EnumerateArray(), tag => Assert.NotEqual("", tag.Of("contentBytes")));
    }

    [Fact]
    public async Task Indexes_of_an_older_version_are_read_after_their_images()
    {
        var arm = await PushAsync("a/app", null, Config, "arm");
        string Of(string type, string digest) =>
            $$"""
            {"schemaVersion":2,"mediaType":"{{Index}}","manifests":[{"mediaType":"{{type}}","digest":"{{digest}}",
            "size":2}]}
            """;
        var inner = await admin.PushManifestAsync("a/app", null, Of(Manifest, arm), Index);
        var outer = await admin.PushManifestAsync("a/app", null, Of(Index, inner), Index);
        await admin.PushManifestAsync("a/app", "1", Of(Index, outer), Index);
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync("UPDATE manifest_body SET content_bytes = NULL, platforms = NULL"),
            isDurable: true, Stop);
        await registry.Services.GetServices<Job>().OfType<ReadImagesJob>().Single().RunAsync("", Stop);
        var tag = await admin.ApiAsync("GET", "/tags/1?repository=a/app", null, 200);
        Assert.Equal(3 + Config.Length, tag.GetProperty("contentBytes").GetInt64());
        Assert.Equal("""["linux/arm64"]""", tag.GetProperty("platforms").GetRawText());
        var listed = await admin.ApiAsync("GET", "/repositories?platform=linux/arm64", null, 200);
        Assert.Single(listed.GetProperty("items").EnumerateArray());
    }

    private async Task<string> PushAsync(string repository, string? tag, string config, params string[] layers)
    {
        foreach (var blob in layers.Append(config))
        {
            await admin.SendAsync(
                "POST", $"/v2/{repository}/blobs/uploads/?digest={ImagePusher.DigestOf(blob)}", blob, null, 201);
        }

        await registry.Services.GetRequiredService<IBlobStore>().MakeDurableAsync(
            [.. layers.Append(config).Select(blob => Digest.Parse(ImagePusher.DigestOf(blob)))], Stop);
        static string Of(string type, string blob) =>
            $$"""{"mediaType":"{{type}}","digest":"{{ImagePusher.DigestOf(blob)}}","size":{{blob.Length}}}""";
        return await admin.PushManifestAsync(repository, tag, $$"""
            {"schemaVersion":2,"mediaType":"{{Manifest}}",
            "config":{{Of("application/vnd.oci.image.config.v1+json", config)}},
            "layers":[{{string.Join(',', layers.Select(one => Of("application/vnd.oci.image.layer.v1.tar", one)))}}]}
            """, Manifest);
    }
}
