using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Contents;

/// <summary><c>berth image</c>, and the page about it.</summary>
[Inside]
public sealed partial class ImageCommandTests : IAsyncLifetime
{
    private static readonly byte[] Base = new RawTar().Folder("etc").File("etc/os-release", "NAME=Berth\n")
        .File("etc/old", new string('x', 2048)).File("bin/sh\u001b[31m", "#!", mode: 0x1ed)
        .File("bin/ash", "", '2', "/bin/sh").End();

    private static readonly byte[] Second = RawTar.Gzip(new RawTar().File("etc/.wh.old", "").End());

    /// <summary>As Debian has it: the file that everybody knows is a link.</summary>
    private static readonly byte[] Linked = new RawTar().File("usr/lib/os-release", "NAME=Berth\n")
        .File("etc/os-release", "", '2', "../usr/lib/os-release").End();

    private static readonly string LowestLayer = ContentImages.DigestOf(Base);

    private RegistryFixture registry = null!;
    private AccountCommand command = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        command = new AccountCommand(registry);
        var images = new ContentImages(registry);
        await images.PushAsync("acme/app", "1.0", Base);
        await images.PushAsync(
            "acme/app", "1.1", """{"config":{"Env":["A=\u001b[31m1"]}}""",
            (Base, ContentImages.LayerType), (Second, ContentImages.LayerType));
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task The_config_of_an_index_is_that_of_a_platform()
    {
        var images = new ContentImages(registry);
        var (arm, intel) = (
            await images.PushAsync("acme/all", null, """{"author":"arm"}""", (Base, ContentImages.LayerType)),
            await images.PushAsync("acme/all", null, """{"author":"intel"}""", (Base, ContentImages.LayerType)));
        await images.PushIndexAsync(
            "acme/all", "all", (arm, """{"os":"linux","architecture":"arm","variant":"v7"}"""),
            (intel, """{"os":"linux","architecture":"amd64"}"""));
        string[] config = ["image", "manifest", "acme/all:all", "--config"];
        Assert.Contains("intel", (await command.RunAsync(config)).Is(0).Output);
        Assert.Contains("arm", (await command.RunAsync([.. config, "--platform", "linux/arm"])).Is(0).Output);
        var missing = (await command.RunAsync([.. config, "--platform", "linux/s390x"])).Is(2);
        Assert.Contains("it is not there for linux/s390x, but for linux/amd64, linux/arm/v7", missing.Errors);
        Assert.Contains("arm", (await command.RunAsync([.. config, "--platform", arm])).Is(0).Output);
        var wrong = (await command.RunAsync([.. config, "--platform", "x"])).Is(2);
        Assert.Contains("is not like linux/amd64", wrong.Errors);
        Assert.Contains("manifests", (await command.RunAsync("image", "manifest", "acme/all:all")).Is(0).Output);
    }

    [Fact]
    public async Task A_search_that_finds_nothing_says_so()
    {
        var found = (await command.RunAsync("search", "zzzqqqxxx")).Is(0).Output;
        Assert.Contains("Nothing was found.", found);
        Assert.DoesNotContain("STARS", found);
    }

    [Fact]
    public async Task Files_waste_and_differences_are_shown_on_the_database_too()
    {
        var root = (await command.RunAsync("image", "files", "acme/app:1.1")).Is(0);
        Assert.Matches(@"0755 +0:0 +2 B +folder +bin\n", root.Output);
        Assert.Matches(@"0755 +0:0 +11 B +2023-11-14 22:13 +folder +etc\n", root.Output);
        var bin = (await command.RunAsync("image", "files", "acme/app:1.1", "/bin")).Is(0);
        Assert.Matches(@"symbolicLink +ash -> /bin/sh\n", bin.Output);

        // A name can't change the terminal.
        Assert.Contains("sh?[31m", bin.Output);
        var found = (await command.RunAsync("image", "files", "acme/app:1.1", "--search", "RELEASE")).Is(0);
        Assert.Contains(" /etc/os-release\n", found.Output);
        var json = (await command.RunAsync("image", "files", "acme/app:1.1", "--search", "sh", "--json")).Is(0).Output;
        Assert.Equal(2, JsonDocument.Parse(json).RootElement.GetProperty("items").GetArrayLength());
        var waste = (await command.RunAsync("image", "waste", "acme/app:1.1")).Is(0).Output;
        Assert.Matches(@"2 KiB +/etc/old +sha256:[0-9a-f]{12} +sha256:[0-9a-f]{12} +removed\n", waste);
        Assert.Contains("Wasted: 2 KiB of 2 KiB, in 1 files. Efficiency: 0.6", waste);
        var diff = (await command.RunAsync("image", "diff", "acme/app:1.0", "1.1")).Is(0).Output;
        Assert.Matches(@"removed +2 KiB +/etc/old *\n", diff);
        Assert.Contains("The configs can't be compared.", diff);
        Assert.Contains("Added: 0, removed: 1, changed: 0. Layers that both have: 1", diff);
        var holders = (await command.RunAsync("image", "holders", "acme/app:1.0", LowestLayer)).Is(0).Output;
        Assert.Matches(@"acme/app +1\.1 *\n", holders);
        (await command.RunAsync("image", "holders", "acme/app:1.0", "none")).Is(1);
        var refused = (await command.RunAsync("image", "cat", "acme/app:1.0", "/etc/old")).Is(1);
        Assert.Contains("only a server reads files out of layers: name it with --server", refused.Errors);
    }

