using Berth.Access;
using Berth.Contents;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Api;

/// <summary>An image, an index of images, or another artifact of a repository.</summary>
/// <param name="Tags">The tags that point to it, at most 100.</param>
/// <param name="ContentBytes">The bytes of its config and layers, as stored; of an index, of all its platforms.</param>
/// <param name="Kind">One of <see cref="ArtifactKind"/>.</param>
/// <param name="Platforms">What an index has, also through other indexes; empty for others.</param>
/// <param name="Annotations">Those of the manifest.</param>
/// <param name="Config">What an image's config says; null for other artifacts.</param>
/// <param name="Layers">From the lowest to the highest; of a build cache, in its order.</param>
internal sealed record ImageView(
    string Repository, string Digest, string MediaType, string? ArtifactType, string Kind, long SizeBytes,
    long? ContentBytes, IReadOnlyList<string> Tags, DateTimeOffset PushedAt, string? PushedBy,
    DateTimeOffset? PulledAt, string? Subject,
    IReadOnlyList<PlatformView> Platforms, IReadOnlyDictionary<string, string> Annotations, ConfigView? Config,
    IReadOnlyList<LayerView> Layers)
{
    /// <summary>What it was built on; null if it does not say.</summary>
    public BaseImageView? Base { get; init; }
}

/// <summary>A child of an index.</summary>
/// <param name="Platform">Such as <c>linux/arm64</c>; empty for attestations and what else is for none.</param>
/// <param name="OsVersion">The version of the operating system, where the index tells it, as for Windows.</param>
/// <param name="ContentBytes">The bytes of its config and layers; null if it is not here, or was not read yet.</param>
/// <param name="IsMissing">Whether it is not here: it was deleted, or never pushed.</param>
/// <param name="AttestationOf">The child that it says something about; null if it is an image itself.</param>
/// <param name="Index">The index within the index that lists it; null if the index itself does.</param>
internal sealed record PlatformView(
    string Platform, string? OsVersion, string Digest, string MediaType, long? ContentBytes, bool IsMissing,
    string? AttestationOf, string? Index);

/// <summary>What an image's config says of how it runs.</summary>
internal sealed record ConfigView(
    string Digest, string Platform, DateTimeOffset? CreatedAt, string? Author, string? User, string? WorkingDirectory,
    IReadOnlyList<string> EntryPoint, IReadOnlyList<string> Command, IReadOnlyList<string> Environment,
    IReadOnlyList<string> Ports, IReadOnlyList<string> Volumes, string? StopSignal,
    string? HealthCheck, IReadOnlyDictionary<string, string> Labels, IReadOnlyList<BuildStepView> History);

/// <summary>A step by which an image was built.</summary>
/// <param name="Layer">The layer that it made; null if it made none.</param>
internal sealed record BuildStepView(string Instruction, DateTimeOffset? CreatedAt, string? Comment, string? Layer);

/// <summary>A layer, or another file of an artifact.</summary>
/// <param name="IsStored">Whether it is here. Layers with a restricted licence are mostly elsewhere.</param>
/// <param name="Instruction">What made it, by the config's history; null if that does not tell.</param>
/// <param name="FileName">What a file of an artifact is called (<c>org.opencontainers.image.title</c>).</param>
internal sealed record LayerView(
    string Digest, string MediaType, long SizeBytes, bool IsStored, string? Instruction, string? FileName);

