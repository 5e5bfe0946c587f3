using System.Globalization;

namespace Berth.Bench;

/// <summary>What /proc reports about a process and its children, and about the machine.</summary>
internal static class ProcessFigures
{
    private const double TicksPerSecond = 100;
    private const StringSplitOptions Split = StringSplitOptions.RemoveEmptyEntries;

    public static double CpuSeconds(int processId) => Family(processId).Sum(id =>
    {
        var fields = StatOf(id);
        return fields.Length == 0 ? 0 : (Number(fields[11]) + Number(fields[12])) / TicksPerSecond;
    });

    /// <summary>Seconds that all cores were busy since boot, excluding I/O wait.</summary>
    public static double BusyCoreSeconds()
    {
        var fields = File.ReadLines("/proc/stat").First().Split(' ', Split);
        // user nice system idle iowait irq softirq
        return (fields[1..4].Sum(Number) + fields[6..8].Sum(Number)) / TicksPerSecond;
    }

    public static double ResidentMebibytes(int processId) => Family(processId).Sum(id => StatusOf(id, "VmRSS:"));

    /// <summary>The peak resident memory since <see cref="ForgetPeak"/>.</summary>
    public static double PeakMebibytes(int processId) => Family(processId).Sum(id => StatusOf(id, "VmHWM:"));

    public static void ForgetPeak(int processId)
    {
        foreach (var id in Family(processId)) File.WriteAllText($"/proc/{id}/clear_refs", "5");
    }

    private static List<int> Family(int processId) => [.. Directory.GetDirectories("/proc")
        .Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0)
        .Where(id => id == processId || (StatOf(id) is [_, var parent, ..] && Number(parent) == processId))];

    /// <summary>The fields of /proc/ID/stat after the program's name, or none if the process has ended.</summary>
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

    /// <summary>A field of /proc/ID/status in MiB.</summary>
    private static double StatusOf(int processId, string field)
    {
        var line = File.ReadLines($"/proc/{processId}/status")
            .FirstOrDefault(l => l.StartsWith(field, StringComparison.Ordinal));
        return line is null ? 0 : Number(line[field.Length..].Split((char[]?)null, Split)[0]) / 1024;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
