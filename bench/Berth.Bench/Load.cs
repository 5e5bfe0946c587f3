using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Berth.Bench;

/// <summary>One measurement: what the client saw, and what it cost the server.</summary>
/// <param name="Value">In the work's own unit.</param>
/// <param name="CpuSeconds">User and system time of the server and its children.</param>
/// <param name="P99Milliseconds">99th percentile of the answers, where the work has many.</param>
internal sealed record Sample(double Value, double CpuSeconds, double? P99Milliseconds);

/// <summary>The load tool beside this project, and the server's own figures from /proc.</summary>
internal sealed class Load(string program)
{
    private const double TicksPerSecond = 100;

    /// <summary>Compiles the tool if need be.</summary>
    public static async Task<Load> BuildAsync(string source, string folder)
    {
        var program = Path.Combine(folder, "regload");
        await RunAsync("gcc", ["-O2", "-pthread", "-w", "-o", program, source]);
        return new Load(program);
    }

    /// <summary>Runs the tool against a server and reads one field of its answer.</summary>
    public async Task<Sample> MeasureAsync(Server server, string field, params string[] arguments)
    {
        var before = CpuSeconds(server.ProcessId);
        var output = await RunAsync(program, [server.BaseUrl, .. arguments]);
        var cpu = CpuSeconds(server.ProcessId) - before;
        using var json = JsonDocument.Parse(output);
        var root = json.RootElement;
        if (root.TryGetProperty("errors", out var errors) && errors.GetInt64() > 0)
        {
            throw new InvalidOperationException($"{server.Name}: {string.Join(' ', arguments)}: {output}");
        }

        double? p99 = root.TryGetProperty("p99_ms", out var value) ? value.GetDouble() : null;
        return new Sample(root.GetProperty(field).GetDouble(), cpu, p99);
    }

    public static double CpuSeconds(int processId) => Family(processId).Sum(id =>
    {
        var fields = StatOf(id);
        return fields.Length == 0 ? 0 : (Number(fields[11]) + Number(fields[12])) / TicksPerSecond;
    });

    /// <summary>Resident memory of the server and its children, in MiB.</summary>
    public static double ResidentMebibytes(int processId) => Family(processId).Sum(id =>
    {
        var fields = StatOf(id);
        return fields.Length == 0 ? 0 : Number(fields[21]) * Environment.SystemPageSize / 1024 / 1024;
    });

    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{program}: {await errors} {await output}");
    }

    private static IEnumerable<int> Family(int processId) => Directory.GetDirectories("/proc")
        .Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0)
        .Where(id => id == processId || (StatOf(id) is { Length: > 1 } fields && Number(fields[1]) == processId));

    /// <summary>The fields of /proc/ID/stat after the program's name, or none where the process ended.</summary>
    private static string[] StatOf(int processId)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{processId}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
