using System.Text.Json;
using Berth.Oci;

namespace Berth.Signatures;

/// <summary>What is said about which images.</summary>
/// <param name="Digests">The images.</param>
/// <param name="PredicateType">What an attestation says of them; null if they are only signed.</param>
/// <param name="Annotations">What the signer added.</param>
internal sealed record ImageClaim(
    IReadOnlyList<string> Digests, string? PredicateType, IReadOnlyDictionary<string, string> Annotations)
{
    private const string SimpleSigningType = "cosign container image signature";
    private const string StatementTypeStart = "https://in-toto.io/Statement/";

    /// <summary>cosign 3 signs a statement that says nothing.</summary>
    private const string PlainSignature = "https://sigstore.dev/cosign/sign/v1";

    private static readonly Dictionary<string, string> None = [];

    public static ImageClaim Of(string digest) => new([digest], null, None);

    /// <summary>cosign, specs/SIGNATURE_SPEC.md. What it says of the image's name anybody could have chosen.</summary>
    /// <exception cref="FormatException">It is no such payload.</exception>
    public static ImageClaim OfSimpleSigning(ReadOnlyMemory<byte> payload)
    {
        using var document = SignatureJson.Parse(payload, "the payload");
        var critical = SignatureJson.Field(document.RootElement, "critical");
        if (SignatureJson.Text(critical, "type") != SimpleSigningType)
            throw new FormatException("the payload is not a signature of an image");
        return new ImageClaim(
            [SignatureJson.Text(critical, "image", "docker-manifest-digest")],
            null,
            SignatureJson.Texts(SignatureJson.Optional(document.RootElement, "optional")));
    }

    /// <summary>in-toto attestation, spec/v1/statement.md.</summary>
    /// <exception cref="FormatException">It is no statement.</exception>
    public static ImageClaim OfStatement(ReadOnlyMemory<byte> statement)
    {
        using var document = SignatureJson.Parse(statement, "the statement");
        var root = document.RootElement;
        if (!SignatureJson.Text(root, "_type").StartsWith(StatementTypeStart, StringComparison.Ordinal))
            throw new FormatException("the envelope does not hold a statement of in-toto");
        var digests = new List<string>();
        var annotations = None;
        foreach (var subject in SignatureJson.Items(root, "subject", SignatureLimits.MaxSubjects))
        {
            digests.AddRange(SignatureJson.Texts(SignatureJson.Field(subject, "digest"))
                .Select(one => $"{one.Key}:{one.Value}"));
            if (annotations.Count == 0)
                annotations = SignatureJson.Texts(SignatureJson.Optional(subject, "annotations"));
        }

        var predicate = SignatureJson.Text(root, "predicateType");
        return new ImageClaim(digests, predicate == PlainSignature ? null : predicate, annotations);
    }

    /// <returns>Null if it is about the image.</returns>
    public SignatureFault? Check(Digest image) => Digests.Contains(image.Text) ? null
        : SignatureFault.OtherImage(Digests.Count == 0
            ? "it names no image" : $"it is about {Digests[0]}, not this image");
}
