using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The pages of images, and what the API tells for them.</summary>
[Accounts]
public sealed class ImagePageTests : IAsyncLifetime
{
    private const string Hostile = "<script>alert(1)</script>\" onmouseover='x' \u202etxt.exe";

    private static readonly byte[] Lower = new RawTar().File("etc/os-release", "ID=debian").End();
    private static readonly byte[] Upper = new RawTar().File("app", "1").End();

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private ContentImages images = null!;
    private PageReader pages = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        (admin, images, pages) = (new ImagePusher(registry, "admin"), new ContentImages(registry), new(registry));
        foreach (var name in new[] { "ann", "eve" })
        {
            await admin.ApiAsync(
                "POST", "/users", $$"""{"name":"{{name}}","password":"{{ImagePusher.Password}}"}""", 201);
        }
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task The_page_shows_how_an_image_runs_and_what_made_its_layers()
    {
        var config = $$$"""
            {"os":"linux","architecture":"arm","variant":"v7","author":"Ann","config":{"User":"1000",
            "Entrypoint":["/init","--"],"Cmd":["run"],"WorkingDir":"/srv","ExposedPorts":{"80/tcp":{} },
            "Volumes":{"/data":{} },"StopSignal":"SIGQUIT","Healthcheck":{"Test":["CMD-SHELL","curl -f x"]},
            "Labels":{"{{{Escape(Hostile)}}}":"{{{Escape(Hostile)}}}"}},
            "history":[{"created_by":"RUN a"},{"created_by":"ENV b","empty_layer":true},
            {"created_by":"COPY {{{Escape(Hostile)}}}"}]}
            """;
        await images.PushAsync("team/app", "1", config, Layer(Lower), Layer(Upper));
        var page = (await pages.GetAsync("/r/team/app:1")).Is(200);
        foreach (var shown in new[]
        {
            "linux/arm/v7", "Ann", "1000", "/init --", ">run<", "/srv", "80/tcp", "/data", "SIGQUIT", "curl -f x",
            "RUN a", "ENV b", "3 build steps", "<svg class=\"sizes\"", "&lt;script&gt;alert(1)&lt;/script&gt;",
        })
        {
            Assert.Contains(shown, page.Text);
        }

        AssertDisarmed(page);
        var shownImage = await images.AskAsync("1?repository=team/app");
        Assert.Equal("curl -f x", shownImage.GetProperty("config").Of("healthCheck"));
    }

    [Theory]
    [InlineData("docker", "docker pull {0}")]
    [InlineData("podman", "podman pull --tls-verify=false {0}")]
    [InlineData("crane", "crane pull --insecure {0} image.tar")]
    [InlineData("kubernetes", "image: {0}")]
    [InlineData("containerfile", "FROM {0}")]
    public async Task The_tool_that_was_chosen_is_remembered(string tool, string command)
    {
        var digest = await images.PushAsync("team/app", "1", Lower);
        var host = registry.BaseAddress.Authority;
        var chosen = (await pages.GetAsync($"/r/team/app:1?tool={tool}")).Is(200);
        Assert.Contains(string.Format(null, command, $"{host}/team/app:1"), chosen.Text);
        Assert.Contains(string.Format(null, command, $"{host}/team/app@{digest}"), chosen.Text);
        var again = await pages.GetAsync("/r/team/app:1", cookie: chosen.Header("Set-Cookie").Split(';')[0]);
        Assert.Contains(string.Format(null, command, $"{host}/team/app:1"), again.Text);
        var wrong = await pages.GetAsync($"/r/team/app:1?tool={Uri.EscapeDataString(Hostile)}");
        Assert.Equal("", wrong.Header("Set-Cookie"));
        AssertDisarmed(wrong);
    }

    [Fact]
    public async Task The_layers_of_a_base_image_are_marked_only_for_those_who_may_see_it()
    {
        var below = await images.PushAsync("base/debian", "13", Lower);
        await admin.ApiAsync("PATCH", "/repositories/base/debian", """{"isPublic":true}""", 200);
        await PushOnAsync("ann/app", "1", below, "debian:13", Lower, Upper);
        await PushOnAsync("ann/app", "squashed", below, "debian:13", Upper);
        await GrantAsync("ann/app", "eve");
        var seen = await SeeAsync("eve", "1");
        Assert.Equal(
            ("debian:13", below, "base/debian", "1"),
            (seen.Of("name"), seen.Of("digest"), seen.Of("repository"), seen.Of("layers")));
        Assert.Contains(
            "<a href=\"/r/base/debian@" + below, (await pages.GetAsync("/r/ann/app:1", "eve")).Is(200).Text);
        Assert.Equal("0", (await SeeAsync("eve", "squashed")).Of("layers"));

        // A private base must not be told of, not even by the number of its layers.
        await admin.ApiAsync("PATCH", "/repositories/base/debian", """{"isPublic":false}""", 200);
        var hidden = await SeeAsync("eve", "1");
        Assert.Equal(("debian:13", "", "0"), (hidden.Of("name"), hidden.Of("repository"), hidden.Of("layers")));
        var page = (await pages.GetAsync("/r/ann/app:1", "eve")).Is(200);
        Assert.DoesNotContain("base/debian", page.Text);
        Assert.Contains("debian:13", page.Text);

        async Task<JsonElement> SeeAsync(string user, string tag) =>
            (await new ImagePusher(registry, user).ApiAsync("GET", $"/images/{tag}?repository=ann/app", null, 200))
                .GetProperty("base");
    }

