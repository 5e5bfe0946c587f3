using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Berth.Backups;
using Berth.Tests.Cli;
using Berth.Tests.Faults;

namespace Berth.Tests.Backups;

/// <summary>Backups that are damaged, cut off, of another version or in the wrong place.</summary>
[Inside]
public sealed class DamagedBackupTests : IAsyncLifetime
{
    private static readonly TestImage Image = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 70_000)], MountedFrom: null);

    private EngineSet set = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => StartAsync(isShared: false);

    public ValueTask DisposeAsync() => set.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_altered_blob_is_found_and_copied_again_by_the_next_backup(bool isShared)
    {
        await UseAsync(isShared);
        await BackUpAsync();
        var blob = await set.FileOfAsync(set.PlaceRoot, Image.Layers[0].Digest);
        await set.AlterFileAsync(blob);
        Assert.True(await IsWholeAsync(isQuick: true));
        var found = (await VerifyAsync("--dry-run")).Is(1);
        Assert.Contains("DAMAGED", found.Output);
        Assert.Contains($"blob {Image.Layers[0].Digest} is altered", found.Output);
        Assert.Contains(blob, await set.FilesAsync(set.PlaceRoot));

        await using var target = await EngineSet.CreateAsync(isShared);
        var refused = (await RestoreAsync(target)).Is(2);
        Assert.Contains("the backup is damaged, and nothing of it serves yet", refused.Errors);
        Assert.Empty(await target.ServedAsync());
        var partly = (await RestoreAsync(target, "--skip-damaged")).Is(1);
        Assert.Contains($"Not restored: blob {Image.Layers[0].Digest}", partly.Output);
        Assert.Equal(await set.ServedAsync(), await target.ServedAsync());

        (await VerifyAsync()).Is(1);
        Assert.DoesNotContain(blob, await set.FilesAsync(set.PlaceRoot));
        Assert.Single(await set.FilesAsync(set.PlaceRoot + "/quarantine"));
        await BackUpAsync();
        Assert.True(await IsWholeAsync(isQuick: false));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_damaged_file_of_a_backup_is_found(bool isShared)
    {
        await UseAsync(isShared);
        await BackUpAsync();
        var manifest = (await set.FilesAsync(set.PlaceRoot + "/backups")).Single();
        var files = await set.FilesAsync(set.PlaceRoot + "/blobs");
        Assert.Equal(4, files.Count);
        foreach (var file in files.Append(manifest))
        {
            var content = await set.ReadFileAsync(file);
            await set.AlterFileAsync(file);
            Assert.False(await IsWholeAsync(isQuick: false));
            await set.WriteFileAsync(file, null);
            if (file != manifest) Assert.False(await IsWholeAsync(isQuick: true));
            await set.WriteFileAsync(file, content);
        }

        Assert.True(await IsWholeAsync(isQuick: false));
        var text = await set.ReadFileAsync(manifest);
        await set.WriteFileAsync(manifest, text[..(text.Length / 2)]);
        Assert.Contains("cut off", (await VerifyAsync()).Is(1).Output);
        await using (var target = await EngineSet.CreateAsync(isShared))
            Assert.Contains("can't be used: its manifest", (await RestoreAsync(target)).Is(2).Errors);
        Assert.Contains("DAMAGED", (await set.RunAsync("backup", "list", set.Place)).Is(1).Output);

        // What an unreadable backup needs is not known: nothing is removed beside it.
        Assert.Contains(
            "nothing is removed", (await set.RunAsync("backup", set.Place, "--keep", "1", "--yes")).Is(2).Errors);
        Assert.Contains(manifest, await set.FilesAsync(set.PlaceRoot));
    }

    [Fact]
    public async Task A_backup_of_a_newer_version_is_refused()
    {
        await BackUpAsync();
        var manifest = Directory.GetFiles(Path.Combine(set.Place, "backups")).Single();
        var json = (await File.ReadAllTextAsync(manifest, Stop)).Split('\n')[0];
        await RewriteAsync(json.Replace("\"format\":1", "\"format\":2", StringComparison.Ordinal));
        Assert.Contains("has format 2, and this Berth only knows 1: run a newer Berth", (await RestoreAsync()).Errors);
        await RewriteAsync(Regex.Replace(json, "\"migration\":\\d+", "\"migration\":999"));
        Assert.Contains("newer tables than this one knows", (await RestoreAsync()).Is(2).Errors);
        await File.WriteAllTextAsync(Path.Combine(set.Place, "berth.backup"), "berth backup 7\n", Stop);
        Assert.Contains("have format 7", (await set.RunAsync("backup", set.Place)).Is(2).Errors);

        Task RewriteAsync(string text) => File.WriteAllTextAsync(
            manifest, $"{text}\n{TestBlob.DigestOf(Encoding.UTF8.GetBytes(text))}\n", Stop);
    }

    [Fact]
    public async Task Places_and_targets_that_hold_something_else_are_refused_and_stay_as_they_are()
    {
        Assert.Contains("there are no backups in", (await VerifyAsync()).Is(2).Errors);
        Assert.Contains("say where the backups lie", (await set.RunAsync("backup")).Is(2).Errors);
        Assert.Contains("holds something else", (await set.RunAsync("backup", set.DataFolder)).Is(2).Errors);
        Assert.Contains("is not a bucket", (await set.RunAsync("backup", "s3://")).Is(2).Errors);
        Assert.Contains(
            "backups can't be written to /proc/nope", (await set.RunAsync("backup", "/proc/nope")).Is(2).Errors);
        Assert.Contains("a number above 0", (await set.RunAsync("backup", set.Place, "--keep", "0")).Is(2).Errors);
        await BackUpAsync();
        Assert.Contains("no backup 20200101T000000Z", (await VerifyAsync("--at", "20200101T000000Z")).Is(2).Errors);
        Assert.Contains("another Berth uses", (await RestoreAsync(set)).Is(2).Errors);
        await set.StopAsync();
        var served = await set.ServedAsync();
        Assert.Contains("there is already a registry in", (await RestoreAsync(set)).Is(2).Errors);
        Assert.Contains(
            "there is already a registry in", (await set.RunAsync("restore", set.Place, "--dry-run")).Is(2).Errors);
        Assert.Equal(served, await set.ServedAsync());

        await using var target = await EngineSet.CreateAsync(isShared: false);
        Assert.Contains("give --yes", (await target.RunAsync("restore", set.Place)).Is(2).Errors);
        Assert.Contains("would restore", (await target.RunAsync("restore", set.Place, "--dry-run")).Is(0).Output);
        Assert.False(Directory.Exists(target.DataFolder));
        var stray = StoredFiles.BlobIn(target.DataFolder, Image.Config);
        Directory.CreateDirectory(Path.GetDirectoryName(stray)!);
        await File.WriteAllTextAsync(stray, "", Stop);
        Assert.Contains("there are already blobs in", (await RestoreAsync(target)).Is(2).Errors);
    }

    [Fact]
    public async Task A_backup_that_is_killed_counts_as_none_and_the_next_one_goes_on()
    {
        var client = new ImageClient(set.Client, new Random(1));
        TestBlob[] layers = [.. Enumerable.Range(10, 12).Select(seed => new TestBlob(seed, 4 << 20))];
        await client.PushAsync(Image with { Tag = "v2", Layers = layers });
        var start = BerthProgram.Prepare("backup", set.Place);
        foreach (var (name, value) in set.Variables) start.Environment[name] = value;
        using (var process = Process.Start(start)!)
        {
            await Eventually.TrueAsync(() => Directory.Exists(Path.Combine(set.Place, "blobs", "sha256")));
            process.Kill();
            await process.WaitForExitAsync(Stop);
        }

        Assert.Contains("there are no backups", (await VerifyAsync()).Is(2).Errors);
        Assert.Contains("none was completed", (await RestoreAsync()).Is(2).Errors);
        var copied = Directory.GetFiles(Path.Combine(set.Place, "blobs"), "*", SearchOption.AllDirectories).Length;
        var done = await BackUpAsync();
        Assert.Contains($"14 blobs (48 MiB), of which {14 - copied} ", done.Output);
        Assert.Empty(Directory.GetFiles(Path.Combine(set.Place, "uploads")));
        Assert.False(Directory.Exists(Path.Combine(set.Place, "work")));
        Assert.True(await IsWholeAsync(isQuick: false));
    }

    [Fact]
    public async Task What_the_registry_has_lost_is_told_and_the_rest_is_backed_up()
    {
        File.Delete(StoredFiles.BlobIn(set.DataFolder, Image.Layers[0]));
        var said = (await set.RunAsync("backup", set.Place)).Is(1);
        Assert.Contains($"Not in the backup: blob {Image.Layers[0].Digest}: it is missing", said.Output);
        Assert.Contains("1 blob that the registry had lost", (await VerifyAsync()).Is(0).Output);
    }

    /// <summary>A folder in the place of a blob can't be opened, whoever reads.</summary>
    [Fact]
    public async Task A_blob_that_can_not_be_read_makes_a_backup_incomplete_and_is_named_in_it()
    {
        var path = StoredFiles.BlobIn(set.DataFolder, Image.Layers[0]);
        File.Delete(path);
        Directory.CreateDirectory(path);
        var said = (await set.RunAsync("backup", set.Place)).Is(1);
        Assert.Contains($"Not in the backup: blob {Image.Layers[0].Digest}: it can't be opened", said.Output);
        Assert.Contains($"lacks blob {Image.Layers[0].Digest}: it can't be opened", (await VerifyAsync()).Output);
        Assert.Equal("damaged", await set.QueryAsync(session => session.TextAsync("SELECT state FROM backup")));
    }

    [Fact]
    public async Task What_a_registry_has_no_more_of_a_backup_is_named()
    {
        await BackUpAsync();
        var client = new ImageClient(set.Client, new Random(1));
        await client.PushAsync(Image with { Tag = "v2" });
        Assert.Contains("has all of", (await set.RunAsync("backup", "compare", set.Place)).Is(0).Output);
        await client.PushAsync(Image with { Layers = [new TestBlob(9, 10)] });
        using var deleted = await set.Client.DeleteAsync(
            $"v2/{Image.Repository}/manifests/{TestBlob.DigestOf(Image.Manifest)}", Stop);
        File.Delete(StoredFiles.BlobIn(set.DataFolder, Image.Layers[0]));
        var said = (await set.RunAsync("backup", "compare", set.Place)).Is(1).Output;
        Assert.Contains("tag library/app:v1 is sha256:", said);
        Assert.Contains($"manifest library/app@{TestBlob.DigestOf(Image.Manifest)} is missing", said);
        Assert.Contains($"blob {Image.Layers[0].Digest} is missing", said);
        Assert.Contains("3 differences", said);
    }

    [Fact]
    public async Task What_a_killed_restore_has_left_is_removed_by_the_next_command_unless_it_is_young_or_used()
    {
        await BackUpAsync();
        string At(char letter, string end = "") =>
            Path.Combine(set.DataFolder, $"berth-metadata-{new string(letter, 32)}.db{end}");
        var old = TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-2);
        var mine = Path.Combine(set.DataFolder, "berth-metadata-mine.db");
        foreach (var path in new[] { At('a'), At('a', ".gz"), At('b'), At('c'), mine })
        {
            await File.WriteAllTextAsync(path, "password hashes", Stop);
            if (path != At('b')) File.SetLastWriteTimeUtc(path, old);
        }

        File.CreateSymbolicLink(At('d'), mine);
        await using (var used = AbandonedWork.Hold(At('c')))
        {
            File.SetLastWriteTimeUtc(used.Name, old);
            (await VerifyAsync("--quick")).Is(0);
            Assert.False(File.Exists(At('a')) || File.Exists(At('a', ".gz")));
            Assert.All([At('b'), At('c'), At('d'), mine], path => Assert.True(File.Exists(path), path));
        }

        (await VerifyAsync("--quick")).Is(0);
        Assert.False(File.Exists(At('c')));
    }

    [Fact]
    public async Task Only_the_owner_may_read_a_backup()
    {
        await BackUpAsync();
        var others = UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead
            | UnixFileMode.OtherExecute;
        foreach (var folder in new[] { "", "blobs", "backups", "uploads", "quarantine" })
            Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(Path.Combine(set.Place, folder)) & others);
    }

    private async Task<CommandResult> BackUpAsync() => (await set.RunAsync("backup", set.Place)).Is(0);

    private Task<CommandResult> VerifyAsync(params string[] options) =>
        set.RunAsync(["backup", "verify", set.Place, .. options]);

    private async Task<bool> IsWholeAsync(bool isQuick)
    {
        await using var place = await set.OpenPlaceAsync();
        var found = await new BackupCheck(place, isQuick, mayChange: false).RunAsync(names: null, Stop);
        return found.TrueForAll(one => one.IsWhole);
    }

    private async Task<CommandResult> RestoreAsync()
    {
        await using var target = await EngineSet.CreateAsync(isShared: false);
        return (await RestoreAsync(target)).Is(2);
    }

    /// <summary>Restores into another registry; where there are buckets, into another root in the same one.</summary>
    private Task<CommandResult> RestoreAsync(EngineSet target, params string[] options)
    {
        var environment = target.Variables;
        if (set.Bucket is { } bucket)
        {
            environment["REGISTRY_STORAGE_S3_BUCKET"] = bucket.Name;
            environment["REGISTRY_STORAGE_S3_ROOTDIRECTORY"] = "restored";
        }

        return AccountCommand.RunAsync(environment, input: "", ["restore", set.Place, "--yes", .. options]);
    }

    private async ValueTask StartAsync(bool isShared)
    {
        set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image);
    }

    /// <summary>Takes the shared engines in the place of files, if the test is about them.</summary>
    private async Task UseAsync(bool isShared)
    {
        if (!isShared) return;
        await set.DisposeAsync();
        await StartAsync(isShared);
    }
}
