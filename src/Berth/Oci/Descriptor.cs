namespace Berth.Oci;

/// <summary>A pointer to content: media type, digest and size in bytes (image-spec, descriptor.md).</summary>
/// <param name="MediaType">The content's media type; empty where the pusher gave none.</param>
/// <param name="Digest">The content's digest.</param>
/// <param name="SizeBytes">The content's length as the pusher stated it.</param>
/// <param name="Urls">Where a client may fetch it instead; usually empty.</param>
/// <param name="Platform">Architecture and operating system, for children of an index.</param>
public sealed record Descriptor(
    string MediaType, Digest Digest, long SizeBytes, IReadOnlyList<string> Urls, Platform? Platform = null);

/// <summary>The platform an index entry is for (image-spec, image-index.md).</summary>
/// <param name="Architecture">Such as <c>amd64</c>.</param>
/// <param name="Os">Such as <c>windows</c>.</param>
/// <param name="Variant">Such as <c>v7</c>; mostly empty.</param>
/// <param name="OsVersion">Such as <c>10.0.20348.2966</c>, by which images for Windows differ; mostly empty.</param>
public sealed record Platform(string Architecture, string Os, string Variant = "", string OsVersion = "")
{
    /// <summary>The operating system of what is for none, such as attestations.</summary>
    internal const string UnknownOs = "unknown";

    public override string ToString() => Platforms.NameOf(this);
}

/// <summary>How a manifest refers to other content.</summary>
public enum ReferenceKind
{
    Config,
    Layer,
    Child,
    Subject,

    /// <summary>
    /// A digest somewhere in a manifest of a type that Berth does not know: it may be something that it needs.
    /// </summary>
    Mention,
}

/// <summary>One reference out of a manifest.</summary>
public sealed record ManifestReference(ReferenceKind Kind, Descriptor Target)
{
    /// <summary>
    /// Whether it must be a manifest of the repository. Other children of an index may be blobs: build caches list
    /// their layers there.
    /// </summary>
    public bool NamesManifest => Kind == ReferenceKind.Child && MediaTypes.IsManifest(Target.MediaType);

    /// <summary>Whether it is a layer that clients fetch from elsewhere.</summary>
    internal bool IsForeign => Kind == ReferenceKind.Layer && MediaTypes.IsNondistributable(Target.MediaType);
}
