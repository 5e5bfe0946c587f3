using System.Text.Json;

namespace Berth.Oci;

/// <summary>
/// Reads the fields of one manifest's JSON. Strict for known types; otherwise takes what it can make sense of.
/// </summary>
internal readonly struct ManifestReader(JsonElement root, bool isStrict)
{
    public bool Has(string field) => root.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null;

    public string? Text(string field) => Text(root, field);

    public int? SchemaVersion() =>
        root.TryGetProperty("schemaVersion", out var value)
        && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var version) ? version : null;

    /// <summary>
    /// A body with the fields of both an image and an index could be served as either: it is refused.
    /// </summary>
    public void RequireShapeOf(string mediaType)
    {
        if (mediaType == MediaTypes.OciArtifact) return;
        if (SchemaVersion() != 2) throw new ManifestFormatException("schemaVersion must be 2");
        if (MediaTypes.IsIndex(mediaType))
        {
            if (Has("layers")) throw Ambiguous("an index", "layers");
            if (!Has("manifests")) throw new ManifestFormatException("an index must have 'manifests'");
            return;
        }

        if (Has("manifests")) throw Ambiguous("an image manifest", "manifests");
        if (!Has("config")) throw new ManifestFormatException("an image manifest must have a 'config'");
        if (!Has("layers")) throw new ManifestFormatException("an image manifest must have 'layers'");
    }

    /// <summary>
    /// distribution-spec, "Listing Referrers": an image without artifactType counts as its config's type.
    /// </summary>
    public string? ArtifactType(string mediaType)
    {
        var type = Text("artifactType");
        if (string.IsNullOrEmpty(type) && MediaTypes.IsImageManifest(mediaType)
            && root.TryGetProperty("config", out var config) && config.ValueKind == JsonValueKind.Object)
        {
            type = Text(config, "mediaType");
        }

        if (type?.Any(char.IsControl) != true) return type;
        return isStrict ? throw new ManifestFormatException("the artifact's type has control characters") : null;
    }

    public string? AnnotationsJson()
    {
        if (!Has("annotations")) return null;
        var annotations = root.GetProperty("annotations");
        if (annotations.ValueKind == JsonValueKind.Object
            && annotations.EnumerateObject().All(a => a.Value.ValueKind == JsonValueKind.String))
        {
            return annotations.EnumerateObject().Any() ? annotations.GetRawText() : null;
        }

        return isStrict ? throw new ManifestFormatException("'annotations' must map texts to texts") : null;
    }

    public List<ManifestReference> References()
    {
        var found = new List<ManifestReference>();
        AddOne(found, "config", ReferenceKind.Config);
        AddAll(found, "layers", ReferenceKind.Layer);
        AddAll(found, "blobs", ReferenceKind.Layer);
        AddAll(found, "manifests", ReferenceKind.Child);
        AddOne(found, "subject", ReferenceKind.Subject);
        return found;
    }

    private void AddOne(List<ManifestReference> found, string field, ReferenceKind kind)
    {
        if (Has(field) && Read(root.GetProperty(field), field) is { } descriptor) found.Add(new(kind, descriptor));
    }

    private void AddAll(List<ManifestReference> found, string field, ReferenceKind kind)
    {
        if (!Has(field)) return;
        var items = root.GetProperty(field);
        if (items.ValueKind != JsonValueKind.Array)
        {
            if (isStrict) throw new ManifestFormatException($"'{field}' must be a list");
            return;
        }

        foreach (var item in items.EnumerateArray())
        {
            if (Read(item, field) is { } descriptor) found.Add(new(kind, descriptor));
        }
    }

    private Descriptor? Read(JsonElement item, string field)
    {
        if (item.ValueKind == JsonValueKind.Object
            && Text(item, "digest") is { } text && Digest.TryParse(text, out var digest)
            && item.TryGetProperty("size", out var size)
            && size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out var sizeBytes) && sizeBytes >= 0)
        {
            return new Descriptor(Text(item, "mediaType") ?? "", digest, sizeBytes, Urls(item), PlatformOf(item));
        }

        return isStrict
            ? throw new ManifestFormatException(
                $"'{field}' has a descriptor without a valid sha256 or sha512 digest and a size")
            : null;
    }

    private static List<string> Urls(JsonElement item) =>
        item.TryGetProperty("urls", out var urls) && urls.ValueKind == JsonValueKind.Array
            ? [.. urls.EnumerateArray().Where(u => u.ValueKind == JsonValueKind.String).Select(u => u.GetString()!)]
            : [];

    private static Platform? PlatformOf(JsonElement item) =>
        item.TryGetProperty("platform", out var platform) && platform.ValueKind == JsonValueKind.Object
            ? new Platform(Text(platform, "architecture") ?? "", Text(platform, "os") ?? "")
            : null;

    private static string? Text(JsonElement element, string field) =>
        element.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static ManifestFormatException Ambiguous(string kind, string field) =>
        new($"{kind} must not have '{field}': the document could be read as two types");
}