    [Fact]
    public async Task Images_are_compared_by_their_packages()
    {
        var images = new ContentImages(registry);
        foreach (var (tag, list) in new[]
        {
            ("1", "P:zlib\nV:1.3.0-r1\n\nP:a\u009b31m\nV:1\n"), ("2", "P:zlib\nV:1.3.1-r2\n"),
        })
        {
            await images.PushAsync("acme/packages", tag, new RawTar().File("lib/apk/db/installed", list).End());
        }

        await images.SeeAsync("1/differences?repository=acme/packages&with=2");
        var diff = (await command.RunAsync("image", "diff", "acme/packages:1", "2")).Is(0).Output;
        Assert.Contains("apk a?31m: 1 -> none\napk zlib: 1.3.0-r1 -> 1.3.1-r2\n", diff);
    }

    [Fact]
    public async Task A_file_is_searched_in_all_images()
    {
        foreach (var tag in new[] { "1.0", "1.1" })
            await command.RunAsync("image", "files", $"acme/app:{tag}");
        var found = (await command.RunAsync("search", "files", "OS-rel*")).Is(0);
        foreach (var tag in new[] { "1\\.0", "1\\.1" })
            Assert.Matches($@"acme/app:{tag} +11 B +/etc/os-release +{LowestLayer[..19]}\n", found.Output);
        Assert.Equal("Searched 2 layers.", found.Errors.Trim());
        Assert.Contains("/bin/sh?[31m", (await command.RunAsync("search", "files", "/bin/sh*")).Is(0).Output);
        var json = await command.AskAsync(
            "admin", AccountsOf.AdminPassword, "search", "files", "os-release", "--repository", "acme/app", "--json");
        var items = JsonDocument.Parse(json.Is(0).Output).RootElement.GetProperty("items");
        var item = Assert.Single(items.EnumerateArray());
        Assert.Equal(LowestLayer, item.Of("layer"));
        var none = (await command.RunAsync("search", "files", "os-release", "--namespace", "none")).Is(0);
        Assert.Equal(("Nothing was found.\n", "Searched 0 layers."), (none.Output, none.Errors.Trim()));
        Assert.Contains(
            "remove the slash at the end", (await command.RunAsync("search", "files", "etc/")).Is(1).Errors);
    }

    [Fact]
    public async Task A_layer_that_has_no_list_is_told()
    {
        await new ContentImages(registry).PushAsync("acme/bad", "1", [1, 2, 3]);
        await command.RunAsync("image", "files", "acme/bad:1");
        var found = (await command.RunAsync("search", "files", "none", "--repository", "acme/bad")).Is(0);
        Assert.Contains("1 other could not be searched.", found.Errors);
    }

    [Fact]
    public async Task A_server_also_gives_out_files_and_compares_configs()
    {
        var file = await command.AskAsync(
            "admin", AccountsOf.AdminPassword, "image", "cat", "acme/app:1.0", "/etc/os-release");
        Assert.Equal("NAME=Berth\n", file.Is(0).Output);
        var diff = await command.AskAsync(
            "admin", AccountsOf.AdminPassword, "image", "diff", "acme/app:1.0", "acme/app:1.1");
        Assert.Contains("environment: nothing -> A=?[31m1\n", diff.Is(0).Output);
        var none = await command.AskAsync(
            "admin", AccountsOf.AdminPassword, "image", "cat", "acme/app:1.0", "/etc/nothing");
        Assert.Contains("there is no /etc/nothing in the image", none.Is(1).Errors);
        Assert.Contains(
            "names no image: write REPOSITORY:TAG",
            (await command.RunAsync("image", "files", "acme/app")).Is(2).Errors);
    }

    [Fact]
    public async Task The_commands_of_the_page_work_as_they_stand()
    {
        await new AccountsOf(registry).AddUserAsync("ann", ImagePusher.Password);
        await new AccountsOf(registry).MakePublicAsync("acme/app");
        foreach (var tag in new[] { "1.0", "1.1" })
            await new ContentImages(registry).PushAsync("acme/app", tag, Linked);
        var blocks = Block().Matches(
            string.Join('\n', SourceTree.Files.Single(file => file.Path == "docs/image-files.md").Lines));
        Assert.Equal(2, blocks.Count);
        var script = string.Join('\n', blocks.Select(block => block.Groups[1].Value))
            .Replace(
                "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                ContentImages.DigestOf(Linked))
            .Replace("https://registry.example.com", registry.BaseAddress.ToString().TrimEnd('/'));
        var start = new ProcessStartInfo("bash", ["-ec", $$"""
            cd "$(mktemp -d)"
            trap 'rm -r "$PWD"' EXIT
            berth() { {{string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path))}} "$@"; }
            curl() { command curl -sS "${@/ann/ann:$BERTH_PASSWORD}"; }
            {{script}}
            cat os-release
            """])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in registry.Variables) start.Environment[name] = value;
        start.Environment["REGISTRY_AUTH_LOCAL_ENABLED"] = "true";
        start.Environment["BERTH_PASSWORD"] = ImagePusher.Password;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(Stop);
        var said = await process.StandardOutput.ReadToEndAsync(Stop);
        await process.WaitForExitAsync(Stop);
        Assert.True(process.ExitCode == 0, $"{said}\n{await errors}\nfrom:\n{script}");
        Assert.EndsWith("NAME=Berth\n", said);
        Assert.Equal(2, said.Split("NAME=Berth\n").Length - 1);
        Assert.Equal(3, said.Split("os-release\n").Length - 1);
    }

    [GeneratedRegex("```sh\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
