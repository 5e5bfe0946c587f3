using System.Text;
using Berth.Access;
using Berth.Contents;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Api;

/// <summary>What an artifact is, and says of itself, for people.</summary>
/// <param name="Kind">One of <see cref="ArtifactKind"/>.</param>
/// <param name="Facts">What its config says.</param>
/// <param name="Texts">The texts in it, or their beginnings.</param>
/// <param name="Sbom">What a bill of materials lists; null if it is none that is read.</param>
/// <param name="Fault">Why something in it was not read; null if nothing was left out.</param>
internal sealed record ArtifactView(
    string Kind, IReadOnlyList<FactView> Facts, IReadOnlyList<ArtifactTextView> Texts, SbomView? Sbom, string? Fault)
{
    /// <summary>What an image was built from; null if it is no provenance that is read.</summary>
    public ProvenanceView? Provenance { get; init; }
}

/// <summary>Something that an artifact says of itself.</summary>
internal sealed record FactView(string Name, string Value);

/// <summary>A text in an artifact.</summary>
internal sealed record ArtifactTextView(string Name, string Text, bool IsWhole);

/// <summary>A bill of materials in short.</summary>
internal sealed record SbomView(string Format, long Packages, IReadOnlyList<SbomPackageView> First);

/// <summary>A package that it lists.</summary>
internal sealed record SbomPackageView(string Name, string Version, string License);

