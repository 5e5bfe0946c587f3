using Berth.Oci;

namespace Berth.Import;

/// <summary>A repository that is copied, and which of its tags.</summary>
/// <param name="From">Its name at the source.</param>
/// <param name="To">Its name here.</param>
/// <param name="Tags">The tags that are copied.</param>
/// <param name="All">All that it has: what is attached to an image comes with it.</param>
internal sealed record CopiedRepository(
    string From, RepositoryName To, IReadOnlyList<Tag> Tags, IReadOnlySet<string> All);

/// <summary>Why a tag that somebody has pushed here must not move; null if it may.</summary>
internal delegate Task<string?> ReasonToKeep(RepositoryName repository, Tag tag, CancellationToken cancellation);

/// <summary>
/// Copies images from one registry to another: of each its children, then its blobs, then itself, then what refers to
/// it, and its tag last. What is there is passed over, so that a second run is short and an interrupted one goes on.
/// An image that fails is noted, and the others come all the same.
/// </summary>
internal sealed class RegistryCopy : IDisposable
{
    private const int Stripes = 64;
    private const int PieceBytes = 64 << 10;

    private readonly SemaphoreSlim images;
    private readonly SemaphoreSlim transfers;

    /// <summary>Images that come at the same time often share blobs: one brings it, and the others wait for that one.
    /// </summary>
    private readonly SemaphoreSlim[] turns = [.. Enumerable.Range(0, Stripes).Select(_ => new SemaphoreSlim(1))];

    private long failed;

    /// <param name="source">Where from.</param>
    /// <param name="sink">Where to.</param>
    /// <param name="parallel">How many images, and how many blobs, are copied at once.</param>
    /// <param name="keeps">Asked before a tag moves that is elsewhere here.</param>
    /// <param name="progress">Counts.</param>
    public RegistryCopy(
        SourceRegistry source, ImageSink sink, int parallel, ReasonToKeep keeps, ImportProgress progress)
    {
        (Source, Sink, Parallel, Keeps, Progress) = (source, sink, parallel, keeps, progress);
        (images, transfers) = (new SemaphoreSlim(parallel), new SemaphoreSlim(parallel));
    }

    public SourceRegistry Source { get; }

    public ImageSink Sink { get; }

    public ReasonToKeep Keeps { get; }

    public ImportProgress Progress { get; }

    /// <summary>How many images and referrers could not be copied.</summary>
    public long Failed => Interlocked.Read(ref failed);

    private int Parallel { get; }

    public void Dispose()
    {
        images.Dispose();
        transfers.Dispose();
        foreach (var turn in turns) turn.Dispose();
    }

    public async Task RunAsync(IReadOnlyList<CopiedRepository> repositories, CancellationToken cancellation)
    {
        Progress.WantedTags = repositories.Sum(repository => (long)repository.Tags.Count);
        await System.Threading.Tasks.Parallel.ForEachAsync(
            repositories, OptionsFor(cancellation),
            async (repository, stop) =>
            {
                await new RepositoryCopy(this, repository, stop).RunAsync();
                Progress.AddRepository();
            });
    }

    /// <summary>Runs something for each of many, as many at once as may be.</summary>
    public Task EachAsync<T>(IEnumerable<T> all, Func<T, Task> run, CancellationToken cancellation) =>
        System.Threading.Tasks.Parallel.ForEachAsync(
            all, OptionsFor(cancellation), async (one, _) => await run(one));

    /// <summary>Copies an image as soon as there is a place for one.</summary>
    public async Task InPlaceAsync(Func<Task> copy, CancellationToken cancellation)
    {
        await images.WaitAsync(cancellation);
        try
        {
            await copy();
        }
        finally
        {
            images.Release();
        }
    }

    /// <summary>Brings a blob, unless it is there, or in another repository there.</summary>
    /// <returns>False if the source does not have it. Whether an image may lack it, such as a layer under a licence,
    /// is for the registry here to say.</returns>
    public async Task<bool> TakeBlobAsync(CopiedRepository repository, Descriptor blob, CancellationToken cancellation)
    {
        var turn = turns[(uint)blob.Digest.GetHashCode() % Stripes];
        await turn.WaitAsync(cancellation);
        try
        {
            await transfers.WaitAsync(cancellation);
            try
            {
                return await CopyBlobAsync(repository, blob, cancellation);
            }
            finally
            {
                transfers.Release();
            }
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Notes that something could not be copied.</summary>
    public void Fail(string kind, string subject, string reason)
    {
        Interlocked.Increment(ref failed);
        Progress.Note(kind, subject, reason);
    }

    private async Task<bool> CopyBlobAsync(CopiedRepository repository, Descriptor blob, CancellationToken cancellation)
    {
        if (await Sink.HasAsync(repository.To, blob.Digest, cancellation)) return true;
        var opened = await Source.OpenAsync(repository.From, blob.Digest, blob.SizeBytes, cancellation);
        if (opened is null) return false;
        var counted = 0L;
        try
        {
            var taken = new BlobSource(blob.Digest, blob.SizeBytes, File: null, CopyToAsync);
            await Sink.PutAsync(repository.To, taken, _ => { }, cancellation);
            Progress.AddBlob(isLinked: false);
            return true;
        }
        catch
        {
            Progress.AddBytes(-counted);
            throw;
        }
        finally
        {
            if (opened is not null) await opened.DisposeAsync();
        }

        async Task CopyToAsync(System.IO.Pipelines.PipeWriter output, CancellationToken stop)
        {
            // A second time, if the registry here had to be asked again.
            Progress.AddBytes(-counted);
            counted = 0;
            await using var content = opened
                ?? await Source.OpenAsync(repository.From, blob.Digest, blob.SizeBytes, stop)
                ?? throw new SourceException($"{Source.Host} has no {blob.Digest} any more");
            opened = null;
            while (await content.ReadAsync(output.GetMemory(PieceBytes), stop) is > 0 and var count)
            {
                output.Advance(count);
                counted += count;
                Progress.AddBytes(count);
                var flushed = await output.FlushAsync(stop);
                if (flushed.IsCompleted) throw new IOException("nobody takes the blob any more");
            }
        }
    }

    private ParallelOptions OptionsFor(CancellationToken cancellation) =>
        new() { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellation };
}
