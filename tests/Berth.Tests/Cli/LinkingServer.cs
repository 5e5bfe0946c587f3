using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Cli;

/// <summary>A server that calls itself a registry, answers empty lists, and links to whatever it likes.</summary>
internal sealed class LinkingServer : IAsyncDisposable
{
    private readonly WebApplication app;

    private LinkingServer(WebApplication app) => this.app = app;

    /// <summary>The paths that it was asked for.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>Its address and port.</summary>
    public string Authority { get; private set; } = "";

    /// <param name="linkOf">The <c>Link</c> header for a path, or null.</param>
    public static async Task<LinkingServer> StartAsync(Func<string, string?> linkOf)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = new LinkingServer(builder.Build());
        server.app.Run(http => server.AnswerAsync(http, linkOf));
        await server.app.StartAsync();
        var addresses = server.app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        server.Authority = new Uri(addresses.Addresses.Single()).Authority;
        return server;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private Task AnswerAsync(HttpContext http, Func<string, string?> linkOf)
    {
        var path = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        Asked.Enqueue(path);
        if (linkOf(path) is { } link) http.Response.Headers.Link = link;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync("{\"items\":[]}", http.RequestAborted);
    }
}
