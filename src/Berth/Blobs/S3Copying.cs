using Berth.Settings;

namespace Berth.Blobs;

/// <summary>Has the store copy objects: small ones in one request, large ones in parallel parts.</summary>
internal sealed class S3Copying(S3Objects objects, S3Settings settings)
{
    /// <param name="from">The object's key.</param>
    /// <param name="to">The copy's key.</param>
    /// <param name="bytes">The object's length in bytes.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <param name="etag">The ETag that the object must have; null for any.</param>
    public Task CopyAsync(
        string from, string to, long bytes, CancellationToken cancellation, string? etag = null) =>
        bytes <= settings.MultipartCopyThresholdSize || bytes == 0
            ? objects.CopyOnceAsync(from, to, bytes, etag, cancellation)
            : CopyPartsAsync(from, to, bytes, etag, cancellation);

    private async Task CopyPartsAsync(
        string from, string to, long bytes, string? etag, CancellationToken cancellation)
    {
        var partBytes = Math.Max(
            settings.MultipartCopyChunkSize, (bytes + PartSizes.MaximumParts - 1) / PartSizes.MaximumParts);
        var etags = new string[(bytes + partBytes - 1) / partBytes];
        var id = await objects.StartMultipartAsync(to, cancellation);
        try
        {
            var parallel = new ParallelOptions
            {
                MaxDegreeOfParallelism = settings.MultipartCopyMaxConcurrency,
                CancellationToken = cancellation,
            };
            await Parallel.ForAsync(0, etags.Length, parallel, async (index, stop) =>
            {
                var offset = index * partBytes;
                var count = Math.Min(partBytes, bytes - offset);
                etags[index] = await objects.CopyPartAsync(
                    to, id, index + 1, from, (offset, count), count, stop, etag);
            });
            await CompleteAsync(to, id, etags, bytes, cancellation);
        }
        catch
        {
            try
            {
                await objects.AbortAsync(to, id, CancellationToken.None);
            }
            catch (IOException)
            {
                // The call has logged it. What is left is deleted with the store's orphans.
            }

            throw;
        }
    }

    /// <summary>If an earlier attempt succeeded and its answer was lost, the copy is there.</summary>
    private async Task CompleteAsync(
        string to, string id, string[] etags, long bytes, CancellationToken cancellation)
    {
        try
        {
            await objects.CompleteAsync(to, id, etags, bytes, cancellation);
        }
        catch (UploadLostException)
        {
            if ((await objects.FindAsync(to, cancellation))?.SizeBytes != bytes) throw;
        }
    }
}
