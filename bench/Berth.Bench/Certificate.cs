using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Bench;

/// <summary>The certificate of this run, shared by all servers, as PEM files.</summary>
internal sealed record Certificate(X509Certificate2 Content, string ChainPath, string KeyPath)
{
    public static async Task<Certificate> CreateAsync(string folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var made = new Certificate(certificate, Path.Combine(folder, "tls.pem"), Path.Combine(folder, "tls.key"));
        await File.WriteAllTextAsync(made.ChainPath, certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(made.KeyPath, key.ExportPkcs8PrivateKeyPem());
        return made;
    }
}
