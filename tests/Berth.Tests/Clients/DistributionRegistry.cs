using System.Net;
using Berth.Tests.Servers;

namespace Berth.Tests.Clients;

/// <summary>A distribution registry of our own: Debian 12's docker-registry, over a temporary folder.</summary>
internal sealed class DistributionRegistry : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("distribution-").FullName;
    private Daemon? daemon;

    private DistributionRegistry()
    {
    }

    /// <summary>Its host and port.</summary>
    public string Address { get; } = $"127.0.0.1:{LoopbackPorts.Free()}";

    /// <param name="client">Whose programs.</param>
    /// <param name="auth">The section of its settings.</param>
    public static async Task<DistributionRegistry> StartAsync(ClientFixture client, string auth)
    {
        var registry = new DistributionRegistry();
        try
        {
            registry.daemon = await registry.StartDaemonAsync(client.Tools.DistributionRegistry, auth);
            return registry;
        }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (daemon is not null) await daemon.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private async Task<Daemon> StartDaemonAsync(string program, string auth)
    {
        var settings = Path.Combine(folder, "config.yml");
        await File.WriteAllTextAsync(settings, $$"""
            version: 0.1
            log: {level: info}
            storage:
              filesystem: {rootdirectory: "{{folder}}/data"}
            http:
              addr: "{{Address}}"
            {{auth}}
            """);
        using var http = new HttpClient { BaseAddress = new Uri($"http://{Address}") };
        return await Daemon.StartAsync(
            folder, new Dictionary<string, string>(), [program, "serve", settings], async () =>
            {
                try
                {
                    using var answer = await http.GetAsync(new Uri("v2/", UriKind.Relative));
                    return answer.StatusCode == HttpStatusCode.Unauthorized;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            });
    }
}
