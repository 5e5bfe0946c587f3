using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Signatures;

/// <summary>What the certificates of a trust store vouch for (notation, specs/trust-store-trust-policy.md).</summary>
internal enum NotationStoreType
{
    /// <summary>Signers.</summary>
    Ca,

    /// <summary>Services that sign for others, and are trusted about the time.</summary>
    SigningAuthority,

    /// <summary>Timestamps.</summary>
    Tsa,
}

/// <summary>A named store of certificates, which policies refer to as <c>ca:acme</c>.</summary>
internal sealed record NotationStore(
    NotationStoreType Type, string Name, IReadOnlyList<X509Certificate2> Certificates)
{
    private const int MaxCertificates = 100;

    /// <summary>As policies name it.</summary>
    public string Reference => $"{NameOf(Type)}:{Name}";

    /// <param name="type">What for.</param>
    /// <param name="name">Its name.</param>
    /// <param name="pem">Its certificates.</param>
    /// <exception cref="FormatException">There is none, or one that is not to be trusted so. Says why.</exception>
    public static NotationStore Parse(NotationStoreType type, string name, string pem)
    {
        if (PemEncoding.TryFind(pem, out var first)
            && pem.AsSpan()[first.Label].EndsWith("KEY", StringComparison.Ordinal))
        {
            var kind = pem.AsSpan()[first.Label] is "PUBLIC KEY" ? "public" : "private";
            throw new FormatException(
                $"it has a {kind} key, not certificates: a store takes certificates (PEM)");
        }

        var certificates = CertificatePath.LoadPem(pem, MaxCertificates);
        if (certificates.Count == 0) throw new FormatException($"the trust store {name} has no certificates");
        if (type == NotationStoreType.Tsa && !certificates.TrueForAll(CertificatePath.IsSelfIssued))
            throw new FormatException($"the trust store {name} for timestamps has a certificate that is no root");
        return new NotationStore(type, name, certificates);
    }

    public bool Holds(byte[] certificate) =>
        Certificates.Any(one => one.RawDataMemory.Span.SequenceEqual(certificate));

    private static string NameOf(NotationStoreType type) => type switch
    {
        NotationStoreType.Ca => "ca",
        NotationStoreType.SigningAuthority => "signingAuthority",
        _ => "tsa",
    };
}
