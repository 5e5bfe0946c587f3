using System.Text.Json;

namespace Berth.Oci;

/// <summary>
/// What Berth reads out of a manifest. The bytes themselves are kept as pushed; this is only their meaning
/// (image-spec, manifest.md and image-index.md).
/// </summary>
/// <param name="MediaType">The type it was pushed as, or the one its body states.</param>
/// <param name="ArtifactType">The manifest's own artifact type, or an image's config media type.</param>
/// <param name="Subject">What this manifest refers to, which makes it a referrer.</param>
/// <param name="References">Config, layers, children and subject in the body's order.</param>
/// <param name="AnnotationsJson">The annotations as compact JSON, or null where there are none.</param>
public sealed record Manifest(
    string MediaType,
    string? ArtifactType,
    Descriptor? Subject,
    IReadOnlyList<ManifestReference> References,
    string? AnnotationsJson)
{
    /// <summary>
    /// Reads a manifest. Types that Berth does not know may be anything, JSON or not; of those that it knows the
    /// shape is checked, and a body that could be read as two types is refused (image-spec, "mediaType" and
    /// distribution-spec's advice on ambiguous documents).
    /// </summary>
    /// <param name="body">The bytes as pushed.</param>
    /// <param name="contentType">The request's media type without parameters, or null.</param>
    /// <exception cref="ManifestFormatException">The body is not what its type says; the message says why.</exception>
    public static Manifest Parse(ReadOnlyMemory<byte> body, string? contentType)
    {
        if (contentType is not null && MediaTypes.IsSchema1(contentType)) throw Schema1(contentType);
        var known = contentType is null || IsKnown(contentType);
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind == JsonValueKind.Object) return Read(json.RootElement, contentType, known);
            if (known) throw new ManifestFormatException("a manifest must be a JSON object");
        }
        catch (JsonException e) when (known)
        {
            throw new ManifestFormatException($"the manifest is not valid JSON: {e.Message}");
        }
        catch (InvalidOperationException) when (known)
        {
            // JSON may escape half a surrogate pair, which is no text.
            throw new ManifestFormatException("the manifest has a text that is not valid Unicode");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // A type Berth does not know may be anything: its bytes are kept, and nothing is read out of them.
        }

        return new Manifest(contentType ?? MediaTypes.OctetStream, null, null, [], null);
    }

    private static Manifest Read(JsonElement root, string? contentType, bool known)
    {
        var reader = new ManifestReader(root, isStrict: known);
        var stated = reader.Text("mediaType");
        if (stated is not null && MediaTypes.IsSchema1(stated)) throw Schema1(stated);
        if (known && reader.SchemaVersion() == 1) throw Schema1(MediaTypes.DockerSchema1);
        if (known && contentType is not null && stated is not null && stated != contentType)
        {
            throw new ManifestFormatException(
                $"the body's mediaType '{stated}' is not the request's Content-Type '{contentType}'");
        }

        if (contentType is null && stated is not null && !MediaTypes.IsValid(stated))
        {
            throw new ManifestFormatException("the body's mediaType is not a media type");
        }

        var mediaType = contentType ?? stated
            ?? (reader.Has("manifests") ? MediaTypes.OciIndex : MediaTypes.OciManifest);
        if (IsKnown(mediaType)) reader.RequireShapeOf(mediaType);
        var references = reader.References();
        return new Manifest(
            mediaType,
            reader.ArtifactType(mediaType),
            references.FirstOrDefault(r => r.Kind == ReferenceKind.Subject)?.Target,
            references,
            reader.AnnotationsJson());
    }

    private static bool IsKnown(string mediaType) =>
        MediaTypes.IsIndex(mediaType) || MediaTypes.IsImageManifest(mediaType) || mediaType == MediaTypes.OciArtifact;

    private static ManifestFormatException Schema1(string mediaType) => new(
        $"Docker image manifests of schema 1 ({mediaType}) are not supported; push the image again with a client "
        + "from 2017 or later, which sends schema 2 or OCI");
}

/// <summary>A manifest's body is not what its media type says. The message is fit for the client.</summary>
public sealed class ManifestFormatException(string message) : Exception(message);
