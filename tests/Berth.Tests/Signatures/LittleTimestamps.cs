using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;

namespace Berth.Tests.Signatures;

/// <summary>A timestamp authority of the tests' own (RFC 3161).</summary>
internal sealed class LittleTimestamps
{
    private const string InfoType = "1.2.840.113549.1.9.16.1.4";
    private const string SigningCertificateV2 = "1.2.840.113549.1.9.16.2.47";
    private const string Sha256 = "2.16.840.1.101.3.4.2.1";
    private const string Sha1 = "1.3.14.3.2.26";

    public LittleTimestamps(string name, DateTimeOffset? until = null)
    {
        Root = TestCertificate.Authority($"{name} root");
        Own = TestCertificate.Issue(
            Root, $"CN={name}", ECDsa.Create(ECCurve.NamedCurves.nistP256), TestCertificate.From,
            until ?? TestCertificate.To, TestCertificate.SignatureUse(),
            TestCertificate.Usage(TestCertificate.TimeStamping));
    }

    public X509Certificate2 Root { get; }

    public X509Certificate2 Own { get; }

    /// <summary>How a trusted root names it.</summary>
    public JsonObject Trusted() => LittleSigstore.TrustedAuthority(Own, Root);

    /// <summary>An answer to a request.</summary>
    /// <param name="content">What is stamped.</param>
    /// <param name="time">When.</param>
    /// <param name="by">Another certificate than its own.</param>
    /// <param name="isOld">Whether the hash is SHA-1.</param>
    public byte[] Respond(byte[] content, DateTimeOffset time, X509Certificate2? by = null, bool isOld = false)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence()) writer.WriteInteger(BigInteger.Zero);
            writer.WriteEncodedValue(Stamp(content, time, by, isOld));
        }

        return writer.Encode();
    }

    /// <summary>A token alone.</summary>
    public byte[] Stamp(byte[] content, DateTimeOffset time, X509Certificate2? by = null, bool isOld = false)
    {
        var certificate = by ?? Own;
        var cms = new SignedCms(new ContentInfo(new Oid(InfoType), InfoOf(content, time, isOld)));
        var signer = new CmsSigner(certificate)
        {
            DigestAlgorithm = new Oid(Sha256),
            IncludeOption = X509IncludeOption.EndCertOnly,
        };
        signer.SignedAttributes.Add(new AsnEncodedData(new Oid(SigningCertificateV2), IdOf(certificate)));
        cms.ComputeSignature(signer);
        return cms.Encode();
    }

    private static byte[] InfoOf(byte[] content, DateTimeOffset time, bool isOld)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(1);
            writer.WriteObjectIdentifier("1.2.3.4");
            using (writer.PushSequence())
            {
                using (writer.PushSequence()) writer.WriteObjectIdentifier(isOld ? Sha1 : Sha256);
                writer.WriteOctetString(CryptographicOperations.HashData(
                    isOld ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256, content));
            }

            writer.WriteInteger(7);
            writer.WriteGeneralizedTime(time, omitFractionalSeconds: true);
        }

        return writer.Encode();
    }

    private static byte[] IdOf(X509Certificate2 certificate)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            writer.WriteOctetString(SHA256.HashData(certificate.RawData));
        }

        return writer.Encode();
    }
}
