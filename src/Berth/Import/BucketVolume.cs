using System.Runtime.CompilerServices;
using Berth.Blobs;

namespace Berth.Import;

/// <summary>A volume of registry:2 in a bucket of S3, or in a container of Azure.</summary>
internal sealed class BucketVolume(ObjectStore objects) : RegistryVolume
{
    private const string Root = "docker/registry/v2/";

    public override string Name => $"{objects.Name}/{Root}".TrimEnd('/');

    /// <summary>Whether there is anything of a registry.</summary>
    public async Task<bool> IsRegistryAsync(CancellationToken cancellation)
    {
        await foreach (var _ in objects.ListAsync(Root, cancellation)) return true;
        return false;
    }

    public override void Dispose()
    {
        objects.Dispose();
        base.Dispose();
    }

    protected override async IAsyncEnumerable<VolumeFile> ListAsync(
        string under, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var found in objects.ListAsync(Root + under, cancellation))
            yield return new VolumeFile(found.Key[Root.Length..], found.SizeBytes, found.WrittenAt);
    }

    protected override async Task<byte[]?> ReadAsync(string path, int mostBytes, CancellationToken cancellation)
    {
        if (mostBytes == 0) return [];
        for (var attempt = 0; ; attempt++)
        {
            using var reading = await objects.OpenAsync(Root + path, 0, mostBytes, etag: null, cancellation);
            if (reading is null) return null;
            var content = new byte[reading.SizeBytes];
            var count = 0;
            while (count < content.Length
                && await objects.ReadAsync(reading.Content, content.AsMemory(count), path, cancellation)
                    is > 0 and var read)
            {
                count += read;
            }

            if (count == content.Length) return content;
            if (!await objects.WaitBeforeRetryAsync(path, attempt, cancellation))
                throw new StoreUnavailableException($"reading {path} failed at byte {count}");
        }
    }

    protected override async ValueTask<long?> LengthOfAsync(string path, CancellationToken cancellation) =>
        (await objects.FindAsync(Root + path, cancellation))?.SizeBytes;

    protected override Task<BlobContent?> OpenAsync(string path, long length, CancellationToken cancellation) =>
        Task.FromResult<BlobContent?>(new ObjectBlobContent(objects, Root + path, length));
}
