using System.Formats.Asn1;
using System.Formats.Cbor;
using System.Security.Cryptography;

namespace Berth.Signatures;

/// <summary>
/// Verifies signatures that lie beside an image, offline and without side effects. Whatever strangers push is answered
/// with a fault: never with an exception, a request to anywhere, or more work than <see cref="SignatureLimits"/> allow.
/// </summary>
internal static class SignatureVerification
{
    /// <summary>Verifies one layer of an artifact, which holds one signature.</summary>
    /// <param name="image">What it must be for.</param>
    /// <param name="layer">The layer; <see cref="SignatureLayer.IsSignature"/> tells which are worth reading.</param>
    /// <param name="trust">Whose signatures count.</param>
    /// <param name="now">The present time.</param>
    public static SignatureVerdict Verify(SignedImage image, SignatureLayer layer, Trust trust, DateTimeOffset now)
    {
        if (layer.Content.Length > SignatureLimits.MaxLayerBytes)
            return SignatureFault.Unreadable($"it has more than {SignatureLimits.MaxLayerBytes >> 20} MiB");
        try
        {
            return layer.MediaType switch
            {
                CosignLayer.PayloadType or CosignLayer.EnvelopeType => Verify(CosignLayer.Read(layer), image, trust),
                JwsEnvelope.MediaType =>
                    NotationVerification.Verify(JwsEnvelope.Read(layer.Content), image, trust, now),
                CoseEnvelope.MediaType =>
                    NotationVerification.Verify(CoseEnvelope.Read(layer.Content), image, trust, now),
                _ when SigstoreBundle.VersionOf(layer.MediaType) is not null =>
                    Verify(SigstoreBundle.Read(layer.Content), image, trust),
                _ => SignatureFault.Unreadable($"signatures of the type {layer.MediaType} are not supported"),
            };
        }
        catch (FormatException e)
        {
            return SignatureFault.Unreadable(e.Message);
        }
        catch (Exception e) when (e is CryptographicException or AsnContentException or CborContentException
            or ArgumentException or InvalidOperationException or OverflowException)
        {
            // What the runtime's own readers throw at bytes that are nearly right.
            return SignatureFault.Unreadable($"it can't be read: {e.Message}");
        }
    }

    private static SignatureVerdict Verify(SigstoreSignature signature, SignedImage image, Trust trust) =>
        signature.Certificate is null || KeyVerification.SignerOf(signature, trust) is not null
            ? KeyVerification.Verify(signature, image, trust)
            : KeylessVerification.Verify(signature, image, trust);
}
