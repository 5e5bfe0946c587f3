using System.Text.Json;

namespace Berth.Oci;

/// <summary>What artifacts are, by the media types that their tools write.</summary>
internal static class ArtifactKind
{
    public const string Image = "image";
    public const string Helm = "helm";
    public const string Wasm = "wasm";
    public const string Model = "model";
    public const string Sbom = "sbom";
    public const string Compose = "compose";
    public const string Policy = "policy";
    public const string Signature = "signature";
    public const string Provenance = "provenance";
    public const string Vulnerabilities = "vulnerabilities";
    public const string Attestation = "attestation";
    public const string Cache = "cache";
    public const string Other = "other";

    /// <summary>What a part of a media type, of a predicate's type or of a tag tells. The first that fits counts.
    /// </summary>
    private static readonly (string Part, string Kind)[] Words =
    [
        ("buildkit.cacheconfig", Cache),
        ("helm.", Helm), ("wasm", Wasm), ("cncf.model", Model), ("docker.ai", Model), ("onnx", Model), ("gguf", Model),
        ("docker.compose", Compose), ("openpolicyagent", Policy), ("cosign/sign", Signature),
        ("simplesigning", Signature), ("notary.signature", Signature), ("cosign.artifact.sig", Signature),
        (".sig", Signature), ("slsa.dev/provenance", Provenance), ("slsa.provenance", Provenance),
        ("spdx", Sbom), ("cyclonedx", Sbom), ("syft", Sbom), (".sbom", Sbom), ("sarif", Vulnerabilities),
        ("cosign.sigstore.dev/attestation/vuln", Vulnerabilities), ("openvex", Vulnerabilities),
        ("sigstore.bundle", Signature), ("in-toto", Attestation), ("attestation", Attestation), (".att", Attestation),
    ];

    /// <param name="artifactType">What the manifest says that it is: of an image, the type of its config.</param>
    /// <param name="said">Whatever else tells: the types of its layers, predicates, a tag's end.</param>
    public static string Of(string? artifactType, IEnumerable<string> said)
    {
        if (artifactType is not null && MediaTypes.IsImageConfig(artifactType)) artifactType = null;
        var texts = said.ToList();
        foreach (var text in texts.Prepend(artifactType ?? ""))
        {
            foreach (var (part, kind) in Words)
            {
                if (kind is not (Signature or Attestation) && Has(text, part)) return kind;
            }
        }

        var found = Words.FirstOrDefault(word => Has(artifactType ?? "", word.Part) || texts.Exists(
            text => Has(text, word.Part)));
        return found.Kind ?? (artifactType is null ? Image : Other);
    }

    /// <summary>What kind of statement it is, as buildx, cosign and its bundles say.</summary>
    public static string? PredicateOf(IReadOnlyDictionary<string, string> annotations) =>
        annotations.GetValueOrDefault("in-toto.io/predicate-type")
        ?? annotations.GetValueOrDefault("dev.sigstore.bundle.predicateType")
        ?? annotations.GetValueOrDefault("predicateType");

    /// <summary>What the config of an artifact says of it, by names that people know.</summary>
    public static IReadOnlyList<(string Name, string Value)> FactsOf(string kind, ReadOnlyMemory<byte> config)
    {
        try
        {
            using var document = JsonDocument.Parse(config);
            return [.. Facts(kind, document.RootElement).Where(one => one.Value is not null)
                .Select(one => (one.Name, one.Value!))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or text in it that is not valid Unicode.
            return [];
        }
    }

    private static IEnumerable<(string Name, string? Value)> Facts(string kind, JsonElement root) => kind switch
    {
        Helm =>
        [
            ("name", JsonFacts.Text(root, "name")), ("version", JsonFacts.Text(root, "version")),
            ("app version", JsonFacts.Text(root, "appVersion")), ("description", JsonFacts.Text(root, "description")),
            ("type", JsonFacts.Text(root, "type")), ("Kubernetes", JsonFacts.Text(root, "kubeVersion")),
            ("home", JsonFacts.Text(root, "home")), ("keywords", JsonFacts.Line(root, "keywords")),
            ("maintainers", JsonFacts.Line(root, "maintainers")), ("sources", JsonFacts.Line(root, "sources")),
            ("dependencies", JsonFacts.Line(root, "dependencies")), ("deprecated", JsonFacts.Text(root, "deprecated")),
        ],
        Model =>
        [
            ("name", JsonFacts.Text(root, "descriptor", "title") ?? JsonFacts.Text(root, "descriptor", "name")),
            ("family", JsonFacts.Text(root, "descriptor", "family")),
            ("version", JsonFacts.Text(root, "descriptor", "version")),
            ("description", JsonFacts.Text(root, "descriptor", "description")),
            ("format", JsonFacts.Text(root, "config", "format")),
            ("architecture", JsonFacts.Text(root, "config", "architecture")),
            ("parameters", JsonFacts.Text(root, "config", "paramSize") ?? JsonFacts.Text(root, "config", "parameters")),
            ("quantization", JsonFacts.Text(root, "config", "quantization")),
            ("precision", JsonFacts.Text(root, "config", "precision")),
            ("size", JsonFacts.Text(root, "config", "size")),
            ("vendor", JsonFacts.Text(root, "descriptor", "vendor")),
            ("licenses", JsonFacts.Line(root, "descriptor", "licenses")),
            ("created", JsonFacts.Text(root, "descriptor", "createdAt")
                ?? JsonFacts.Text(root, "descriptor", "created")),
        ],
        Wasm =>
        [
            ("architecture", JsonFacts.Text(root, "architecture")), ("system", JsonFacts.Text(root, "os")),
            ("created", JsonFacts.Text(root, "created")), ("author", JsonFacts.Text(root, "author")),
            ("exports", JsonFacts.Line(root, "component", "exports")),
            ("imports", JsonFacts.Line(root, "component", "imports")),
            ("target", JsonFacts.Text(root, "component", "target")),
        ],
        _ => [],
    };

    private static bool Has(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);
}
