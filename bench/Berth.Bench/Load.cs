using System.Diagnostics;
using System.Text.Json;

namespace Berth.Bench;

/// <summary>The load generators in this project, compiled for the run.</summary>
internal sealed class Load(string folder, CancellationToken stop)
{
    private double measuredSeconds;
    private double otherSeconds;

    private string Regload => Path.Combine(folder, "regload");

    private string TlsPull => Path.Combine(folder, "tlspull");

    /// <summary>Null if TLS can be used; otherwise what to install.</summary>
    public string? TlsFault { get; private set; }

    public static async Task<Load> BuildAsync(string sources, string folder, CancellationToken stop)
    {
        if (!Server.IsInstalled("gcc"))
        {
            throw new ArgumentException("the load tools need a C compiler: apt-get install gcc libc6-dev");
        }

        var load = new Load(folder, stop);
        await load.RunAsync("gcc", "-O2", "-pthread", "-w", "-o", load.Regload, Path.Combine(sources, "regload.c"));
        try
        {
            var source = Path.Combine(sources, "tlspull.c");
            await load.RunAsync("gcc", "-O2", "-pthread", "-o", load.TlsPull, source, "-lssl", "-lcrypto");
        }
        catch (InvalidOperationException)
        {
            load.TlsFault = "HTTPS was not measured: that needs OpenSSL's headers (apt-get install libssl-dev).";
        }

        return load;
    }

    /// <summary>Runs regload against a server and reads one field of its answer.</summary>
    public Task<Sample> MeasureAsync(Server server, string field, params string[] arguments) =>
        MeasureAsync(server, field, Regload, arguments);

    public Task<Sample> PullTlsAsync(Server server, params string[] arguments) =>
        MeasureAsync(server, "GBps", TlsPull, arguments);

    /// <summary>Writes the same bytes to files in a folder, without any server.</summary>
    public async Task<Sample> WriteFilesAsync(string target, string file, bool fsync, IEnumerable<string> slices)
    {
        string[] options = fsync ? ["--fsync"] : [];
        var busy = ProcessFigures.BusyCoreSeconds();
        var started = Stopwatch.GetTimestamp();
        var output = await RunAsync(
            Regload, ["http://127.0.0.1:1", "disk", "-f", file, "-o", target, .. options, .. slices]);
        using var json = JsonDocument.Parse(output);
        var cores = (ProcessFigures.BusyCoreSeconds() - busy) / Stopwatch.GetElapsedTime(started).TotalSeconds;
        return new Sample(
            json.RootElement.GetProperty("GBps").GetDouble(), json.RootElement.GetProperty("client_cpu_s").GetDouble(),
            BusyCores: cores);
    }

    /// <exception cref="InvalidOperationException">The program failed; the message has its output.</exception>
    public async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(stop);
            var errors = process.StandardError.ReadToEndAsync(stop);
            await process.WaitForExitAsync(stop);
            if (process.ExitCode == 0) return await output;
            var said = string.Join(' ', (await errors).Split('\n').Take(5));
            throw new InvalidOperationException(
                $"{Path.GetFileName(program)} {string.Join(' ', arguments.Take(12))}: {said}");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    /// <summary>
    /// The CPU used by everything but the servers and load generators during the measurements, in cores.
    /// </summary>
    public double OtherCores => otherSeconds / measuredSeconds;

    private async Task<Sample> MeasureAsync(Server server, string field, string program, string[] arguments)
    {
        var cpu = ProcessFigures.CpuSeconds(server.ProcessId);
        var busy = ProcessFigures.BusyCoreSeconds();
        var started = Stopwatch.GetTimestamp();
        var output = await RunAsync(program, [server.BaseUrl, .. arguments]);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        using var json = JsonDocument.Parse(output);
        var root = json.RootElement;
        double? p99 = root.TryGetProperty("p99_ms", out var value) ? value.GetDouble() : null;
        busy = ProcessFigures.BusyCoreSeconds() - busy;
        cpu = ProcessFigures.CpuSeconds(server.ProcessId) - cpu;
        if (root.TryGetProperty("client_cpu_s", out var client))
        {
            measuredSeconds += seconds;
            otherSeconds += busy - cpu - client.GetDouble();
        }

        return new Sample(root.GetProperty(field).GetDouble(), cpu, p99, busy / seconds);
    }
}
