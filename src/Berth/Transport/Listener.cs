using System.Net;
using Berth.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Berth.Transport;

/// <summary>Where and how Kestrel listens.</summary>
internal static class Listener
{
    /// <summary>
    /// A request runs on the thread of the pool that took it from its socket, and its answer is sent from there too:
    /// by default each of the two steps changes the thread, and with few cores it is these changes that make the slow
    /// ones among many quick answers slow. A request that takes its time holds up nobody else, since sockets with
    /// something to read are handed out to the pool's threads one by one. It does keep its own connection from
    /// receiving: where that matters, as in an upload, the work goes to another thread.
    /// </summary>
    public static void Configure(SocketTransportOptions sockets)
    {
        sockets.UnsafePreferInlineScheduling = true;
        sockets.MaxWriteBufferSize = FileSending.TransportWriteBufferBytes;
    }

    public static void Configure(KestrelServerOptions kestrel, RegistrySettings settings)
    {
        var limits = settings.Limits;
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxConcurrentConnections =
            limits.ConcurrentConnections > 0 ? limits.ConcurrentConnections : null;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(limits.RequestHeadersTimeoutSeconds);
        kestrel.Limits.MinRequestBodyDataRate = limits.MinimumBodyBytesPerSecond > 0
            ? new MinDataRate(limits.MinimumBodyBytesPerSecond, limits.BodyRateGracePeriod)
            : null;
        if (!ListenAddress.TryParse(settings.Http.Addr, out var address))
        {
            throw new StartException($"http.addr '{settings.Http.Addr}' is no address: write one like 127.0.0.1:5000");
        }

        // Kestrel can't choose one free port for both loopback addresses.
        if (address is { Host: "localhost", Port: 0 }) kestrel.Listen(IPAddress.Loopback, 0, Speak);
        else if (address.Host is "localhost") kestrel.ListenLocalhost(address.Port, Speak);
        else if (address.Host.Length == 0) kestrel.ListenAnyIP(address.Port, Speak);
        else kestrel.Listen(IPAddress.Parse(address.Host), address.Port, Speak);

        void Speak(ListenOptions listen) => ChooseProtocols(listen, settings.Http);
    }

    private static void ChooseProtocols(ListenOptions listen, HttpSettings http)
    {
        listen.Protocols = HttpProtocols.Http1;
        if (http.Tls.Certificate is not null)
        {
            if (!http.Http2.Disabled) listen.Protocols = HttpProtocols.Http1AndHttp2;
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
    }
}
