using System.Net;
using Berth.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Berth.Transport;

/// <summary>Where and how Kestrel listens.</summary>
internal static class Listener
{
    /// <summary>How many received bytes of one connection may be unread.</summary>
    public const long ReceiveBufferBytes = 256 * 1024;

    /// <summary>Connections waiting to be accepted. The kernel may allow fewer (net.core.somaxconn).</summary>
    private const int Backlog = 4096;

    /// <summary>128 characters, the longest tag, after <c>&amp;tag=</c>.</summary>
    private const int BytesPerTag = 133;

    /// <summary>The longest path and query without tags, in bytes. Default: Kestrel's.</summary>
    private const int LineBytesWithoutTags = 8192;

    /// <summary>Adds the server to the host, configured by the settings.</summary>
    public static void AddTo(IWebHostBuilder host, RegistrySettings settings)
    {
        host.UseKestrelCore();
        host.UseSockets(sockets => Configure(sockets, settings.Limits));
        host.ConfigureKestrel(kestrel => Configure(kestrel, settings));
        host.ConfigureServices(services => services
            .AddSingleton<IMemoryPoolFactory<byte>, BlockPool>()
            .AddSingleton<OpenConnections>()
            .AddSingleton<IConnectionListenerFactory, BoundedListening>());
    }

    /// <summary>
    /// A request runs on the pool thread that read it from its socket, and its response is sent from there too. By
    /// default each of the two steps switches threads, and with few cores these switches cause the tail latency of
    /// quick requests. A slow request does not hold up others, since readable sockets are handed out to the pool's
    /// threads one by one. But it keeps its own connection from receiving: where that matters, as in an upload, the
    /// work moves to another thread.
    /// </summary>
    private static void Configure(SocketTransportOptions sockets, LimitSettings limits)
    {
        sockets.UnsafePreferInlineScheduling = true;
        sockets.MaxWriteBufferSize = FileSending.TransportWriteBufferBytes;
        sockets.MaxReadBufferSize = Math.Max(ReceiveBufferBytes, RequestLineBytes(limits) + limits.RequestHeaderBytes);
        sockets.Backlog = Backlog;
    }

    private static void Configure(KestrelServerOptions kestrel, RegistrySettings settings)
    {
        var limits = settings.Limits;
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxRequestLineSize = RequestLineBytes(limits);
        kestrel.Limits.MaxRequestHeadersTotalSize = (int)limits.RequestHeaderBytes;
        kestrel.Limits.MaxRequestBufferSize =
            Math.Max(ReceiveBufferBytes, RequestLineBytes(limits) + limits.RequestHeaderBytes);
        kestrel.Limits.Http2.MaxStreamsPerConnection = ConnectionBounds.StreamsPerConnection;
        kestrel.Limits.KeepAliveTimeout = limits.IdleTimeout;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(limits.RequestHeadersTimeoutSeconds);
        kestrel.Limits.MinRequestBodyDataRate = limits.MinimumBodyBytesPerSecond > 0
            ? new MinDataRate(limits.MinimumBodyBytesPerSecond, limits.BodyRateGracePeriod)
            : null;

        // The rate is Kestrel's default. What matters is that each write gets the whole grace period if the reader
        // stalls.
        kestrel.Limits.MinResponseDataRate = new MinDataRate(240, limits.ReaderStallTimeout);
        if (!ListenAddress.TryParse(settings.Http.Addr, out var address))
        {
            throw new StartException(
                $"http.addr '{settings.Http.Addr}' is not an address: write one like 127.0.0.1:5000");
        }

        Listen(kestrel, address, listen => ChooseProtocols(listen, settings.Http));
    }

    /// <summary>Listens where an address says.</summary>
    public static void Listen(KestrelServerOptions kestrel, ListenAddress address, Action<ListenOptions> configure)
    {
        // Kestrel can't choose one free port for both loopback addresses.
        if (address is { Host: "localhost", Port: 0 }) kestrel.Listen(IPAddress.Loopback, 0, configure);
        else if (address.Host is "localhost") kestrel.ListenLocalhost(address.Port, configure);
        else if (address.Host.Length == 0) kestrel.ListenAnyIP(address.Port, configure);
        else kestrel.Listen(IPAddress.Parse(address.Host), address.Port, configure);
    }

    /// <summary>All tags of one push are in its query.</summary>
    private static int RequestLineBytes(LimitSettings limits) =>
        LineBytesWithoutTags + (limits.TagsPerPush * BytesPerTag);

    private static void ChooseProtocols(ListenOptions listen, HttpSettings http)
    {
        LeaveAtTheEnd(listen, isTls: http.Tls.Certificate is not null);
        listen.Protocols = HttpProtocols.Http1;
        if (http.Tls.Certificate is not null)
        {
            if (!http.Http2.Disabled) listen.Protocols = HttpProtocols.Http1AndHttp2;
            listen.RefusePlainHttp();
            listen.UseCertificate(listen.ApplicationServices.GetRequiredService<ServerCertificate>());
        }
        else
        {
            if (http.H2c.Enabled)
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UsePriorKnowledge();
            }

            FileSending.Attach(listen);
        }

        Http10Input.Attach(listen);
    }

    private static void LeaveAtTheEnd(ListenOptions listen, bool isTls)
    {
        var connections = listen.ApplicationServices.GetRequiredService<OpenConnections>();
        listen.Use(next => async connection =>
        {
            var place = connection.Features.GetRequiredFeature<OpenConnection>();
            try
            {
                // TLS reads here what the transport has received.
                if (isTls) OpenConnection.Current = place;
                await next(connection);
            }
            finally
            {
                connections.Remove(place);
            }
        });
    }
}
