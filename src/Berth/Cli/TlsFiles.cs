using System.CommandLine;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Cli;

/// <summary>The options that say how a server is reached over TLS, of all commands that reach one.</summary>
internal sealed class TlsOptions
{
    private readonly Option<string?> authority = new("--ca")
    {
        Description = "File with the CA certificates to trust (PEM).",
    };

    private readonly Option<string?> certificate = new("--cert")
    {
        Description = "File with this client's own certificate (PEM).",
    };

    private readonly Option<string?> key = new("--key")
    {
        Description = "File with its key, unless it is in the same file.",
    };

    public IReadOnlyList<Option> All => [authority, certificate, key];

    /// <exception cref="InvalidDataException">There is a key without a certificate.</exception>
    public TlsFiles Read(ParseResult parsed)
    {
        var files = new TlsFiles(parsed.GetValue(authority), parsed.GetValue(certificate), parsed.GetValue(key));
        return files is { Key: not null, Certificate: null }
            ? throw new InvalidDataException("--key is for a --cert: give both") : files;
    }
}

/// <summary>Files for TLS. Those that are null are not given.</summary>
/// <param name="Authority">The certificates that are trusted in place of the system's.</param>
/// <param name="Certificate">The client's own certificate, followed by those between it and its CA.</param>
/// <param name="Key">Its key; null: it is in the file of the certificate.</param>
internal sealed record TlsFiles(string? Authority, string? Certificate, string? Key)
{
    public bool AreAny => (Authority ?? Certificate ?? Key) is not null;

    /// <exception cref="InvalidDataException">A file can't be used.</exception>
    public SslClientAuthenticationOptions Load() => new()
    {
        CertificateChainPolicy = LoadPolicy(),
        ClientCertificateContext = LoadOwn(),
    };

    private X509ChainPolicy? LoadPolicy()
    {
        if (Authority is null) return null;
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.AddRange(ReadCertificates(Authority));
        return policy;
    }

    private SslStreamCertificateContext? LoadOwn()
    {
        if (Certificate is null) return null;
        var chain = ReadCertificates(Certificate);
        try
        {
            var own = X509Certificate2.CreateFromPemFile(Certificate, Key);
            return SslStreamCertificateContext.Create(own, chain, offline: true);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException(
                $"the key of {Certificate} can't be read: {e.Message.TrimEnd('.')}. Give its file with --key, without "
                + "a passphrase", e);
        }
    }

    private static X509Certificate2Collection ReadCertificates(string path)
    {
        var found = new X509Certificate2Collection();
        try
        {
            found.ImportFromPemFile(path);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path} has no certificates that can be read: {e.Message}", e);
        }

        return found.Count > 0 ? found : throw new InvalidDataException($"{path} has no certificates");
    }
}
