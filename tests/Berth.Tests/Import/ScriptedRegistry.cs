using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Import;

/// <summary>A registry that answers what a test has written down for a path, good or bad.</summary>
internal sealed class ScriptedRegistry : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ConcurrentDictionary<string, Func<HttpContext, Task>> answers = new();

    private ScriptedRegistry(WebApplication app) => this.app = app;

    /// <summary>What it was asked: the method, the path with its query, and what was sent as credentials.</summary>
    public ConcurrentQueue<(string Method, string Path, string Credentials)> Asked { get; } = new();

    public string Authority { get; private set; } = "";

    /// <summary>Runs before anything else; false: it has answered.</summary>
    public Func<HttpContext, Task<bool>>? Before { get; set; }

    public static async Task<ScriptedRegistry> StartAsync(string address = "127.0.0.1")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://{address}:0");
        var registry = new ScriptedRegistry(builder.Build());
        registry.app.Run(registry.AnswerAsync);
        await registry.app.StartAsync();
        var addresses = registry.app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        registry.Authority = new Uri(addresses.Addresses.Single()).Authority;
        return registry;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    /// <summary>What it answers to a path, with or without a query.</summary>
    public void On(string path, Func<HttpContext, Task> answer) => answers[path] = answer;

    /// <summary>The same with a body.</summary>
    public void On(string path, byte[] body, string type = "application/json", string? digest = null) =>
        On(path, async http =>
        {
            http.Response.ContentType = type;
            http.Response.ContentLength = body.Length;
            if (digest is not null) http.Response.Headers["Docker-Content-Digest"] = digest;
            if (http.Request.Method != "HEAD") await http.Response.Body.WriteAsync(body, http.RequestAborted);
        });

    public void On(string path, string body) => On(path, Encoding.UTF8.GetBytes(body));

    /// <summary>An image of one layer with a tag, as good registries have it.</summary>
    /// <returns>Its digest, and its layer's.</returns>
    public (string Digest, string Layer) AddImage(string repository, string tag, byte[] layer, int? sizeBytes = null)
    {
        var (config, digest) = ("{}"u8.ToArray(), OldRegistry.DigestOf(layer));
        var body = Encoding.UTF8.GetBytes(TestVolume.ImageOf(
            (OldRegistry.DigestOf(config), config.Length), (digest, sizeBytes ?? layer.Length)));
        On($"/v2/{repository}/blobs/{OldRegistry.DigestOf(config)}", config);
        On($"/v2/{repository}/blobs/{digest}", layer);
        AddManifest(repository, tag, body);
        return (OldRegistry.DigestOf(body), digest);
    }

    /// <summary>A manifest with the only tag of its repository.</summary>
    public void AddManifest(
        string repository, string tag, byte[] body, string type = "application/vnd.oci.image.manifest.v1+json")
    {
        var digest = OldRegistry.DigestOf(body);
        On($"/v2/{repository}/manifests/{digest}", body, type, digest);
        On($"/v2/{repository}/manifests/{tag}", body, type, digest);
        On($"/v2/{repository}/tags/list", $$"""{"name":"{{repository}}","tags":["{{tag}}"]}""");
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var path = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        Asked.Enqueue((http.Request.Method, path, http.Request.Headers.Authorization.ToString()));
        if (Before is not null && !await Before(http)) return;
        if (answers.TryGetValue(path, out var answer) || answers.TryGetValue(path.Split('?')[0], out answer))
            await answer(http);
        else http.Response.StatusCode = 404;
    }
}