    [Fact]
    public async Task Manifest_and_config_are_shown_as_text_and_read_as_they_were_pushed()
    {
        var config = $$"""{"os":"linux","architecture":"amd64","x":"{{Escape(Hostile)}}"}""";
        var digest = await images.PushAsync("team/app", "1", config, Layer(Lower));
        var page = (await pages.GetAsync("/r/team/app:1/-/json")).Is(200);
        Assert.Contains("&quot;schemaVersion&quot;: 2", page.Text);
        Assert.Contains("&quot;architecture&quot;: &quot;amd64&quot;", page.Text);
        AssertDisarmed(page);
        Assert.Contains($"href=\"/api/v1/images/{digest}/config?repository=team%2Fapp\"", page.Text);
        var read = (await pages.GetAsync("/api/v1/images/1/config?repository=team/app")).Is(200);
        Assert.Equal(config, read.Text);
        Assert.Equal("application/octet-stream", read.Header("Content-Type"));
        Assert.StartsWith("attachment", read.Header("Content-Disposition"));
        var manifest = (await pages.GetAsync("/api/v1/images/1/manifest?repository=team/app")).Is(200);
        Assert.Equal(digest, ContentImages.DigestOf(manifest.Body));
        Assert.Equal(404, (int)(await pages.GetAsync("/api/v1/images/2/manifest?repository=team/app")).Status);

        // What is no image has no config that would be read.
        await PushArtifactAsync("team/app", "thing", "application/x.thing");
        Assert.Equal(404, (int)(await pages.GetAsync("/api/v1/images/thing/config?repository=team/app")).Status);
        Assert.DoesNotContain("/config?", (await pages.GetAsync("/r/team/app:thing/-/json")).Is(200).Text);
    }

    [Fact]
    public async Task A_huge_config_makes_no_huge_page()
    {
        var labels = string.Join(',', Enumerable.Range(0, 4000).Select(i => $"\"l{i}\":\"{Guid.NewGuid():N}\""));
        var steps = string.Join(',', Enumerable.Range(0, 2000).Select(i =>
            $$"""{"created_by":"RUN {{Guid.NewGuid():N}}","empty_layer":true}"""));
        await images.PushAsync(
            "team/app", "1", $$$"""{"os":"linux","config":{"Labels":{ {{{labels}}} }},"history":[{{{steps}}}]}""");
        foreach (var path in new[] { "/r/team/app:1", "/r/team/app:1/-/json" })
            Assert.InRange((await pages.GetAsync(path)).Is(200).SentBytes, 1, 60_000);
        Assert.Contains("This is the beginning", (await pages.GetAsync("/r/team/app:1/-/json")).Text);
    }

    [Fact]
    public async Task A_tag_is_moved_back_after_a_question()
    {
        var first = await images.PushAsync("team/app", "1", Lower);
        var second = await images.PushAsync("team/app", "1", Upper);
        await GrantAsync("team/app", "eve");
        const string Path = "/r/team/app:1/-/history";
        var page = (await pages.GetAsync(Path)).Is(200);
        Assert.Contains($"{Path}?to={first}", page.Text);
        Assert.DoesNotContain($"{Path}?to={second}", page.Text);
        Assert.Contains("Move 1 back?", (await pages.GetAsync($"{Path}?to={first}")).Is(200).Text);
        Assert.Equal(second, await admin.DigestOfAsync("team/app", "1"));

        // Whoever may change the tag is led to where that is done.
        Assert.Contains("href=\"/r/team/app:1/-/tag\"", (await pages.GetAsync("/r/team/app:1")).Is(200).Text);
        foreach (var (path, user) in new[] { ("/r/team/app:1", "eve"), ($"/r/team/app@{second}", "admin") })
            Assert.DoesNotContain("/-/tag\"", (await pages.GetAsync(path, user)).Is(200).Text);

        // Who may only pull sees it, and can't.
        var seen = (await pages.GetAsync($"{Path}?to={first}", "eve")).Is(200);
        Assert.Contains("You may not push to this repository", seen.Text);
        Assert.DoesNotContain("name=\"target\"", seen.Text);
        Assert.DoesNotContain(">Move back</a>", seen.Text);
        (await pages.PostAsync(Path, "eve", ("target", first), ("from", second))).Is(403);
        (await pages.PostAsync(Path, null, ("target", first), ("from", second))).Is(401);

        // It has moved since the reader saw it.
        (await pages.PostAsync(Path, "admin", ("target", first), ("from", first))).Is(412);
        (await pages.PostAsync(Path, "admin", ("target", "nothing there"), ("from", second))).Is(400);
        (await pages.PostAsync(Path, "admin", ("from", second))).Is(400);
        var moved = (await pages.PostAsync(Path, "admin", ("target", first), ("from", second))).Is(303);
        Assert.Equal(Path, moved.Header("Location"));
        Assert.Equal(first, await admin.DigestOfAsync("team/app", "1"));

        // What is deleted can't be moved back to.
        Assert.Contains($"{Path}?to={second}", (await pages.GetAsync(Path)).Is(200).Text);
        await admin.IsAsync("DELETE", $"/v2/team/app/manifests/{second}", 202);
        var without = (await pages.GetAsync(Path)).Is(200);
        Assert.DoesNotContain($"{Path}?to={second}", without.Text);
        Assert.Contains(">Deleted</span>", without.Text);
    }

