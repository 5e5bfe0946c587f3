using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Berth.Tests.Cli;
using Berth.Tests.Faults;

namespace Berth.Tests.Import;

/// <summary>Imports that are killed, or run out of space: nothing is half there, and the next one goes on.</summary>
[Once]
public sealed class InterruptedImportTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-interrupted-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_killed_import_goes_on_where_it_was()
    {
        const int Images = 400;
        var volume = new TestVolume(Path.Combine(folder, "old"));
        for (var i = 0; i < Images; i++) volume.AddImage($"many/{i % 7}", $"image {i}", $"{i}");
        var data = Path.Combine(folder, "data");
        var variables = new Dictionary<string, string>
        {
            ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = data,
            ["REGISTRY_JOBS_LEASE"] = "10s",
        };
        var start = BerthProgram.Prepare("import", volume.Folder, "--yes");
        foreach (var (name, value) in variables) start.Environment[name] = value;
        using (var killed = Process.Start(start)!)
        {
            var blobs = Path.Combine(data, "blobs");
            await Eventually.TrueAsync(() => Directory.Exists(blobs)
                && Directory.EnumerateFiles(blobs, "*", SearchOption.AllDirectories).Skip(20).Any());
            killed.Kill();
            await killed.WaitForExitAsync(Stop);
        }

        var again = await AccountCommand.RunAsync(
            variables, "", "import", volume.Folder, "--yes", "--json");
        var import = JsonDocument.Parse(again.Is(0).Output).RootElement;
        Assert.Equal(1, import.GetProperty("id").GetInt64());
        var done = import.GetProperty("done");
        Assert.Equal(Images, done.GetProperty("foundManifests").GetInt64());
        Assert.Equal(7, done.GetProperty("repositories").GetInt64());
        Assert.Equal(0, done.GetProperty("notes").GetInt64());
        var verified = await AccountCommand.RunAsync(variables, "", "verify");
        Assert.Contains("Everything is as it was pushed.", verified.Is(0).Output);
        Assert.Contains($"{Images:N0} manifests", verified.Output);
    }

    [Fact]
    public async Task A_killed_import_over_the_network_is_taken_up_by_the_same_command()
    {
        const int Images = 200;
        await using var source = await ScriptedRegistry.StartAsync();
        for (var i = 0; i < Images; i++)
            source.AddImage($"many/app{i}", "1", Encoding.UTF8.GetBytes($"image {i}"));
        source.On("/v2/_catalog", $$"""
            {"repositories":[{{string.Join(',', Enumerable.Range(0, Images).Select(i => $"\"many/app{i}\""))}}]}
            """);
        var data = Path.Combine(folder, "data");
        var variables = new Dictionary<string, string> { ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = data };
        var url = $"http://{source.Authority}/";
        var start = BerthProgram.Prepare("import", url, "--yes");
        foreach (var (name, value) in variables) start.Environment[name] = value;
        using (var killed = Process.Start(start)!)
        {
            await Eventually.TrueAsync(() => source.Asked.Count(one => one.Path.Contains("/blobs/")) > 40);
            killed.Kill();
            await killed.WaitForExitAsync(Stop);
        }

        source.Asked.Clear();
        var again = await AccountCommand.RunAsync(variables, "", "import", url, "--yes", "--json");
        var done = JsonDocument.Parse(again.Is(0).Output).RootElement.GetProperty("done");
        Assert.Equal(Images, done.GetProperty("foundManifests").GetInt64());
        Assert.InRange(done.GetProperty("manifests").GetInt64(), 1, Images - 1);
        var verified = await AccountCommand.RunAsync(variables, "", "verify");
        Assert.Contains("Everything is as it was pushed.", verified.Is(0).Output);
        Assert.Contains($"{Images:N0} manifests", verified.Output);
    }

    [Fact]
    public async Task A_full_disk_ends_an_import_with_what_to_do_and_leaves_only_whole_images()
    {
        using var disk = new LoopVolume(mebibytes: 128);
        var volume = new TestVolume(Path.Combine(folder, "old"));
        for (var i = 0; i < 6; i++) volume.AddImage("large", new string((char)('a' + i), 12 << 20), $"{i}");
        var filler = Path.Combine(disk.Path, "filler");
        await using (var file = File.Create(filler)) file.SetLength(0);
        var free = new DriveInfo(disk.Path).AvailableFreeSpace;
        await OldRegistry.RunAsync("fallocate", "-l", $"{free - (40 << 20)}", filler);
        var variables = new Dictionary<string, string>
        {
            ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = Path.Combine(disk.Path, "data"),
        };
        var full = await AccountCommand.RunAsync(variables, "", "import", volume.Folder, "--yes");
        Assert.Contains("there is no space left", full.Is(1).Errors);
        Assert.Contains("make room, and run it again; what it brought stays", full.Errors);
        Assert.Contains(
            "Everything is as it was pushed.", (await AccountCommand.RunAsync(variables, "", "verify")).Is(0).Output);
        Assert.Empty(Directory.GetFiles(Path.Combine(disk.Path, "data/uploads")));

        File.Delete(filler);
        var done = await AccountCommand.RunAsync(variables, "", "import", volume.Folder, "--yes");
        Assert.Contains("6 tags of 6", done.Is(0).Output);
        Assert.Contains(
            "Everything is as it was pushed.", (await AccountCommand.RunAsync(variables, "", "verify")).Is(0).Output);
    }
}
