namespace Berth.Signatures;

/// <summary>A layer of a manifest that holds signatures.</summary>
/// <param name="MediaType">Tells the format.</param>
/// <param name="Annotations">Of its descriptor. cosign 2 keeps signatures and certificates there.</param>
/// <param name="Content">The blob, whose digest has been checked.</param>
internal sealed record SignatureLayer(
    string MediaType, IReadOnlyDictionary<string, string> Annotations, ReadOnlyMemory<byte> Content)
{
    private static readonly string[] MediaTypes =
        [CosignLayer.PayloadType, CosignLayer.EnvelopeType, JwsEnvelope.MediaType, CoseEnvelope.MediaType];

    /// <summary>Whether blobs of this media type are signatures, so that others need not be read.</summary>
    public static bool IsSignature(string mediaType) =>
        MediaTypes.Contains(mediaType) || SigstoreBundle.VersionOf(mediaType) is not null;
}
