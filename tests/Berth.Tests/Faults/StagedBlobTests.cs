using System.Net;

namespace Berth.Tests.Faults;

/// <summary>
/// Blobs between their 201 and the moment they are durable, on a disk that fails: what was answered with 201 is kept
/// unless it is known to be damaged.
/// </summary>
[Collection(FaultTests.Name)]
public class StagedBlobTests
{
    private const int Large = 3 * 1024 * 1024;

    private static readonly TestImage Image = new(
        "library/app", "v1", new TestBlob(1, 500), [new TestBlob(2, 70_000)], MountedFrom: null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(70_000)]
    [InlineData(Large)]
    public async Task A_blob_that_is_damaged_before_it_is_durable_is_repaired_by_pushing_it_again(int lengthBytes)
    {
        var image = Image with { Layers = [new TestBlob(2, lengthBytes)] };
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));

        // Nothing becomes durable meanwhile.
        faults.Inject(DiskCalls.Rename, DiskFaults.InputOutput, "/blobs/");
        await client.PushWholeAsync(image.Repository, image.Layers[0]);
        foreach (var file in Directory.GetFiles(Path.Combine(berth.DataFolder, "uploads")))
        {
            StoredFiles.Truncate(file, 1000);
        }

        Assert.Equal(HttpStatusCode.NotFound, await client.HeadBlobAsync(image.Repository, image.Layers[0]));
        await client.PushWholeAsync(image.Repository, image.Layers[0]);
        Assert.Equal(HttpStatusCode.OK, await client.HeadBlobAsync(image.Repository, image.Layers[0]));
        await client.PullBlobAsync(image.Repository, image.Layers[0]);
        faults.Stop();
        await client.PushAsync(image);
        await RequireWholeAfterKillAsync(berth, image);
        Assert.Equal(0, StoredFiles.UploadsIn(berth.DataFolder));
    }

    [Fact]
    public async Task A_blob_that_is_damaged_before_it_is_durable_is_named_by_the_next_manifest()
    {
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushWholeAsync(Image.Repository, Image.Config);
        faults.Inject(DiskCalls.Rename, DiskFaults.InputOutput, "/blobs/");
        await client.PushWholeAsync(Image.Repository, Image.Layers[0]);
        var staged = Directory.GetFiles(Path.Combine(berth.DataFolder, "uploads"))
            .Single(file => new FileInfo(file).Length == Image.Layers[0].LengthBytes);
        StoredFiles.Truncate(staged, 1000);
        faults.Stop();

        var refusal = await Assert.ThrowsAsync<UnexpectedAnswerException>(() => client.PushManifestAsync(Image));
        Assert.Contains("was answered 404", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("MANIFEST_BLOB_UNKNOWN", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(Image.Layers[0].Digest, refusal.Message, StringComparison.Ordinal);
        var damage = $"Blob {Image.Layers[0].Digest} should have 70000 bytes";
        await Eventually.TrueAsync(() => berth.Output.Contains(damage, StringComparison.Ordinal));
        await client.PushWhatIsMissingAsync(Image);
        await RequireWholeAfterKillAsync(berth, Image);
    }

    private static readonly (DiskCalls Call, int Error, string Path, int Status)[] PassingFaults =
    [
        (DiskCalls.Open, DiskFaults.TooManyFiles, "/uploads/", 503),
        (DiskCalls.Open, DiskFaults.InputOutput, "/uploads/", 503),
        (DiskCalls.Sync, DiskFaults.InputOutput, "/uploads/", 503),
        (DiskCalls.Sync, DiskFaults.NoSpace, "/uploads/", 507),
        (DiskCalls.Sync, DiskFaults.QuotaExceeded, "/uploads/", 507),
        (DiskCalls.Sync, DiskFaults.InputOutput, "/blobs/", 503),
        (DiskCalls.Rename, DiskFaults.NoSpace, "/blobs/", 507),
        (DiskCalls.Rename, DiskFaults.InputOutput, "/blobs/", 503),
        (DiskCalls.MakeFolder, DiskFaults.NoSpace, "/blobs/", 507),
        (DiskCalls.MakeFolder, DiskFaults.ReadOnlyFileSystem, "/blobs/", 503),
    ];

    /// <summary>Two clients push the same blobs, as builds on the same base image do.</summary>
    [Fact]
    public async Task Failures_while_a_blob_becomes_durable_are_retried()
    {
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        var images = new List<TestImage>();
        foreach (var (call, error, path, status) in PassingFaults)
        {
            var seed = 10 * (images.Count + 1);
            var one = Image with { Tag = $"v{seed}", Config = new(seed, 500), Layers = [new(seed + 1, 70_000)] };
            var other = one with { Repository = "library/other" };
            faults.Inject(DiskCalls.Rename, DiskFaults.InputOutput, "/blobs/");
            foreach (var blob in one.Blobs) await client.PushWholeAsync(one.Repository, blob);
            foreach (var blob in one.Blobs) await client.PushWholeAsync(other.Repository, blob);

            faults.Inject(call, error, path);
            await RequireRefusalAsync(client, one, status);
            await RequireRefusalAsync(client, other, status);
            Assert.True(faults.Hits > 0, $"{call} {path}");
            faults.Stop();
            foreach (var image in new[] { one, other })
            {
                foreach (var blob in image.Blobs) await client.PullBlobAsync(image.Repository, blob);
                await client.PushManifestAsync(image);
                images.Add(image);
            }
        }

        await RequireWholeAfterKillAsync(berth, [.. images]);
    }

    [Fact]
    public async Task A_large_blob_whose_sync_fails_after_its_201_is_logged_and_kept()
    {
        var image = Image with { Layers = [new TestBlob(2, Large)] };
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        faults.Inject(DiskCalls.Sync, DiskFaults.InputOutput, "/uploads/", times: 1);
        await client.PushWholeAsync(image.Repository, image.Layers[0]);
        await Eventually.TrueAsync(() => berth.Output.Contains(
            $"Blob {image.Layers[0].Digest} is not durable yet: ", StringComparison.Ordinal));
        await Eventually.TrueAsync(() => berth.Output.Contains("Input/output error", StringComparison.Ordinal));
        await client.PushWhatIsMissingAsync(image);
        await RequireWholeAfterKillAsync(berth, image);
    }

    [Fact]
    public async Task A_disk_that_does_not_sync_refuses_pushes_and_is_not_ready_for_them_until_it_does()
    {
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        faults.Inject(DiskCalls.Sync, DiskFaults.InputOutput, berth.DataFolder);
        var refusal = await Assert.ThrowsAsync<UnexpectedAnswerException>(
            () => client.PushAsync(Image with { Tag = "v2", Layers = [new TestBlob(3, 9000)] }));
        Assert.Contains("was answered 503", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Input/output error", refusal.Message, StringComparison.Ordinal);
        await Eventually.TrueAsync(async () => await StatusAsync(http, "readyz") == HttpStatusCode.ServiceUnavailable);
        using var reason = await http.GetAsync("readyz?for=push", Stop);
        Assert.Contains("Input/output error", await reason.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(http, "readyz?for=pull"));
        Assert.True(await client.IsWholeAsync(Image));

        faults.Stop();
        await Eventually.TrueAsync(async () => await StatusAsync(http, "readyz") == HttpStatusCode.OK);
        await client.PushAsync(Image with { Tag = "v2", Layers = [new TestBlob(3, 9000)] });
        await RequireWholeAfterKillAsync(berth, Image with { Tag = "v2", Layers = [new TestBlob(3, 9000)] });
    }

    /// <summary>The usual moment of a manifest: its large blobs are on their way to the disk.</summary>
    [Fact]
    public async Task A_manifest_waits_for_the_sync_of_a_name_that_its_blob_has_already()
    {
        var image = Image with { Layers = [new TestBlob(2, Large)] };
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushWholeAsync(image.Repository, image.Config);

        // The folder is synced once when it is made, and again when the blob has its name.
        faults.Inject(DiskCalls.Sync, DiskFaults.Held, FolderOf(image.Layers[0]), skip: 1);
        await client.PushWholeAsync(image.Repository, image.Layers[0]);
        await Eventually.TrueAsync(() => faults.Hits == 1);
        Assert.True(File.Exists(StoredFiles.BlobIn(berth.DataFolder, image.Layers[0])));
        await RequireRefusalAsync(client, image, 503, whileHeld: async () =>
        {
            // The manifest's push has looked at both blobs once one of them is durable.
            await Eventually.TrueAsync(() => File.Exists(StoredFiles.BlobIn(berth.DataFolder, image.Config)));
            await FailHeldAsync(faults, http);
        });

        // Nor later, until that folder was synced.
        await RequireRefusalAsync(client, image, 503);
        faults.Stop();
        await client.PushManifestAsync(image);
        await RequireWholeAfterKillAsync(berth, image);
    }

    [Fact]
    public async Task A_manifest_waits_for_a_blob_that_is_pushed_while_it_waits_for_others()
    {
        var image = Image with { Layers = [new TestBlob(2, Large)] };
        var folder = FolderOf(image.Layers[0]);
        var neighbour = Enumerable.Range(1000, 100_000).Select(seed => new TestBlob(seed, 100))
            .First(blob => FolderOf(blob) == folder);
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image with { Tag = "neighbour", Config = neighbour });
        await client.PushWholeAsync(image.Repository, image.Config);

        // First the folder of the config, when it is made, then that of the layer, which is there, and has its name.
        faults.Inject(DiskCalls.Sync, DiskFaults.Held, "/blobs/sha256/");
        await RequireRefusalAsync(client, image, 503, whileHeld: async () =>
        {
            await Eventually.TrueAsync(() => faults.Hits == 1);
            await client.PushWholeAsync(image.Repository, image.Layers[0]);
            await Eventually.TrueAsync(() => faults.Hits == 2);
            faults.HoldOnly(folder);
            await Eventually.TrueAsync(() => StoredFiles.UploadsIn(berth.DataFolder) == 0);
            await FailHeldAsync(faults, http);
        });
        faults.Stop();
        await client.PushManifestAsync(image);
        await RequireWholeAfterKillAsync(berth, image);
    }

    [Fact]
    public async Task A_name_whose_sync_fails_is_synced_again_though_no_manifest_needs_it()
    {
        var blob = new TestBlob(2, Large);
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        faults.Inject(DiskCalls.Sync, DiskFaults.InputOutput, FolderOf(blob), skip: 1);
        await client.PushWholeAsync("library/app", blob);
        await Eventually.TrueAsync(() => faults.Hits > 1);
        await client.PullBlobAsync("library/app", blob);
    }

    private static string FolderOf(TestBlob blob) => $"/blobs/sha256/{blob.Digest["sha256:".Length..][..2]}";

    /// <summary>Lets a held call fail, some requests later: one that does not wait would be answered before.</summary>
    private static async Task FailHeldAsync(DiskFaults faults, HttpClient http)
    {
        for (var i = 0; i < 20; i++) await StatusAsync(http, "v2/");
        faults.FailHeld(DiskFaults.InputOutput);
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient http, string path)
    {
        using var answer = await http.GetAsync(path, Stop);
        return answer.StatusCode;
    }

    private static async Task RequireRefusalAsync(
        ImageClient client, TestImage image, int status, Func<Task>? whileHeld = null)
    {
        var push = client.PushManifestAsync(image);
        if (whileHeld is not null) await whileHeld();
        var refusal = await Assert.ThrowsAsync<UnexpectedAnswerException>(() => push);
        Assert.Contains($"was answered {status}", refusal.Message, StringComparison.Ordinal);
    }

    private static async Task RequireWholeAfterKillAsync(BerthProcess berth, params TestImage[] images)
    {
        await berth.KillAsync();
        await berth.StartAgainAsync(Stop);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        foreach (var image in images) Assert.True(await client.IsWholeAsync(image));
    }
}
