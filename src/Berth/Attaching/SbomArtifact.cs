using System.Globalization;
using System.Text.Json;
using Berth.Oci;

namespace Berth.Attaching;

/// <summary>
/// The manifest of a bill of materials that refers to its image (OCI 1.1). It depends on nothing but the two, so that
/// it is the same however often it is made.
/// </summary>
internal static class SbomArtifact
{
    public const string EmptyType = "application/vnd.oci.empty.v1+json";

    /// <summary>The config of what has none (image-spec, "Guidance for an empty descriptor").</summary>
    public static ReadOnlySpan<byte> Empty => "{}"u8;

    /// <param name="image">What it is about.</param>
    /// <param name="bill">The bill of materials.</param>
    /// <param name="name">Under which name clients save it.</param>
    /// <param name="createdAt">When the image was built.</param>
    public static byte[] Write(Descriptor image, Descriptor bill, string name, DateTimeOffset createdAt)
    {
        var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteNumber("schemaVersion", 2);
            json.WriteString("mediaType", MediaTypes.OciManifest);
            json.WriteString("artifactType", bill.MediaType);
            json.WritePropertyName("config");
            var empty = Digest.Of(DigestAlgorithm.Sha256, Empty);
            WriteDescriptor(json, new Descriptor(EmptyType, empty, Empty.Length, []));
            json.WriteStartArray("layers");
            WriteDescriptor(json, bill, name);
            json.WriteEndArray();
            json.WritePropertyName("subject");
            WriteDescriptor(json, image);
            json.WriteStartObject("annotations");
            json.WriteString(
                "org.opencontainers.image.created",
                createdAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return output.ToArray();
    }

    private static void WriteDescriptor(Utf8JsonWriter json, Descriptor descriptor, string? name = null)
    {
        json.WriteStartObject();
        json.WriteString("mediaType", descriptor.MediaType);
        json.WriteString("digest", descriptor.Digest.Text);
        json.WriteNumber("size", descriptor.SizeBytes);
        if (name is not null)
        {
            json.WriteStartObject("annotations");
            json.WriteString("org.opencontainers.image.title", name);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }
}
