using System.Buffers;
using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>Reads from an image, while it is pushed, when its tags are to go.</summary>
internal sealed class ImageLabels(IBlobStore store)
{
    /// <summary>More than any config that people write: larger ones are not read.</summary>
    private const long MaxConfigBytes = 1024 * 1024;

    /// <summary>How long tags of the image stay; null if it does not say.</summary>
    /// <exception cref="StoreUnavailableException">The store can't read the config.</exception>
    public async ValueTask<TimeSpan?> ExpiresAfterAsync(
        Manifest manifest, byte[] body, CancellationToken cancellation)
    {
        if (ImageExpiry.OfManifest(body) is { } own) return own;
        var config = manifest.References.FirstOrDefault(r => r.Kind == ReferenceKind.Config)?.Target;
        if (config is null || config.SizeBytes > MaxConfigBytes || !MediaTypes.IsImageConfig(config.MediaType))
            return null;
        using var content = await store.OpenAsync(config.Digest, cancellation);
        if (content is null || content.Length > MaxConfigBytes) return null;
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        try
        {
            await content.CopyToAsync(pipe.Writer, 0, content.Length, cancellation);
            await pipe.Writer.CompleteAsync();
            var read = await pipe.Reader.ReadAtLeastAsync((int)content.Length, cancellation);
            return ImageExpiry.OfConfig(
                read.Buffer.IsSingleSegment ? read.Buffer.FirstSpan : read.Buffer.ToArray());
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
