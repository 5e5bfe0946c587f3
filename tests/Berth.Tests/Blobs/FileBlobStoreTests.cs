using System.Buffers;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Tests.Blobs;

/// <summary>Blobs in a folder.</summary>
public sealed class FileBlobStoreTests : BlobStoreSuite
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("berth-test-");

    /// <summary>Pieces begin and end beside pages, before and behind the point where direct writes begin.</summary>
    [Fact]
    public async Task A_large_upload_in_odd_pieces_is_in_the_file_after_each_of_them()
    {
        var pieces = new[] { 123, (9 << 20) + 1, 700_000, (3 << 20) - 5, 4096, 1, 5 << 20 }
            .Select((length, seed) => StoreUse.Bytes(seed, length)).ToArray();
        var content = pieces.SelectMany(p => p).ToArray();
        var upload = (FileBlobUpload)await StoreUse.OpenAsync(Store);
        foreach (var piece in pieces)
        {
            await StoreUse.AppendAsync(upload, piece);
            Assert.Equal(upload.Offset, new FileInfo(upload.Path).Length);
            await StoreUse.NextRequestAsync(upload);
        }

        Assert.Equal(content, await File.ReadAllBytesAsync(upload.Path, StoreUse.Stop));
        var digest = StoreUse.DigestOf(content);
        await StoreUse.FinishAsync(Store, upload, digest);
        Assert.Equal(content, await StoreUse.ReadAsync(Store, digest));
    }

    [Fact]
    public async Task A_large_upload_resumes_in_another_process_and_can_be_rewound()
    {
        var content = StoreUse.Bytes(1, 21 << 20);
        var id = UploadId.New();
        var before = await StoreUse.OpenAsync(Store, id);
        await StoreUse.AppendAsync(before, content[..(10 << 20)]);
        before.Dispose();

        var upload = await StoreUse.OpenAsync(Store, id);
        Assert.Equal(10 << 20, upload.Offset);
        await StoreUse.AppendAsync(upload, StoreUse.Bytes(2, 2 << 20));
        await upload.RewindAsync(TestContext.Current.CancellationToken);
        Assert.Equal(10 << 20, upload.Offset);
        await StoreUse.AppendAsync(upload, content[(10 << 20)..]);
        var digest = StoreUse.DigestOf(content);
        await StoreUse.FinishAsync(Store, upload, digest);
        Assert.Equal(content, await StoreUse.ReadAsync(Store, digest));
    }

    /// <summary>Some file systems accept the flag and refuse the write; this file refuses all in that way.</summary>
    [Fact]
    public async Task Refused_direct_writes_fall_back_to_ordinary_ones()
    {
        var content = StoreUse.Bytes(1, 3_000_000);
        var path = Path.Combine(folder.FullName, "file");
        using (var ordinary = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite))
        {
            var refusing = File.OpenHandle("/proc/self/oom_score_adj", FileMode.Open, FileAccess.Write);
            var hashed = new List<byte>();
            await using var writer = new DirectWriter(
                ordinary, refusing, position: 0, hash: bytes => hashed.AddRange(bytes.Span));
            await writer.AppendAsync(new ReadOnlySequence<byte>(content));
            await writer.DrainAsync();
            Assert.Equal(content.Length, writer.Written);
            Assert.Equal(content, hashed);
        }

        Assert.Equal(content, await File.ReadAllBytesAsync(path, StoreUse.Stop));
    }

    private protected override async Task RemoveAsync()
    {
        await ((FileBlobStore)Store).PromoteStagedAsync(TimeSpan.Zero);
        folder.Delete(recursive: true);
    }

    private protected override ValueTask<IBlobStore> CreateAsync() =>
        ValueTask.FromResult<IBlobStore>(new FileBlobStore(folder.FullName));

    private protected override async Task<int> CountLeftAsync()
    {
        await ((FileBlobStore)Store).PromoteStagedAsync(TimeSpan.Zero);
        return Directory.GetFiles(Path.Combine(folder.FullName, "uploads")).Length;
    }

    private protected override async Task AlterAsync(Digest digest, byte[] content)
    {
        // Files written within a moment of each other may have the same time.
        await Task.Delay(20, StoreUse.Stop);
        var other = Path.Combine(folder.FullName, "other");
        await File.WriteAllBytesAsync(other, content, StoreUse.Stop);
        File.Move(other, Path.Combine(folder.FullName, "blobs", "sha256", digest.Hex[..2], digest.Hex), true);
    }
}