    [Fact]
    public async Task An_immutable_tag_says_so_and_stays()
    {
        var first = await images.PushAsync("team/app", "1", Lower);
        var second = await images.PushAsync("team/app", "1", Upper);
        await admin.ApiAsync(
            "POST", "/tag-rules", """{"names":"team/app","tags":["*"],"isImmutable":true}""", 201);
        var page = (await pages.GetAsync($"/r/team/app:1/-/history?to={first}")).Is(200);
        Assert.Contains("makes this tag immutable", page.Text);
        Assert.DoesNotContain("<input type=\"hidden\" name=\"target\"", page.Text);
        var refused = await pages.PostAsync(
            "/r/team/app:1/-/history", "admin", ("target", first), ("from", second));
        refused.Is(403);
        Assert.Equal(second, await admin.DigestOfAsync("team/app", "1"));
    }

    [Theory]
    [InlineData("/r/team/app:none/-/history")]
    [InlineData("/r/team/app:none/-/json")]
    [InlineData("/r/team/app:1/-/history?to=sha256:0000")]
    [InlineData("/r/team/app:1/-/other")]
    public async Task What_is_not_there_has_a_page_that_says_so(string path)
    {
        await images.PushAsync("team/app", "1", Lower);
        Assert.Contains("There is nothing here", (await pages.GetAsync(path)).Is(404).Text);
    }

    private static (byte[] Bytes, string Type) Layer(byte[] bytes) => (bytes, ContentImages.LayerType);

    private static string Escape(string text) => text.Replace("\"", "\\\"");

    private static void AssertDisarmed(PageRead page)
    {
        Assert.DoesNotContain("<script>alert", page.Text);
        Assert.DoesNotContain("onmouseover='", page.Text);
        Assert.DoesNotContain('\u202e', page.Text);
    }

    private Task<JsonElement> GrantAsync(string repository, string user) => admin.ApiAsync(
        "POST", "/grants", $$"""{"names":"{{repository}}","user":"{{user}}","actions":["pull"]}""", 201);

    private async Task<string> PushOnAsync(
        string repository, string tag, string digest, string name, params byte[][] layers)
    {
        foreach (var blob in layers.Append("{}"u8.ToArray()))
        {
            await images.SendAsync(
                "POST", $"/v2/{repository}/blobs/uploads/?digest={ContentImages.DigestOf(blob)}", blob, null, 201);
        }

        const string Type = "application/vnd.oci.image.manifest.v1+json";
        return await images.PushManifestAsync(repository, tag, Type, $$"""
            {"schemaVersion":2,"mediaType":"{{Type}}",
            "config":{{ContentImages.Describe("application/vnd.oci.image.config.v1+json", "{}"u8.ToArray())}},
            "layers":[{{string.Join(',', layers.Select(one =>
                ContentImages.Describe(ContentImages.LayerType, one)))}}],
            "annotations":{"org.opencontainers.image.base.name":"{{name}}",
            "org.opencontainers.image.base.digest":"{{digest}}"} }
            """);
    }

    private async Task PushArtifactAsync(string repository, string tag, string artifactType)
    {
        var empty = "{}"u8.ToArray();
        await images.SendAsync(
            "POST", $"/v2/{repository}/blobs/uploads/?digest={ContentImages.DigestOf(empty)}", empty, null, 201);
        const string Type = "application/vnd.oci.image.manifest.v1+json";
        await images.PushManifestAsync(repository, tag, Type, $$"""
            {"schemaVersion":2,"mediaType":"{{Type}}","artifactType":"{{artifactType}}",
            "config":{{ContentImages.Describe("application/vnd.oci.empty.v1+json", empty)}},"layers":[]}
            """);
    }
}
