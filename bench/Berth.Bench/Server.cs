using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Bench;

/// <summary>A server under test, started on a free port with its own folder.</summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly Process process;
    private readonly HttpClient client;

    private Server(string name, string baseUrl, string folder, X509Certificate2? certificate, Process process)
    {
        (Name, BaseUrl, Folder, this.process) = (name, baseUrl, folder, process);
        client = CreateClient(baseUrl, certificate);
    }

    public string Name { get; }

    public string BaseUrl { get; }

    public string Folder { get; }

    public int ProcessId => process.Id;

    /// <summary>From the start of the process to its first answer.</summary>
    public TimeSpan ReadyAfter { get; private set; }

    /// <summary>Only serves files: the lower bound of what a pull can cost.</summary>
    public bool IsFileServer => Name == "nginx";

    /// <summary>A client of this server, over TLS with the run's certificate.</summary>
    public HttpClient Client => client;

    /// <summary>Starts a program and waits until it answers.</summary>
    /// <param name="name">Its column in the report.</param>
    /// <param name="folder">Where its data is kept.</param>
    /// <param name="tls">Its certificate where it speaks HTTPS.</param>
    /// <param name="describe">Its command line and environment, given the port.</param>
    /// <param name="stop">Ends the waiting.</param>
    public static async Task<Server> StartAsync(
        string name, string folder, Certificate? tls, Func<int, ServerCommand> describe, CancellationToken stop)
    {
        Directory.CreateDirectory(folder);
        var port = FreePort();
        var command = describe(port);
        const string Quietly = "PATH=$PATH:/usr/sbin; exec \"$@\" >/dev/null 2>&1";
        var start = new ProcessStartInfo("sh", ["-c", Quietly, "sh", command.Program, .. command.Arguments]);
        foreach (var (key, value) in command.Environment) start.Environment[key] = value;
        var started = Stopwatch.GetTimestamp();
        var scheme = tls is null ? "http" : "https";
        var server = new Server(
            name, $"{scheme}://127.0.0.1:{port}", folder, tls?.Content, Process.Start(start)!);
        try
        {
            await server.WaitAsync(stop);
            server.ReadyAfter = Stopwatch.GetElapsedTime(started);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public static bool IsInstalled(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Append("/usr/sbin").Any(folder => File.Exists(Path.Combine(folder, program)));

    /// <summary>Asks it to stop, and kills it if it does not within some seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        if (!process.HasExited)
        {
            using var asking = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            await process.WaitForExitAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!process.HasExited) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private static HttpClient CreateClient(string baseUrl, X509Certificate2? certificate)
    {
        var handler = new HttpClientHandler();
        if (certificate is not null)
        {
            handler.ServerCertificateCustomValidationCallback =
                (_, shown, _, _) => shown?.Thumbprint == certificate.Thumbprint;
        }

        return new HttpClient(handler) { BaseAddress = new Uri(baseUrl), Timeout = TimeSpan.FromMinutes(5) };
    }

    private async Task WaitAsync(CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20) && !process.HasExited)
        {
            try
            {
                using var response = await client.GetAsync(new Uri("/v2/", UriKind.Relative), stop);
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(2, stop);
            }
        }

        throw new InvalidOperationException($"{Name} did not start: {(process.HasExited ? "it ended" : "no answer")}");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>How a server is started.</summary>
internal sealed record ServerCommand(string Program, string[] Arguments, Dictionary<string, string> Environment);
