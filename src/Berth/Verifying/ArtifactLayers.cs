using System.Text.Json;
using Berth.Oci;
using Berth.Signatures;

namespace Berth.Verifying;

/// <summary>A layer of a manifest that may hold a signature, as the manifest describes it.</summary>
internal sealed record ArtifactLayer(
    Digest Digest, string MediaType, long SizeBytes, IReadOnlyDictionary<string, string> Annotations);

/// <summary>Reads the layers with signatures in a manifest.</summary>
internal static class ArtifactLayers
{
    private const int MaxAnnotations = 100;

    /// <summary>
    /// The layers that hold signatures, the newest if there are too many: cosign adds each at the end. Several may be
    /// the same blob, with other annotations.
    /// </summary>
    public static IReadOnlyList<ArtifactLayer> Read(ReadOnlyMemory<byte> manifest)
    {
        var found = new Queue<ArtifactLayer>();
        try
        {
            using var document = JsonDocument.Parse(manifest);
            if (document.RootElement.ValueKind != JsonValueKind.Object) return [];

            // Artifact manifests, which were in drafts of OCI 1.1, call them blobs.
            foreach (var name in new[] { "layers", "blobs" })
            {
                if (!document.RootElement.TryGetProperty(name, out var layers)
                    || layers.ValueKind != JsonValueKind.Array)
                {
                    continue;
                }

                foreach (var layer in layers.EnumerateArray().Select(Read).OfType<ArtifactLayer>())
                {
                    found.Enqueue(layer);
                    if (found.Count > SignatureLimits.MaxItems) found.Dequeue();
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Of an unknown type it may be anything.
            return [];
        }

        return [.. found];
    }

    private static ArtifactLayer? Read(JsonElement layer)
    {
        if (layer.ValueKind != JsonValueKind.Object
            || !layer.TryGetProperty("mediaType", out var type) || type.ValueKind != JsonValueKind.String
            || !SignatureLayer.IsSignature(type.GetString()!)
            || !layer.TryGetProperty("digest", out var text) || text.ValueKind != JsonValueKind.String
            || !Digest.TryParse(text.GetString()!, out var digest)
            || !layer.TryGetProperty("size", out var size) || !size.TryGetInt64(out var bytes))
        {
            return null;
        }

        var annotations = new Dictionary<string, string>(StringComparer.Ordinal);
        if (layer.TryGetProperty("annotations", out var map) && map.ValueKind == JsonValueKind.Object)
        {
            foreach (var one in map.EnumerateObject().Where(one => one.Value.ValueKind == JsonValueKind.String)
                .Take(MaxAnnotations))
            {
                annotations[one.Name] = one.Value.GetString()!;
            }
        }

        return new ArtifactLayer(digest, type.GetString()!, bytes, annotations);
    }
}
