using Berth.Blobs;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Servers;
using static Berth.Tests.Blobs.StoreUse;

namespace Berth.Tests.Blobs;

/// <summary>Uploads to a bucket that several nodes have a part in. A node is a store of its own here.</summary>
public abstract class ObjectUploadSuite(string kind) : IAsyncLifetime
{
    private protected const int Part = 5 << 20;

    private readonly List<ObjectBlobStore> nodes = [];

    private protected StoreBucket Bucket { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Bucket = await TestEngines.CreateBucketAsync(kind);

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes) node.Dispose();
        await Bucket.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Each_request_of_an_upload_can_go_to_another_node()
    {
        int[] sizes = [100, Part - 50, (2 * Part) + 1, 0, 70_000, Part, 1, 1];
        var content = Bytes(1, sizes.Sum());
        var id = UploadId.New();
        var (state, offset) = ((string?)null, 0);
        foreach (var size in sizes)
        {
            var upload = await OpenAsync(Node(), id, state);
            Assert.Equal(offset, upload.Offset);
            await AppendAsync(upload, content[offset..(offset + size)]);
            await upload.SuspendAsync(Stop);
            (state, offset) = (upload.State, offset + size);
            upload.Dispose();
        }

        await FinishAsync(Node(), await OpenAsync(Node(), id, state), DigestOf(content));
        Assert.Equal(content, await ReadAsync(Node(), DigestOf(content)));
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Without_a_resumable_hash_the_store_is_read_again()
    {
        var content = Bytes(1, (2 * Part) + 100);
        var upload = await OpenAsync(Node());
        await AppendAsync(upload, content);
        await upload.SuspendAsync(Stop);
        var bare = (ObjectUploadState.Parse(upload.State) with { Hash = null }).Write();
        var wrong = await OpenAsync(Node(), UploadId.New());
        await AppendAsync(wrong, content[1..]);
        Assert.NotEqual(DigestOf(content), await wrong.ComputeDigestAsync(DigestAlgorithm.Sha256, read: null, Stop));
        await FinishAsync(Node(), await OpenAsync(Node(), upload.Id, bare), DigestOf(content));
        Assert.Equal(content, await ReadAsync(Node(), DigestOf(content)));
    }

    [Fact]
    public async Task Parts_stored_by_a_dead_node_are_overwritten_by_the_node_that_resumes()
    {
        var content = Bytes(1, (4 * Part) + 9);
        var first = await OpenAsync(Node());
        await AppendAsync(first, content[..(Part + 9)]);
        await first.SuspendAsync(Stop);
        var state = first.State;
        await AppendAsync(first, content[(Part + 9)..]);
        first.Dispose();

        var second = await OpenAsync(Node(), first.Id, state);
        Assert.Equal(Part + 9, second.Offset);
        await AppendAsync(second, content[(Part + 9)..]);
        await FinishAsync(Node(), second, DigestOf(content));
        Assert.Equal(content, await ReadAsync(Node(), DigestOf(content)));
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task An_upload_completed_by_another_request_is_read_back()
    {
        var (start, rest, other) = (Bytes(1, Part + 9), Bytes(2, 2 * Part), Bytes(3, 2 * Part));
        var (late, state) = await BeginAsync(start);
        await AppendAsync(late, rest);
        await late.SuspendAsync(Stop);
        var first = await OpenAsync(Node(), late.Id, state);
        await AppendAsync(first, other);
        // Completes with other bytes of the same length, and fails before they are copied.
        first.IsHeldAsync = _ => ValueTask.FromResult(false);
        await Assert.ThrowsAsync<UploadTakenException>(
            () => FinishAsync(Node(), first, DigestOf([.. start, .. other])));
        var digest = DigestOf([.. start, .. rest]);
        Assert.Equal(digest, await late.ComputeDigestAsync(DigestAlgorithm.Sha256, read: null, Stop));
        await Assert.ThrowsAsync<UploadLostException>(() => Node().CommitAsync(late, digest, Stop));
        Assert.Null(await Node().LengthOfAsync(digest, Stop));
        Assert.Null(await Node().LengthOfAsync(DigestOf([.. start, .. other]), Stop));
    }

    [Fact]
    public async Task Two_requests_that_start_parts_for_one_upload_use_different_keys()
    {
        var (start, rest, other) = (Bytes(1, 9), Bytes(2, 2 * Part), Bytes(3, 2 * Part));
        var (late, state) = await BeginAsync(start);
        await AppendAsync(late, rest);
        var first = await OpenAsync(Node(), late.Id, state);
        await AppendAsync(first, other);
        first.IsHeldAsync = _ => ValueTask.FromResult(false);
        late.IsHeldAsync = async _ =>
        {
            // Between the end of its parts and their copy, somebody else ends those of the same upload.
            await Assert.ThrowsAsync<UploadTakenException>(
                () => FinishAsync(Node(), first, DigestOf([.. start, .. other])));
            return true;
        };
        var digest = DigestOf([.. start, .. rest]);
        await FinishAsync(Node(), late, digest);
        Assert.Equal((byte[])[.. start, .. rest], await ReadAsync(Node(), digest));
    }

    [Fact]
    public async Task A_commit_whose_answer_was_lost_succeeds_when_it_is_retried()
    {
        var content = Bytes(1, (2 * Part) + 100);
        var (first, state) = await BeginAsync(content);
        first.IsHeldAsync = _ => throw new StoreUnavailableException("the node dies after it has completed");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => FinishAsync(Node(), first, DigestOf(content)));
        var again = await OpenAsync(Node(), first.Id, state);
        await FinishAsync(Node(), again, DigestOf(content));
        Assert.Equal(content, await ReadAsync(Node(), DigestOf(content)));
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_blob_that_is_there_already_is_not_copied_again()
    {
        var content = Bytes(1, (2 * Part) + 100);
        var digest = await PushWholeAsync(Node(), content);
        var before = await Node().OpenAsync(digest, Stop);
        await before!.ComputeDigestAsync(digest.Algorithm, _ => { }, Stop);
        await PushPiecesAsync(Node(), content[..Part], content[Part..]);
        var after = await Node().OpenAsync(digest, Stop);
        await after!.ComputeDigestAsync(digest.Algorithm, _ => { }, Stop);
        Assert.Equal(((ObjectBlobContent)before).ETag, ((ObjectBlobContent)after).ETag);
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Many_uploads_share_little_memory_and_all_arrive()
    {
        var node = Node(10 << 20);
        var contents = Enumerable.Range(0, 12).Select(seed => Bytes(seed, (2 * Part) + seed)).ToList();
        var least = node.Memory.FreeBytes;
        using var watching = new CancellationTokenSource();
        var digests = Task.WhenAll(contents.Select((c, n) =>
            n % 2 == 0 ? PushWholeAsync(node, c) : PushPiecesAsync(node, c[..(Part + 1)], c[(Part + 1)..])));
        while (!digests.IsCompleted)
        {
            least = Math.Min(least, node.Memory.FreeBytes);
            await Task.Delay(1, Stop);
        }

        foreach (var (digest, content) in (await digests).Zip(contents))
        {
            Assert.Equal(content, await ReadAsync(node, digest));
        }

        Assert.InRange(least, 0, 5 << 20);
        Assert.Equal(10 << 20, node.Memory.FreeBytes);
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_slow_upload_makes_room_for_those_that_wait()
    {
        var node = Node(5 << 20);
        var slow = await OpenAsync(node);
        await AppendAsync(slow, Bytes(1, 300_000));
        Assert.Equal(0, node.Memory.FreeBytes);
        var quick = PushWholeAsync(node, Bytes(2, 300_000));
        await Task.Delay(TimeSpan.FromSeconds(5.5), Stop);
        Assert.False(quick.IsCompleted);
        await AppendAsync(slow, Bytes(3, 300_000));
        await quick.WaitAsync(TimeSpan.FromSeconds(20), Stop);
        await FinishAsync(node, slow, DigestOf([.. Bytes(1, 300_000), .. Bytes(3, 300_000)]));
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Small_blobs_wait_for_no_memory()
    {
        var node = Node(5 << 20);
        var holder = await OpenAsync(node);
        await AppendAsync(holder, Bytes(1, 300_000));
        await PushWholeAsync(node, Bytes(2, PartBuffer.FreeBytes));
        await PushPiecesAsync(node, Bytes(3, 100), Bytes(4, PartBuffer.FreeBytes - 100));
        holder.Dispose();
        Assert.Equal(5 << 20, node.Memory.FreeBytes);
    }

    private protected ObjectBlobStore Node(long? memoryBytes = null) =>
        Node(Bucket.In(new StorageSettings(), new StoreOptions(Part, memoryBytes)));

    private protected ObjectBlobStore Node(StorageSettings settings)
    {
        var node = TestEngines.Open(settings);
        nodes.Add(node);
        return node;
    }

    /// <summary>An upload after its first request, and what the database has of it.</summary>
    private protected async Task<(BlobUpload Upload, string State)> BeginAsync(byte[] content)
    {
        var upload = await OpenAsync(Node());
        await AppendAsync(upload, content);
        await NextRequestAsync(upload);
        return (upload, upload.State!);
    }

    /// <summary>Its parts are on their way when it turns out that nobody needs them.</summary>
    [Fact]
    public async Task An_upload_of_a_blob_that_is_there_already_leaves_no_part_behind()
    {
        var content = Bytes(1, (4 * Part) + 100);
        var digest = await PushWholeAsync(Node(), content);
        for (var i = 0; i < 4; i++)
        {
            var upload = await OpenAsync(Node());
            await AppendAsync(upload, content);
            await FinishAsync(Node(), upload, digest);
        }

        await AssertNothingIsLeftAsync();
        Assert.Equal(content, await ReadAsync(Node(), digest));
    }

    private protected async Task AssertNothingIsLeftAsync()
    {
        Assert.DoesNotContain(await Bucket.KeysAsync(), k => k.StartsWith("uploads/", StringComparison.Ordinal));
        Assert.Empty(await Bucket.UploadsAsync());
    }
}
