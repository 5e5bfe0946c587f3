using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>Reads files out of layers, as many at once as the settings allow.</summary>
internal sealed class FileReading(IBlobStore store, LayerWalk walk, ContentsSettings settings, TimeProvider clock)
    : IDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    /// <summary>Whoever takes a file more slowly would keep its place from others.</summary>
    private static readonly TimeSpan LongestOutput = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim places = new(settings.Concurrent);

    /// <summary>Of their own: one search after another would keep others from reading files.</summary>
    private readonly SemaphoreSlim searches = new(settings.Concurrent);

    /// <summary>The right to read, until it is disposed of; null if too many others read.</summary>
    public Task<IDisposable?> TakePlaceAsync(CancellationToken cancellation) => TakeAsync(places, cancellation);

    /// <summary>The right to search, until it is disposed of; null if too many others search.</summary>
    public Task<IDisposable?> TakeSearchPlaceAsync(CancellationToken cancellation) => TakeAsync(searches, cancellation);

    private static async Task<IDisposable?> TakeAsync(SemaphoreSlim places, CancellationToken cancellation) =>
        await places.WaitAsync(LongestWait, cancellation) ? new Place(places) : null;

    /// <summary>Copies the content of an entry.</summary>
    /// <param name="layer">The layer's blob, which the caller may read.</param>
    /// <param name="number">Which entry of the layer.</param>
    /// <param name="output">Where it goes.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>Why it was not all copied; null if it was.</returns>
    /// <exception cref="IOException">The store can't read the blob at present, or the output is gone.</exception>
    public async Task<string?> CopyAsync(Digest layer, int number, Stream output, CancellationToken cancellation)
    {
        using var content = await store.OpenAsync(layer, cancellation);
        if (content is null) return "the layer is not there any more";
        using var slow = new CancellationTokenSource(Timeout.InfiniteTimeSpan, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(slow.Token, cancellation);
        var reader = new OneFile(number, output, () => slow.CancelAfter(LongestOutput));
        try
        {
            return await walk.RunAsync(content, [reader], either.Token)
                ?? (reader.IsDone ? null : "the layer has no such file");
        }
        catch (OperationCanceledException) when (slow.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return $"taking it takes longer than {LongestOutput.TotalSeconds} seconds";
        }
    }

    /// <summary>A small blob, which the caller may read; null if it is not there, or larger.</summary>
    public ValueTask<byte[]?> ReadSmallAsync(Digest blob, long maxBytes, CancellationToken cancellation) =>
        SmallBlob.ReadAsync(store, blob, maxBytes, cancellation);

    /// <summary>What a model in ONNX says of itself, without its weights.</summary>
    /// <param name="blob">The blob, which the caller may read.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What it says, and why that may not be all; null if it is.</returns>
    public async Task<(IReadOnlyList<(string Name, string Value)> Facts, string? Fault)> ReadOnnxAsync(
        Digest blob, CancellationToken cancellation)
    {
        using var place = await TakePlaceAsync(cancellation);
        if (place is null) return ([], "the registry is reading other files: ask again later");
        using var content = await store.OpenAsync(blob, cancellation);
        if (content is null) return ([], "it is not there any more");
        try
        {
            var found = await new OnnxReader(content, cancellation).RunAsync();
            return (found.Facts, found.IsComplete ? null : "the model has too many parts to look at all of them");
        }
        catch (EndOfStreamException)
        {
            // It is being replaced: whoever pulls it is told.
            return ([], "it is not there any more");
        }
    }

    /// <summary>The beginnings of some small files of a layer.</summary>
    /// <param name="layer">The layer's blob, which the caller may read.</param>
    /// <param name="isWanted">Which files, by their paths.</param>
    /// <param name="maxBytes">So much of each.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The files, and why there are not all; null if there are.</returns>
    public async Task<(IReadOnlyList<LayerText> Files, string? Fault)> ReadFilesAsync(
        Digest layer, Func<string, bool> isWanted, int maxBytes, CancellationToken cancellation)
    {
        using var place = await TakePlaceAsync(cancellation);
        if (place is null) return ([], "the registry is reading other files: ask again later");
        using var content = await store.OpenAsync(layer, cancellation);
        if (content is null) return ([], "it is not there any more");
        var reader = new LayerTexts(isWanted, maxBytes);
        var fault = await walk.RunAsync(content, [reader], cancellation);
        return (reader.Found, fault);
    }

    public void Dispose()
    {
        places.Dispose();
        searches.Dispose();
    }

    /// <summary>As the largest manifest.</summary>
    public const long MaxConfigBytes = 4 << 20;

    private sealed class Place(SemaphoreSlim places) : IDisposable
    {
        public void Dispose() => places.Release();
    }

    private sealed class OneFile(int number, Stream output, Action begin) : ILayerReader
    {
        private bool isCurrent;

        public bool IsDone { get; private set; }

        public ValueTask<bool> BeginAsync(LayerEntry entry, CancellationToken cancellation)
        {
            isCurrent = entry.Number == number;
            if (isCurrent) begin();
            return ValueTask.FromResult(isCurrent);
        }

        public ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation) =>
            output.WriteAsync(piece, cancellation);

        public ValueTask EndAsync(CancellationToken cancellation)
        {
            IsDone = isCurrent;
            return ValueTask.CompletedTask;
        }
    }
}
