using System.Formats.Asn1;
using System.Security.Cryptography;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace Berth.Signatures;

/// <summary>What keys are for.</summary>
internal enum KeyAlgorithm
{
    Ecdsa,
    Rsa,
    Ed25519,
}

/// <summary>
/// A public key of ECDSA on P-256, P-384 or P-521, RSA, or Ed25519, which .NET lacks. Other algorithms, curves with
/// explicit parameters, and sizes that are weak or slow do not parse.
/// </summary>
internal sealed class VerificationKey
{
    private const int MinRsaBytes = 256;
    private const int MaxRsaBytes = 1024;

    /// <summary>A larger exponent makes each verification slow.</summary>
    private const int MaxExponentBytes = 8;

    private readonly byte[] _info;
    private readonly byte[] _raw;

    private VerificationKey(byte[] info, byte[] raw, KeyAlgorithm algorithm, int sizeBits)
    {
        (_info, _raw, Algorithm, SizeBits) = (info, raw, algorithm, sizeBits);
    }

    public KeyAlgorithm Algorithm { get; }

    public int SizeBits { get; }

    /// <summary>The SubjectPublicKeyInfo.</summary>
    public ReadOnlySpan<byte> Info => _info;

    /// <summary>The key alone, as the logs of Rekor 2 hash it.</summary>
    public ReadOnlySpan<byte> Raw => _raw;

    /// <param name="info">A SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).</param>
    /// <exception cref="FormatException">It is no such key. Says why.</exception>
    public static VerificationKey Parse(ReadOnlyMemory<byte> info)
    {
        try
        {
            var key = new AsnReader(info, AsnEncodingRules.DER).ReadSequence();
            var algorithm = key.ReadSequence();
            var name = algorithm.ReadObjectIdentifier();
            var raw = key.ReadBitString(out _);
            return name switch
            {
                "1.2.840.10045.2.1" => new(info.ToArray(), raw, KeyAlgorithm.Ecdsa, CurveBits(algorithm)),
                "1.2.840.113549.1.1.1" => new(info.ToArray(), raw, KeyAlgorithm.Rsa, ModulusBits(raw)),
                "1.3.101.112" when raw.Length == Ed25519.PublicKeySize =>
                    new(info.ToArray(), raw, KeyAlgorithm.Ed25519, 256),
                _ => throw new FormatException($"keys of the algorithm {name} are not supported"),
            };
        }
        catch (AsnContentException e)
        {
            throw new FormatException("the public key is not a SubjectPublicKeyInfo", e);
        }
    }

    /// <exception cref="FormatException">It is no such key. Says why.</exception>
    public static VerificationKey ParsePem(string pem)
    {
        if (!PemEncoding.TryFind(pem, out var fields)) throw new FormatException("the key is not PEM");
        var label = pem[fields.Label];
        return label == "PUBLIC KEY"
            ? Parse(Convert.FromBase64String(pem[fields.Base64Data]))
            : throw new FormatException($"it is PEM of the kind {label}, and must be PUBLIC KEY: give the public key");
    }

    /// <summary>Whether it signed a message.</summary>
    public bool VerifiesMessage(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (Algorithm == KeyAlgorithm.Ed25519)
        {
            return signature.Length == Ed25519.SignatureSize
                && Ed25519.Verify(signature.ToArray(), 0, _raw, 0, message.ToArray(), 0, message.Length);
        }

        foreach (var hash in Hashes)
        {
            if (VerifiesHash(hash, CryptographicOperations.HashData(hash, message), signature)) return true;
        }

        return false;
    }

    /// <summary>Whether it signed a message with this hash. Never for Ed25519, which signs whole messages.</summary>
    public bool VerifiesHash(HashAlgorithmName algorithm, ReadOnlySpan<byte> hash, ReadOnlySpan<byte> signature)
    {
        if (Algorithm == KeyAlgorithm.Ed25519) return false;
        if (Algorithm == KeyAlgorithm.Ecdsa)
        {
            using var key = CreateEcdsa();
            return key.VerifyHash(hash, signature, DSASignatureFormat.Rfc3279DerSequence);
        }

        using var rsa = CreateRsa();
        return rsa.VerifyHash(hash, signature, algorithm, RSASignaturePadding.Pkcs1)
            || rsa.VerifyHash(hash, signature, algorithm, RSASignaturePadding.Pss);
    }

    /// <summary>To be disposed of.</summary>
    public ECDsa CreateEcdsa() => Create(ECDsa.Create());

    /// <summary>To be disposed of.</summary>
    public RSA CreateRsa() => Create(RSA.Create());

    /// <summary>cosign 2 hashes with SHA-256 whatever the curve; bundles with the hash of the curve's size.</summary>
    private HashAlgorithmName[] Hashes => (Algorithm, SizeBits) switch
    {
        (KeyAlgorithm.Ecdsa, 384) => [HashAlgorithmName.SHA384, HashAlgorithmName.SHA256],
        (KeyAlgorithm.Ecdsa, 521) => [HashAlgorithmName.SHA512, HashAlgorithmName.SHA256],
        _ => [HashAlgorithmName.SHA256],
    };

    private T Create<T>(T key)
        where T : AsymmetricAlgorithm
    {
        try
        {
            key.ImportSubjectPublicKeyInfo(_info, out _);
            return key;
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private static int CurveBits(AsnReader algorithm)
    {
        if (!algorithm.HasData || !algorithm.PeekTag().HasSameClassAndValue(Asn1Tag.ObjectIdentifier))
            throw new FormatException("the key's curve has no name");
        return algorithm.ReadObjectIdentifier() switch
        {
            "1.2.840.10045.3.1.7" => 256,
            "1.3.132.0.34" => 384,
            "1.3.132.0.35" => 521,
            var curve => throw new FormatException($"keys on the curve {curve} are not supported"),
        };
    }

    private static int ModulusBits(byte[] raw)
    {
        var key = new AsnReader(raw, AsnEncodingRules.DER).ReadSequence();
        var modulus = key.ReadIntegerBytes().Span.TrimStart((byte)0);
        var exponent = key.ReadIntegerBytes().Length;
        if (modulus.Length is < MinRsaBytes or > MaxRsaBytes || exponent > MaxExponentBytes)
            throw new FormatException($"RSA keys must have {MinRsaBytes * 8} to {MaxRsaBytes * 8} bits");
        return modulus.Length * 8;
    }
}
