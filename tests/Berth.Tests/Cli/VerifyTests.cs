using System.Net;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Tests.Faults;
using Berth.Tests.Servers;

namespace Berth.Tests.Cli;

public class VerifyTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static readonly TestImage Image = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 70_000), new TestBlob(3, 9_000)], MountedFrom: null);

    [Fact]
    public async Task A_store_in_which_everything_is_as_it_was_pushed_exits_with_0()
    {
        await using var berth = await PushAsync();
        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");
        Assert.Equal(0, exitCode);
        Assert.Contains("Read 3 blobs (77 KiB), 1 manifest and ", output, StringComparison.Ordinal);
        Assert.Contains("Everything is as it was pushed.", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("s3", "s3://")]
    [InlineData("azure", "azure://berthtests/")]
    public async Task A_bucket_is_verified_and_altered_blobs_in_it_are_quarantined(string kind, string place)
    {
        await using var bucket = await TestEngines.CreateBucketAsync(kind);
        await using var berth = await BerthProcess.StartAsync(
            settings =>
            {
                foreach (var (name, value) in bucket.Variables) settings[name] = value;
            },
            TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        await new ImageClient(http, new Random(1)).PushAsync(Image);
        var settings = new Dictionary<string, string>(bucket.Variables)
        {
            ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = berth.DataFolder,
        };
        var (exitCode, output) = await BerthCommand.RunAsync(settings, "verify");
        Assert.True(exitCode == 0, output);
        Assert.Contains($"Verifying {place}{bucket.Name}", output, StringComparison.Ordinal);
        Assert.Contains("Read 3 blobs (77 KiB), 1 manifest and ", output, StringComparison.Ordinal);

        var digest = Digest.Parse(Image.Layers[1].Digest);
        await bucket.PutAsync(ObjectBlobStore.KeyOf(digest), new byte[9_000]);
        (exitCode, output) = await BerthCommand.RunAsync(settings, "verify", "--dry-run");
        Assert.Equal(1, exitCode);
        Assert.Contains("nothing was changed", output, StringComparison.Ordinal);
        (exitCode, output) = await BerthCommand.RunAsync(settings, "verify");
        Assert.Equal(1, exitCode);
        Assert.Contains("moved to quarantine, push it again", output, StringComparison.Ordinal);
        Assert.Contains($"quarantine/sha256-{digest.Hex}", await bucket.KeysAsync());
        Assert.DoesNotContain(ObjectBlobStore.KeyOf(digest), await bucket.KeysAsync());
    }

    [Fact]
    public async Task It_runs_without_a_server_too()
    {
        await using var berth = await PushAsync();
        await berth.TerminateAsync(TestContext.Current.CancellationToken);
        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");
        Assert.Equal(0, exitCode);
        Assert.Contains("Read 3 blobs", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_without_a_registry_exits_with_2_and_stays_as_it_is()
    {
        var folder = Directory.CreateTempSubdirectory("berth-test-");
        var (exitCode, output) = await BerthCommand.RunAsync(folder.FullName, "verify");
        Assert.Equal(2, exitCode);
        Assert.Contains("there is no database", output, StringComparison.Ordinal);
        Assert.Empty(folder.GetFileSystemInfos());
        folder.Delete();
    }

    [Theory]
    [InlineData("adopt-store --dry-run", "there is no database")]
    [InlineData("adopt-store --yes", "there is no database")]
    [InlineData("rebuild --dry-run", "there is no journal")]
    [InlineData("import {volume} --yes", "is no registry and no image")]
    [InlineData("import {volume} --dry-run", "is no registry and no image")]
    [InlineData("import {berth} --yes", "copy the whole folder, or bring it elsewhere with `berth backup`")]
    public async Task Commands_that_find_nothing_to_work_on_make_no_data_folder(string arguments, string said)
    {
        var folder = Directory.CreateTempSubdirectory("berth-test-");
        var (berth, volume) = (folder.CreateSubdirectory("berth"), folder.CreateSubdirectory("volume"));
        await File.WriteAllTextAsync(Path.Combine(berth.FullName, "berth.db"), "", Stop);
        var data = Path.Combine(folder.FullName, "data");
        var (exitCode, output) = await BerthCommand.RunAsync(
            data, arguments.Replace("{volume}", volume.FullName).Replace("{berth}", berth.FullName).Split(' '));
        Assert.Equal(2, exitCode);
        Assert.Contains(said, output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(data));
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_dry_run_of_an_import_without_a_registry_tells_what_would_come_and_makes_none()
    {
        var folder = Directory.CreateTempSubdirectory("berth-test-");
        var volume = new Import.TestVolume(Path.Combine(folder.FullName, "old"));
        volume.AddImage("app", "layer", "1");
        var data = Path.Combine(folder.FullName, "data");
        var (exitCode, output) = await BerthCommand.RunAsync(data, "import", volume.Folder, "--dry-run");
        Assert.True(exitCode == 0, output);
        Assert.Contains("1 repository, 1 manifest and 1 tag. 1 manifest is not here yet", output);
        Assert.False(Directory.Exists(data));
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_dry_run_of_a_rebuild_makes_no_folders_beside_the_journal()
    {
        await using var berth = await PushAsync();
        await berth.TerminateAsync(Stop);
        var kept = Path.Combine(berth.DataFolder, "journal");
        foreach (var entry in new DirectoryInfo(berth.DataFolder).GetFileSystemInfos())
        {
            if (entry.FullName == kept || entry.Name == "blobs") continue;
            if (entry is DirectoryInfo directory) directory.Delete(recursive: true);
            else entry.Delete();
        }

        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "rebuild", "--dry-run");
        Assert.True(exitCode == 0, output);
        Assert.Equal(
            ["blobs", "journal"],
            Directory.GetFileSystemEntries(berth.DataFolder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_deleted_image_of_an_index_is_named_with_what_brings_it_back()
    {
        await using var berth = await PushAsync();
        using var http = berth.CreateClient();
        var child = TestBlob.DigestOf(Image.Manifest);
        using var content = new StringContent(Import.TestVolume.IndexOf(child));
        content.Headers.ContentType = new(Import.TestVolume.IndexType);
        var index = new Uri("v2/library/app/manifests/all", UriKind.Relative);
        Assert.Equal(HttpStatusCode.Created, (await http.PutAsync(index, content, Stop)).StatusCode);
        var deleted = await http.DeleteAsync(new Uri($"v2/library/app/manifests/{child}", UriKind.Relative), Stop);
        Assert.Equal(HttpStatusCode.Accepted, deleted.StatusCode);
        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");
        Assert.Equal(1, exitCode);
        Assert.Contains(
            $"lists {child}, which is in the trash: `berth trash restore 1` brings it back", output);
        Assert.DoesNotContain("push the image again", output);
        await berth.TerminateAsync(Stop);
        (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "trash", "restore", "1");
        Assert.True(exitCode == 0, output);
        (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");
        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public async Task A_push_that_lasts_while_it_runs_is_not_a_fault()
    {
        await using var berth = await PushAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        var verifying = BerthCommand.RunAsync(berth.DataFolder, "verify");
        for (var seed = 100; !verifying.IsCompleted; seed += 10)
        {
            TestBlob[] layers = [new(seed, 500), new(seed + 1, 2_000_000)];
            await client.PushAsync(Image with { Tag = $"v{seed}", Layers = layers });
        }

        var (exitCode, output) = await verifying;
        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public async Task An_altered_blob_is_moved_to_quarantine_and_answers_404_until_it_is_pushed_again()
    {
        await using var berth = await PushAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        var layer = Image.Layers[0];
        StoredFiles.Alter(StoredFiles.BlobIn(berth.DataFolder, layer));

        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");

        Assert.Equal(1, exitCode);
        Assert.Contains($"blob {layer.Digest} was altered", output, StringComparison.Ordinal);
        Assert.Contains("manifest library/app@sha256:", output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadBlobAsync(Image.Repository, layer));
        await client.PushAsync(Image);
        Assert.True(await client.IsWholeAsync(Image));
        (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");
        Assert.Equal(0, exitCode);
        Assert.Contains("1 file is in quarantine", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_blob_that_was_pushed_again_since_it_was_read_is_not_quarantined()
    {
        await using var berth = await PushAsync();
        var file = StoredFiles.BlobIn(berth.DataFolder, Image.Layers[0]);
        var store = new FileBlobStore(berth.DataFolder);
        var digest = Digest.Parse(Image.Layers[0].Digest);
        using var readBefore = await store.OpenAsync(digest, TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        await new ImageClient(http, new Random(1)).PushAsync(Image);
        Assert.False(await store.QuarantineAsync(digest, readBefore!, TestContext.Current.CancellationToken));
        Assert.True(File.Exists(file));
    }

    [Fact]
    public async Task A_dry_run_reports_an_altered_blob_and_leaves_it_there()
    {
        await using var berth = await PushAsync();
        var file = StoredFiles.BlobIn(berth.DataFolder, Image.Layers[0]);
        StoredFiles.Alter(file);
        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify", "--dry-run");
        Assert.Equal(1, exitCode);
        Assert.Contains($"blob {Image.Layers[0].Digest} is altered", output, StringComparison.Ordinal);
        Assert.Contains("nothing was changed", output, StringComparison.Ordinal);
        Assert.True(File.Exists(file));
    }

    [Fact]
    public async Task A_blob_without_a_file_is_reported_with_the_image_that_needs_it()
    {
        await using var berth = await PushAsync();
        File.Delete(StoredFiles.BlobIn(berth.DataFolder, Image.Layers[1]));
        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");
        Assert.Equal(1, exitCode);
        var report = $"blob {Image.Layers[1].Digest} is missing, and library/app needs it";
        Assert.Contains(report, output, StringComparison.Ordinal);
        Assert.Contains("is incomplete, push the image again", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_no_repository_links_is_counted_and_is_no_fault()
    {
        await using var berth = await PushAsync();
        var stray = StoredFiles.BlobIn(berth.DataFolder, new TestBlob(77, 1234));
        Directory.CreateDirectory(Path.GetDirectoryName(stray)!);
        await File.WriteAllBytesAsync(stray, new TestBlob(77, 1234).Content, TestContext.Current.CancellationToken);
        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");
        Assert.Equal(0, exitCode);
        Assert.Contains(
            "1 file (1,234 bytes) that no repository links: harmless; garbage collection removes them in time", output,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("UPDATE manifest_body SET body = x'7b7d'", "is altered in the database")]
    [InlineData("DELETE FROM manifest_body", "has lost its content")]
    [InlineData("UPDATE repository_blob SET size_bytes = size_bytes + 1", "and should have")]
    [InlineData("DELETE FROM repository_blob", "is incomplete, push the image again")]
    public async Task What_does_not_fit_in_the_database_is_reported(string damage, string report)
    {
        await using var berth = await PushAsync();
        await berth.TerminateAsync(TestContext.Current.CancellationToken);
        await using (var database = await SqliteDatabase.OpenBesideAsync(Path.Combine(berth.DataFolder, "berth.db")))
        {
            await database.WriteAsync(session => session.RunAsync(damage), isDurable: true, Stop);
        }

        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");
        Assert.Equal(1, exitCode);
        Assert.Contains(report, output, StringComparison.Ordinal);
    }

    private static async Task<BerthProcess> PushAsync()
    {
        var berth = await BerthProcess.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        await new ImageClient(http, new Random(1)).PushAsync(Image);
        return berth;
    }
}
