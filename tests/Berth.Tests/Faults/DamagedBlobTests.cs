using System.Net;

namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class DamagedBlobTests
{
    private static readonly TestImage Image = new(
        "library/app", "v1", new TestBlob(1, 500), [new TestBlob(2, 70_000)], MountedFrom: null);

    [Theory]
    [InlineData(0)]
    [InlineData(4096)]
    public async Task A_truncated_blob_answers_404_and_a_push_repairs_it(long lengthBytes)
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        StoredFiles.Truncate(StoredFiles.BlobIn(berth.DataFolder, Image.Layers[0]), lengthBytes);

        Assert.Equal(HttpStatusCode.NotFound, await client.HeadBlobAsync(Image.Repository, Image.Layers[0]));
        var refused = await Assert.ThrowsAsync<UnexpectedAnswerException>(() => client.PushManifestAsync(Image));
        Assert.Contains("MANIFEST_BLOB_UNKNOWN", refused.Message, StringComparison.Ordinal);

        await client.PushBlobAsync(Image, Image.Layers[0]);
        await client.PullBlobAsync(Image.Repository, Image.Layers[0]);
        await client.PushManifestAsync(Image);
        Assert.True(await client.IsWholeAsync(Image));
        Assert.Equal(0, (await BerthCommand.RunAsync(berth.DataFolder, "verify")).ExitCode);
    }

    [Fact]
    public async Task A_blob_that_lost_its_file_answers_404_and_a_push_repairs_it()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        File.Delete(StoredFiles.BlobIn(berth.DataFolder, Image.Layers[0]));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadBlobAsync(Image.Repository, Image.Layers[0]));
        await client.PushWhatIsMissingAsync(Image);
        Assert.True(await client.IsWholeAsync(Image));
    }

    [Fact]
    public async Task An_altered_blob_is_repaired_by_a_push_even_before_anyone_notices()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        StoredFiles.Alter(StoredFiles.BlobIn(berth.DataFolder, Image.Layers[0]));
        await client.PushBlobAsync(Image, Image.Layers[0]);
        await client.PullBlobAsync(Image.Repository, Image.Layers[0]);
        await client.PushManifestAsync(Image);
        Assert.True(await client.IsWholeAsync(Image));
    }
}
