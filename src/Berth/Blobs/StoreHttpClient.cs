namespace Berth.Blobs;

/// <summary>
/// How the clients of all object stores connect. They limit no request's time: <see cref="ObjectCalls"/> does.
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
            // So that a store whose address changes is found again.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
        if (skipVerify)
        {
#pragma warning disable CA5359 // The setting asks for it, and says so in a notice.
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }

        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
