using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Tests;

/// <summary>
/// A real <c>berth serve</c> on a free loopback port with a temporary folder of its own. The process and the
/// folder go away with the object.
/// </summary>
public sealed partial class BerthProcess : IAsyncDisposable
{
    private const int SigTerm = 15;

    // Berth takes the shell's place and process id. Beside it, something waits for the end of the tests, whose end
    // of the pipe closes even when they are killed, so that no Berth outlives them.
    internal const string EndWithTests = """
        { cat; kill -9 $$; } <&0 >/dev/null 2>&1 &
        exec "$@" serve </dev/null
        """;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly Dictionary<string, string> _settings;
    private readonly StringBuilder _output = new();
    private readonly Lock _outputLock = new();
    private Process? _process;

    private readonly string _program;

    private BerthProcess(Action<IDictionary<string, string>>? configure, string? program)
    {
        _program = program ?? BerthProgram.Path;
        _folder = Directory.CreateTempSubdirectory("berth-test-").FullName;
        DataFolder = Directory.CreateDirectory(Path.Combine(_folder, "data")).FullName;
        Address = $"127.0.0.1:{FreePort()}";
        _settings = new()
        {
            ["REGISTRY_HTTP_ADDR"] = Address,
            ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = DataFolder,
        };
        configure?.Invoke(_settings);
    }

    /// <summary>Host and port without a scheme, as it stands in an image's name: <c>127.0.0.1:41234</c>.</summary>
    public string Address { get; }

    /// <summary>The root of the registry, with a slash at the end.</summary>
    public Uri BaseAddress => new($"{(HasTls ? "https" : "http")}://{Address}/");

    private bool HasTls => _settings.ContainsKey("REGISTRY_HTTP_TLS_CERTIFICATE");

    /// <summary>Where this Berth keeps everything. It outlives <see cref="KillAsync"/> and a restart.</summary>
    public string DataFolder { get; }

    /// <summary>The id of the running process; it changes with a restart.</summary>
    /// <exception cref="InvalidOperationException">Berth is stopped.</exception>
    public int ProcessId => Running.Id;

    /// <summary>Everything that Berth has written to its standard output and error, over all its starts.</summary>
    public string Output
    {
        get
        {
            lock (_outputLock)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>What a start waits for: <c>readyz</c>, or a part of it where only that can become true.</summary>
    public string ReadyPath { get; set; } = "readyz";

    private Process Running => _process ?? throw new InvalidOperationException("Berth is not running.");

    /// <summary>Starts Berth and waits until it is ready.</summary>
    /// <param name="configure">Adds or changes settings, by the names they have in the environment.</param>
    /// <param name="cancellationToken">Gives up the start, and stops what was started.</param>
    /// <exception cref="InvalidOperationException">Berth ended, or wasn't ready in time. Holds its output.</exception>
    public static Task<BerthProcess> StartAsync(
        Action<IDictionary<string, string>>? configure = null, CancellationToken cancellationToken = default) =>
        StartAsync(configure, program: null, cancellationToken);

    /// <summary>Starts a program, that of these tests if null, and waits until it is ready.</summary>
    public static async Task<BerthProcess> StartAsync(
        Action<IDictionary<string, string>>? configure, string? program, CancellationToken cancellationToken)
    {
        var berth = new BerthProcess(configure, program);
        try
        {
            await berth.StartAgainAsync(cancellationToken);
            return berth;
        }
        catch
        {
            await berth.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Starts a stopped Berth on the same folder and address, and waits until it is ready.
    /// </summary>
    /// <exception cref="InvalidOperationException">Berth runs already, ended, or wasn't ready in time.</exception>
    public async Task StartAgainAsync(CancellationToken cancellationToken = default)
    {
        if (_process is { HasExited: true }) Forget();
        if (_process is not null)
        {
            throw new InvalidOperationException("Berth is running already.");
        }

        _process = Process.Start(StartInfo()) ?? throw new InvalidOperationException("Berth did not start.");
        _process.OutputDataReceived += Collect;
        _process.ErrorDataReceived += Collect;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await WaitUntilReadyAsync(_process, cancellationToken);
    }

    /// <summary>Stops Berth as a power cut would: SIGKILL, no time to finish anything.</summary>
    public async Task KillAsync()
    {
        var process = Running;
        process.Kill();
        await process.WaitForExitAsync();
        Forget();
    }

    /// <summary>Asks Berth to stop with SIGTERM and waits for it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="TimeoutException">It didn't stop within a minute.</exception>
    public async Task<int> TerminateAsync(CancellationToken cancellationToken = default)
    {
        var process = Running;
        if (Signal(process.Id, SigTerm) != 0)
        {
            throw new InvalidOperationException($"SIGTERM was refused: error {Marshal.GetLastPInvokeError()}.");
        }

        try
        {
            await process.WaitForExitAsync(cancellationToken).WaitAsync(StopLimit, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Berth did not stop on SIGTERM.\n{Output}");
        }

        var exitCode = process.ExitCode;
        Forget();
        return exitCode;
    }

    /// <summary>
    /// A client of this Berth that shows each answer as it came: no redirects followed, no cookies, no proxy, any
    /// certificate taken.
    /// </summary>
    public HttpClient CreateClient()
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null;
        return new HttpClient(handler) { BaseAddress = BaseAddress };
    }

    /// <summary>Kills Berth if it runs, and removes its folder.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Signal(int processId, int signal);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private ProcessStartInfo StartInfo()
    {
        var start = new ProcessStartInfo("bash", ["-c", EndWithTests, "berth", .. BerthProgram.CommandOf(_program)])
        {
            WorkingDirectory = _folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var inherited in start.Environment.Keys.Where(IsRegistrySetting).ToList())
        {
            start.Environment.Remove(inherited);
        }

        foreach (var (name, value) in _settings)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private static bool IsRegistrySetting(string name) => name.StartsWith("REGISTRY_", StringComparison.Ordinal);

    private async Task WaitUntilReadyAsync(Process process, CancellationToken cancellationToken)
    {
        using var client = CreateClient();
        var waited = Stopwatch.StartNew();
        while (!await IsReadyAsync(client, ReadyPath, cancellationToken))
        {
            if (process.HasExited)
            {
                await process.WaitForExitAsync(cancellationToken);
                throw new InvalidOperationException($"Berth ended with code {process.ExitCode}.\n{Output}");
            }

            if (waited.Elapsed > StartLimit)
            {
                throw new InvalidOperationException($"Berth was not ready after {StartLimit}.\n{Output}");
            }

            await Task.Delay(20, cancellationToken);
        }
    }

    private static async Task<bool> IsReadyAsync(
        HttpClient client, string readyPath, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await client.GetAsync(new Uri(readyPath, UriKind.Relative), cancellationToken);
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private void Collect(object sender, DataReceivedEventArgs line)
    {
        lock (_outputLock)
        {
            _output.AppendLine(line.Data);
        }
    }

    private void Forget()
    {
        _process?.StandardInput.Close();
        _process?.Dispose();
        _process = null;
    }
}
