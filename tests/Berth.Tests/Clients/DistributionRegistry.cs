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

    /// <summary>The folder that it keeps everything in, as its settings have it.</summary>
    public string DataFolder => Path.Combine(folder, "data");

    /// <summary>Its settings.</summary>
    public string SettingsFile => Path.Combine(folder, "config.yml");

    /// <summary>Its host and port.</summary>
    public string Address { get; } = $"127.0.0.1:{LoopbackPorts.Free()}";

    /// <param name="client">Whose programs.</param>
    /// <param name="auth">The section of its settings.</param>
    public static Task<DistributionRegistry> StartAsync(ClientFixture client, string auth) =>
        StartAsync(client.Tools, auth, storage: null);

    /// <param name="tools">The programs.</param>
    /// <param name="auth">The section of its settings, which may be empty.</param>
    /// <param name="storage">Where it keeps its data; null: in its folder.</param>
    public static async Task<DistributionRegistry> StartAsync(ClientTools tools, string auth, string? storage)
    {
        var registry = new DistributionRegistry();
        try
        {
            registry.daemon = await registry.StartDaemonAsync(tools.DistributionRegistry, auth, storage);
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

    private async Task<Daemon> StartDaemonAsync(string program, string auth, string? storage)
    {
        await File.WriteAllTextAsync(SettingsFile, $$"""
            version: 0.1
            log: {level: info}
            storage:
              {{storage ?? $"filesystem: {{rootdirectory: \"{DataFolder}\"}}"}}
              delete: {enabled: true}
            http:
              addr: "{{Address}}"
            {{auth}}
            """);
        using var http = new HttpClient { BaseAddress = new Uri($"http://{Address}") };
        return await Daemon.StartAsync(
            // Its client of S3 takes no bundle from the environment.
            folder, new Dictionary<string, string> { ["AWS_CA_BUNDLE"] = "" }, [program, "serve", SettingsFile],
            async () =>
            {
                try
                {
                    using var answer = await http.GetAsync(new Uri("v2/", UriKind.Relative));
                    return answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.OK;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            });
    }
}
