using System.Diagnostics.CodeAnalysis;
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
        var handler = HandlerFor(issuer.Ca, limits.Timeout);

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

    /// <summary>For requests to an issuer: they go nowhere else.</summary>
    /// <param name="ca">The file with the CAs that its certificate may come from; null for the system's.</param>
    /// <param name="timeout">How long connecting may take.</param>
    /// <exception cref="InvalidDataException">There is no certificate in the file.</exception>
    public static SocketsHttpHandler HandlerFor(string? ca, TimeSpan timeout)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = timeout,
        };
        if (ca is not null) handler.SslOptions.CertificateChainPolicy = PolicyOf(ReadCa(ca));
        return handler;
    }

    /// <summary>Whether something secret may be sent to an address: over HTTPS, or over HTTP on this machine.</summary>
    public static bool TryReadAddress(string? address, [NotNullWhen(true)] out Uri? url) =>
        Uri.TryCreate(address, UriKind.Absolute, out url)
        && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback));

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
        if (!TryReadAddress(address, out var url))
            throw new InvalidDataException($"{address} is no address over HTTPS");
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
