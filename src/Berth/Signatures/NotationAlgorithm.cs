using System.Security.Cryptography;

namespace Berth.Signatures;

/// <summary>
/// The one algorithm that Notary Project allows for a key, so that an envelope can't choose a weaker one
/// (signature-specification.md, "Signature Algorithm Requirements").
/// </summary>
/// <param name="Name">In JWS.</param>
/// <param name="Number">In COSE.</param>
/// <param name="Hash">What it hashes with.</param>
internal sealed record NotationAlgorithm(string Name, int Number, HashAlgorithmName Hash)
{
    /// <summary>Null if no key of this size may sign.</summary>
    public static NotationAlgorithm? Of(VerificationKey key) => (key.Algorithm, key.SizeBits) switch
    {
        (KeyAlgorithm.Rsa, 2048) => new("PS256", -37, HashAlgorithmName.SHA256),
        (KeyAlgorithm.Rsa, 3072) => new("PS384", -38, HashAlgorithmName.SHA384),
        (KeyAlgorithm.Rsa, 4096) => new("PS512", -39, HashAlgorithmName.SHA512),
        (KeyAlgorithm.Ecdsa, 256) => new("ES256", -7, HashAlgorithmName.SHA256),
        (KeyAlgorithm.Ecdsa, 384) => new("ES384", -35, HashAlgorithmName.SHA384),
        (KeyAlgorithm.Ecdsa, 521) => new("ES512", -36, HashAlgorithmName.SHA512),
        _ => null,
    };
}
