using System.Formats.Tar;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Import;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Clients;

namespace Berth.Tests.Import;

/// <summary>Images in layouts and archives: those of clients come in, and what goes out is what they read.</summary>
[Inside]
public sealed class ImageArchiveTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-archive-").FullName;
    private RegistryFixture registry = null!;
    private MovedRegistry moved = null!;
    private ClientTools tools = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        tools = await ClientTools.ReadyAsync();
        registry = await AccountsOf.StartAsync(
            auth => auth with { Anonymous = AnonymousAccess.Full },
            s => s with { Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) } });
        moved = new MovedRegistry(registry);
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task What_skopeo_and_docker_save_comes_with_its_digest_or_with_its_config_and_layers()
    {
        var index = OciLayout.WriteIndex(At("index"), "an index", "amd64", "arm64");
        var image = OciLayout.Write(At("image"), "an image");
        (await moved.ImportAsync(index.Folder, "acme/layout", "--yes")).Is(0);
        Assert.Equal(index.Digest, await DigestAsync("acme/layout", "1"));

        await SkopeoAsync("copy", "--all", $"oci:{index.Folder}:1", $"oci-archive:{At("index.tar")}:acme/archive:2");
        (await moved.ImportAsync(At("index.tar"), "--yes")).Is(0);
        Assert.Equal(index.Digest, await DigestAsync("acme/archive", "2"));
        await OldRegistry.RunAsync("gzip", At("index.tar"));
        (await moved.ImportAsync(At("index.tar.gz"), "acme/compressed:3", "--yes")).Is(0);
        Assert.Equal(index.Digest, await DigestAsync("acme/compressed", "3"));

        // What docker saved of old, with links between layers.
        await SkopeoAsync("copy", $"oci:{image.Folder}:1", $"docker-archive:{At("saved.tar")}:acme/saved:4");
        var said = (await moved.ImportAsync(At("saved.tar"), "--dry-run")).Is(0).Output;
        Assert.Matches("acme/saved:4 +sha256:[0-9a-f]{64} +acme/saved:4", said);
        (await moved.ImportAsync(At("saved.tar"), "--yes")).Is(0);
        var config = ConfigOf(image.Folder);
        await SkopeoAsync("copy", "--src-tls-verify=false", $"docker://{Address}/acme/saved:4", $"dir:{At("back")}");
        var made = await File.ReadAllTextAsync(At("back/manifest.json"), Stop);
        Assert.Equal(config, (string?)JsonNode.Parse(made)!["config"]!["digest"]);
        var layers = JsonNode.Parse(made)!["layers"]!.AsArray().Select(layer => (string?)layer!["digest"]);
        var saved = JsonNode.Parse(await File.ReadAllTextAsync(At($"back/{config[7..]}"), Stop))!;
        Assert.Equal(saved["rootfs"]!["diff_ids"]!.AsArray().Select(id => (string?)id), layers);
    }

    [Fact]
    public async Task An_export_has_all_that_belongs_to_an_image_and_clients_read_it()
    {
        var index = OciLayout.WriteIndex(At("index"), "exported", "amd64", "arm64");
        (await moved.ImportAsync(index.Folder, "acme/app", "--yes")).Is(0);
        await File.WriteAllTextAsync(At("review.txt"), "looks good", Stop);
        await OldRegistry.RunAsync(
            "bash", "-ec", $"cd {folder} && HOME={folder} {tools.Oras} attach --plain-http "
                + $"--artifact-type=application/x.review {Address}/acme/app:1 review.txt:text/plain");
        var planned = (await ExportAsync("acme/app:1", "x.tar", "--dry-run")).Is(0).Output;
        Assert.Contains("would write 4 manifests and ", planned);
        Assert.False(File.Exists(At("x.tar")));
        Assert.Contains("Exported 4 manifests and ", (await ExportAsync("acme/app:1", "app.tar")).Is(0).Output);
        Assert.False(File.Exists(At("app.tar.partial")));
        await SkopeoAsync("copy", "--all", $"oci-archive:{At("app.tar")}:1", $"oci:{At("read")}:1");
        Assert.Equal(index.Digest, OciLayout.DigestIn(At("read")));
        await SkopeoAsync("copy", $"docker-archive:{At("app.tar")}", $"dir:{At("loaded")}");

        // On the other side it is all there again, under the same names.
        await using var other = await OtherAsync();
        (await new MovedRegistry(other).ImportAsync(At("app.tar"), "--yes")).Is(0);
        Assert.Equal(
            index.Digest, (await MovedRegistry.ManifestAsync(other.Client, "acme/app", "1"))!.Value.Digest);
        Assert.Contains("application/x.review", await other.Client.GetStringAsync(
            new Uri($"v2/acme/app/referrers/{index.Digest}", UriKind.Relative), Stop));

        // A layout takes more images; an archive that is there is not written over.
        await OldRegistry.PushAsync(registry.Client, "acme/db", "1", "other");
        (await ExportAsync("acme/app", "both")).Is(0);
        (await ExportAsync("acme/db", "both")).Is(0);
        var names = JsonNode.Parse(await File.ReadAllTextAsync(At("both/index.json"), Stop))!["manifests"]!.AsArray()
            .Select(entry => (string?)entry!["annotations"]?["io.containerd.image.name"]);
        Assert.Equal(["acme/app:1", null, "acme/db:1"], names);
        Assert.Contains("is there already", (await ExportAsync("acme/db", "app.tar")).Is(2).Errors);
        Assert.Contains("there is no acme/db:2", (await ExportAsync("acme/db:2", "y.tar")).Is(2).Errors);
        Assert.False(File.Exists(At("y.tar")));
    }

    [Fact]
    public async Task An_export_names_the_images_of_an_index_that_are_missing_and_exits_with_1()
    {
        var index = OciLayout.WriteIndex(At("index"), "halved", "amd64", "arm64");
        (await moved.ImportAsync(index.Folder, "acme/app", "--yes")).Is(0);
        var body = (await MovedRegistry.ManifestAsync(registry.Client, "acme/app", "1"))!.Value.Body;
        var child = JsonNode.Parse(body)!["manifests"]!.AsArray().Select(one => (string?)one!["digest"]).Last();
        using var deleted = await registry.Client.DeleteAsync(
            new Uri($"v2/acme/app/manifests/{child}", UriKind.Relative), Stop);
        Assert.Equal(System.Net.HttpStatusCode.Accepted, deleted.StatusCode);
        foreach (var dryRun in new[] { "--dry-run", "--json" })
        {
            var said = (await ExportAsync("acme/app", "half.tar", dryRun)).Is(1);
            Assert.Contains($"acme/app@{index.Digest} lists {child} (linux/arm64), which", said.Errors);
            Assert.Contains("not complete: 1 image that an index lists is missing here", said.Errors);
            Assert.Contains(" 2 manifests and ", said.Output);
        }

        Assert.True(File.Exists(At("half.tar")));
    }

    [Fact]
    public async Task A_build_cache_whose_index_lists_blobs_is_exported_and_imported_with_them()
    {
        var volume = new TestVolume(At("caches"));
        const string Config = """{"layers":[{"blob":"x"}],"records":[]}""";
        var blobs = new[] { volume.AddBlob("a cached layer"), volume.AddBlob(Config) };
        foreach (var blob in blobs) volume.LinkLayer("cache", blob);
        var body = TestVolume.IndexOf(blobs).Replace(
            TestVolume.ImageType.Replace("+", "\\u002B", StringComparison.Ordinal),
            "application/vnd.buildkit.cacheconfig.v0", StringComparison.Ordinal);
        var digest = volume.AddManifest("cache", body, "1");
        (await moved.ImportAsync(volume.Folder, "--yes")).Is(0);
        Assert.Contains("Exported 1 manifest and 2 blobs", (await ExportAsync("cache", "cache.tar")).Is(0).Output);
        await using var other = await OtherAsync();
        (await new MovedRegistry(other).ImportAsync(At("cache.tar"), "--yes")).Is(0);
        Assert.Equal(digest, (await MovedRegistry.ManifestAsync(other.Client, "cache", "1"))!.Value.Digest);
        Assert.Equal(
            Config, await other.Client.GetStringAsync(new Uri($"v2/cache/blobs/{blobs[1]}", UriKind.Relative), Stop));
    }

    [Fact]
    public async Task An_increment_has_only_what_the_other_side_lacks_and_is_refused_where_more_is_missing()
    {
        var first = await OldRegistry.PushAsync(registry.Client, "acme/app", "1", "first");
        (await ExportAsync("acme/app", "first.tar")).Is(0);
        var second = await OldRegistry.PushAsync(registry.Client, "acme/app", "2", "second");
        var said = (await ExportAsync("acme/app", "second.tar", "--known", At("first.tar"))).Is(0).Output;
        Assert.Contains("Exported 2 manifests and 1 blob", said);
        Assert.Contains("without 2 blobs that the other side has", said);
        await File.WriteAllTextAsync(
            At("list"), string.Join('\n', OldRegistry.DigestOf("first"u8.ToArray()), ""), Stop);
        Assert.Contains(
            "2 manifests and 2 blobs",
            (await ExportAsync("acme/app", "third.tar", "--known", At("list"))).Is(0).Output);

        await using var other = await OtherAsync();
        var there = new MovedRegistry(other);
        Assert.Contains("which is missing", (await there.ImportAsync(At("second.tar"), "--yes")).Is(1).Errors);
        Assert.Null(await MovedRegistry.ManifestAsync(other.Client, "acme/app", "2"));
        (await there.ImportAsync(At("first.tar"), "--yes")).Is(0);
        (await there.ImportAsync(At("second.tar"), "acme/elsewhere", "--yes")).Is(0);
        Assert.Equal(first, (await MovedRegistry.ManifestAsync(other.Client, "acme/app", "1"))!.Value.Digest);
        Assert.Equal(second, (await MovedRegistry.ManifestAsync(other.Client, "acme/elsewhere", "2"))!.Value.Digest);
    }

    [Fact]
    public async Task An_increment_since_an_export_has_only_what_has_changed_whether_that_or_its_list_is_at_hand()
    {
        var layout = OciLayout.WriteIndex(At("index"), "signed later", "amd64", "arm64");
        (await moved.ImportAsync(layout.Folder, "acme/signed:1", "--yes")).Is(0);
        await OldRegistry.PushAsync(registry.Client, "acme/app", "1", "first");
        await OldRegistry.PushAsync(registry.Client, "acme/deep/db", "1", "database");
        await OldRegistry.PushAsync(registry.Client, "other/app", "1", "not exported");
        var whole = (await ExportAsync("acme/**", "whole.tar", "--list", At("whole.list"))).Is(0).Output;
        Assert.Contains("Exported 5 manifests and ", whole);
        Assert.Contains("there is nothing to export", (await SinceAsync("none.tar", "whole.tar")).Output);
        Assert.Contains("there is nothing to export", (await SinceAsync("none.tar", "whole.list")).Output);
        Assert.False(File.Exists(At("none.tar")));

        // A new image with the layer of an old one, another one, and a review of what did not change.
        var second = await OldRegistry.PushAsync(registry.Client, "acme/app", "2", "first");
        await OldRegistry.PushAsync(registry.Client, "acme/app", "3", "third");
        await File.WriteAllTextAsync(At("review.txt"), "looks good", Stop);
        await OldRegistry.RunAsync(
            "bash", "-ec", $"cd {folder} && HOME={folder} {tools.Oras} attach --plain-http "
                + $"--artifact-type=application/x.review {Address}/acme/signed:1 review.txt:text/plain");
        foreach (var former in new[] { "whole.tar", "whole.list" })
        {
            var said = (await SinceAsync($"{former}.next.tar", former, "--list", At("next.list"))).Output;
            Assert.Contains("Exported 3 manifests and 2 blobs", said);
            Assert.Contains("and without 3 images that did not change", said);
        }

        Assert.Contains("there is nothing to export", (await SinceAsync("none.tar", "next.list")).Output);
        await using var other = await OtherAsync();
        var there = new MovedRegistry(other);
        Assert.Contains("missing", (await there.ImportAsync(At("whole.list.next.tar"), "--yes")).Is(1).Errors);
        (await there.ImportAsync(At("whole.tar"), "--yes")).Is(0);
        (await there.ImportAsync(At("whole.list.next.tar"), "--yes")).Is(0);
        Assert.Equal(second, (await MovedRegistry.ManifestAsync(other.Client, "acme/app", "2"))!.Value.Digest);
        Assert.NotNull(await MovedRegistry.ManifestAsync(other.Client, "acme/app", "3"));
        Assert.NotNull(await MovedRegistry.ManifestAsync(other.Client, "acme/deep/db", "1"));
        Assert.Null(await MovedRegistry.ManifestAsync(other.Client, "other/app", "1"));
        Assert.Contains("application/x.review", await other.Client.GetStringAsync(
            new Uri($"v2/acme/signed/referrers/{layout.Digest}", UriKind.Relative), Stop));
        Assert.Contains("no repository matches", (await ExportAsync("none/**", "x.tar")).Is(2).Errors);

        async Task<CommandResult> SinceAsync(string to, string former, params string[] more) =>
            (await ExportAsync("acme/**", to, ["--since", At(former), .. more])).Is(0);
    }

    [Fact]
    public async Task A_server_gets_and_gives_images_over_the_network_as_to_any_client()
    {
        var index = OciLayout.WriteIndex(At("index"), "over the network", "amd64", "arm64");
        var ann = new AccountCommand(registry);
        await new AccountsOf(registry).AddUserAsync("ann", "of green gables");
        Task<CommandResult> AskAsync(params string[] arguments) => ann.AskAsync("ann", "of green gables", arguments);
        (await AskAsync("import", index.Folder, "ann/app", "--yes")).Is(0);
        Assert.Equal(index.Digest, await DigestAsync("ann/app", "1"));
        (await AskAsync("import", index.Folder, "ann/again", "--yes")).Is(0);
        (await AskAsync("export", "ann/app", "--to", At("app.tar"))).Is(0);
        await SkopeoAsync("copy", "--all", $"oci-archive:{At("app.tar")}:1", $"oci:{At("read")}:1");
        Assert.Equal(index.Digest, OciLayout.DigestIn(At("read")));
        var wrong = await ann.AskAsync("ann", "wrong", "import", index.Folder, "ann/app", "--yes");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Empty(await registry.StoredAsync("uploads"));
    }

    [Fact]
    public async Task An_archive_with_tricks_or_lies_is_refused_and_changes_nothing()
    {
        await RefuseAsync("leads out of the archive", archive => AddFile(archive, "../../etc/passwd", "x"));
        await RefuseAsync("leads out of the archive", archive => AddFile(archive, "/etc/passwd", "x"));
        await RefuseAsync("is a link out of the archive", archive => archive.WriteEntry(
            new PaxTarEntry(TarEntryType.SymbolicLink, "index.json") { LinkName = "../../etc/shadow" }));
        await RefuseAsync("is no file (CharacterDevice)", archive => archive.WriteEntry(
            new PaxTarEntry(TarEntryType.CharacterDevice, "blobs/zero") { DeviceMajor = 1, DeviceMinor = 5 }));
        await RefuseAsync("is in it twice", archive =>
        {
            AddFile(archive, "index.json", "{}");
            AddFile(archive, "index.json", "{}");
        });
        await RefuseAsync("has no index.json or manifest.json", archive => AddFile(archive, "other", "x"));
        await RefuseAsync("is damaged", archive => AddFile(archive, "index.json", "no json"));
        await RefuseAsync(
            "is damaged", archive => AddFile(archive, "index.json", """{"manifests":[{"digest":"x"}]}"""));
        await RefuseAsync("holds no images", archive => AddFile(archive, "index.json", """{"manifests":[]}"""));
        var image = TestVolume.ImageOf((DigestOf("{}"), 2), (DigestOf("layer"), 5));
        var named = $$$"""{"manifests":[{"digest":"{{{DigestOf(image)}}}"}]}""";
        await RefuseAsync("is missing", archive => AddFile(archive, "index.json", named), exitCode: 1);
        await RefuseAsync(
            "is not what its digest says",
            archive =>
            {
                AddFile(archive, "index.json", named);
                AddBlob(archive, image, image);
                AddBlob(archive, "{}", "{}");
                AddBlob(archive, "layer", "liar!");
            },
            exitCode: 1);
        await RefuseAsync(
            "is not what its digest says",
            archive =>
            {
                AddFile(archive, "index.json", named);
                AddBlob(archive, image, image + " ");
            },
            exitCode: 1);
        await RefuseAsync("the archive was altered", archive =>
        {
            AddFile(archive, "manifest.json", """[{"Config":"c.json","RepoTags":["a/b:1"],"Layers":["l.tar"]}]""");
            AddFile(archive, "c.json", $$$"""{"rootfs":{"diff_ids":["{{{DigestOf("layer")}}}"]}}""");
            AddFile(archive, "l.tar", "liar!");
        });
        await File.WriteAllBytesAsync(At("cut.tar.gz"), [0x1f, 0x8b, 8, 0, 0], Stop);
        Assert.Equal(2, (await moved.ImportAsync(At("cut.tar.gz"), "a/b:1", "--yes")).ExitCode);
        await File.WriteAllTextAsync(At("text.tar"), "no archive at all", Stop);
        Assert.Contains(
            "is no tar archive", (await moved.ImportAsync(At("text.tar"), "a/b:1", "--yes")).Is(2).Errors);
        Assert.Contains("'A B' is no repository", (await moved.ImportAsync(await WriteAsync(archive => AddFile(
            archive, "index.json", named)), "A B", "--yes")).Is(2).Errors);
        Assert.Null(await DigestAsync("a/b", "1"));

        // What came whole before a refusal leaves uploads once it is durable.
        await Eventually.TrueAsync(async () => await registry.StoredAsync("uploads") is []);
    }

    private string Address => registry.BaseAddress.Authority;

    private string At(string name) => Path.Combine(folder, name);

    private static string DigestOf(string content) => OldRegistry.DigestOf(Encoding.UTF8.GetBytes(content));

    private static Task<string> SkopeoAsync(string command, params string[] arguments) =>
        OldRegistry.RunAsync("skopeo", [command, "--quiet", .. arguments]);

    private static string ConfigOf(string layout)
    {
        var digest = OciLayout.DigestIn(layout);
        var manifest = File.ReadAllText(Path.Combine(layout, "blobs", digest.Replace(':', '/')));
        return (string)JsonNode.Parse(manifest)!["config"]!["digest"]!;
    }

    private static Task<RegistryFixture> OtherAsync() => RegistryFixture.StartAsync(s => s with
    {
        Auth = new AuthSettings { Anonymous = AnonymousAccess.Full },
        Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) },
    });

    private static void AddFile(TarWriter archive, string name, string content) => archive.WriteEntry(
        new PaxTarEntry(TarEntryType.RegularFile, name)
        {
            DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)),
        });

    private static void AddBlob(TarWriter archive, string named, string content) =>
        AddFile(archive, $"blobs/{DigestOf(named).Replace(':', '/')}", content);

    private async Task<string?> DigestAsync(string repository, string reference) =>
        (await MovedRegistry.ManifestAsync(registry.Client, repository, reference))?.Digest;

    private Task<CommandResult> ExportAsync(string image, string to, params string[] arguments) =>
        new AccountCommand(registry).RunAsync(["export", image, "--to", At(to), .. arguments]);

    private async Task<string> WriteAsync(Action<TarWriter> write)
    {
        var path = At($"{Guid.NewGuid():N}.tar");
        await using var archive = new TarWriter(File.Create(path));
        write(archive);
        return path;
    }

    /// <summary>What can be seen at once is refused before the registry is asked.</summary>
    private async Task RefuseAsync(string words, Action<TarWriter> write, int exitCode = 2)
    {
        var path = await WriteAsync(write);
        if (exitCode == 2)
        {
            var refusal = await Assert.ThrowsAsync<InvalidDataException>(() => ImageArchive.OpenAsync(path, Stop));
            Assert.Contains(words, refusal.Message);
            return;
        }

        Assert.Contains(words, (await moved.ImportAsync(path, "a/b:1", "--yes")).Is(exitCode).Errors);
    }
}
