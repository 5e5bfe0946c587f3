using System.Text;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The pages of what is inside images: nothing in them runs, whatever it is.</summary>
[Accounts]
public sealed class ImageFilePageTests : IAsyncLifetime
{
    private const string Script = "<script>window.hacked=1</script>";
    private const string Files = "/r/team/app:1/-/files";

    private static readonly byte[] Png =
        [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, .. "the rest does not matter"u8];

    private static readonly byte[] Lower = new RawTar().Folder("etc").File("etc/motd", "hello <b>you</b>\n")
        .File("etc/old", new string('x', 3000)).File("link", "", '2', "etc/motd").File("up", "", '2', "/etc")
        .File("page.html", Script).File("a.svg", $"<svg xmlns='x' onload='alert(1)'>{Script}</svg>")
        .Entry("logo.png", Png).File("fake.png", Script).Entry("binary", [0, 1, 2, 3])
        .File("long.txt", string.Concat(Enumerable.Repeat("0123456789", 20_000))).File("empty", "")
        .File("<img src=x onerror=alert(1)>\u202e", "1", mode: 0x1ed).End();

    private static readonly byte[] Upper = RawTar.Gzip(
        new RawTar().File("etc/.wh.old", "").File("etc/new", "1234").File("etc/motd", "bye\n").End());

    private RegistryFixture registry = null!;
    private ContentImages images = null!;
    private PageReader pages = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        (images, pages) = (new ContentImages(registry), new PageReader(registry));
        await images.PushAsync("team/app", "1", Lower);
        await images.PushAsync("team/app", "2", """{"config":{"Env":["A=<i>1"]}}""", Layer(Lower), Layer(Upper));
        await images.SeeAsync("1/files?repository=team/app");
        await images.SeeAsync("2/files?repository=team/app");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Folders_and_files_are_shown_with_what_they_are()
    {
        var root = (await pages.GetAsync(Files)).Is(200);
        Assert.Contains("href=\"/r/team/app:1/-/files?path=%2Fetc\"", root.Text);
        Assert.Contains("→ etc/motd", root.Text);
        Assert.Contains("<code>0755</code>", root.Text);
        Assert.DoesNotContain("<img src=x", root.Text);
        Assert.DoesNotContain('\u202e', root.Text);
        var file = (await pages.GetAsync(Files + "?path=/etc/motd")).Is(200);
        Assert.Contains("hello &lt;b&gt;you&lt;/b&gt;", file.Text);
        Assert.Contains("/files/content?repository=team%2Fapp&amp;path=%2Fetc%2Fmotd\" download", file.Text);
        Assert.Contains("path=%2Fetc%2Fmotd\">Go there", (await pages.GetAsync(Files + "?path=/link")).Is(200).Text);
        Assert.Contains("The file is empty", (await pages.GetAsync(Files + "?path=/empty")).Is(200).Text);
        Assert.Contains("This is no text", (await pages.GetAsync(Files + "?path=/binary")).Is(200).Text);
        var cut = (await pages.GetAsync(Files + "?path=/long.txt")).Is(200);
        Assert.Contains("This is the beginning", cut.Text);
        Assert.InRange(cut.Text.Length, 64 * 1024, 80_000);
        (await pages.GetAsync(Files + "?path=/none")).Is(404);
        (await pages.GetAsync(Files + "?platform=linux")).Is(400);
    }

    [Theory]
    [InlineData("/page.html")]
    [InlineData("/a.svg")]
    [InlineData("/fake.png")]
    public async Task What_could_run_is_never_sent_so_that_it_does(string path)
    {
        var page = (await pages.GetAsync(Files + "?path=" + path)).Is(200);
        Assert.DoesNotContain(Script, page.Text);
        Assert.DoesNotContain("<svg xmlns='x'", page.Text);
        Assert.DoesNotContain("unsafe", page.Header("Content-Security-Policy"));

        // As a picture it is refused, and what can be downloaded is saved and not shown.
        var picture = await pages.GetAsync("/r/team/app:1/-/picture?path=" + path);
        Assert.InRange((int)picture.Status, 400, 409);
        Assert.DoesNotContain(Script, picture.Text);
        var sent = (await pages.GetAsync($"/api/v1/images/1/files/content?repository=team/app&path={path}")).Is(200);
        Assert.Equal("application/octet-stream", sent.Header("Content-Type"));
        Assert.StartsWith("attachment", sent.Header("Content-Disposition"));
        Assert.Equal("default-src 'none'; sandbox", sent.Header("Content-Security-Policy"));
        Assert.Equal("nosniff", sent.Header("X-Content-Type-Options"));
    }

