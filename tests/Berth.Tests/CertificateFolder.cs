using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Tests;

/// <summary>PEM files of a server behind an issuer of its own, and of a CA for clients.</summary>
internal sealed class CertificateFolder : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 root = Issue("root", null, null);
    private readonly X509Certificate2 issuer;
    private readonly X509Certificate2 clientIssuer = Issue("clients", null, null);

    public CertificateFolder()
    {
        issuer = Issue("issuer", root, null);
        WriteServer();
        File.WriteAllText(ClientIssuer, clientIssuer.ExportCertificatePem());
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("berth-tls-").FullName;

    public string Certificate => Path.Combine(Root, "cert.pem");

    public string Key => Path.Combine(Root, "key.pem");

    public string ClientIssuer => Path.Combine(Root, "clients.pem");

    /// <summary>Writes a new certificate, with its issuer, and a new key. Returns its serial number.</summary>
    public string WriteServer()
    {
        using var server = Issue("localhost", issuer, ServerAuthentication);
        File.WriteAllText(Key, server.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Certificate, server.ExportCertificatePem() + "\n" + issuer.ExportCertificatePem() + "\n");
        return server.SerialNumber;
    }

    /// <summary>Writes the certificate that clients of the server trust. Returns where.</summary>
    public string WriteRoot()
    {
        var path = Path.Combine(Root, "root.pem");
        File.WriteAllText(path, root.ExportCertificatePem());
        return path;
    }

    /// <param name="isKnown">Whether the CA for clients issued it, or another one of the same name.</param>
    public X509Certificate2 CreateClient(bool isKnown) =>
        Issue("jane", isKnown ? clientIssuer : Issue("clients", null, null), ClientAuthentication);

    /// <summary>A client's certificate with names that differ.</summary>
    public X509Certificate2 CreateClient(string name, string? email, string? dns)
    {
        var names = new SubjectAlternativeNameBuilder();
        if (email is not null) names.AddEmailAddress(email);
        if (dns is not null) names.AddDnsName(dns);
        return Issue(name, clientIssuer, ClientAuthentication, names);
    }

    /// <summary>A client of the server that has the certificate.</summary>
    /// <param name="address">The server's.</param>
    /// <param name="shown">The client's own certificate, or null.</param>
    public HttpClient Connect(Uri address, X509Certificate2? shown)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (shown is not null) handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => shown;
        var known = File.ReadAllText(Certificate);
        handler.SslOptions.RemoteCertificateValidationCallback = (_, got, _, _) =>
            got is X509Certificate2 one && known.StartsWith(one.ExportCertificatePem(), StringComparison.Ordinal);
        return new HttpClient(handler) { BaseAddress = address };
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static X509Certificate2 Issue(
        string name, X509Certificate2? issuer, string? usage, SubjectAlternativeNameBuilder? others = null)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(usage is null, false, 0, true));
        if (usage is not null)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
            if (others is null)
            {
                others = new SubjectAlternativeNameBuilder();
                others.AddDnsName(name);
                others.AddIpAddress(IPAddress.Loopback);
            }

            request.CertificateExtensions.Add(others.Build());
        }

        var now = DateTimeOffset.UtcNow;
        if (issuer is null) return request.CreateSelfSigned(now.AddHours(-1), now.AddHours(1));
        using var signed = request.Create(issuer, issuer.NotBefore, issuer.NotAfter, RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }
}
