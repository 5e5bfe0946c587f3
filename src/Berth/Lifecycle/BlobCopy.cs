using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Lifecycle;

/// <summary>The bytes that should be copied could not be read, or are not those of their digest.</summary>
internal sealed class DamagedSourceException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>Copies blobs from one store into another, and checks their digests on the way.</summary>
internal static class BlobCopy
{
    /// <summary>More than an upload waits for before it stores a batch.</summary>
    private const int PipeBytes = 1 << 20;

    /// <summary>Uploads belong to a repository; what is copied belongs to none in particular.</summary>
    private static readonly RepositoryName Nowhere = RepositoryName.Parse("berth");

    /// <param name="content">The bytes.</param>
    /// <param name="digest">What they should be.</param>
    /// <param name="target">Where to. Durable there when the task is done.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="DamagedSourceException">The bytes can't be read, or are others.</exception>
    /// <exception cref="IOException">The target does not take them.</exception>
    public static async Task RunAsync(
        BlobContent content, Digest digest, IBlobStore target, CancellationToken cancellation)
    {
        var id = UploadId.New();
        using var upload = await target.OpenUploadAsync(id, Nowhere, digest.Algorithm, state: null, cancellation);
        try
        {
            upload.BeginRequest();
            upload.Expected = digest;
            await TransferAsync(content, upload, cancellation);
            var found = await upload.ComputeDigestAsync(digest.Algorithm, read: null, cancellation);
            if (found != digest) throw new DamagedSourceException($"its content has the digest {found}");
            await target.CommitAsync(upload, digest, cancellation);
        }
        catch
        {
            await RemoveAsync(target, upload);
            throw;
        }

        var durable = await target.MakeDurableAsync([digest], cancellation);
        if (!durable.ContainsKey(digest)) throw new IOException($"blob {digest} did not arrive in {target.Name}");
    }

    private static async Task TransferAsync(BlobContent content, BlobUpload upload, CancellationToken cancellation)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: PipeBytes, resumeWriterThreshold: PipeBytes / 2));
        var reading = Task.Run(() => ReadAsync(content, pipe.Writer, cancellation), cancellation);
        try
        {
            await upload.AppendAsync(pipe.Reader, long.MaxValue, cancellation);
        }
        finally
        {
            // Ends the reading too, if the target failed.
            await pipe.Reader.CompleteAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task ReadAsync(BlobContent content, PipeWriter output, CancellationToken cancellation)
    {
        try
        {
            await content.CopyToAsync(output, 0, content.Length, cancellation);
            await output.CompleteAsync();
        }
        catch (Exception e)
        {
            await output.CompleteAsync(e is IOException and not StoreUnavailableException
                ? new DamagedSourceException(e.Message, e) : e);
        }
    }

    /// <summary>Best effort: what stays is an orphan, which the next backup removes.</summary>
    private static async Task RemoveAsync(IBlobStore target, BlobUpload upload)
    {
        try
        {
            await upload.RewindAsync(CancellationToken.None);
            upload.Dispose();
            await target.DeleteUploadAsync(upload.Id, upload.State, CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The failure that led here is the one to tell.
        }
    }
}
