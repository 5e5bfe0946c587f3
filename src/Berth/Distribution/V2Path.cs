using Berth.Oci;

namespace Berth.Distribution;

/// <summary>What a path under <c>/v2/</c> names.</summary>
internal enum V2Kind
{
    Unknown,
    Version,
    Catalog,
    Blob,
    Uploads,
    Upload,
    Manifest,
    Tags,
    Referrers,

    /// <summary>The extensions of the registry.</summary>
    Extensions,

    /// <summary>Those of a repository.</summary>
    RepositoryExtensions,

    /// <summary>An extension: tags with what they point to, and when.</summary>
    TagDetails,
}

/// <summary>
/// A path of the distribution API, parsed once. Repository names contain slashes, and may contain words like
/// <c>blobs</c>, so it is read from its end (distribution-spec, "Endpoints").
/// </summary>
/// <param name="Kind">Which endpoint.</param>
/// <param name="Name">The part that should be a repository's name, not yet checked.</param>
/// <param name="Last">The digest, tag or upload that the path ends in, not yet checked.</param>
internal readonly ref struct V2Path(V2Kind kind, ReadOnlySpan<char> name, ReadOnlySpan<char> last)
{
    private const string Root = "/v2/";
    private const string Discovery = "_oci/ext/discover";
    private const string Details = "_berth/tags/detail";

    public V2Kind Kind { get; } = kind;

    public ReadOnlySpan<char> Name { get; } = name;

    public ReadOnlySpan<char> Last { get; } = last;

    /// <summary>Whether the API answers this path, even if with an error.</summary>
    public static bool IsUnder(ReadOnlySpan<char> path) =>
        path is "/v2" || path.StartsWith(Root, StringComparison.Ordinal);

    public static V2Path Parse(ReadOnlySpan<char> path)
    {
        if (path is "/v2" or Root) return new V2Path(V2Kind.Version, default, default);
        if (!path.StartsWith(Root, StringComparison.Ordinal)) return default;
        var rest = path[Root.Length..];
        if (rest is "_catalog") return new V2Path(V2Kind.Catalog, default, default);
        if (rest is Discovery) return new V2Path(V2Kind.Extensions, default, default);
        if (rest.EndsWith("/blobs/uploads/", StringComparison.Ordinal)) rest = rest[..^1];
        if (rest.EndsWith("/tags/list", StringComparison.Ordinal)) return new V2Path(V2Kind.Tags, rest[..^10], default);

        // No part of a repository's name begins with an underscore.
        if (rest.EndsWith("/" + Discovery, StringComparison.Ordinal))
            return new V2Path(V2Kind.RepositoryExtensions, rest[..^(Discovery.Length + 1)], default);
        if (rest.EndsWith("/" + Details, StringComparison.Ordinal))
            return new V2Path(V2Kind.TagDetails, rest[..^(Details.Length + 1)], default);
        if (!TryCut(rest, out var before, out var last) || !TryCut(before, out var name, out var word)) return default;
        return word switch
        {
            "manifests" => new V2Path(V2Kind.Manifest, name, last),
            "referrers" => new V2Path(V2Kind.Referrers, name, last),
            "blobs" when last is "uploads" => new V2Path(V2Kind.Uploads, name, default),
            "uploads" when name.EndsWith("/blobs", StringComparison.Ordinal) =>
                new V2Path(V2Kind.Upload, name[..^6], last),
            "blobs" => new V2Path(V2Kind.Blob, name, last),
            _ => default,
        };
    }

    private static bool TryCut(ReadOnlySpan<char> text, out ReadOnlySpan<char> before, out ReadOnlySpan<char> last)
    {
        var slash = text.LastIndexOf('/');
        before = slash < 0 ? default : text[..slash];
        last = text[(slash + 1)..];
        return slash > 0;
    }
}

/// <summary>The validated parts of a path. The kind determines which of them are set.</summary>
internal sealed class V2Target(V2Kind kind)
{
    private RepositoryName? oldName;

    public V2Kind Kind => kind;

    public RepositoryName Repository { get; private set; }

    /// <summary>Whether the path names a repository.</summary>
    public bool HasRepository => kind is not (V2Kind.Version or V2Kind.Catalog or V2Kind.Extensions or V2Kind.Unknown);

    public Digest Digest { get; private set; }

    public Reference Reference { get; private set; }

    /// <summary>An upload's id; null if the text can't be one, so that no such upload exists.</summary>
    public UploadId? Upload { get; private set; }

    /// <summary>The name that answers have: the old one that the client knows, if the repository was moved.</summary>
    public RepositoryName Shown => oldName ?? Repository;

    /// <summary>The same in another repository.</summary>
    public V2Target In(RepositoryName repository) =>
        new(kind) { Repository = repository, Digest = Digest, Reference = Reference, Upload = Upload };

    /// <summary>The same in the repository that was moved there.</summary>
    public V2Target MovedTo(RepositoryName repository, RepositoryName from)
    {
        var target = In(repository);
        target.oldName = from;
        return target;
    }

    /// <summary>The error for the first invalid part of the path; null, with all parts set, if there is none.</summary>
    public static RegistryError? Check(in V2Path path, string method, out V2Target target)
    {
        target = new V2Target(path.Kind);
        if (path.Kind is V2Kind.Unknown) return RegistryError.NotFound();
        if (path.Kind is V2Kind.Version or V2Kind.Catalog or V2Kind.Extensions) return null;
        if (!RepositoryName.TryParse(path.Name, out var repository))
        {
            return RegistryError.NameInvalid(path.Name.ToString());
        }

        target.Repository = repository;
        return path.Kind switch
        {
            V2Kind.Blob or V2Kind.Referrers => target.ReadDigest(path.Last),
            V2Kind.Manifest => target.ReadReference(path.Last, method),
            V2Kind.Upload => target.ReadUpload(path.Last),
            _ => null,
        };
    }

    private RegistryError? ReadDigest(ReadOnlySpan<char> text)
    {
        if (!Digest.TryParse(text, out var digest)) return RegistryError.DigestInvalid($"'{text}' is not a digest");
        Digest = digest;
        return null;
    }

    /// <summary>A reference that no manifest can have is a 404 for readers, and a 400 only for writers.</summary>
    private RegistryError? ReadReference(ReadOnlySpan<char> text, string method)
    {
        if (Reference.TryParse(text, out var reference))
        {
            Reference = reference;
            return null;
        }

        if (text.Contains(':')) return RegistryError.DigestInvalid($"'{text}' is not a digest");
        return method == HttpMethods.Put
            ? RegistryError.TagInvalid(text.ToString())
            : RegistryError.ManifestUnknown(text.ToString());
    }

    private RegistryError? ReadUpload(ReadOnlySpan<char> text)
    {
        if (UploadId.TryParse(text, out var id)) Upload = id;
        return null;
    }
}
