using System.Buffers;
using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>Reads from an image, while it is pushed, when its tags are to go.</summary>
internal sealed partial class ImageLabels(IBlobStore store, ILogger<ImageLabels> log)
{
    /// <summary>More of a value is not logged.</summary>
    private const int LoggedCharacters = 40;

    /// <summary>More than any config that people write: larger ones are not read.</summary>
    private const long MaxConfigBytes = 1024 * 1024;

    /// <summary>How long tags of the image stay; null if it does not say.</summary>
    /// <exception cref="StoreUnavailableException">The store can't read the config.</exception>
    public async ValueTask<TimeSpan?> ExpiresAfterAsync(
        Digest digest, Manifest manifest, byte[] body, CancellationToken cancellation)
    {
        var own = ImageExpiry.OfManifest(body, out var unread);
        if (unread is not null) Warn(digest, unread);
        if (own is not null) return own;
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
            var labelled = ImageExpiry.OfConfig(
                read.Buffer.IsSingleSegment ? read.Buffer.FirstSpan : read.Buffer.ToArray(), out unread);
            if (unread is not null) Warn(digest, unread);
            return labelled;
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

    /// <summary>The push is good all the same, and no client shows what a registry says beside that.</summary>
    private void Warn(Digest digest, string unread) => LogUnread(
        digest.Text,
        unread.Length > LoggedCharacters ? unread[..LoggedCharacters] + "…" : unread);

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "The image {Digest} says that it expires after '{Value}', which is not a duration such as 12h, 3d or 2w: "
        + "this is ignored")]
    private partial void LogUnread(string digest, string value);
}
