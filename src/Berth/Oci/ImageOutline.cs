using System.Text.Json;

namespace Berth.Oci;

/// <summary>What people want to see of a manifest, besides what the registry itself needs.</summary>
/// <param name="Manifest">Null if it is none that can be read: of an unknown type.</param>
/// <param name="Annotations">Its annotations.</param>
/// <param name="ChildAnnotations">Those of an index's entries, by their digests.</param>
internal sealed record ImageOutline(
    Manifest? Manifest, IReadOnlyDictionary<string, string> Annotations,
    IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> ChildAnnotations)
{
    private const string Title = "org.opencontainers.image.title";

    private static readonly Dictionary<string, string> None = [];

    /// <summary>What its files are called, by their digests, where it says.</summary>
    public IReadOnlyDictionary<string, string> LayerNames { get; private init; } = None;

    /// <summary>What it says of each of its files, by their digests.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> LayerAnnotations { get; private init; } =
        new Dictionary<string, IReadOnlyDictionary<string, string>>();

    /// <summary>Its config; null if it has none.</summary>
    public Descriptor? Config =>
        Manifest?.References.FirstOrDefault(one => one.Kind == ReferenceKind.Config)?.Target;

    /// <summary>Its layers, the lowest first; of other artifacts, their files.</summary>
    public IEnumerable<Descriptor> Layers => Manifest is null ? []
        : Manifest.References.Where(one => one.Kind == ReferenceKind.Layer).Select(one => one.Target);

    public static ImageOutline Read(ReadOnlyMemory<byte> body, string mediaType, int maxReferences)
    {
        Manifest? manifest = null;
        try
        {
            manifest = Manifest.Parse(body.Span, mediaType, maxReferences);
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            var layers = AnnotationsIn(root, "layers");
            return new ImageOutline(manifest, AnnotationsOf(root), AnnotationsIn(root, "manifests"))
            {
                LayerAnnotations = layers,
                LayerNames = layers.Where(one => one.Value.ContainsKey(Title))
                    .ToDictionary(one => one.Key, one => one.Value[Title]),
            };
        }
        catch (Exception e) when (e is ManifestFormatException or JsonException or InvalidOperationException)
        {
            // Of an unknown type it may be anything.
            return new ImageOutline(manifest, None, new Dictionary<string, IReadOnlyDictionary<string, string>>());
        }
    }

    /// <summary>What is said of each descriptor of a list, by their digests.</summary>
    private static Dictionary<string, IReadOnlyDictionary<string, string>> AnnotationsIn(JsonElement root, string list)
    {
        var found = new Dictionary<string, IReadOnlyDictionary<string, string>>();
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(list, out var items)
            || items.ValueKind != JsonValueKind.Array)
        {
            return found;
        }

        foreach (var item in items.EnumerateArray().Where(one => one.ValueKind == JsonValueKind.Object))
        {
            if (item.TryGetProperty("digest", out var digest) && digest.ValueKind == JsonValueKind.String)
                found[digest.GetString()!] = AnnotationsOf(item);
        }

        return found;
    }

    private static Dictionary<string, string> AnnotationsOf(JsonElement parent)
    {
        if (parent.ValueKind != JsonValueKind.Object || !parent.TryGetProperty("annotations", out var map)
            || map.ValueKind != JsonValueKind.Object)
        {
            return None;
        }

        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var one in map.EnumerateObject())
        {
            if (one.Value.ValueKind == JsonValueKind.String) found[one.Name] = one.Value.GetString()!;
        }

        return found;
    }
}
