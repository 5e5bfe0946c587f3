using System.Globalization;
using System.Text;

namespace Berth.Bench;

/// <summary>
/// Medians with their spread, one row per work and one column per server, and ratios to Berth's own column.
/// </summary>
internal sealed class ComparisonTable(List<Server> servers, int rounds, int mebibytes)
{
    private readonly List<string> rows = [];
    private string idle = "";

    public int Mebibytes => mebibytes;

    /// <param name="work">What is done.</param>
    /// <param name="unit">The unit of its value; more is better.</param>
    /// <param name="isFile">Whether a server of files can do it too.</param>
    /// <param name="measure">Does it once, given the server and the number of the round.</param>
    /// <param name="gibibytes">How much it moves, where CPU time is given per GiB.</param>
    public async Task AddAsync(
        string work, string unit, bool isFile, Func<Server, int, Task<Sample>> measure, double? gibibytes)
    {
        var taken = servers.ToDictionary(s => s, _ => new List<Sample>());
        for (var round = 0; round < rounds; round++)
        {
            foreach (var server in servers.Where(s => isFile || !s.IsFileServer))
            {
                await Task.Delay(500);
                taken[server].Add(await measure(server, round));
            }
        }

        var own = Median(taken[servers[0]].Select(s => s.Value));
        rows.Add($"| {work}: {unit} | {string.Join(" | ", servers.Select(s => Cell(taken[s], own, gibibytes)))} |");
        Console.Error.WriteLine(rows[^1]);
    }

    public async Task MeasureIdleAsync()
    {
        await Task.Delay(TimeSpan.FromSeconds(2));
        var cells = servers.Select(s => Text(Load.ResidentMebibytes(s.ProcessId)));
        idle = $"| resident memory after all this: MiB | {string.Join(" | ", cells)} |";
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append("# Performance\n\nWritten by `make bench-compare`: the same work against each server in turn, in one "
            + $"run on one machine with {Environment.ProcessorCount} cores, client included. Each cell: the median of "
            + $"{rounds} rounds (lowest to highest) · Berth's value divided by this server's · the server's CPU seconds "
            + "per GiB, or the 99th percentile in ms. nginx serves the same bytes as plain files: the limit of what a "
            + "pull can cost. Ratios hold better than figures: loopback, one disk, noisy neighbours.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"| work | {string.Join(" | ", servers.Select(s => s.Name))} |\n");
        text.Append(CultureInfo.InvariantCulture, $"| --- |{string.Concat(servers.Select(_ => " --- |"))}\n");
        foreach (var row in rows.Append(idle)) text.Append(row).Append('\n');
        return text.ToString();
    }

    private static string Cell(List<Sample> samples, double own, double? gibibytes)
    {
        if (samples.Count == 0) return "–";
        var value = Median(samples.Select(s => s.Value));
        var spread = $"{Text(samples.Min(s => s.Value))}–{Text(samples.Max(s => s.Value))}";
        var cost = gibibytes is { } size
            ? $"{Text(Median(samples.Select(s => s.CpuSeconds / size)))} s/GiB"
            : samples[0].P99Milliseconds is not null ? $"p99 {Text(Median(samples.Select(s => s.P99Milliseconds!.Value)))} ms" : "";
        return $"{Text(value)} ({spread}) · {Text(own / value)}× · {cost}";
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }

    private static string Text(double value) =>
        value >= 100 ? value.ToString("N0", CultureInfo.InvariantCulture) : value.ToString("0.##", CultureInfo.InvariantCulture);
}
