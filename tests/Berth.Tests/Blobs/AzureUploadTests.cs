using Azure.Storage.Blobs.Specialized;
using Berth.Blobs;
using Berth.Oci;
using Berth.Tests.Servers;
using static Berth.Tests.Blobs.StoreUse;

namespace Berth.Tests.Blobs;

/// <summary>Uploads to Azure, where each block has its own id, and the first commit ends an upload.</summary>
public sealed class AzureUploadTests() : ObjectUploadSuite("azure")
{
    [Fact]
    public async Task Of_two_that_write_to_one_upload_neither_gets_a_byte_of_the_other()
    {
        var (start, rest, other) = (Bytes(1, Part + 9), Bytes(2, 2 * Part), Bytes(3, 2 * Part));
        var (stale, state) = await BeginAsync(start);
        await AppendAsync(stale, rest);
        var owner = await OpenAsync(Node(), stale.Id, state);
        await AppendAsync(owner, other);
        await FinishAsync(Node(), owner, DigestOf([.. start, .. other]));
        stale.IsHeldAsync = _ => ValueTask.FromResult(false);
        var digest = DigestOf([.. start, .. rest]);
        Assert.Equal(digest, await stale.ComputeDigestAsync(DigestAlgorithm.Sha256, read: null, Stop));
        await Assert.ThrowsAsync<UploadLostException>(() => Node().CommitAsync(stale, digest, Stop));
        Assert.Null(await Node().LengthOfAsync(digest, Stop));
        Assert.Equal(
            (byte[])[.. start, .. other], await ReadAsync(Node(), DigestOf([.. start, .. other])));
    }

    [Fact]
    public async Task A_stale_commit_between_the_end_of_an_upload_and_its_copy_changes_nothing()
    {
        var (start, rest, other) = (Bytes(1, Part + 9), Bytes(2, 2 * Part), Bytes(3, 2 * Part));
        var (owner, state) = await BeginAsync(start);
        await AppendAsync(owner, rest);
        owner.IsHeldAsync = async _ =>
        {
            // Its blocks are new, and the ones that both have are there still.
            var stale = await OpenAsync(Node(), owner.Id, state);
            await AppendAsync(stale, other);
            var wrong = DigestOf([.. start, .. other]);
            Assert.Equal(wrong, await stale.ComputeDigestAsync(DigestAlgorithm.Sha256, read: null, Stop));
            await Assert.ThrowsAsync<UploadLostException>(() => Node().CommitAsync(stale, wrong, Stop));
            return true;
        };
        var digest = DigestOf([.. start, .. rest]);
        await FinishAsync(Node(), owner, digest);
        Assert.Equal((byte[])[.. start, .. rest], await ReadAsync(Node(), digest));
    }

    [Fact]
    public async Task Blocks_that_the_store_has_dropped_are_missed_before_anything_is_a_blob()
    {
        var content = Bytes(1, (2 * Part) + 100);
        var (_, state) = await BeginAsync(content);
        var whole = ObjectUploadState.Parse(state).Whole!;
        await Bucket.PutAsync(whole, []);
        var upload = await OpenAsync(Node(), UploadId.New(), state);
        Assert.Equal(
            DigestOf(content), await upload.ComputeDigestAsync(DigestAlgorithm.Sha256, read: null, Stop));
        await Assert.ThrowsAsync<UploadLostException>(() => Node().CommitAsync(upload, DigestOf(content), Stop));
        Assert.Null(await Node().LengthOfAsync(DigestOf(content), Stop));
    }

    [Fact]
    public async Task Two_uploads_of_the_same_blob_at_the_same_time_do_not_disturb_each_other()
    {
        var content = Bytes(1, (2 * Part) + 100);
        var digest = DigestOf(content);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PushWholeAsync(Node(), content)));
        Assert.Equal(content, await ReadAsync(Node(), digest));
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_blob_that_another_program_wrote_is_read_and_not_its_blocks_counted()
    {
        var content = Bytes(1, 1000);
        var key = ObjectBlobStore.KeyOf(DigestOf(content));
        var blob = ((AzureContainer)Bucket).Client.GetBlockBlobClient(key);
        await blob.StageBlockAsync(Convert.ToBase64String([1]), new MemoryStream(content), cancellationToken: Stop);
        Assert.Null(await Node().LengthOfAsync(DigestOf(content), Stop));
        Assert.Empty(await ListAsync(Node()));
        await blob.CommitBlockListAsync([Convert.ToBase64String([1])], cancellationToken: Stop);
        Assert.Equal(content, await ReadAsync(Node(), DigestOf(content)));
    }
}
