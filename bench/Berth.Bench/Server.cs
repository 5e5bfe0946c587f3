using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Berth.Bench;

/// <summary>A server under load, started for it on a free port of this machine with a folder of its own.</summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly Process process;

    private Server(string name, int port, string folder, Process process) =>
        (Name, BaseUrl, Folder, this.process) = (name, $"http://127.0.0.1:{port}", folder, process);

    public string Name { get; }

    public string BaseUrl { get; }

    public string Folder { get; }

    public int ProcessId => process.Id;

    /// <summary>Serves files only: the limit of what a pull can cost.</summary>
    public bool IsFileServer => Name == "nginx";

    public static Task<Server> StartBerthAsync(string root)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "berth.dll");
        return StartAsync("berth", root, "dotnet", (port, folder) => ([program, "serve"], new()
        {
            ["REGISTRY_HTTP_ADDR"] = $"127.0.0.1:{port}",
            ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = folder,
        }));
    }

    public static Task<Server> StartDistributionAsync(string root) =>
        StartAsync("docker-registry", root, "docker-registry", (port, folder) =>
        {
            var config = Path.Combine(root, "docker-registry.yml");
            File.WriteAllText(config, $$"""
                version: 0.1
                log:
                  level: error
                  accesslog: {disabled: true}
                storage:
                  cache: {blobdescriptor: inmemory}
                  filesystem: {rootdirectory: "{{folder}}"}
                http:
                  addr: "127.0.0.1:{{port}}"
                """);
            return (["serve", config], []);
        });

    public static Task<Server> StartZotAsync(string root) => StartAsync("zot", root, "zot", (port, folder) =>
    {
        var config = Path.Combine(root, "zot.json");
        File.WriteAllText(config, $$"""
            {
              "storage": { "rootDirectory": "{{folder}}" },
              "http": { "address": "127.0.0.1", "port": "{{port}}", "compat": ["docker2s2"] },
              "log": { "level": "error" }
            }
            """);
        return (["serve", config], []);
    });

    public static Task<Server> StartNginxAsync(string root) => StartAsync("nginx", root, "nginx", (port, folder) =>
    {
        var config = Path.Combine(root, "nginx.conf");
        File.WriteAllText(config, $$"""
            user root; worker_processes 2; daemon off; pid {{root}}/nginx.pid; error_log /dev/null;
            events { worker_connections 1024; }
            http {
              access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
              default_type application/octet-stream; open_file_cache max=1000;
              client_body_temp_path {{root}}/nginx-body;
              server {
                listen 127.0.0.1:{{port}};
                root {{folder}};
                location = /v2/ { return 200 ok; }
              }
            }
            """);
        return (["-c", config], []);
    });

    public static bool IsInstalled(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Append("/usr/sbin").Any(folder => File.Exists(Path.Combine(folder, program)));

    public async ValueTask DisposeAsync()
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private static async Task<Server> StartAsync(
        string name, string root, string program,
        Func<int, string, (string[] Arguments, Dictionary<string, string> Environment)> configure)
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, name)).FullName;
        var port = FreePort();
        var (arguments, environment) = configure(port, folder);
        var start = new ProcessStartInfo("sh", ["-c", "exec \"$@\" >/dev/null 2>&1", "sh", program, .. arguments]);
        foreach (var (key, value) in environment) start.Environment[key] = value;
        var server = new Server(name, port, folder, Process.Start(start)!);
        await server.WaitAsync();
        return server;
    }

    private async Task WaitAsync()
    {
        using var client = new HttpClient();
        for (var attempt = 0; attempt < 500; attempt++)
        {
            try
            {
                using var response = await client.GetAsync(new Uri($"{BaseUrl}/v2/"));
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(20);
            }
        }

        throw new InvalidOperationException($"{Name} did not start");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
