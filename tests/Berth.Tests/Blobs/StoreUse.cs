using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Tests.Blobs;

/// <summary>What tests do with a blob store, as the API does it.</summary>
internal static class StoreUse
{
    public static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Bytes that are the same for each seed.</summary>
    public static byte[] Bytes(int seed, int count)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static Digest DigestOf(byte[] content) => Digest.Of(DigestAlgorithm.Sha256, content);

    public static RepositoryName Repository =>
        RepositoryName.TryParse("a", out var name) ? name : throw new InvalidOperationException();

    public static async Task<BlobUpload> OpenAsync(
        IBlobStore store, UploadId? id = null, string? state = null,
        DigestAlgorithm algorithm = DigestAlgorithm.Sha256)
    {
        var upload = await store.OpenUploadAsync(id ?? UploadId.New(), Repository, algorithm, state, Stop);
        upload.BeginRequest();
        return upload;
    }

    /// <summary>One request's body.</summary>
    public static Task AppendAsync(BlobUpload upload, byte[] content) =>
        upload.AppendAsync(PipeReader.Create(new MemoryStream(content)), long.MaxValue, Stop);

    /// <summary>Ends a request, and begins another one on the same upload.</summary>
    public static async Task NextRequestAsync(BlobUpload upload)
    {
        await upload.SuspendAsync(Stop);
        upload.BeginRequest();
    }

    /// <summary>Checks and publishes, as the final PUT does.</summary>
    public static async Task FinishAsync(IBlobStore store, BlobUpload upload, Digest digest)
    {
        Assert.Equal(digest, await upload.ComputeDigestAsync(digest.Algorithm, read: null, Stop));
        await store.CommitAsync(upload, digest, Stop);
    }

    /// <summary>Pushes in one request whose digest is announced.</summary>
    public static async Task<Digest> PushWholeAsync(IBlobStore store, byte[] content)
    {
        var digest = DigestOf(content);
        var upload = await OpenAsync(store);
        upload.Expected = digest;
        await AppendAsync(upload, content);
        await FinishAsync(store, upload, digest);
        return digest;
    }

    /// <summary>Pushes in several requests, the last without a body.</summary>
    public static async Task<Digest> PushPiecesAsync(IBlobStore store, params byte[][] pieces)
    {
        var digest = DigestOf([.. pieces.SelectMany(p => p)]);
        var upload = await OpenAsync(store);
        foreach (var piece in pieces)
        {
            await AppendAsync(upload, piece);
            await NextRequestAsync(upload);
        }

        await FinishAsync(store, upload, digest);
        return digest;
    }

    public static async Task<byte[]> ReadAsync(IBlobStore store, Digest digest, long offset = 0, long? count = null)
    {
        using var content = await store.OpenAsync(digest, Stop);
        Assert.NotNull(content);
        using var memory = new MemoryStream();
        var output = PipeWriter.Create(memory, new StreamPipeWriterOptions(leaveOpen: true));
        await content.CopyToAsync(output, offset, count ?? content.Length - offset, Stop);
        await output.CompleteAsync();
        return memory.ToArray();
    }

    public static async Task<List<Digest>> ListAsync(IBlobStore store)
    {
        var digests = new List<Digest>();
        await foreach (var digest in store.ListAsync(Stop)) digests.Add(digest);
        return digests;
    }
}
