using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Signatures;

/// <summary>
/// Paths from a certificate to a root that is trusted (RFC 5280, section 6). Nothing is fetched: neither missing
/// certificates nor lists of revoked ones, whose addresses strangers choose.
/// </summary>
internal static class CertificatePath
{
    public const string CodeSigning = "1.3.6.1.5.5.7.3.3";
    public const string TimeStamping = "1.3.6.1.5.5.7.3.8";

    /// <summary>With MD5 or SHA-1. Nobody trusts a root for its signature.</summary>
    private static readonly string[] WeakSignatures =
        ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1"];

    /// <summary>To be disposed of.</summary>
    /// <exception cref="FormatException">It is no certificate, or a very large one.</exception>
    public static X509Certificate2 Load(byte[] certificate)
    {
        if (certificate.Length > SignatureLimits.MaxCertificateBytes)
            throw new FormatException($"a certificate has more than {SignatureLimits.MaxCertificateBytes} bytes");
        try
        {
            return X509CertificateLoader.LoadCertificate(certificate);
        }
        catch (CryptographicException e)
        {
            throw new FormatException("a certificate can't be read", e);
        }
    }

    /// <summary>Reads PEM with any number of certificates. They are to be disposed of.</summary>
    /// <exception cref="FormatException">One of them is no certificate, or there are too many.</exception>
    public static List<X509Certificate2> LoadPem(string pem, int max)
    {
        var certificates = new List<X509Certificate2>();
        var rest = pem.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            if (rest[fields.Label] is not "CERTIFICATE") throw new FormatException("there is PEM of another kind");
            if (certificates.Count == max) throw new FormatException($"there are more than {max} certificates");
            certificates.Add(Load(Convert.FromBase64String(rest[fields.Base64Data].ToString())));
            rest = rest[fields.Location.End..];
        }

        return certificates;
    }

    public static bool IsSelfIssued(X509Certificate2 certificate) =>
        certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);

    /// <summary>Whether a certificate says of itself that it may be used for something. Unlike path validation, which
    /// lets certificates without a list do everything.</summary>
    public static bool HasUsage(X509Certificate2 certificate, string usage) => certificate.Extensions
        .OfType<X509EnhancedKeyUsageExtension>()
        .Any(list => list.EnhancedKeyUsages.Cast<Oid>().Any(one => one.Value == usage));

    public static bool IsAuthority(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(one => one.CertificateAuthority);

    /// <summary>Verifies the path as it was at a time.</summary>
    /// <param name="leaf">Where it begins.</param>
    /// <param name="between">What it may lead over.</param>
    /// <param name="root">Where it must end.</param>
    /// <param name="time">When.</param>
    /// <param name="usage">What all of it must allow.</param>
    /// <param name="path">The certificates that it leads over, with both ends.</param>
    /// <returns>Why there is no path; null if there is one.</returns>
    public static string? Check(
        X509Certificate2 leaf, IEnumerable<X509Certificate2> between, X509Certificate2 root, DateTimeOffset time,
        string usage, out IReadOnlyList<byte[]> path)
    {
        path = [];
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.ExtraStore.AddRange(between.ToArray());
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTimeIgnored = false;
        chain.ChainPolicy.VerificationTime = time.UtcDateTime;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(usage));
        var isValid = chain.Build(leaf);
        try
        {
            if (!isValid) return ReasonOf(chain, leaf, time);
            path = [.. chain.ChainElements.Select(element => element.Certificate.RawData)];
            return chain.ChainElements.SkipLast(1)
                .Any(element => WeakSignatures.Contains(element.Certificate.SignatureAlgorithm.Value))
                ? "a certificate is signed with a hash that is broken" : null;
        }
        finally
        {
            foreach (var element in chain.ChainElements) element.Certificate.Dispose();
        }
    }

    private static string ReasonOf(X509Chain chain, X509Certificate2 leaf, DateTimeOffset time)
    {
        var all = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (sum, one) => sum | one.Status);
        if ((all & (X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot)) != 0)
            return $"the certificate is issued by {leaf.Issuer}, which is not trusted";
        if ((all & X509ChainStatusFlags.NotTimeValid) != 0)
            return $"the certificate or its issuer was not valid at {TimeText(time)}";
        if ((all & X509ChainStatusFlags.NotValidForUsage) != 0)
            return "the certificate or its issuer is for another use";
        return $"the certificate's path is not valid: {chain.ChainStatus.FirstOrDefault().StatusInformation}";
    }

    public static string TimeText(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
