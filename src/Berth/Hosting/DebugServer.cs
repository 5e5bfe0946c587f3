using Berth.Settings;
using Berth.Telemetry;
using Berth.Transport;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Berth.Hosting;

/// <summary>
/// The second address, <c>http.debug.addr</c>: health, and metrics if Prometheus is enabled. It is a separate server,
/// so that none of it can be reached at the registry's address, and requests there need not be told apart. It has no
/// sign-in: the network decides who can reach it.
/// </summary>
internal sealed class DebugServer(
    RegistrySettings settings, Readiness readiness, IServiceProvider services, ILoggerFactory logs)
    : IHostedService, IDisposable
{
    /// <summary>Only operators connect here.</summary>
    private const int MostConnections = 100;

    private KestrelServer? server;

    /// <summary>Where it listens, once it does.</summary>
    public string Address => server!.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var addr = settings.Http.Debug.Addr!;
        var options = new KestrelServerOptions { AddServerHeader = false, ApplicationServices = services };
        options.Limits.MaxConcurrentConnections = MostConnections;
        options.Limits.MaxRequestBodySize = 0;
        if (!ListenAddress.TryParse(addr, out var address)) throw new StartException($"{addr} is not an address");
        Listener.Listen(options, address, _ => { });
        server = new KestrelServer(
            Options.Create(options),
            new SocketTransportFactory(Options.Create(new SocketTransportOptions()), logs), logs);
        try
        {
            await server.StartAsync(new Handler(Build()), cancellationToken);
        }
        catch (IOException e)
        {
            throw new StartException(
                $"can't listen on {addr} ({e.Message}): set http.debug.addr to another address", e);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) =>
        server?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public void Dispose() => server?.Dispose();

    private RequestDelegate Build()
    {
        var app = new ApplicationBuilder(services);
        app.Use(next => new HealthEndpoints(next, readiness).HandleAsync);
        if (settings.Http.Debug.Prometheus.Enabled)
        {
            app.UseOpenTelemetryPrometheusScrapingEndpoint(
                services.GetRequiredService<TelemetryExport>().Metrics, predicate: null,
                settings.Http.Debug.Prometheus.Path, configureBranchedPipeline: null, optionsName: null);
        }

        return app.Build();
    }

    private sealed class Handler(RequestDelegate handle) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => handle(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
        }
    }
}
