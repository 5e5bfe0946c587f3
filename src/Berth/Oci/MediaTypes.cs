using System.Buffers;

namespace Berth.Oci;

/// <summary>
/// The media types that Berth understands; all others are stored as they are (image-spec, media-types.md).
/// </summary>
public static class MediaTypes
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciArtifact = "application/vnd.oci.artifact.manifest.v1+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
    public const string DockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    public const string OciConfig = "application/vnd.oci.image.config.v1+json";
    public const string DockerConfig = "application/vnd.docker.container.image.v1+json";
    public const string BuildCacheConfig = "application/vnd.buildkit.cacheconfig.v0";
    public const string OctetStream = "application/octet-stream";

    private const string OciLayerPrefix = "application/vnd.oci.image.layer.v1.tar";
    private const string DockerLayerPrefix = "application/vnd.docker.image.rootfs.diff.tar";
    private const string OciNondistributablePrefix = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    private const string DockerForeignLayerPrefix = "application/vnd.docker.image.rootfs.foreign.diff.tar";

    /// <summary>The longest type and the longest subtype, in characters (RFC 6838, section 4.2).</summary>
    private const int MaxNameLength = 127;

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+");

    private static readonly string[] Known =
        [OciManifest, OciIndex, OciArtifact, DockerManifest, DockerManifestList, DockerSchema1, DockerSchema1Signed];

    /// <summary>
    /// The canonical spelling of a known type. Media types are case-insensitive (RFC 6838, section 4.2), and another
    /// spelling must not bypass a check.
    /// </summary>
    public static string Canonical(string mediaType) =>
        Array.Find(Known, known => known.Equals(mediaType, StringComparison.OrdinalIgnoreCase)) ?? mediaType;

    /// <summary>Whether the text is a media type without parameters (RFC 6838, section 4.2).</summary>
    public static bool IsValid(ReadOnlySpan<char> text) =>
        text.IndexOf('/') is var slash && slash > 0 && IsName(text[..slash]) && IsName(text[(slash + 1)..]);

    /// <summary>Whether manifests may have this type: one that browsers don't run.</summary>
    public static bool IsApplication(string mediaType) =>
        mediaType.StartsWith("application/", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Types that clients send for lack of a better one. If the body states its own type, that one counts.
    /// </summary>
    public static bool IsGeneric(string mediaType) =>
        SaysNothing(mediaType)
        || mediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        || mediaType.Equals(OctetStream, StringComparison.OrdinalIgnoreCase);

    /// <summary>Generic types that no manifest is stored as: curl's default for any body, and plain text.</summary>
    public static bool SaysNothing(string mediaType) =>
        mediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase)
        || mediaType.Equals("text/plain", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether content of this type is a manifest or an index, however it is spelled.</summary>
    public static bool IsManifest(string mediaType) =>
        Array.Exists(Known, known => known.Equals(mediaType, StringComparison.OrdinalIgnoreCase));

    public static bool IsIndex(string mediaType) => mediaType is OciIndex or DockerManifestList;

    public static bool IsImageManifest(string mediaType) => mediaType is OciManifest or DockerManifest;

    /// <summary>Whether it is the config of an image that containers run.</summary>
    public static bool IsImageConfig(string mediaType) => mediaType is OciConfig or DockerConfig;

    public static bool IsSchema1(string mediaType) => mediaType is DockerSchema1 or DockerSchema1Signed;

    /// <summary>Whether it is a layer of files, compressed in whatever way, that a registry has.</summary>
    public static bool IsFileLayer(string mediaType) =>
        mediaType.StartsWith(OciLayerPrefix, StringComparison.Ordinal)
        || mediaType.StartsWith(DockerLayerPrefix, StringComparison.Ordinal);

    /// <summary>Layers with a restricted licence that clients fetch from elsewhere and never push.</summary>
    public static bool IsNondistributable(string mediaType) =>
        mediaType.StartsWith(OciNondistributablePrefix, StringComparison.Ordinal)
        || mediaType.StartsWith(DockerForeignLayerPrefix, StringComparison.Ordinal);

    private static bool IsName(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= MaxNameLength && !text.ContainsAnyExcept(NameCharacters);
}
