using System.Text;
using System.Text.Json;

namespace Berth.Oci;

/// <summary>
/// Reads the references and annotations of a manifest without building the whole document, so that memory grows with
/// what is kept and not with what was sent. Strict for known types; lenient for others. If a field is given twice, the
/// last one counts.
/// </summary>
internal ref struct ManifestReader
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> body;
    private readonly bool isStrict;
    private readonly int maxReferences;
    private Utf8JsonReader json;
    private int found;
    private Descriptor? config;
    private Descriptor? subject;
    private List<Descriptor> layers = [];
    private List<Descriptor> blobs = [];
    private List<Descriptor> children = [];
    private string? artifactType;
    private (int Start, int End) annotations;

    private ManifestReader(ReadOnlySpan<byte> body, bool isStrict, int maxReferences)
    {
        this.body = body;
        this.isStrict = isStrict;
        this.maxReferences = maxReferences;
        json = new Utf8JsonReader(body);
    }

    /// <exception cref="ManifestFormatException">If strict: a field is invalid.</exception>
    /// <exception cref="JsonException">The body is not JSON.</exception>
    /// <exception cref="InvalidOperationException">A text in it is not valid Unicode.</exception>
    public static Manifest Read(ReadOnlySpan<byte> body, string mediaType, bool isStrict, int maxReferences)
    {
        var reader = new ManifestReader(body, isStrict, maxReferences);
        reader.ReadFields();
        return new Manifest(
            mediaType, reader.ArtifactTypeOf(mediaType), reader.subject, reader.References(),
            reader.subject is null ? null : reader.AnnotationsJson());
    }

    private void ReadFields()
    {
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = ManifestOutline.FieldOf(ref json);
            json.Read();
            switch (field)
            {
                case ManifestField.Config: config = ReadOne("config"); break;
                case ManifestField.Layers: layers = ReadList("layers"); break;
                case ManifestField.Blobs: blobs = ReadList("blobs"); break;
                case ManifestField.Manifests: children = ReadList("manifests"); break;
                case ManifestField.Subject: subject = ReadOne("subject"); break;
                case ManifestField.ArtifactType: artifactType = ManifestOutline.TextOf(ref json); break;
                case ManifestField.Annotations: annotations = ReadAnnotations(); break;
                default: json.Skip(); break;
            }
        }
    }

    private readonly List<ManifestReference> References()
    {
        var all = new List<ManifestReference>(layers.Count + blobs.Count + children.Count + 2);
        if (config is not null) all.Add(new(ReferenceKind.Config, config));
        foreach (var layer in layers) all.Add(new(ReferenceKind.Layer, layer));
        foreach (var blob in blobs) all.Add(new(ReferenceKind.Layer, blob));
        foreach (var child in children) all.Add(new(ReferenceKind.Child, child));
        if (subject is not null) all.Add(new(ReferenceKind.Subject, subject));
        return all;
    }

    /// <summary>
    /// distribution-spec, "Listing Referrers": an image without artifactType counts as its config's type.
    /// </summary>
    private readonly string? ArtifactTypeOf(string mediaType)
    {
        var type = artifactType;
        if (string.IsNullOrEmpty(type) && MediaTypes.IsImageManifest(mediaType)) type = config?.MediaType;
        if (string.IsNullOrEmpty(type)) return null;
        if (!type.Any(char.IsControl)) return type;
        return isStrict ? throw new ManifestFormatException("the artifact's type has control characters") : null;
    }

    private readonly string? AnnotationsJson()
    {
        if (annotations.End == 0) return null;
        try
        {
            return Utf8.GetString(body[annotations.Start..annotations.End]);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidOperationException("the annotations are not valid Unicode", e);
        }
    }

    /// <summary>Their position in the body; empty if there are none.</summary>
    private (int Start, int End) ReadAnnotations()
    {
        if (json.TokenType == JsonTokenType.Null) return default;
        var start = (int)json.TokenStartIndex;
        var (isMap, count) = (json.TokenType == JsonTokenType.StartObject, 0);
        if (isMap)
        {
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                json.Read();
                isMap &= json.TokenType == JsonTokenType.String;
                json.Skip();
                count++;
            }
        }
        else
        {
            json.Skip();
        }

        if (!isMap && isStrict) throw new ManifestFormatException("'annotations' must map strings to strings");
        return isMap && count > 0 ? (start, (int)json.BytesConsumed) : default;
    }

    private Descriptor? ReadOne(string field) => json.TokenType == JsonTokenType.Null ? null : Read(field);

    private List<Descriptor> ReadList(string field)
    {
        if (json.TokenType == JsonTokenType.Null) return [];
        if (json.TokenType != JsonTokenType.StartArray)
        {
            if (isStrict) throw new ManifestFormatException($"'{field}' must be a list");
            json.Skip();
            return [];
        }

        var list = new List<Descriptor>();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (Read(field) is { } descriptor) list.Add(descriptor);
        }

        return list;
    }

    private Descriptor? Read(string field)
    {
        var (mediaType, digest, sizeBytes) = ("", (Digest?)null, -1L);
        List<string>? urls = null;
        Platform? platform = null;
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
        }
        else
        {
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var name = ManifestOutline.FieldOf(ref json);
                json.Read();
                switch (name)
                {
                    case ManifestField.MediaType: mediaType = ManifestOutline.TextOf(ref json) ?? ""; break;
                    case ManifestField.Digest: digest = ReadDigest(); break;
                    case ManifestField.Size: sizeBytes = ReadNumber(); break;
                    case ManifestField.Urls: urls = ReadUrls(); break;
                    case ManifestField.Platform: platform = ReadPlatform(); break;
                    default: json.Skip(); break;
                }
            }
        }

        if (digest is { } known && sizeBytes >= 0)
        {
            Count();
            return new Descriptor(mediaType, known, sizeBytes, urls is null ? [] : urls, platform);
        }

        return isStrict
            ? throw new ManifestFormatException(
                $"'{field}' has a descriptor without a valid sha256 or sha512 digest and a size")
            : null;
    }

    private Digest? ReadDigest() =>
        ManifestOutline.TextOf(ref json) is { } text && Digest.TryParse(text, out var digest) ? digest : null;

    private long ReadNumber()
    {
        if (json.TokenType == JsonTokenType.Number) return json.TryGetInt64(out var number) ? number : -1;
        json.Skip();
        return -1;
    }

    private List<string>? ReadUrls()
    {
        if (json.TokenType != JsonTokenType.StartArray)
        {
            json.Skip();
            return null;
        }

        var urls = new List<string>();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (ManifestOutline.TextOf(ref json) is not { } url) continue;
            Count();
            urls.Add(url);
        }

        return urls;
    }

    private Platform? ReadPlatform()
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            json.Skip();
            return null;
        }

        var (architecture, os, variant, version) = ("", "", "", "");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = ManifestOutline.FieldOf(ref json);
            json.Read();
            if (name == ManifestField.Architecture) architecture = ManifestOutline.TextOf(ref json) ?? "";
            else if (name == ManifestField.Os) os = ManifestOutline.TextOf(ref json) ?? "";
            else if (name == ManifestField.Variant) variant = ManifestOutline.TextOf(ref json) ?? "";
            else if (name == ManifestField.OsVersion) version = ManifestOutline.TextOf(ref json) ?? "";
            else json.Skip();
        }

        return new Platform(architecture, os, variant, version);
    }

    /// <summary>URLs count too: each is kept until it has been checked against the settings.</summary>
    private void Count()
    {
        if (++found <= maxReferences) return;
        throw new ManifestFormatException(
            $"the manifest has more than {maxReferences} references (limits.referencespermanifest)");
    }
}
