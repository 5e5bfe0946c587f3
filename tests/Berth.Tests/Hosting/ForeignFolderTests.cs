using Berth.Settings;

namespace Berth.Tests.Hosting;

/// <summary>Folders that hold something else, on which Berth must not begin a registry.</summary>
public sealed class ForeignFolderTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-foreign-").FullName;

    [Theory]
    [InlineData("docker/registry/v2/repositories/app/_manifests/tags/v1/current/link", "registry:2")]
    [InlineData("docker/registry/v2/blobs/sha256/ab/abcd/data", "registry:2")]
    [InlineData("app/index.json app/oci-layout app/blobs/sha256/abcd", "zot's")]
    [InlineData("team/app/index.json team/app/oci-layout", "zot's")]
    [InlineData("index.json oci-layout blobs/sha256/abcd", "OCI layouts")]
    [InlineData("notes.txt", "notes.txt")]
    [InlineData("photos/2026/one.jpg", "photos")]
    [InlineData(".git/HEAD", ".git")]
    [InlineData("berth.lock docker/registry/v2/blobs/sha256/ab/abcd/data", "registry:2")]
    public async Task A_folder_with_other_content_is_refused_and_left_as_it_is(string files, string named)
    {
        Make(files);
        var before = Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories).Order().ToList();
        var refusal = await Assert.ThrowsAsync<StartException>(StartAsync);
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("empty folder", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(
            before, Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories).Order());
    }

    [Theory]
    [InlineData("lost+found/")]
    [InlineData(".snapshot/hourly.0/x .gitkeep")]
    [InlineData("blobs/sha256/ab/abcd")]
    [InlineData("berth.lock")]
    public async Task Files_of_file_systems_and_of_Berth_are_not_foreign(string files)
    {
        Make(files);
        await StartAsync();
    }

    [Fact]
    public async Task A_folder_that_Berth_uses_may_hold_more()
    {
        await StartAsync();
        Make("docker/registry/v2/blobs/sha256/ab/abcd/data notes.txt");
        await StartAsync();
    }

    [Fact]
    public async Task A_registry_in_memory_leaves_nothing_behind()
    {
        string data = "";
        await using (var registry = await RegistryFixture.StartOnFilesAsync(s => s with
        {
            Storage = s.Storage with { InMemory = new() },
            Database = new(),
        }))
        {
            using var pushed = await registry.Client.PostAsync(
                new Uri("v2/a/blobs/uploads/", UriKind.Relative), null, TestContext.Current.CancellationToken);
            Assert.Equal(System.Net.HttpStatusCode.Accepted, pushed.StatusCode);
            await Eventually.TrueAsync(
                () => registry.Output.Contains("listens on", StringComparison.Ordinal));
            var line = registry.Output.Split('\n').Single(l => l.Contains("listens on", StringComparison.Ordinal));
            data = line[(line.IndexOf("data in ", StringComparison.Ordinal) + 8)..].Trim();
            Assert.NotEmpty(Directory.GetFiles(data));
            Assert.False(Directory.Exists(registry.DataFolder));
        }

        Assert.False(Directory.Exists(data));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Files with something in them, and folders where the name ends in a slash.</summary>
    private void Make(string files)
    {
        foreach (var name in files.Split(' '))
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            if (!name.EndsWith('/')) File.WriteAllText(path, "x");
        }
    }

    private async Task StartAsync()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with
        {
            Storage = s.Storage with { Filesystem = s.Storage.Filesystem with { RootDirectory = folder } },
            Database = new(),
        });
    }
}
