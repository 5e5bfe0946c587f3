using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Berth.Tests.Signatures;

/// <summary>Makes certificates of all kinds, right and wrong.</summary>
internal static class TestCertificate
{
    public const string CodeSigning = "1.3.6.1.5.5.7.3.3";
    public const string TimeStamping = "1.3.6.1.5.5.7.3.8";

    public static DateTimeOffset From { get; } = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static DateTimeOffset To { get; } = new(2040, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>An authority; a root without an issuer.</summary>
    public static X509Certificate2 Authority(string name, X509Certificate2? issuer = null) => Issue(
        issuer, $"CN={name}", ECDsa.Create(ECCurve.NamedCurves.nistP384), From, To,
        new X509BasicConstraintsExtension(true, false, 0, true),
        new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));

    /// <summary>With its private key.</summary>
    public static X509Certificate2 Issue(
        X509Certificate2? issuer, string subject, AsymmetricAlgorithm key, DateTimeOffset from, DateTimeOffset to,
        params IEnumerable<X509Extension> extensions) =>
        Issue(issuer, subject, key, from, to, HashAlgorithmName.SHA256, RandomNumberGenerator.GetBytes(16), extensions);

    public static X509Certificate2 Issue(
        X509Certificate2? issuer, string subject, AsymmetricAlgorithm key, DateTimeOffset from, DateTimeOffset to,
        HashAlgorithmName hash, byte[] serial, IEnumerable<X509Extension> extensions)
    {
        var name = new X500DistinguishedName(subject);
        var request = key is RSA rsa
            ? new CertificateRequest(name, rsa, hash, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(name, (ECDsa)key, hash);
        foreach (var extension in extensions) request.CertificateExtensions.Add(extension);
        serial[0] &= 0x7f;
        using var bare = issuer is null
            ? request.Create(name, GeneratorOf(key, hash), from, to, serial)
            : request.Create(issuer.SubjectName, GeneratorOf(KeyOf(issuer), hash), from, to, serial);
        return key is RSA own ? bare.CopyWithPrivateKey(own) : bare.CopyWithPrivateKey((ECDsa)key);
    }

    public static X509EnhancedKeyUsageExtension Usage(string usage) => new([new Oid(usage)], true);

    public static X509KeyUsageExtension SignatureUse() => new(X509KeyUsageFlags.DigitalSignature, true);

    /// <summary>An extension that holds text.</summary>
    public static X509Extension Text(string oid, string text)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        writer.WriteCharacterString(UniversalTagNumber.UTF8String, text);
        return new X509Extension(oid, writer.Encode(), false);
    }

    public static X509Extension RawText(string oid, string text) => new(oid, Encoding.UTF8.GetBytes(text), false);

    public static X509Extension Names(params IEnumerable<Uri> names)
    {
        var builder = new SubjectAlternativeNameBuilder();
        foreach (var name in names) builder.AddUri(name);
        return builder.Build(critical: true);
    }

    public static X509Extension Email(string address)
    {
        var builder = new SubjectAlternativeNameBuilder();
        builder.AddEmailAddress(address);
        return builder.Build(critical: true);
    }

    public static X509Extension Host(string name)
    {
        var builder = new SubjectAlternativeNameBuilder();
        builder.AddDnsName(name);
        return builder.Build(critical: true);
    }

    /// <summary>A name of a kind that is told by a number.</summary>
    public static X509Extension UserName(string kind, string name)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        var zero = new Asn1Tag(TagClass.ContextSpecific, 0);
        using (writer.PushSequence())
        using (writer.PushSequence(zero))
        {
            writer.WriteObjectIdentifier(kind);
            using (writer.PushSequence(zero)) writer.WriteCharacterString(UniversalTagNumber.UTF8String, name);
        }

        return new X509Extension("2.5.29.17", writer.Encode(), true);
    }

    public static AsymmetricAlgorithm KeyOf(X509Certificate2 certificate) =>
        (AsymmetricAlgorithm?)certificate.GetECDsaPrivateKey() ?? certificate.GetRSAPrivateKey()!;

    private static X509SignatureGenerator GeneratorOf(AsymmetricAlgorithm key, HashAlgorithmName hash) => key switch
    {
        RSA rsa => X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1),
        ECDsa ecdsa when hash == HashAlgorithmName.SHA1 => new BrokenHash(ecdsa),
        _ => X509SignatureGenerator.CreateForECDsa((ECDsa)key),
    };

    /// <summary>Signs with SHA-1, which .NET does no more with these keys.</summary>
    private sealed class BrokenHash(ECDsa key) : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm) =>
            Convert.FromHexString("300906072a8648ce3d0401");

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) =>
            key.SignData(data, hashAlgorithm, DSASignatureFormat.Rfc3279DerSequence);

        protected override PublicKey BuildPublicKey() => new(key);
    }
}