    [Fact]
    public async Task A_picture_is_shown_in_a_sandbox_of_its_own()
    {
        Assert.Contains(
            "<img class=\"picture\" src=\"/r/team/app:1/-/picture?path=%2Flogo.png\"",
            (await pages.GetAsync(Files + "?path=/logo.png")).Is(200).Text);
        var picture = (await pages.GetAsync("/r/team/app:1/-/picture?path=/logo.png")).Is(200);
        Assert.Equal(Png, picture.Body);
        Assert.Equal("image/png", picture.Header("Content-Type"));
        Assert.Equal("sandbox; default-src 'none'", picture.Header("Content-Security-Policy"));
        Assert.Equal("nosniff", picture.Header("X-Content-Type-Options"));
        Assert.Equal("no-store", picture.Header("Cache-Control"));
        Assert.Equal(401, (int)(await pages.GetAsync("/api/v1/images/1?repository=team/app", null)).Status);
        Assert.Equal(303, (int)(await pages.GetAsync("/r/team/app:1/-/picture?path=/logo.png", null)).Status);
    }

    [Fact]
    public async Task Files_are_found_by_name_and_single_layers_show_what_they_take_away()
    {
        var found = (await pages.GetAsync("/r/team/app:2/-/files?q=MOT")).Is(200);
        Assert.Contains(">/etc/motd</a>", found.Text);
        Assert.DoesNotContain(">/etc/new</a>", found.Text);
        var none = (await pages.GetAsync("/r/team/app:2/-/files?q=" + Uri.EscapeDataString(Script))).Is(200);
        Assert.Contains("No file has that in its name", none.Text);
        Assert.DoesNotContain(Script, none.Text);
        var layer = ContentImages.DigestOf(Upper);
        var upper = (await pages.GetAsync($"/r/team/app:2/-/files?path=/etc&layer={layer}")).Is(200);
        Assert.Contains("<del>old</del>", upper.Text);
        Assert.DoesNotContain("<del>", (await pages.GetAsync("/r/team/app:2/-/files?path=/etc")).Is(200).Text);
        var waste = (await pages.GetAsync("/r/team/app:2/-/files?waste=yes")).Is(200);
        Assert.Contains("/etc/old", waste.Text);
        Assert.Contains("Efficiency: 98", waste.Text);
    }

    [Fact]
    public async Task A_layer_that_cannot_be_read_says_why()
    {
        await images.PushAsync("team/broken", "1", Lower, RawTar.Gzip(Encoding.UTF8.GetBytes("no tar")));
        await images.SeeAsync("1/files?repository=team/broken");
        var page = (await pages.GetAsync("/r/team/broken:1/-/files")).Is(200);
        Assert.Contains("This layer can&#x27;t be read, so its files are left out:", page.Text);
        Assert.Contains(">etc</a>", page.Text);
        Assert.DoesNotContain("Look again", page.Text);
    }

    [Fact]
    public async Task Two_images_are_compared_with_signs()
    {
        Assert.Contains("Other tag or digest", (await pages.GetAsync("/r/team/app:1/-/compare")).Is(200).Text);
        var page = (await pages.GetAsync("/r/team/app:1/-/compare?to=2")).Is(200);
        Assert.Contains("+ 1 added", page.Text);
        Assert.Contains("− 1 removed", page.Text);
        Assert.Contains("± 1 changed", page.Text);
        Assert.Matches("class=\"plus\">&#x2B; /etc/new", page.Text);
        Assert.Matches("class=\"minus\">− /etc/old", page.Text);
        Assert.Matches("class=\"changed\">± /etc/motd", page.Text);
        Assert.Contains("+ <code>A=&lt;i&gt;1</code>", page.Text);
        Assert.Contains("<h2>1 compared with 2</h2>", page.Text);
        Assert.Contains("<title>team/app:1 compared with 2", page.Text);
        foreach (var shown in new[] { "name=\"tag\" value=\"1\"", "name=\"tag\" value=\"2\"", "<option value=\"2\">" })
            Assert.Contains(shown, page.Text);
        var none = (await pages.GetAsync("/r/team/app:1/-/compare?to=none")).Is(404);
        Assert.Contains("name=\"tag\" value=\"none\"", none.Text);
        Assert.Contains("role=\"alert\"", none.Text);
        foreach (var (query, to) in new[]
        {
            ("tag=1&tag=2&repository=team/app", "/r/team/app:1/-/compare?to=2"),
            ("tag=2&tag=%201%20&repository=team/b&platform=linux/arm64",
                "/r/team/app:2/-/compare?repository=team%2Fb&platform=linux%2Farm64&to=1"),
        })
        {
            Assert.Equal(to, (await pages.GetAsync("/r/team/app/-/compare?" + query)).Is(303).Header("Location"));
        }

        foreach (var query in new[] { "", "tag=1", "tag=1&tag=1", "tag=1&tag=", "tag=1&tag=//x", "tag=1&tag=2&tag=3" })
            (await pages.GetAsync("/r/team/app/-/compare?" + query)).Is(400);
        (await pages.GetAsync("/r/team/app:1/-/compare?to=2&repository=team/none")).Is(404);
    }

