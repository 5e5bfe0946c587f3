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
    private static readonly Dictionary<string, string> None = [];

    public static ImageOutline Read(ReadOnlyMemory<byte> body, string mediaType, int maxReferences)
    {
        Manifest? manifest = null;
        try
        {
            manifest = Manifest.Parse(body.Span, mediaType, maxReferences);
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            var children = new Dictionary<string, IReadOnlyDictionary<string, string>>();
            if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("manifests", out var list)
                && list.ValueKind == JsonValueKind.Array)
            {
                foreach (var child in list.EnumerateArray().Where(one => one.ValueKind == JsonValueKind.Object))
                {
                    if (child.TryGetProperty("digest", out var digest) && digest.ValueKind == JsonValueKind.String)
                        children[digest.GetString()!] = AnnotationsOf(child);
                }
            }

            return new ImageOutline(manifest, AnnotationsOf(root), children);
        }
        catch (Exception e) when (e is ManifestFormatException or JsonException or InvalidOperationException)
        {
            // Of an unknown type it may be anything.
            return new ImageOutline(manifest, None, new Dictionary<string, IReadOnlyDictionary<string, string>>());
        }
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
