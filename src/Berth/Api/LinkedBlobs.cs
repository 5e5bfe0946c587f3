using Berth.Contents;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>
/// Reads what an artifact of a repository is made of. A blob counts only if the repository links it: a manifest may
/// name what is in others alone.
/// </summary>
internal sealed class LinkedBlobs(
    RepositoryName repository, BlobTable blobs, FileReading reading, CancellationToken cancellation)
{
    /// <summary>A small blob; null if it is not in the repository, or larger.</summary>
    public async ValueTask<byte[]?> ReadAsync(Descriptor blob, long maxBytes)
    {
        if (blob.SizeBytes > maxBytes || !await IsLinkedAsync(blob)) return null;
        return await reading.ReadSmallAsync(blob.Digest, maxBytes, cancellation);
    }

    /// <summary>Some files of a layer, and why there are not all.</summary>
    public async Task<(IReadOnlyList<LayerText> Files, string? Fault)> ReadFilesAsync(
        Descriptor layer, long maxBytes, Func<string, bool> isWanted, int maxFileBytes)
    {
        if (layer.SizeBytes > maxBytes) return ([], $"it is larger than {maxBytes} bytes");
        if (!await IsLinkedAsync(layer)) return ([], "the repository does not have it");
        return await reading.ReadFilesAsync(layer.Digest, isWanted, maxFileBytes, cancellation);
    }

    /// <summary>What a model in ONNX says of itself, and why that may not be all.</summary>
    public async Task<(IReadOnlyList<(string Name, string Value)> Facts, string? Fault)> ReadOnnxAsync(
        Descriptor layer) => await IsLinkedAsync(layer)
            ? await reading.ReadOnnxAsync(layer.Digest, cancellation) : ([], "the repository does not have it");

    private async ValueTask<bool> IsLinkedAsync(Descriptor blob) =>
        await blobs.FindAsync(repository, blob.Digest, cancellation) is not null;
}
