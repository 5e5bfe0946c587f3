using Berth.Blobs;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Servers;
using static Berth.Tests.Blobs.StoreUse;

namespace Berth.Tests.Blobs;

/// <summary>Uploads to S3, where a part is known by its number, and the parts of one upload may be replaced.</summary>
public sealed class S3UploadTests() : ObjectUploadSuite("s3")
{
    [Fact]
    public async Task Of_two_that_write_to_one_upload_the_one_whose_parts_were_replaced_fails()
    {
        var (start, rest, other) = (Bytes(1, Part + 9), Bytes(2, 2 * Part), Bytes(3, 2 * Part));
        var (lost, state) = await BeginAsync(start);
        await AppendAsync(lost, rest);
        // Its parts are all there before the other one replaces them.
        await lost.SuspendAsync(Stop);
        var winner = await OpenAsync(Node(), lost.Id, state);
        await AppendAsync(winner, other);
        await winner.SuspendAsync(Stop);
        var digest = DigestOf([.. start, .. rest]);
        Assert.Equal(digest, await lost.ComputeDigestAsync(DigestAlgorithm.Sha256, read: null, Stop));
        await Assert.ThrowsAsync<UploadLostException>(() => Node().CommitAsync(lost, digest, Stop));
        Assert.Null(await Node().LengthOfAsync(digest, Stop));
        var won = DigestOf([.. start, .. other]);
        await FinishAsync(Node(), winner, won);
        Assert.Equal((byte[])[.. start, .. other], await ReadAsync(Node(), won));
    }

    [Fact]
    public async Task Parts_at_a_blobs_own_key_never_become_a_wrong_blob()
    {
        var content = Bytes(1, (2 * Part) + 100);
        var claimed = DigestOf(Bytes(2, 10));
        var upload = await OpenAsync(Node());
        upload.Expected = claimed;
        await AppendAsync(upload, content);
        Assert.StartsWith("blobs/", Assert.Single(await Bucket.UploadsAsync()).Key, StringComparison.Ordinal);
        Assert.Equal(DigestOf(content), await upload.ComputeDigestAsync(DigestAlgorithm.Sha256, read: null, Stop));
        await upload.RewindAsync(Stop);
        Assert.Equal(0, upload.Offset);
        Assert.Null(upload.State);
        Assert.Null(await Node().LengthOfAsync(claimed, Stop));
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Over_TLS_parts_arrive_as_they_were_without_being_signed_each()
    {
        var node = Node(OverTls(s3 => s3 with { SkipVerify = true }));
        var content = Bytes(1, (2 * Part) + 100);
        Assert.Equal(content, await ReadAsync(node, await PushWholeAsync(node, content)));
        var other = Bytes(2, (2 * Part) + 100);
        Assert.Equal(other, await ReadAsync(node, await PushPiecesAsync(node, other[..Part], other[Part..])));
        var strict = Node(OverTls(s3 => s3 with { Retries = 0 }));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => PushWholeAsync(strict, content));
    }

    private StorageSettings OverTls(Func<S3Settings, S3Settings> configure)
    {
        var settings = Bucket.In(new StorageSettings(), new StoreOptions(Part));
        var address = ((S3Bucket)Bucket).Server.TlsEndpoint.ToString();
        return settings with { S3 = configure(settings.S3! with { RegionEndpoint = address }) };
    }
}
