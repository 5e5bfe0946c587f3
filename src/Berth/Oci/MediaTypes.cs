namespace Berth.Oci;

/// <summary>The media types whose meaning Berth knows; all others are stored as they come (image-spec, media-types.md).</summary>
public static class MediaTypes
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciArtifact = "application/vnd.oci.artifact.manifest.v1+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
    public const string DockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    public const string OctetStream = "application/octet-stream";

    private const string OciNondistributablePrefix = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    private const string DockerForeignLayerPrefix = "application/vnd.docker.image.rootfs.foreign.diff.tar";

    public static bool IsIndex(string mediaType) => mediaType is OciIndex or DockerManifestList;

    public static bool IsImageManifest(string mediaType) => mediaType is OciManifest or DockerManifest;

    public static bool IsSchema1(string mediaType) => mediaType is DockerSchema1 or DockerSchema1Signed;

    /// <summary>Layers with a restricted licence that clients fetch from elsewhere and never push.</summary>
    public static bool IsNondistributable(string mediaType) =>
        mediaType.StartsWith(OciNondistributablePrefix, StringComparison.Ordinal)
        || mediaType.StartsWith(DockerForeignLayerPrefix, StringComparison.Ordinal);
}
