using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Berth.Bench;

/// <summary>Berth and the other servers found on this machine: how each is started, on its own folder.</summary>
internal sealed partial class Peers(string root, string? berth, CancellationToken stop)
{
    public const string Berth = "berth";
    public const string Nginx = "nginx";
    public const string Distribution = "docker-registry";
    public const string Zot = "zot";

    private static readonly string[] Others = [Nginx, Distribution, Zot];

    /// <summary>The columns of the report.</summary>
    public string[] Names { get; } = [Berth, .. Others.Where(Server.IsInstalled)];

    public IEnumerable<string> Absent => Others.Except(Names);

    public async Task<Server> StartAsync(
        string name, Certificate? tls = null, string? folder = null, params (string, string)[] environment)
    {
        folder ??= name;
        var data = Path.Combine(root, folder);
        return await Server.StartAsync(name, data, tls, port => name switch
        {
            Nginx => NginxCommand(port, data, tls),
            Distribution => DistributionCommand(port, data, tls),
            Zot => ZotCommand(port, data, tls),
            _ => BerthCommand(port, data, tls, environment),
        }, stop);
    }

    /// <summary>Starts all of them, Berth first.</summary>
    public async Task<Fleet> StartAllAsync(Certificate? tls = null)
    {
        var fleet = new Fleet();
        try
        {
            foreach (var name in Names) fleet.Add(await StartAsync(name, tls));
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>The peers' versions, as they report them.</summary>
    public async Task<string> VersionsAsync()
    {
        var versions = new List<string>();
        foreach (var name in Names.Skip(1))
        {
            var option = name == Nginx ? "-v" : "--version";
            var start = new ProcessStartInfo("sh", ["-c", $"PATH=$PATH:/usr/sbin; {name} {option} 2>&1"])
            {
                RedirectStandardOutput = true,
            };
            using var process = Process.Start(start)!;
            var version = Version().Match(await process.StandardOutput.ReadToEndAsync(stop)).Value;
            versions.Add($"{name} {version}");
        }

        return string.Join(", ", versions);
    }

    private ServerCommand BerthCommand(int port, string data, Certificate? tls, (string Key, string Value)[] more)
    {
        var environment = more.ToDictionary(e => e.Key, e => e.Value);
        environment["REGISTRY_HTTP_ADDR"] = $"127.0.0.1:{port}";
        environment["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = data;
        if (tls is not null)
        {
            environment["REGISTRY_HTTP_TLS_CERTIFICATE"] = tls.ChainPath;
            environment["REGISTRY_HTTP_TLS_KEY"] = tls.KeyPath;
        }

        return berth is null
            ? new ServerCommand("dotnet", [Path.Combine(AppContext.BaseDirectory, "berth.dll"), "serve"], environment)
            : new ServerCommand(berth, ["serve"], environment);
    }

    private ServerCommand DistributionCommand(int port, string data, Certificate? tls)
    {
        var config = Path.Combine(root, "docker-registry.yml");
        var encryption = tls is null ? "" : $"tls: {{certificate: \"{tls.ChainPath}\", key: \"{tls.KeyPath}\"}}";
        File.WriteAllText(config, $$"""
            version: 0.1
            log:
              level: error
              accesslog: {disabled: true}
            storage:
              cache: {blobdescriptor: inmemory}
              filesystem: {rootdirectory: "{{data}}"}
            http:
              addr: "127.0.0.1:{{port}}"
              {{encryption}}
            """);
        return new ServerCommand("docker-registry", ["serve", config], []);
    }

    private ServerCommand ZotCommand(int port, string data, Certificate? tls)
    {
        var config = Path.Combine(root, "zot.json");
        var encryption = tls is null
            ? ""
            : $$""", "tls": { "cert": "{{tls.ChainPath}}", "key": "{{tls.KeyPath}}" }""";
        File.WriteAllText(config, $$"""
            {
              "storage": { "rootDirectory": "{{data}}" },
              "http": { "address": "127.0.0.1", "port": "{{port}}", "compat": ["docker2s2"]{{encryption}} },
              "log": { "level": "error" }
            }
            """);
        return new ServerCommand("zot", ["serve", config], []);
    }

    private ServerCommand NginxCommand(int port, string data, Certificate? tls)
    {
        var config = Path.Combine(root, "nginx.conf");
        var encryption = tls is null
            ? ""
            : $"ssl_certificate {tls.ChainPath}; ssl_certificate_key {tls.KeyPath}; ssl_protocols TLSv1.3;";
        File.WriteAllText(config, $$"""
            user root; worker_processes 2; daemon off; pid {{root}}/nginx.pid; error_log /dev/null;
            events { worker_connections 1024; }
            http {
              access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
              default_type application/octet-stream; open_file_cache max=1000;
              client_body_temp_path {{root}}/nginx-body;
              {{encryption}}
              server {
                listen 127.0.0.1:{{port}}{{(tls is null ? "" : " ssl")}};
                root {{data}};
                location = /v2/ { return 200 ok; }
              }
            }
            """);
        return new ServerCommand("nginx", ["-c", config], []);
    }

    [GeneratedRegex(@"\d+\.\d+[\w.+~-]*")]
    private static partial Regex Version();
}

/// <summary>Servers running side by side on the same machine.</summary>
internal sealed class Fleet : List<Server>, IAsyncDisposable
{
    /// <summary>Those that accept pushes.</summary>
    public IEnumerable<Server> Registries => this.Where(s => !s.IsFileServer);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in this) await server.DisposeAsync();
    }
}
