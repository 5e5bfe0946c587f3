namespace Berth.Blobs;

/// <summary>
/// Creates the HTTP client for any object store. It has no timeout for requests: <see cref="ObjectCalls"/> has.
/// </summary>
internal static class StoreHttpClient
{
    /// <param name="timeout">How long a connection may take.</param>
    /// <param name="skipVerify">Accept any certificate.</param>
    public static HttpClient Create(TimeSpan timeout, bool skipVerify)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = timeout,
            // Notices changes in DNS.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
        if (skipVerify)
        {
#pragma warning disable CA5359 // The setting asks for it, and a notice warns of it.
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }

        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
