using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Import;

/// <summary>A blob somewhere else.</summary>
/// <param name="Digest">What it must be.</param>
/// <param name="SizeBytes">Its length.</param>
/// <param name="File">The file that it is all of, which nobody writes to any more; null if there is none.</param>
/// <param name="CopyToAsync">Reads it.</param>
internal sealed record BlobSource(
    Digest Digest, long SizeBytes, string? File, Func<PipeWriter, CancellationToken, Task> CopyToAsync);

/// <summary>What became of a blob.</summary>
internal enum BlobIntakeResult
{
    /// <summary>It was here already.</summary>
    Present,

    /// <summary>It was copied.</summary>
    Copied,

    /// <summary>It takes no space: its file got a second name.</summary>
    Linked,

    /// <summary>Its bytes are not what its digest says.</summary>
    Altered,

    /// <summary>It is larger than the settings allow.</summary>
    TooLarge,
}

/// <summary>
/// Takes blobs from elsewhere into a repository as a push does, so that the collector leaves them alone: each is
/// hashed on its way, and counts only if its digest is right.
/// </summary>
internal sealed class BlobIntake(Uploads uploads, RepositoryBlobs blobs, BlobTable table, LimitSettings limits)
{
    /// <summary>
    /// Repositories that come at the same time often share blobs: one reads it, and the others wait for that one.
    /// </summary>
    private readonly SemaphoreSlim[] turns = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1))];

    /// <summary>How many repositories are tried that should have a blob.</summary>
    private const int MountCandidates = 10;

    private static readonly TimeSpan BetweenReports = TimeSpan.FromMilliseconds(500);

    /// <summary>Whether a repository has a blob, or gets it from another one here.</summary>
    public async Task<bool> FindAsync(RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        if (await blobs.FindAsync(repository, digest, cancellation) is not null) return true;
        foreach (var other in await table.RepositoriesWithAsync(digest, MountCandidates, cancellation))
        {
            if (other != repository && await blobs.MountAsync(other, repository, digest, cancellation)) return true;
        }

        return false;
    }

    /// <param name="repository">Where to.</param>
    /// <param name="source">The blob.</param>
    /// <param name="actor">Who brings it.</param>
    /// <param name="read">Called with the length of each piece that is read.</param>
    /// <param name="cancellation">Cancels.</param>
    public async Task<BlobIntakeResult> TakeAsync(
        RepositoryName repository, BlobSource source, string actor, Action<long> read, CancellationToken cancellation)
    {
        var turn = turns[(uint)source.Digest.GetHashCode() % turns.Length];
        await turn.WaitAsync(cancellation);
        try
        {
            return await TakeInTurnAsync(repository, source, actor, read, cancellation);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<BlobIntakeResult> TakeInTurnAsync(
        RepositoryName repository, BlobSource source, string actor, Action<long> read, CancellationToken cancellation)
    {
        if (await FindAsync(repository, source.Digest, cancellation)) return BlobIntakeResult.Present;
        var most = limits.MaximumUploadBytes > 0 ? limits.MaximumUploadBytes : long.MaxValue;
        if (source.SizeBytes > most) return BlobIntakeResult.TooLarge;
        await using var lease = await uploads.TakeNewAsync(repository, source.Digest, actor, cancellation);
        var isLinked = source.File is not null && lease.TryLink(source.File);
        if (!isLinked)
        {
            lease.Expect(source.Digest);
            await CopyAsync(source, lease, most, read, cancellation);
        }

        var found = await lease.ComputeDigestAsync(
            source.Digest.Algorithm, cancellation, count => read(isLinked ? count : 0));
        if (found != source.Digest) return BlobIntakeResult.Altered;
        await lease.CommitAsync(source.Digest, CancellationToken.None);
        return isLinked ? BlobIntakeResult.Linked : BlobIntakeResult.Copied;
    }

    private static async Task CopyAsync(
        BlobSource source, UploadLease lease, long most, Action<long> read, CancellationToken cancellation)
    {
        var pipe = new Pipe(new PipeOptions(
            pauseWriterThreshold: 4 << 20, resumeWriterThreshold: 2 << 20, minimumSegmentSize: 256 << 10,
            useSynchronizationContext: false));
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var filling = FillAsync();
        var told = 0L;
        try
        {
            var taking = lease.AppendAsync(pipe.Reader, most, cancellation);
            while (!taking.IsCompleted)
            {
                await Task.WhenAny(taking, Task.Delay(BetweenReports, cancellation));
                read(lease.Offset - told);
                told = lease.Offset;
            }

            await taking;
        }
        catch
        {
            // What fills the pipe would wait for ever for somebody to empty it.
            await stopping.CancelAsync();
            await pipe.Reader.CompleteAsync();
            await filling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        await pipe.Reader.CompleteAsync();
        await filling;
        read(lease.Offset - told);

        async Task FillAsync()
        {
            Exception? failure = null;
            try
            {
                await source.CopyToAsync(pipe.Writer, stopping.Token);
            }
            catch (Exception e)
            {
                failure = e;
                throw;
            }
            finally
            {
                await pipe.Writer.CompleteAsync(failure);
            }
        }
    }
}
