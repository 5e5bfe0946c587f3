using System.Text.Json;
using Berth.Metadata;
using Berth.Oci;
using Berth.Scanning;

namespace Berth.Policies;

/// <summary>An image that policies are asked about, with what they want to know of it.</summary>
/// <param name="Digest">Its manifest.</param>
/// <param name="Outline">What that says.</param>
/// <param name="Labels">The labels of its config; the annotations of its manifest come first.</param>
/// <param name="BuiltAt">When it was built, or else pushed.</param>
/// <param name="PushedAt">When it was last pushed.</param>
internal sealed record JudgedImage(
    Digest Digest, ImageOutline Outline, IReadOnlyDictionary<string, string> Labels, DateTimeOffset BuiltAt,
    DateTimeOffset PushedAt)
{
    private const string BaseNameKey = "org.opencontainers.image.base.name";

    /// <summary>Builds that are to come out the same each time say that they are from 1970, or from 1980.</summary>
    private static readonly DateTimeOffset FirstTime = new(1981, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>
    /// Whether containers might be made of it. Some clients unpack layers by their bytes, whatever they are called:
    /// what has the config of an image is one, unless all its layers are documents.
    /// </summary>
    public bool HasFiles => Outline.Config is { } config && MediaTypes.IsImageConfig(config.MediaType)
        ? Outline.Layers.Any(layer => !IsDocument(layer.MediaType))
        : !IsBuildCache && Outline.Layers.Any(layer => IsFileLayer(layer.MediaType.ToLowerInvariant()));

    /// <summary>Whether it is what buildkit keeps of a build. No client makes containers of what has such a config:
    /// those that care for types want one of an image, and others find no program in it.</summary>
    private bool IsBuildCache => Outline.Config?.MediaType == MediaTypes.BuildCacheConfig;

    /// <summary>Whether it is of a type that is known, so that all it is made of is too.</summary>
    public bool IsReadable => Outline.Manifest is { } manifest
        && (MediaTypes.IsImageManifest(manifest.MediaType) || manifest.MediaType == MediaTypes.OciArtifact);

    /// <summary>
    /// Whether it only says something about another, so that policies are not about it. What has files is an image,
    /// whatever else it says: else anybody could get past the policies by one more field.
    /// </summary>
    public bool IsAttachment { get; init; }

    /// <summary>What is known of its vulnerabilities; null if nobody looked into it.</summary>
    public ImageFindingsRow? Scan { get; init; }

    /// <summary>Its worst vulnerabilities.</summary>
    public IReadOnlyList<ImageFindingRow> Findings { get; init; } = [];

    /// <summary>How bad the next ones are, which were not read; null if there are none.</summary>
    public long? UnreadFindingsFrom { get; init; }

    /// <summary>What documents that come with it say of its vulnerabilities, if somebody signed them who is trusted.
    /// </summary>
    public ImageStatements Statements { get; init; } = ImageStatements.None;

    /// <summary>Names that waivers have for vulnerabilities, by the names under which these are noted.</summary>
    public ILookup<string, string> WaivedNames { get; init; } = Enumerable.Empty<string>().ToLookup(name => name);

    /// <summary>The licences of its packages; null if nobody looked into it, or nobody asked.</summary>
    public ImageLicensesRow? Licenses { get; init; }

    /// <summary>Why the packages of its distribution were not all compared; null if they were.</summary>
    public string? Uncovered { get; init; }

    /// <summary>Its signatures that are verified.</summary>
    public IReadOnlyList<FoundSignature> Signatures { get; init; } = [];

    /// <summary>Whether some of its signatures are being verified, and that again (true); null: none is.</summary>
    public bool? SignaturesWaitAgain { get; init; }

    /// <summary>Which kinds of documents come with it (<see cref="ArtifactKind"/>).</summary>
    public IReadOnlySet<string> Documents { get; init; } = new HashSet<string>();

    /// <summary>The name of its base image, as it says itself.</summary>
    public string? BaseName => Find(BaseNameKey);

    public string? Find(string label) =>
        Outline.Annotations.GetValueOrDefault(label) ?? Labels.GetValueOrDefault(label);

    /// <summary>With what the registry trusts, and a namespace: who is trusted elsewhere may be anybody.</summary>
    public JudgedImage TrustedIn(string space) => this with
    {
        Signatures =
            [.. Signatures.Where(one => one.Result?.TrustedIn is null or "" || one.Result.TrustedIn == space)],
        Statements = Statements.TrustedIn(space),
    };

    /// <param name="row">What the table has of it.</param>
    /// <param name="maxReferences">The most descriptors that are read.</param>
    public static JudgedImage Of(JudgedImageRow row, int maxReferences) => Of(
        row.Digest, ImageOutline.Read(row.Body, row.MediaType, maxReferences), row.LabelsJson, row.BuiltAt,
        row.PushedAt);

    /// <summary>An image that is being pushed.</summary>
    public static JudgedImage Of(
        Digest digest, ImageOutline outline, string? labelsJson, DateTimeOffset? builtAt, DateTimeOffset pushedAt)
    {
        var image = new JudgedImage(
            digest, outline, ReadLabels(labelsJson),
            builtAt >= FirstTime && builtAt <= pushedAt ? builtAt.Value : pushedAt, pushedAt);
        return image with
        {
            IsAttachment = image is { HasFiles: false, IsReadable: true } && (outline.Manifest!.Subject is not null
                || image.IsBuildCache
                || ArtifactKind.Of(
                    outline.Manifest.ArtifactType, outline.Layers.Select(layer => layer.MediaType))
                    is ArtifactKind.Signature or ArtifactKind.Attestation or ArtifactKind.Sbom
                        or ArtifactKind.Provenance or ArtifactKind.Vulnerabilities or ArtifactKind.Cache),
        };
    }

    private static bool IsFileLayer(string mediaType) =>
        MediaTypes.IsFileLayer(mediaType) || MediaTypes.IsNondistributable(mediaType);

    private static bool IsDocument(string mediaType) => mediaType == "text/spdx"
        || mediaType.EndsWith("json", StringComparison.Ordinal) || mediaType.EndsWith("xml", StringComparison.Ordinal);

    private static Dictionary<string, string> ReadLabels(string? json)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        if (json is null) return labels;
        using var document = JsonDocument.Parse(json);
        foreach (var one in document.RootElement.EnumerateObject()) labels[one.Name] = one.Value.GetString() ?? "";
        return labels;
    }
}
