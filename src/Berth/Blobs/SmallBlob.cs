using System.Buffers;
using System.IO.Pipelines;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>Reads blobs that are small enough for memory: configs, and what describes artifacts.</summary>
internal static class SmallBlob
{
    /// <param name="store">Where it is.</param>
    /// <param name="digest">The blob, which the caller may read.</param>
    /// <param name="maxBytes">Larger ones are not read.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>Null if it is not there, or too large.</returns>
    /// <exception cref="StoreUnavailableException">The store can't read it.</exception>
    public static async ValueTask<byte[]?> ReadAsync(
        IBlobStore store, Digest digest, long maxBytes, CancellationToken cancellation)
    {
        using var content = await store.OpenAsync(digest, cancellation);
        if (content is null || content.Length > maxBytes) return null;
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        try
        {
            await content.CopyToAsync(pipe.Writer, 0, content.Length, cancellation);
            await pipe.Writer.CompleteAsync();
            var read = await pipe.Reader.ReadAtLeastAsync((int)content.Length, cancellation);
            return read.Buffer.ToArray();
        }
        catch (EndOfStreamException)
        {
            // It is being replaced: whoever pulls it is told.
            return null;
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
        }
    }
}
