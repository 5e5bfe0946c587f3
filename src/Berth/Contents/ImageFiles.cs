using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>How far the list of a layer's files is, for whoever looks.</summary>
internal enum LayerState
{
    Indexed,
    Waiting,
    Fault,

    /// <summary>It is not in the repository: a layer that clients fetch from elsewhere.</summary>
    Absent,

    /// <summary>It has no files, but something else.</summary>
    Other,

    /// <summary>There is no list, and none will be made (<c>contents.index</c>), or not now: it is read-only.</summary>
    Off,
}

/// <summary>A layer of an image.</summary>
/// <param name="Descriptor">What the manifest says of it.</param>
/// <param name="State">How far the list of its files is.</param>
/// <param name="Row">What is known of it; null if nothing is.</param>
internal sealed record ImageLayer(Descriptor Descriptor, LayerState State, LayerIndexRow? Row)
{
    public Digest Digest => Descriptor.Digest;
}

/// <summary>An image as a repository has it.</summary>
/// <param name="Digest">Its manifest, of one platform.</param>
/// <param name="Platform">That platform; null if the manifest was not found through an index.</param>
/// <param name="Layers">Its layers, the lowest first.</param>
/// <param name="Config">Its config; null if that is not of an image, or not in the repository.</param>
internal sealed record FoundImage(
    Digest Digest, string? Platform, IReadOnlyList<ImageLayer> Layers, Descriptor? Config)
{
    /// <summary>Whether the files of all layers are known.</summary>
    public bool IsComplete => Layers.All(layer => layer.State is LayerState.Indexed or LayerState.Other);

    /// <summary>The layers whose files are known, the lowest first.</summary>
    public IReadOnlyList<Digest> Known =>
        [.. Layers.Where(layer => layer.State == LayerState.Indexed).Select(layer => layer.Digest)];

    /// <summary>Why packages may be missing of what is in it.</summary>
    public IEnumerable<string> Faults => Layers
        .Where(layer => layer.State is LayerState.Fault or LayerState.Absent)
        .Select(layer => $"layer {layer.Digest.Text} can't be read: {layer.Row?.Fault ?? "it is not here"}");
}

/// <summary>
/// Finds images and what is known of their layers. A layer counts only if the repository links it: a manifest may name
/// what is in others alone.
/// </summary>
/// <param name="requests">Null where nothing can be written.</param>
internal sealed class ImageFiles(
    Database database, ManifestTable manifests, IndexImages indexes, ContentsSettings settings, LimitSettings limits,
    TimeProvider clock, LayerRequests? requests = null)
{
    /// <param name="repository">The repository.</param>
    /// <param name="reference">A tag or digest there.</param>
    /// <param name="asked">Which of the images of an index; null: linux/amd64, or the first.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>Null if there is no such image.</returns>
    public async ValueTask<FoundImage?> FindAsync(
        RepositoryName repository, Reference reference, AskedPlatform? asked, CancellationToken cancellation)
    {
        if (await ReadAsync(repository, reference, cancellation) is not var (digest, outline)) return null;
        if (outline.Manifest is not { } manifest || !MediaTypes.IsIndex(manifest.MediaType))
            return await FindLayersAsync(repository, digest, platform: null, outline, cancellation);
        var images = await indexes.FindAsync(repository, outline, cancellation);
        if (AskedPlatform.Choose(images, asked) is not { } child
            || await ReadAsync(repository, new Reference(child.Child.Digest), cancellation) is not var (of, image)
            || (image.Manifest is { } inner && MediaTypes.IsIndex(inner.MediaType)))
        {
            return null;
        }

        return await FindLayersAsync(
            repository, of, child.Platform.Length > 0 ? child.Platform : null, image, cancellation);
    }

    private async ValueTask<(Digest Digest, ImageOutline Outline)?> ReadAsync(
        RepositoryName repository, Reference reference, CancellationToken cancellation)
    {
        if (await manifests.FindAsync(repository, reference, cancellation) is not { } stored) return null;
        if ((stored.Body ?? await manifests.LoadBodyAsync(stored.Digest)) is not { } body) return null;
        return (stored.Digest, ImageOutline.Read(body, stored.MediaType, limits.ReferencesPerManifest));
    }

    private async ValueTask<FoundImage> FindLayersAsync(
        RepositoryName repository, Digest digest, string? platform, ImageOutline image,
        CancellationToken cancellation)
    {
        var (described, config) = (image.Layers.ToList(), image.Config);
        var digests = described.Append(config).OfType<Descriptor>().Select(one => one.Digest).Distinct().ToList();
        var (links, rows) = await database.ReadAsync(
            async session => await RepositoryTable.FindAsync(session, repository) is { } id
                ? (await BlobTable.FindAllAsync(session, id, digests),
                    await LayerIndexTable.FindAllAsync(session, digests))
                : ([], []),
            cancellation);
        var layers = described.ConvertAll(layer => new ImageLayer(
            layer, StateOf(layer, IsLinked(layer), rows), rows.GetValueOrDefault(layer.Digest)));
        await RequestAsync(layers, cancellation);
        var hasConfig = config is not null && MediaTypes.IsImageConfig(config.MediaType) && IsLinked(config);
        return new FoundImage(digest, platform, layers, hasConfig ? config : null);

        bool IsLinked(Descriptor blob) => links.TryGetValue(blob.Digest, out var link) && !link.IsCondemned;
    }

    private LayerState StateOf(Descriptor layer, bool isLinked, Dictionary<Digest, LayerIndexRow> rows)
    {
        if (!MediaTypes.IsFileLayer(layer.MediaType) && !MediaTypes.IsNondistributable(layer.MediaType))
            return LayerState.Other;
        if (!isLinked) return LayerState.Absent;
        var row = rows.GetValueOrDefault(layer.Digest);
        if (row is not null && row.State != LayerStates.Waiting
            && LayerIndexing.IsCurrent(row, settings, clock.GetUtcNow()))
        {
            return row.State == LayerStates.Indexed ? LayerState.Indexed : LayerState.Fault;
        }

        return requests is { AreTaken: true } ? LayerState.Waiting : LayerState.Off;
    }

    /// <summary>Whoever looks does not wait behind all others.</summary>
    private Task RequestAsync(List<ImageLayer> layers, CancellationToken cancellation)
    {
        var wanted = layers.Where(layer => layer.State == LayerState.Waiting
                && (layer.Row is not { State: LayerStates.Waiting, IsWanted: true }))
            .Select(layer => layer.Digest).Distinct().ToList();
        return wanted.Count == 0 ? Task.CompletedTask : requests!.AddAsync(wanted, cancellation);
    }
}
