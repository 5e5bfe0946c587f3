using System.Text.Json;
using Berth.Metadata;
using Berth.Oci;

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

    /// <summary>Whether containers can be made of it: it has layers of files.</summary>
    public bool HasFiles => Outline.Layers.Any(layer =>
        MediaTypes.IsFileLayer(layer.MediaType) || MediaTypes.IsNondistributable(layer.MediaType));

    /// <summary>
    /// Whether it only says something about another, so that policies are not about it. What has files is an image,
    /// whatever else it says: else anybody could get past the policies by one more field.
    /// </summary>
    public bool IsAttachment { get; init; }

    /// <summary>What is known of its vulnerabilities; null if nobody looked into it.</summary>
    public ImageFindingsRow? Scan { get; init; }

    /// <summary>Its worst vulnerabilities.</summary>
    public IReadOnlyList<ImageFindingRow> Findings { get; init; } = [];

    /// <summary>Whether there are more of these.</summary>
    public bool HasMoreFindings { get; init; }

    public IReadOnlyList<FoundSignature> Signatures { get; init; } = [];

    /// <summary>Which kinds of documents come with it (<see cref="ArtifactKind"/>).</summary>
    public IReadOnlySet<string> Documents { get; init; } = new HashSet<string>();

    /// <summary>The name of its base image, as it says itself.</summary>
    public string? BaseName => Find(BaseNameKey);

    public string? Find(string label) =>
        Outline.Annotations.GetValueOrDefault(label) ?? Labels.GetValueOrDefault(label);

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
            digest, outline, ReadLabels(labelsJson), builtAt >= FirstTime ? builtAt.Value : pushedAt, pushedAt);
        return image with
        {
            IsAttachment = !image.HasFiles && (outline.Manifest?.Subject is not null
                || outline.Manifest is null
                || ArtifactKind.Of(
                    outline.Manifest.ArtifactType, outline.Layers.Select(layer => layer.MediaType))
                    is ArtifactKind.Signature or ArtifactKind.Attestation or ArtifactKind.Sbom
                        or ArtifactKind.Provenance or ArtifactKind.Vulnerabilities or ArtifactKind.Cache),
        };
    }

    private static Dictionary<string, string> ReadLabels(string? json)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        if (json is null) return labels;
        using var document = JsonDocument.Parse(json);
        foreach (var one in document.RootElement.EnumerateObject()) labels[one.Name] = one.Value.GetString() ?? "";
        return labels;
    }
}