/// <summary><c>/images</c>: what images of the repository in the query are made of.</summary>
/// <param name="database">What is known of them.</param>
/// <param name="manifests">Finds them.</param>
/// <param name="blobs">Whether their configs are linked.</param>
/// <param name="inspection">Reads their configs; opened when it is needed.</param>
/// <param name="bases">Finds what they were built on.</param>
/// <param name="indexes">Finds the images of indexes.</param>
/// <param name="limits">How large manifests may be.</param>
internal sealed class ImageEndpoints(
    Database database, ManifestTable manifests, BlobTable blobs, Func<ImageInspection> inspection,
    BaseImages bases, IndexImages indexes, LimitSettings limits)
{
    private const int MaxTags = 100;

    private const string AttestationType = "attestation-manifest";

    public async Task<ApiAnswer<ImageView>> GetAsync(HttpContext http, string reference, string repository)
    {
        if (await FindAsync(http, reference, repository) is not var (name, stored, outline, _)
            || await database.ReadAsync(
                session => ImageTable.FindAsync(session, repository, stored.Digest, MaxTags), http.RequestAborted)
                is not { } row)
        {
            return NotFound(reference, repository);
        }

        var json = await ReadConfigAsync(name, outline, http.RequestAborted);
        var config = json is null ? null : ImageConfig.Parse(json);
        var images = outline.Manifest is { } manifest && MediaTypes.IsIndex(manifest.MediaType)
            ? await indexes.FindAsync(name, outline, http.RequestAborted) : [];
        var layers = LayersOf(outline, images);
        var links = layers.Count == 0 ? [] : await database.ReadAsync(
            async session => await RepositoryTable.FindAsync(session, name) is { } id
                ? await BlobTable.FindAllAsync(session, id, layers.Select(one => one.Digest).Distinct()) : [],
            http.RequestAborted);
        var made = config is null ? [] : StepsOf(config, layers);
        var view = ViewOf(http, repository, stored, row, outline) with
        {
            Platforms = [.. images.Select(ChildOf)
                .OrderBy(one => one.Platform, Comparer<string>.Create(ComparePlatforms))],
            Config = config is null ? null : ConfigOf(outline.Config!.Digest, config, made),
            Layers = LayersOf(outline, layers, links, made),
        };
        return view with { Base = await bases.FindAsync(http, outline, config) };
    }

    /// <summary>The manifest as it was pushed.</summary>
    public async Task<ApiFile> ReadManifestAsync(HttpContext http, string reference, string repository) =>
        await FindAsync(http, reference, repository) is var (_, stored, _, body)
            ? new ApiFile(NameOf(stored.Digest), body) : NotFound(reference, repository);

    /// <summary>The config of an image as it was pushed.</summary>
    public async Task<ApiFile> ReadConfigAsync(HttpContext http, string reference, string repository)
    {
        if (await FindAsync(http, reference, repository) is not var (name, _, outline, _))
            return NotFound(reference, repository);
        return await ReadConfigAsync(name, outline, http.RequestAborted) is { } config
            ? new ApiFile(NameOf(outline.Config!.Digest), config)
            : ApiError.NotFound($"config of an image in {PlainText.Of(reference)}, or none that is read");
    }

    private async ValueTask<(RepositoryName Name, StoredManifest Stored, ImageOutline Outline, byte[] Body)?>
        FindAsync(HttpContext http, string reference, string repository)
    {
        if (!RepositoryName.TryParse(repository, out var name) || !Reference.TryParse(reference, out var asked)
            || await manifests.FindAsync(name, asked, http.RequestAborted) is not { } stored
            || (stored.Body ?? await manifests.LoadBodyAsync(stored.Digest)) is not { } body)
        {
            return null;
        }

        return (name, stored, ImageOutline.Read(body, stored.MediaType, limits.ReferencesPerManifest), body);
    }

    /// <summary>Null if it has none that the repository links.</summary>
    private async ValueTask<byte[]?> ReadConfigAsync(
        RepositoryName name, ImageOutline outline, CancellationToken cancellation) =>
        outline.Config is { } sent && await blobs.FindAsync(name, sent.Digest, cancellation) is not null
            ? await inspection().ReadConfigAsync(outline.Manifest!, cancellation) : null;

    private static string NameOf(Digest digest) => digest.Text.Replace(':', '-') + ".json";

    /// <summary>Its layers. Build caches list theirs as the children of an index.</summary>
    private static List<Descriptor> LayersOf(ImageOutline outline, IReadOnlyList<IndexImage> images)
    {
        var manifests = images.Select(one => one.Child.Digest).ToHashSet();
        return [.. outline.Layers, .. outline.Manifest is not { } index ? []
            : index.References.Where(one => one is { Kind: ReferenceKind.Child, NamesManifest: false }
                && one.Target.MediaType != MediaTypes.BuildCacheConfig && !manifests.Contains(one.Target.Digest))
                .Select(one => one.Target)];
    }

    /// <summary>What is told of anything; what an image or an index has more, is added.</summary>
    private static ImageView ViewOf(
        HttpContext http, string repository, StoredManifest stored, ImageRow row, ImageOutline outline) => new(
        repository, stored.Digest.Text, stored.MediaType, row.ArtifactType, ArtifactEndpoints.KindOf(outline),
        stored.SizeBytes, row.ContentBytes, row.Tags, row.PushedAt, http.NameFor(row.PushedBy), row.PulledAt,
        outline.Manifest?.Subject?.Digest.Text, [], outline.Annotations, null, []);

    private static ConfigView ConfigOf(Digest digest, ImageConfig config, List<BuildStepView> made) => new(
        digest.Text, config.Platform, config.CreatedAt, config.Author, config.User,
        config.WorkingDirectory, config.EntryPoint, config.Command, config.Environment, config.Ports,
        config.Volumes, config.StopSignal, config.HealthCheck, config.Labels, made);

    private static IReadOnlyList<LayerView> LayersOf(
        ImageOutline outline, List<Descriptor> layers, Dictionary<Digest, KnownLink> links, List<BuildStepView> made)
    {
        var instructions = made.Where(step => step.Layer is not null).Select(step => step.Instruction).ToList();
        return [.. layers.Select((layer, i) => new LayerView(
            layer.Digest.Text, layer.MediaType, layer.SizeBytes,
            links.TryGetValue(layer.Digest, out var link) && !link.IsCondemned,
            i < instructions.Count && instructions[i].Length > 0 ? instructions[i] : null,
            outline.LayerNames.GetValueOrDefault(layer.Digest.Text)))];
    }

    /// <summary>Those for no platform last.</summary>
    private static int ComparePlatforms(string? one, string? other) =>
        one!.Length == 0 || other!.Length == 0
            ? (one.Length == 0).CompareTo(other!.Length == 0) : Oci.Platforms.Compare(one, other);

    private static PlatformView ChildOf(IndexImage one)
    {
        var isAttestation = one.Annotations.GetValueOrDefault("vnd.docker.reference.type") == AttestationType;
        return new PlatformView(
            one.Platform, one.Child.Platform is { OsVersion.Length: > 0 } told ? told.OsVersion : null,
            one.Child.Digest.Text, one.Child.MediaType, one.Known?.ContentBytes, one.IsMissing,
            isAttestation ? one.Annotations.GetValueOrDefault("vnd.docker.reference.digest") ?? "" : null,
            one.Index?.Text);
    }

    /// <summary>
    /// The steps, each with the layer that it made. If their numbers differ, nothing tells which made which.
    /// </summary>
    private static List<BuildStepView> StepsOf(ImageConfig config, List<Descriptor> layers)
    {
        var isTold = config.History.Count(step => !step.IsEmpty) == layers.Count;
        var steps = new List<BuildStepView>();
        var at = 0;
        foreach (var step in config.History)
        {
            var layer = isTold && !step.IsEmpty ? layers[at++].Digest.Text : null;
            steps.Add(new BuildStepView(step.Instruction, step.CreatedAt, step.Comment, layer));
        }

        return steps;
    }

    private static ApiError NotFound(string reference, string repository) =>
        ApiError.NotFound($"image {PlainText.Of(reference)} in {PlainText.Of(repository)}");
}
