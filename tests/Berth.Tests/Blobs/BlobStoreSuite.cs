using Berth.Blobs;
using Berth.Oci;
using static Berth.Tests.Blobs.StoreUse;

namespace Berth.Tests.Blobs;

/// <summary>What every blob store does.</summary>
public abstract class BlobStoreSuite : IAsyncLifetime
{
    private const int Part = 5 << 20;

    /// <summary>The store, empty.</summary>
    private protected IBlobStore Store { get; private set; } = null!;

    public static TheoryData<int> Sizes =>
        [0, 1, 65_536, 65_537, (1 << 20) + 1, Part - 1, Part, Part + 1, (2 * Part) + 1, 3 * Part];

    public async ValueTask InitializeAsync() => Store = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await RemoveAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_blob_pushed_at_once_reads_back_as_it_was(int size)
    {
        var content = Bytes(size, size);
        var digest = await PushWholeAsync(Store, content);
        Assert.Equal(size, await Store.LengthOfAsync(digest, Stop));
        Assert.Equal(content, await ReadAsync(Store, digest));
        Assert.Equal(0, await CountLeftAsync());
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_blob_pushed_in_two_requests_reads_back_as_it_was(int size)
    {
        var content = Bytes(size, size);
        var digest = await PushPiecesAsync(Store, content);
        Assert.Equal(content, await ReadAsync(Store, digest));
        Assert.Equal(0, await CountLeftAsync());
    }

    [Fact]
    public async Task A_blob_pushed_in_many_pieces_reads_back_as_it_was()
    {
        int[] sizes = [1, 100, 70_000, Part - 1, 6 << 20, 0, 3, Part, 2, (2 * Part) + 7, 300_000];
        var pieces = sizes.Select((size, seed) => Bytes(seed, size)).ToArray();
        var digest = await PushPiecesAsync(Store, pieces);
        Assert.Equal(pieces.SelectMany(p => p), await ReadAsync(Store, digest));
        Assert.Equal(0, await CountLeftAsync());
    }

    [Fact]
    public async Task A_part_of_a_blob_can_be_read_from_anywhere()
    {
        var content = Bytes(1, Part + 1000);
        var digest = await PushWholeAsync(Store, content);
        foreach (var (offset, count) in new[] { (0, 1), (0, 1000), (Part - 1, 2), (Part + 999, 1), (3, 600_000) })
        {
            Assert.Equal(content[offset..(offset + count)], await ReadAsync(Store, digest, offset, count));
        }
    }

    [Fact]
    public async Task What_was_never_pushed_does_not_exist()
    {
        var digest = DigestOf(Bytes(1, 10));
        Assert.Null(await Store.LengthOfAsync(digest, Stop));
        Assert.Null(await Store.OpenAsync(digest, Stop));
        Assert.Empty(await Store.MakeDurableAsync([digest], Stop));
        Assert.Empty(await ListAsync(Store));
    }

    [Fact]
    public async Task Durable_blobs_are_returned_with_their_lengths()
    {
        var pushed = new List<Digest>();
        for (var size = 1; size <= 40; size++) pushed.Add(await PushWholeAsync(Store, Bytes(size, size)));
        var durable = await Store.MakeDurableAsync([.. pushed, DigestOf(Bytes(0, 99))], Stop);
        Assert.Equal(Enumerable.Range(1, 40).Select(n => (long)n), pushed.Select(d => durable[d]));
        Assert.Equal(40, durable.Count);
        Assert.Equal(pushed.Select(d => d.Text).Order(), (await ListAsync(Store)).Select(d => d.Text).Order());
    }

    [Fact]
    public async Task An_upload_can_be_checked_with_another_algorithm_than_it_was_begun_with()
    {
        foreach (var size in new[] { 10, 100_000, (2 * Part) + 5 })
        {
            var content = Bytes(size, size);
            var digest = Digest.Of(DigestAlgorithm.Sha512, content);
            var upload = await OpenAsync(Store);
            await AppendAsync(upload, content[..(size / 2)]);
            await NextRequestAsync(upload);
            await AppendAsync(upload, content[(size / 2)..]);
            await FinishAsync(Store, upload, digest);
            Assert.Equal(content, await ReadAsync(Store, digest));
        }

        Assert.Equal(0, await CountLeftAsync());
    }

    [Fact]
    public async Task A_request_that_is_undone_leaves_the_upload_as_it_found_it()
    {
        var kept = Bytes(1, 100_000);
        var rest = Bytes(2, (2 * Part) + 100);
        var upload = await OpenAsync(Store);
        await AppendAsync(upload, kept);
        await NextRequestAsync(upload);
        await AppendAsync(upload, Bytes(3, (2 * Part) + 50));
        await upload.RewindAsync(Stop);
        Assert.Equal(kept.Length, upload.Offset);
        await NextRequestAsync(upload);
        await AppendAsync(upload, rest);
        await FinishAsync(Store, upload, DigestOf([.. kept, .. rest]));
        Assert.Equal((byte[])[.. kept, .. rest], await ReadAsync(Store, DigestOf([.. kept, .. rest])));
        Assert.Equal(0, await CountLeftAsync());
    }

    [Fact]
    public async Task A_limit_holds_over_all_requests_of_an_upload()
    {
        var upload = await OpenAsync(Store);
        await AppendAsync(upload, Bytes(1, 60));
        await NextRequestAsync(upload);
        await Assert.ThrowsAsync<UploadTooLargeException>(() => upload.AppendAsync(
            System.IO.Pipelines.PipeReader.Create(new MemoryStream(Bytes(2, 41))), 100, Stop));
    }

    [Fact]
    public async Task An_upload_that_is_deleted_leaves_nothing()
    {
        var upload = await OpenAsync(Store);
        await AppendAsync(upload, Bytes(1, (2 * Part) + 100));
        await NextRequestAsync(upload);
        await AppendAsync(upload, Bytes(2, 1000));
        await NextRequestAsync(upload);
        upload.Dispose();
        Assert.NotEqual(0, await CountLeftAsync());
        await Store.DeleteUploadAsync(upload.Id, upload.State, Stop);
        Assert.Equal(0, await CountLeftAsync());
    }

    [Fact]
    public async Task Orphans_are_removed_once_they_are_old_enough()
    {
        var (owned, orphan) = (await OpenAsync(Store), await OpenAsync(Store));
        foreach (var upload in new[] { owned, orphan })
        {
            await AppendAsync(upload, Bytes(1, (2 * Part) + 100));
            await NextRequestAsync(upload);
            upload.Dispose();
        }

        var left = await CountLeftAsync();
        ValueTask<bool> IsOwnedAsync(UploadId id) => ValueTask.FromResult(id == owned.Id);
        await Store.RemoveOrphansAsync(TimeProvider.System.GetUtcNow().AddHours(-1), IsOwnedAsync, Stop);
        Assert.Equal(left, await CountLeftAsync());
        await Store.RemoveOrphansAsync(TimeProvider.System.GetUtcNow().AddHours(1), IsOwnedAsync, Stop);
        Assert.Equal(left / 2, await CountLeftAsync());
        var again = await OpenAsync(Store, owned.Id, owned.State);
        await FinishAsync(Store, again, DigestOf(Bytes(1, (2 * Part) + 100)));
        Assert.Equal(0, await CountLeftAsync());
    }

    [Fact]
    public async Task Altered_content_is_quarantined_and_a_push_replaces_it()
    {
        var content = Bytes(1, 1000);
        var digest = await PushWholeAsync(Store, content);
        await Store.MakeDurableAsync([digest], Stop);
        await AlterAsync(digest, Bytes(2, 1000));
        using (var altered = await Store.OpenAsync(digest, Stop))
        {
            Assert.NotEqual(digest, await altered!.ComputeDigestAsync(digest.Algorithm, _ => { }, Stop));
            Assert.True(await Store.QuarantineAsync(digest, altered, Stop));
        }

        Assert.Null(await Store.LengthOfAsync(digest, Stop));
        Assert.Equal(digest, await Store.ListQuarantinedAsync(Stop).SingleAsync(Stop));
        await PushWholeAsync(Store, content);
        Assert.Equal(content, await ReadAsync(Store, digest));
        await Store.DeleteQuarantinedAsync(digest, Stop);
        await Store.DeleteQuarantinedAsync(digest, Stop);
        Assert.Empty(await Store.ListQuarantinedAsync(Stop).ToListAsync(Stop));
        Assert.Equal(content, await ReadAsync(Store, digest));
    }

    [Fact]
    public async Task Content_that_was_replaced_since_it_was_read_is_not_quarantined()
    {
        var content = Bytes(1, 1000);
        var digest = await PushWholeAsync(Store, content);
        await Store.MakeDurableAsync([digest], Stop);
        await AlterAsync(digest, Bytes(2, 1000));
        using var altered = await Store.OpenAsync(digest, Stop);
        await altered!.ComputeDigestAsync(digest.Algorithm, _ => { }, Stop);
        await AlterAsync(digest, content);
        Assert.False(await Store.QuarantineAsync(digest, altered, Stop));
        Assert.Equal(content, await ReadAsync(Store, digest));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_deleted_blob_is_gone_until_it_is_pushed_again(bool isDurable)
    {
        var (content, other) = (Bytes(1, 1000), Bytes(2, 1000));
        var digest = await PushWholeAsync(Store, content);
        var kept = await PushWholeAsync(Store, other);
        if (isDurable) await Store.MakeDurableAsync([digest, kept], Stop);
        for (var i = 0; i < 2; i++) await Store.DeleteAsync(digest, Stop);
        Assert.Null(await Store.LengthOfAsync(digest, Stop));
        Assert.Null(await Store.OpenAsync(digest, Stop));
        Assert.Equal([kept], (await Store.MakeDurableAsync([digest, kept], Stop)).Keys);
        await PushWholeAsync(Store, content);
        Assert.Equal(content, await ReadAsync(Store, digest));
        Assert.Equal(other, await ReadAsync(Store, kept));
    }

    [Fact]
    public async Task A_store_in_good_health_says_so()
    {
        Assert.Null(await Store.FindProblemAsync(forPulls: true, Stop));
        Assert.Null(await Store.FindProblemAsync(forPulls: false, Stop));
        Assert.Equal(0, await CountLeftAsync());
    }

    private protected abstract ValueTask<IBlobStore> CreateAsync();

    private protected abstract Task RemoveAsync();

    /// <summary>How many files, objects and multipart uploads there are beside blobs.</summary>
    private protected abstract Task<int> CountLeftAsync();

    /// <summary>Writes something else in a blob's place.</summary>
    private protected abstract Task AlterAsync(Digest digest, byte[] content);
}
