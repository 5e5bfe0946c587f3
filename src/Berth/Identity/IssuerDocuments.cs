using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Settings;
using Microsoft.IdentityModel.Protocols;

namespace Berth.Identity;

/// <summary>
/// Reads an issuer's documents over HTTPS, or over HTTP on this machine. Made for one reading of the keys, which is
/// rare, so that new CAs, tokens and addresses take effect.
/// </summary>
internal sealed class IssuerDocuments : IDocumentRetriever, IDisposable
{
    private readonly HttpClient client;

    /// <exception cref="InvalidDataException">The file of CAs can't be used.</exception>
    public IssuerDocuments(KeylessIssuerSettings issuer, KeylessSettings limits)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = limits.Timeout,
        };
        if (issuer.Ca is { } ca) handler.SslOptions.CertificateChainPolicy = PolicyOf(ReadCa(ca));

        // The caller's token has the time limit, which is for all documents together.
        client = new HttpClient(handler)
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = limits.ResponseBytes,
        };
        if (issuer.TokenFile is { } file)
        {
            client.DefaultRequestHeaders.Authorization =
                new AuthenticationHeaderValue("Bearer", File.ReadAllText(file).Trim());
        }
    }

    /// <exception cref="InvalidDataException">There is no certificate in it.</exception>
    public static X509Certificate2Collection ReadCa(string path)
    {
        try
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPemFile(path);
            if (found.Count > 0) return found;
        }
        catch (CryptographicException e)
        {
            throw new InvalidDataException($"'{path}' holds no certificate in PEM format: {e.Message}", e);
        }

        throw new InvalidDataException($"'{path}' holds no certificate in PEM format");
    }

    /// <exception cref="HttpRequestException">The issuer did not answer, or not with a document that is small enough.
    /// </exception>
    /// <exception cref="InvalidDataException">The address is not over HTTPS.</exception>
    public async Task<string> GetDocumentAsync(string address, CancellationToken cancel)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var url)
            || (url.Scheme != Uri.UriSchemeHttps && !(url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)))
        {
            throw new InvalidDataException($"{address} is no address over HTTPS");
        }

        using var answer = await client.GetAsync(url, cancel);
        if (!answer.IsSuccessStatusCode)
            throw new HttpRequestException($"{url} answered {(int)answer.StatusCode}");
        return await answer.Content.ReadAsStringAsync(cancel);
    }

    public void Dispose() => client.Dispose();

    private static X509ChainPolicy PolicyOf(X509Certificate2Collection issuers)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(issuers);
        return policy;
    }
}