/// <summary><c>/images/{reference}/artifact</c>: charts, models, bills of materials and the like.</summary>
/// <param name="manifests">Finds them.</param>
/// <param name="blobs">Whether the repository links what they are made of.</param>
/// <param name="limits">How large manifests may be.</param>
/// <param name="reading">Reads it; null in a command on the database.</param>
internal sealed class ArtifactEndpoints(
    ManifestTable manifests, BlobTable blobs, LimitSettings limits, FileReading? reading)
{
    private const int MaxConfigBytes = 1024 * 1024;
    private const int MaxSbomBytes = 8 * 1024 * 1024;
    private const int MaxTextBytes = 64 * 1024;
    private const int MaxTexts = 8;

    private static readonly string[] TextTypes = ["json", "yaml", "+rego", "markdown"];
    private static readonly string[] TextNames = [".md", ".txt", ".yaml", ".yml", ".json", ".rego"];

    /// <summary>Helm makes no larger ones: Kubernetes would not keep them.</summary>
    private const long MaxChartBytes = 16 * 1024 * 1024;

    public async Task<ApiAnswer<ArtifactView>> GetAsync(HttpContext http, string reference, string repository)
    {
        if (!RepositoryName.TryParse(repository, out var name) || !Reference.TryParse(reference, out var asked)
            || await manifests.FindAsync(name, asked, http.RequestAborted) is not { } stored
            || (stored.Body ?? await manifests.LoadBodyAsync(stored.Digest)) is not { } body)
        {
            return ApiError.NotFound($"image {PlainText.Of(reference)} in {PlainText.Of(repository)}");
        }

        if (reading is null)
            return ApiError.Conflict("only a server reads what is in artifacts: name it with --server");
        var outline = ImageOutline.Read(body, stored.MediaType, limits.ReferencesPerManifest);
        var kind = KindOf(outline);
        if (kind == ArtifactKind.Image) return new ArtifactView(kind, [], [], null, null);
        var linked = new LinkedBlobs(name, blobs, reading, http.RequestAborted);
        var config = outline.Config is { } described ? await linked.ReadAsync(described, MaxConfigBytes) : null;
        var facts = config is null ? [] : ArtifactKind.FactsOf(kind, config);
        var model = outline.Layers.FirstOrDefault(
            layer => IsOnnx(outline.LayerNames.GetValueOrDefault(layer.Digest.Text))
                || layer.MediaType.Contains("onnx", StringComparison.OrdinalIgnoreCase));
        var (onnx, onnxFault) = model is null ? ([], null) : await linked.ReadOnnxAsync(model);
        var (texts, fault) = kind == ArtifactKind.Helm ? await ReadChartAsync(linked, outline)
            : (await ReadTextsAsync(linked, outline), null);
        var sbom = kind == ArtifactKind.Sbom ? await ReadSbomAsync(linked, outline) : null;
        return new ArtifactView(
            kind,
            [.. facts.Concat(onnx).DistinctBy(one => one.Name).Select(one => new FactView(one.Name, one.Value))],
            texts, sbom, fault ?? onnxFault)
        {
            Provenance = kind == ArtifactKind.Provenance ? await ReadProvenanceAsync(linked, outline) : null,
        };
    }

    private static async Task<ProvenanceView?> ReadProvenanceAsync(LinkedBlobs linked, ImageOutline outline)
    {
        foreach (var layer in outline.Layers.Take(MaxTexts))
        {
            if (ProvenanceView.Of(await linked.ReadAsync(layer, MaxSbomBytes)) is { } found) return found;
        }

        return null;
    }

    /// <summary>By what it says itself, or else by what it is made of.</summary>
    public static string KindOf(ImageOutline outline, string? tag = null)
    {
        if (outline.Manifest is { } manifest && MediaTypes.IsIndex(manifest.MediaType)
            && manifest.ArtifactType is null)
        {
            return manifest.References.Any(one => one.Target.MediaType == MediaTypes.BuildCacheConfig)
                ? ArtifactKind.Cache : ArtifactKind.Image;
        }

        return ArtifactKind.Of(
            outline.Manifest?.ArtifactType,
            [
                .. outline.Layers.Select(layer => layer.MediaType),
                .. outline.LayerAnnotations.Values.Select(ArtifactKind.PredicateOf).OfType<string>(),
                .. ArtifactKind.PredicateOf(outline.Annotations) is { } predicate ? [predicate] : Array.Empty<string>(),
                .. outline.LayerNames.Values.Any(IsOnnx) ? ["onnx"] : Array.Empty<string>(),
                .. tag is not null && tag.Contains('.') ? [tag[tag.LastIndexOf('.')..]] : Array.Empty<string>(),
            ]);
    }

    private static bool IsOnnx(string? name) => name?.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase) == true;

    private static async Task<(IReadOnlyList<ArtifactTextView> Texts, string? Fault)> ReadChartAsync(
        LinkedBlobs linked, ImageOutline outline)
    {
        var chart = outline.Layers.FirstOrDefault(
            layer => layer.MediaType.Contains("helm.chart.content", StringComparison.Ordinal));
        if (chart is null) return ([], "it has no chart");
        var (files, fault) = await linked.ReadFilesAsync(chart, MaxChartBytes, IsOfChart, MaxTextBytes);
        return ([.. files.OrderBy(one => one.Path.EndsWith(".md", StringComparison.OrdinalIgnoreCase) ? 0 : 1)
            .Select(one => TextOf(one.Path[(one.Path.IndexOf('/') + 1)..], one.Content, one.IsWhole))
            .OfType<ArtifactTextView>()], fault);
    }

    /// <summary>Not those of the charts that are in it.</summary>
    private static bool IsOfChart(string path) => path.Split('/') is [_, var name]
        && (name is "values.yaml" or "Chart.yaml" || name.Equals("README.md", StringComparison.OrdinalIgnoreCase));

    private static async Task<IReadOnlyList<ArtifactTextView>> ReadTextsAsync(LinkedBlobs linked, ImageOutline outline)
    {
        var texts = new List<ArtifactTextView>();
        foreach (var layer in outline.Layers.Where(layer => IsText(layer, outline)).Take(MaxTexts))
        {
            if (await linked.ReadAsync(layer, MaxTextBytes) is not { } bytes) continue;
            var name = outline.LayerNames.GetValueOrDefault(layer.Digest.Text) ?? layer.MediaType;
            if (TextOf(name, bytes, isWhole: true) is { } text) texts.Add(text);
        }

        return texts;
    }

    private static bool IsText(Descriptor layer, ImageOutline outline)
    {
        var name = outline.LayerNames.GetValueOrDefault(layer.Digest.Text) ?? "";
        return layer.SizeBytes <= MaxTextBytes && (layer.MediaType.StartsWith("text/", StringComparison.Ordinal)
            || Array.Exists(TextTypes, end => layer.MediaType.EndsWith(end, StringComparison.Ordinal))
            || Array.Exists(TextNames, end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase)));
    }

    private static async Task<SbomView?> ReadSbomAsync(LinkedBlobs linked, ImageOutline outline)
    {
        foreach (var layer in outline.Layers.Take(MaxTexts))
        {
            if (await linked.ReadAsync(layer, MaxSbomBytes) is { } bytes && SbomSummary.Read(bytes) is { } found)
            {
                return new SbomView(
                    found.Format, found.Packages,
                    [.. found.First.Select(one => new SbomPackageView(one.Name, one.Version, one.License))]);
            }
        }

        return null;
    }

    /// <summary>Null if it is no text.</summary>
    private static ArtifactTextView? TextOf(string name, byte[] bytes, bool isWhole) =>
        bytes.Contains((byte)0) ? null : new ArtifactTextView(name, Encoding.UTF8.GetString(bytes), isWhole);
}
