using Berth.Blobs;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>
/// Reads a layer from its beginning to its end, once, for several readers:
/// <code>
/// blob ► gzip, zstd or neither, by its first bytes ► tar ► entry ► each reader
/// </code>
/// Whatever the layer is, that takes no more than the settings allow, and what is wrong with it is an answer.
/// </summary>
internal sealed class LayerWalk(ContentsSettings limits, TimeProvider clock)
{
    /// <param name="content">The layer's blob, which the caller disposes of.</param>
    /// <param name="readers">Who reads it.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What is wrong with the layer; null if nothing is.</returns>
    /// <exception cref="IOException">The store can't read the blob at present.</exception>
    public async Task<string?> RunAsync(
        BlobContent content, IReadOnlyList<ILayerReader> readers, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(limits.Time, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        await using var source = new BlobStream(content);
        try
        {
            await using var plain = await PlainLayer.OpenAsync(source, limits, either.Token);
            using var entries = new TarEntries(plain, limits);
            await ReadAsync(entries, readers, either.Token);
            return null;
        }
        catch (LayerFaultException e)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && limit.IsCancellationRequested)
        {
            return $"reading it takes longer than {limits.Time} (contents.time)";
        }
    }

    private static async Task ReadAsync(
        TarEntries entries, IReadOnlyList<ILayerReader> readers, CancellationToken cancellation)
    {
        var wanting = new List<ILayerReader>(readers.Count);
        var reading = new List<ILayerReader>(readers.Count);
        while (!readers.All(reader => reader.IsDone) && await entries.NextAsync(cancellation) is { } entry)
        {
            wanting.Clear();
            reading.Clear();
            foreach (var reader in readers)
            {
                if (reader.IsDone) continue;
                reading.Add(reader);
                if (await reader.BeginAsync(entry, cancellation)) wanting.Add(reader);
            }

            while (wanting.Count > 0 && await entries.ReadContentAsync(cancellation) is { IsEmpty: false } piece)
            {
                foreach (var reader in wanting) await reader.AddAsync(piece, cancellation);
            }

            foreach (var reader in reading) await reader.EndAsync(cancellation);
        }
    }
}
