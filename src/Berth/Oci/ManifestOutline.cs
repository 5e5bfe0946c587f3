using System.Text.Json;

namespace Berth.Oci;

/// <summary>The fields of manifests and descriptors that Berth reads.</summary>
internal enum ManifestField
{
    Other,
    SchemaVersion,
    MediaType,
    ArtifactType,
    Config,
    Layers,
    Blobs,
    Manifests,
    Subject,
    Annotations,
    Digest,
    Size,
    Urls,
    Platform,
    Architecture,
    Os,
    Variant,
    OsVersion,
}

/// <summary>
/// What identifies a manifest's type: which top-level fields there are, and the values of two of them.
/// </summary>
/// <param name="IsObject">Whether the body is a JSON object. If not, nothing else is set.</param>
/// <param name="SchemaVersion">The number, or null.</param>
/// <param name="MediaType">The text, or null.</param>
/// <param name="HasConfig">Whether the field is there and not null.</param>
/// <param name="HasLayers">The same.</param>
/// <param name="HasManifests">The same.</param>
internal readonly record struct ManifestOutline(
    bool IsObject, int? SchemaVersion, string? MediaType, bool HasConfig, bool HasLayers, bool HasManifests)
{
    /// <summary>Reads the whole body, which verifies that it is JSON.</summary>
    /// <exception cref="JsonException">The body is not JSON.</exception>
    /// <exception cref="InvalidOperationException">A text in it is not valid Unicode.</exception>
    public static ManifestOutline Read(ReadOnlySpan<byte> body)
    {
        var json = new Utf8JsonReader(body);
        json.Read();
        var outline = new ManifestOutline { IsObject = json.TokenType == JsonTokenType.StartObject };
        while (json.Read())
        {
            if (!outline.IsObject || json.TokenType != JsonTokenType.PropertyName) continue;
            var field = FieldOf(ref json);
            json.Read();
            var isThere = json.TokenType != JsonTokenType.Null;
            outline = field switch
            {
                ManifestField.SchemaVersion => outline with { SchemaVersion = NumberOf(ref json) },
                ManifestField.MediaType => outline with { MediaType = TextOf(ref json) },
                ManifestField.Config => outline with { HasConfig = isThere },
                ManifestField.Layers => outline with { HasLayers = isThere },
                ManifestField.Manifests => outline with { HasManifests = isThere },
                _ => outline,
            };
            json.Skip();
        }

        return outline;
    }

    /// <summary>
    /// Refuses a body with the fields of both an image and an index, which could be served as either.
    /// </summary>
    public void RequireShapeOf(string mediaType)
    {
        if (mediaType == MediaTypes.OciArtifact) return;
        if (SchemaVersion != 2) throw new ManifestFormatException("schemaVersion must be 2");
        if (MediaTypes.IsIndex(mediaType))
        {
            if (HasLayers) throw Ambiguous("an index", "layers");
            return;
        }

        if (HasManifests) throw Ambiguous("an image manifest", "manifests");
        if (!HasConfig) throw new ManifestFormatException("an image manifest must have a 'config'");
    }

    /// <summary>The field whose name the reader is at.</summary>
    public static ManifestField FieldOf(ref Utf8JsonReader json) => json switch
    {
        _ when json.ValueTextEquals("mediaType"u8) => ManifestField.MediaType,
        _ when json.ValueTextEquals("digest"u8) => ManifestField.Digest,
        _ when json.ValueTextEquals("size"u8) => ManifestField.Size,
        _ when json.ValueTextEquals("schemaVersion"u8) => ManifestField.SchemaVersion,
        _ when json.ValueTextEquals("config"u8) => ManifestField.Config,
        _ when json.ValueTextEquals("layers"u8) => ManifestField.Layers,
        _ when json.ValueTextEquals("manifests"u8) => ManifestField.Manifests,
        _ when json.ValueTextEquals("subject"u8) => ManifestField.Subject,
        _ when json.ValueTextEquals("annotations"u8) => ManifestField.Annotations,
        _ when json.ValueTextEquals("artifactType"u8) => ManifestField.ArtifactType,
        _ when json.ValueTextEquals("blobs"u8) => ManifestField.Blobs,
        _ when json.ValueTextEquals("urls"u8) => ManifestField.Urls,
        _ when json.ValueTextEquals("platform"u8) => ManifestField.Platform,
        _ when json.ValueTextEquals("architecture"u8) => ManifestField.Architecture,
        _ when json.ValueTextEquals("os"u8) => ManifestField.Os,
        _ when json.ValueTextEquals("variant"u8) => ManifestField.Variant,
        _ when json.ValueTextEquals("os.version"u8) => ManifestField.OsVersion,
        _ => ManifestField.Other,
    };

    /// <summary>The string that the reader is at; if it is something else, null, and the value is skipped.</summary>
    public static string? TextOf(ref Utf8JsonReader json)
    {
        if (json.TokenType == JsonTokenType.String) return json.GetString();
        json.Skip();
        return null;
    }

    private static int? NumberOf(ref Utf8JsonReader json) =>
        json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var number) ? number : null;

    private static ManifestFormatException Ambiguous(string kind, string field) =>
        new($"{kind} must not have '{field}': the document could be read as two types");
}
