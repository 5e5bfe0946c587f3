using System.Text.Json;

namespace Berth.Oci;

/// <summary>
/// What Berth reads from a manifest. The bytes themselves are kept as pushed (image-spec, manifest.md and
/// image-index.md).
/// </summary>
/// <param name="MediaType">The type it was pushed as, or the one its body states.</param>
/// <param name="ArtifactType">The manifest's own artifact type, or an image's config media type.</param>
/// <param name="Subject">What this manifest refers to, which makes it a referrer.</param>
/// <param name="References">Config, layers, children and subject in the body's order.</param>
/// <param name="AnnotationsJson">The annotations as compact JSON, or null if there are none.</param>
public sealed record Manifest(
    string MediaType,
    string? ArtifactType,
    Descriptor? Subject,
    IReadOnlyList<ManifestReference> References,
    string? AnnotationsJson)
{
    /// <summary>The layers of files that an image has, each once.</summary>
    internal IReadOnlyList<Digest> FileLayers => !MediaTypes.IsImageManifest(MediaType) ? []
        : [.. References.Where(r => r.Kind == ReferenceKind.Layer && MediaTypes.IsFileLayer(r.Target.MediaType))
            .Select(r => r.Target.Digest).Distinct()];

    /// <summary>
    /// The layers that clients fetch from elsewhere, each once: a repository may have them all the same.
    /// </summary>
    internal IReadOnlyList<Digest> ForeignLayers =>
        [.. References.Where(r => r.IsForeign).Select(r => r.Target.Digest).Distinct()];

    /// <summary>
    /// The children that say for what they are only themselves: images without a platform in the index, and indexes.
    /// </summary>
    internal IReadOnlyList<Digest> UnnamedChildren =>
        [.. References.Where(r => r.NamesManifest && (MediaTypes.IsIndex(MediaTypes.Canonical(r.Target.MediaType))
                || r.Target.Platform is null or { Os: "" } or { Architecture: "" }))
            .Select(r => r.Target.Digest).Distinct()];

    /// <summary>
    /// Parses a manifest. Unknown types may be anything, JSON or not. For known types the shape is checked, and a body
    /// that could be read as two types is refused (image-spec, "mediaType" and distribution-spec's advice on ambiguous
    /// documents).
    /// </summary>
    /// <param name="body">The bytes as pushed.</param>
    /// <param name="contentType">The request's media type without parameters, or null.</param>
    /// <param name="maxReferences">The most descriptors and URLs in it.</param>
    /// <exception cref="ManifestFormatException">The body is not what its type says; the message says why.</exception>
    public static Manifest Parse(
        ReadOnlySpan<byte> body, string? contentType, int maxReferences = int.MaxValue)
    {
        if (contentType is not null && MediaTypes.IsSchema1(contentType)) throw Schema1(contentType);
        var isNamed = contentType is not null && !MediaTypes.IsGeneric(contentType);
        if (isNamed && !MediaTypes.IsApplication(contentType!))
        {
            throw new ManifestFormatException($"'{contentType}': a manifest needs a media type under application/");
        }

        var mustBeJson = isNamed ? IsKnown(contentType!) : contentType is null || MediaTypes.SaysNothing(contentType);
        try
        {
            var outline = ManifestOutline.Read(body);
            if (!outline.IsObject)
            {
                return mustBeJson
                    ? throw new ManifestFormatException("a manifest must be a JSON object")
                    : Opaque(body, contentType!, maxReferences);
            }

            var mediaType = isNamed ? Named(contentType!, outline) : Stated(contentType, outline);
            if (mediaType is null) return Opaque(body, contentType!, maxReferences);
            var isKnown = IsKnown(mediaType);
            if (isKnown) outline.RequireShapeOf(mediaType);
            var manifest = ManifestReader.Read(body, mediaType, isKnown, maxReferences);
            return isKnown ? manifest : manifest with
            {
                References = [.. manifest.References, .. MentionedDigests.In(body, maxReferences)],
            };
        }
        catch (JsonException e) when (mustBeJson)
        {
            throw new ManifestFormatException($"the manifest is not valid JSON: {e.Message}");
        }
        catch (InvalidOperationException) when (mustBeJson)
        {
            // JSON can escape half a surrogate pair, which is not valid text.
            throw new ManifestFormatException("the manifest has a string that is not valid Unicode");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // An unknown type may be anything: its bytes are kept, and nothing is read from them.
            return Opaque(body, contentType!, maxReferences);
        }
    }

    private static Manifest Opaque(ReadOnlySpan<byte> body, string contentType, int maxReferences) =>
        new(contentType, null, null, MentionedDigests.In(body, maxReferences), null);

    /// <summary>The type that the request states, which the body must agree with.</summary>
    private static string Named(string contentType, ManifestOutline outline)
    {
        if (outline.MediaType is { } stated && !stated.Equals(contentType, StringComparison.OrdinalIgnoreCase))
        {
            throw MediaTypes.IsSchema1(stated) ? Schema1(stated) : new ManifestFormatException(
                $"the body's mediaType '{stated}' is not the request's Content-Type '{contentType}'");
        }

        if (IsKnown(contentType) && outline.SchemaVersion == 1) throw Schema1(MediaTypes.DockerSchema1);
        return contentType;
    }

    /// <summary>The type that the body states, or that its fields imply; null if neither tells.</summary>
    private static string? Stated(string? contentType, ManifestOutline outline)
    {
        if (outline.MediaType is { } stated)
        {
            if (MediaTypes.IsSchema1(stated)) throw Schema1(stated);
            if (MediaTypes.IsValid(stated) && MediaTypes.IsApplication(stated)) return MediaTypes.Canonical(stated);
            throw new ManifestFormatException("the body's mediaType is not a media type under application/");
        }

        var saysNothing = contentType is null || MediaTypes.SaysNothing(contentType);
        if (saysNothing && outline.SchemaVersion == 1) throw Schema1(MediaTypes.DockerSchema1);
        var looksKnown = outline.SchemaVersion == 2
            && (outline.HasConfig || outline.HasLayers || outline.HasManifests);
        if (!saysNothing && !looksKnown) return null;
        return outline.HasManifests ? MediaTypes.OciIndex : MediaTypes.OciManifest;
    }

    private static bool IsKnown(string mediaType) =>
        MediaTypes.IsIndex(mediaType) || MediaTypes.IsImageManifest(mediaType) || mediaType == MediaTypes.OciArtifact;

    private static ManifestFormatException Schema1(string mediaType) => new(
        $"Docker image manifests of schema 1 ({mediaType}) are not supported; push the image again with a client "
        + "from 2017 or later, which sends schema 2 or OCI");
}

/// <summary>A manifest's body is not what its media type says. The message is fit for the client.</summary>
public sealed class ManifestFormatException(string message) : Exception(message);
