using System.Text.Json;
using Berth.Oci;

namespace Berth.Signatures;

/// <summary>A signature of Notary Project (notation, specs/signature-specification.md).</summary>
internal abstract record NotationEnvelope
{
    public const string SchemeHeader = "io.cncf.notary.signingScheme";
    public const string TimeHeader = "io.cncf.notary.signingTime";
    public const string AuthenticTimeHeader = "io.cncf.notary.authenticSigningTime";
    public const string ExpiryHeader = "io.cncf.notary.expiry";
    public const string TimestampHeader = "io.cncf.notary.timestampSignature";

    private const string PayloadType = "application/vnd.cncf.notary.payload.v1+json";
    private const string AuthorityScheme = "notary.x509.signingAuthority";

    /// <summary>The type of the payload.</summary>
    public required string ContentType { get; init; }

    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>The signature itself, which a timestamp is about.</summary>
    public required byte[] Signature { get; init; }

    /// <summary>From the signer's certificate to the root.</summary>
    public required IReadOnlyList<byte[]> Chain { get; init; }

    /// <summary>Which rules it follows.</summary>
    public required string Scheme { get; init; }

    /// <summary>Headers that a reader must understand.</summary>
    public required IReadOnlyList<string> Critical { get; init; }

    /// <summary>When, as the signer says.</summary>
    public DateTimeOffset? SigningTime { get; init; }

    /// <summary>When, as a service says that signs for others.</summary>
    public DateTimeOffset? AuthenticTime { get; init; }

    public DateTimeOffset? Expiry { get; init; }

    /// <summary>By an authority (RFC 3161).</summary>
    public byte[]? Timestamp { get; init; }

    /// <summary>Whether a service signed for others, whose word for the time counts.</summary>
    public bool IsByAuthority => Scheme == AuthorityScheme;

    /// <summary>Whether the key made the signature, with the algorithm that its size prescribes.</summary>
    public abstract bool IsSignedBy(VerificationKey key);

    /// <summary>Whether a reader may ignore nothing that matters.</summary>
    /// <returns>What is wrong; null if nothing is.</returns>
    public string? CheckHeaders()
    {
        if (ContentType != PayloadType) return $"its payload is of the type {ContentType}";
        if (!IsByAuthority && Scheme != "notary.x509") return $"the signing scheme {Scheme} is not supported";
        List<string> required = [SchemeHeader];
        if (Expiry is not null) required.Add(ExpiryHeader);
        if (IsByAuthority) required.Add(AuthenticTimeHeader);
        if (required.Find(one => !Critical.Contains(one)) is { } missing)
            return $"the header {missing} is not critical";
        if (Critical.FirstOrDefault(one => !required.Contains(one)) is { } unknown)
            return $"it needs a reader that knows the header {unknown}";
        return IsByAuthority && AuthenticTime is null ? $"the header {AuthenticTimeHeader} is missing" : null;
    }

    /// <summary>Reads the payload, and compares the descriptor in it with the image.</summary>
    /// <param name="image">What it must be for.</param>
    /// <param name="annotations">What the signer added.</param>
    /// <exception cref="FormatException">The payload can't be read.</exception>
    public SignatureFault? CheckTarget(SignedImage image, out Dictionary<string, string> annotations)
    {
        using var document = SignatureJson.Parse(Payload, "the payload");
        var target = SignatureJson.Field(document.RootElement, "targetArtifact");
        var digest = SignatureJson.Text(target, "digest");
        annotations = SignatureJson.Texts(SignatureJson.Optional(target, "annotations"));
        if (digest != image.Digest.Text) return SignatureFault.OtherImage($"it is about {digest}, not this image");
        return SignatureJson.Text(target, "mediaType") == image.MediaType
            && SignatureJson.Number(target, "size") == image.SizeBytes
                ? null : SignatureFault.OtherImage("it is about an image of another media type or size");
    }
}
