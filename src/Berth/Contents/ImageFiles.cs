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
    Digest Digest, Platform? Platform, IReadOnlyList<ImageLayer> Layers, Descriptor? Config)
{
    /// <summary>Whether the files of all layers are known.</summary>
    public bool IsComplete => Layers.All(layer => layer.State is LayerState.Indexed or LayerState.Other);
}

/// <summary>
/// Finds images and what is known of their layers. A layer counts only if the repository links it: a manifest may name
/// what is in others alone.
/// </summary>
/// <param name="requests">Null where nothing can be written.</param>
internal sealed class ImageFiles(
    Database database, ManifestTable manifests, ContentsSettings settings, TimeProvider clock,
    LayerRequests? requests = null)
{
    /// <summary>Indexes in indexes.</summary>
    private const int MaxIndexes = 3;

    private static readonly Platform Usual = new("amd64", "linux");

    /// <summary>Attestations of what builds images have this platform.</summary>
    private const string Unknown = "unknown";

    /// <param name="repository">The repository.</param>
    /// <param name="reference">A tag or digest there.</param>
    /// <param name="platform">Which of the images of an index; null: linux/amd64, or the first.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>Null if there is no such image.</returns>
    public async ValueTask<FoundImage?> FindAsync(
        RepositoryName repository, Reference reference, Platform? platform, CancellationToken cancellation)
    {
        Platform? chosen = null;
        for (var i = 0; i <= MaxIndexes; i++)
        {
            if (await ReadAsync(repository, reference, cancellation) is not var (digest, manifest)) return null;
            if (!MediaTypes.IsIndex(manifest.MediaType))
                return await FindLayersAsync(repository, digest, chosen, manifest, cancellation);
            if (Choose(manifest, platform) is not { } child) return null;
            (reference, chosen) = (new Reference(child.Digest), child.Platform ?? chosen);
        }

        return null;
    }

    /// <summary>Reads <c>os/architecture</c> or <c>os/architecture/variant</c>.</summary>
    public static bool TryParsePlatform(string text, out Platform platform)
    {
        var parts = text.Split('/');
        platform = parts is [{ Length: > 0 } os, { Length: > 0 } architecture, ..] && parts.Length <= 3
            ? new Platform(architecture, os, parts.Length == 3 ? parts[2] : "") : Usual;
        return platform != Usual || text == Usual.ToString();
    }

    private async ValueTask<(Digest Digest, Manifest Manifest)?> ReadAsync(
        RepositoryName repository, Reference reference, CancellationToken cancellation)
    {
        if (await manifests.FindAsync(repository, reference, cancellation) is not { } stored) return null;
        if ((stored.Body ?? await manifests.LoadBodyAsync(stored.Digest)) is not { } body) return null;
        return (stored.Digest, Manifest.Parse(body, stored.MediaType));
    }

    private static Descriptor? Choose(Manifest index, Platform? wanted)
    {
        var children = index.References.Where(r => r.Kind == ReferenceKind.Child).Select(r => r.Target)
            .Where(child => child.Platform is not { Os: Unknown }).ToList();
        if (wanted is null) return Find(Usual) ?? children.FirstOrDefault();
        return Find(wanted);

        Descriptor? Find(Platform platform) => children.Find(child => child.Platform == platform)
            ?? children.Find(child => child.Platform is { } has && platform.Variant.Length == 0
                && has.Os == platform.Os && has.Architecture == platform.Architecture);
    }

    private async ValueTask<FoundImage> FindLayersAsync(
        RepositoryName repository, Digest digest, Platform? platform, Manifest manifest,
        CancellationToken cancellation)
    {
        var described = manifest.References.Where(r => r.Kind == ReferenceKind.Layer).Select(r => r.Target).ToList();
        var config = manifest.References.FirstOrDefault(r => r.Kind == ReferenceKind.Config)?.Target;
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
