using System.Globalization;
using System.Runtime.ExceptionServices;
using Berth.Contents;
using Berth.Disk;
using Berth.Import;
using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;
using Berth.Settings;

namespace Berth.HarborAdapter;

/// <summary>
/// What is in layers of other registries. Each is pulled once from each registry, and then known by its digest for as
/// long as images with it are scanned. Whoever may not have a layer does not learn what is in it: its registry is asked
/// each time, and what one registry says holds for no other.
/// </summary>
internal sealed class LayerLists(
    Spools spools, Database database, ContentsSettings contents, ScannerAdapterSettings settings, TimeProvider clock)
{
    /// <summary>So many go at once where there are too many.</summary>
    private const int RowsPerWrite = 10;

    /// <summary>The forms of both lists: lists of others are made again.</summary>
    private static readonly string MadeWith =
        string.Create(CultureInfo.InvariantCulture, $"{LayerIndexWriter.Form} {PackageList.Form}");

    /// <summary>How exactly it is noted when a layer was last seen.</summary>
    private static readonly TimeSpan Precision = TimeSpan.FromHours(1);

    /// <summary>A layer may take as long as its scan: it comes over the network.</summary>
    private readonly LayerWalk walk = new(contents with { Time = settings.Timeout }, clock);

    /// <param name="client">Asks the registry.</param>
    /// <param name="registry">The same registry.</param>
    /// <param name="request">What is scanned: an image there.</param>
    /// <param name="layer">One of its layers.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ScanFaultException">It can't be read.</exception>
    /// <exception cref="SourceException">It can't be had.</exception>
    public async Task<AdapterLayerRow> GetAsync(
        SourceClient client, SourceRegistry registry, ScanRequest request, Descriptor layer,
        CancellationToken cancellation)
    {
        var (repository, origin) = (request.Repository.Text, ScannerAdapterSettings.OriginOf(request.Registry.Root));
        var known = await database.ReadAsync(
            session => AdapterLayerTable.FindAsync(session, origin, layer.Digest, MadeWith), cancellation);
        if (known is not null && await HasAsync(client, repository, layer, cancellation))
        {
            var now = clock.GetUtcNow();
            if (now - known.SeenAt > Precision)
            {
                await WriteAsync(
                    session => AdapterLayerTable.SeeAsync(session, origin, layer.Digest, now), cancellation);
            }

            return known;
        }

        var read = await ReadAsync(registry, repository, layer, cancellation);
        if (settings.LayerCacheBytes > 0 && !PackageGaps.AreOurs(read.Packages))
            await WriteAsync(session => SaveAsync(session, origin, layer.Digest, read), cancellation);
        return read;
    }

    private async ValueTask<int> SaveAsync(Session session, string origin, Digest digest, AdapterLayerRow row)
    {
        if (await AdapterLayerTable.SizeAsync(session) > settings.LayerCacheBytes)
            await AdapterLayerTable.RemoveAsync(session, row.SeenAt, RowsPerWrite);
        return await AdapterLayerTable.SaveAsync(session, origin, digest, row, MadeWith);
    }

    /// <summary>Whether the registry would give it to whoever asks for the scan.</summary>
    private static async Task<bool> HasAsync(
        SourceClient client, string repository, Descriptor layer, CancellationToken cancellation)
    {
        using var answer = await client.SendAsync(
            HttpMethod.Head, $"{repository}/blobs/{layer.Digest}", repository, from: 0, cancellation);
        return answer.IsSuccessStatusCode;
    }

    private async Task<AdapterLayerRow> ReadAsync(
        SourceRegistry registry, string repository, Descriptor layer, CancellationToken cancellation)
    {
        await using var blob = await registry.OpenAsync(repository, layer.Digest, layer.SizeBytes, cancellation)
            ?? throw new ScanFaultException($"the registry has no layer {layer.Digest} of {repository}");
        using var content = new PulledLayer(blob, layer, cancellation);
        using var files = new LayerIndexWriter(contents);
        using var packages = new LayerPackages(spools, cancellation);
        string? fault;
        try
        {
            fault = await walk.RunAsync(content, [files, packages], cancellation);
        }
        catch (Exception) when (content.Failure is not null)
        {
            fault = null;
        }

        // A layer that is not what it should be is that first, whatever else is wrong with it.
        if (content.Failure is { } failure) ExceptionDispatchInfo.Throw(failure);
        if (fault is not null) throw new ScanFaultException($"layer {layer.Digest} can't be scanned: {fault}");
        return content.IsVerified ? new AdapterLayerRow(files.Finish(), packages.Finish(), clock.GetUtcNow())
            : throw new ScanFaultException($"layer {layer.Digest} was not read to its end");
    }

    private Task<int> WriteAsync(Func<Session, ValueTask<int>> change, CancellationToken cancellation) =>
        database.WriteAsync(change, isDurable: false, cancellation);
}
