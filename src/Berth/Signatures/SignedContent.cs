using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Berth.Signatures;

/// <summary>What a signature of Sigstore is over.</summary>
internal abstract record SignedContent
{
    /// <summary>Whether the key made the signature over it.</summary>
    public abstract bool IsSignedBy(VerificationKey key, ReadOnlySpan<byte> signature);

    /// <summary>What it says about which image. To be asked only once its signature was verified.</summary>
    /// <exception cref="FormatException">It can't be read.</exception>
    public abstract ImageClaim ReadClaim();
}

/// <summary>A payload that names the image: cosign's "simple signing".</summary>
internal sealed record SignedPayload(ReadOnlyMemory<byte> Payload) : SignedContent
{
    public override bool IsSignedBy(VerificationKey key, ReadOnlySpan<byte> signature) =>
        key.VerifiesMessage(Payload.Span, signature);

    public override ImageClaim ReadClaim() => ImageClaim.OfSimpleSigning(Payload);
}

/// <summary>The image itself, of which only the hash is needed.</summary>
internal sealed record SignedHash(HashAlgorithmName Algorithm, byte[] Hash) : SignedContent
{
    /// <summary>As digests and logs name it.</summary>
    public string AlgorithmText => Algorithm.Name!.ToLowerInvariant();

    public override bool IsSignedBy(VerificationKey key, ReadOnlySpan<byte> signature) =>
        key.VerifiesHash(Algorithm, Hash, signature);

    public override ImageClaim ReadClaim() => ImageClaim.Of($"{AlgorithmText}:{Convert.ToHexStringLower(Hash)}");
}

/// <summary>An envelope with a statement about the image (DSSE 1.0).</summary>
/// <param name="PayloadType">Is signed too.</param>
/// <param name="Payload">The statement.</param>
/// <param name="Envelope">As it was pushed and logged, where that is known.</param>
internal sealed record SignedEnvelope(
    string PayloadType, ReadOnlyMemory<byte> Payload, ReadOnlyMemory<byte>? Envelope) : SignedContent
{
    public const string StatementType = "application/vnd.in-toto+json";

    /// <summary>What is signed: the pre-authentication encoding.</summary>
    public byte[] Signed { get; } =
    [
        .. Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"DSSEv1 {Encoding.UTF8.GetByteCount(PayloadType)} {PayloadType} {Payload.Length} ")),
        .. Payload.Span,
    ];

    public override bool IsSignedBy(VerificationKey key, ReadOnlySpan<byte> signature) =>
        key.VerifiesMessage(Signed, signature);

    public override ImageClaim ReadClaim() => PayloadType == StatementType
        ? ImageClaim.OfStatement(Payload)
        : throw new FormatException($"the envelope holds {PayloadType}, not a statement of in-toto");
}
