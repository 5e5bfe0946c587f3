using System.Net;
using Berth.Distribution;
using Berth.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Berth.Hosting;

/// <summary>Where and how Kestrel listens.</summary>
internal static class Listener
{
    public static void Configure(KestrelServerOptions kestrel, RegistrySettings settings)
    {
        var limits = settings.Limits;
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxConcurrentConnections = limits.ConcurrentConnections > 0 ? limits.ConcurrentConnections : null;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(limits.RequestHeadersTimeoutSeconds);
        kestrel.Limits.MinRequestBodyDataRate = limits.MinimumBodyBytesPerSecond > 0
            ? new MinDataRate(limits.MinimumBodyBytesPerSecond, limits.BodyRateGracePeriod)
            : null;
        if (!ListenAddress.TryParse(settings.Http.Addr, out var address))
        {
            throw new InvalidDataException($"http.addr '{settings.Http.Addr}' is no address");
        }

        if (address.Host is "localhost") kestrel.ListenLocalhost(address.Port, FileSending.Attach);
        else if (address.Host.Length == 0) kestrel.ListenAnyIP(address.Port, FileSending.Attach);
        else kestrel.Listen(IPAddress.Parse(address.Host), address.Port, FileSending.Attach);
    }
}