    [Fact]
    public async Task Images_are_compared_by_their_packages()
    {
        await images.PushAsync("team/packages", "1", Packages("zlib 1.3.0-r1", "<i>old 1"));
        await images.PushAsync("team/packages", "2", Packages("zlib 1.3.1-r2", "new 2"));
        await images.SeeAsync("1/differences?repository=team/packages&with=2");
        var text = (await pages.GetAsync("/r/team/packages:1/-/compare?to=2")).Is(200).Text;
        Assert.Contains("<h2 id=\"packages\">Packages</h2>", text);
        Assert.Matches("class=\"changed\">± zlib.*<td>apk</td><td>1.3.0-r1</td><td>1.3.1-r2</td>", text);
        Assert.Matches("class=\"minus\">− &lt;i&gt;old.*<td>1</td><td></td>", text);
        Assert.Matches("class=\"plus\">&#x2B; new.*<td></td><td>2</td>", text);

        static byte[] Packages(params string[] packages) => RawTar.Gzip(new RawTar().File(
            "lib/apk/db/installed",
            string.Concat(packages.Select(one => $"P:{one.Split(' ')[0]}\nV:{one.Split(' ')[1]}\n\n"))).End());
    }

    [Fact]
    public async Task Of_two_indexes_one_chooses_among_the_platforms_that_both_have()
    {
        const string Intel = """{"os":"linux","architecture":"amd64"}""";
        const string Arm = """{"os":"linux","architecture":"arm64"}""";
        var intel = await images.PushAsync("team/all", "intel", Lower);
        var arm = await images.PushAsync("team/all", "arm", Upper);
        await images.PushIndexAsync("team/all", "1", (intel, Intel), (arm, Arm));
        await images.PushIndexAsync(
            "team/all", "2", (arm, Intel), (arm, Arm), (arm, """{"os":"linux","architecture":"s390x"}"""));
        foreach (var one in new[] { "1", "2" }) await images.SeeAsync($"{one}/files?repository=team/all");
        await images.SeeAsync($"{arm}/files?repository=team/all");
        const string Path = "/r/team/all:1/-/compare?to=2";
        var usual = (await pages.GetAsync(Path)).Is(200);
        Assert.Contains("<option value=\"linux/amd64\" selected", usual.Text);
        Assert.Contains("<option value=\"linux/arm64\">", usual.Text);
        Assert.DoesNotContain("s390x\"", usual.Text);
        Assert.Contains("± 1 changed", usual.Text);
        var other = (await pages.GetAsync(Path + "&platform=linux/arm64")).Is(200);
        Assert.Contains("<option value=\"linux/arm64\" selected", other.Text);
        Assert.Contains("± 0 changed", other.Text);
    }

    [Fact]
    public async Task A_folder_of_many_files_has_pages_and_each_is_small()
    {
        var tar = new RawTar();
        for (var i = 0; i < 2500; i++) tar.File($"data/file-{i:0000}", "x");
        await images.PushAsync("team/many", "1", RawTar.Gzip(tar.End()));
        await images.SeeAsync("1/files?repository=team/many");
        var page = (await pages.GetAsync("/r/team/many:1/-/files?path=/data&n=1000")).Is(200);
        Assert.InRange(page.SentBytes, 1, 60_000);
        Assert.Contains(">file-0999</a>", page.Text);
        Assert.DoesNotContain(">file-1000</a>", page.Text);
        Assert.Contains("last=file-0999", page.Text);
    }

    private static (byte[] Bytes, string Type) Layer(byte[] bytes) => (bytes, ContentImages.LayerType);
}
