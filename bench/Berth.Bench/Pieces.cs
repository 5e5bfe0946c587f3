using System.Text;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace Berth.Bench;

/// <summary>All BenchmarkDotNet benchmarks, and their table in docs/performance.md.</summary>
internal static class Pieces
{
    public static async Task<int> RunAsync()
    {
        // On a machine that is never quite idle, a hundred iterations tell no more than twenty.
        var config = DefaultConfig.Instance.WithOptions(ConfigOptions.StopOnFirstError)
            .WithBuildTimeout(TimeSpan.FromMinutes(10))
            .AddJob(Job.Default.WithMaxIterationCount(20).AsDefault());
        var reports = BenchmarkRunner.Run(typeof(HotPaths).Assembly, config).SelectMany(s => s.Reports).ToList();
        if (reports.Count == 0 || reports.Exists(r => !r.Success)) return 1;
        var text = new StringBuilder($"""
            Written by `make bench`, with BenchmarkDotNet on {PerformancePage.Machine()}.
            Time is the mean (half of its 99.9 % interval); allocations are those of one operation.

            | operation | time | allocated |
            | --- | --- | --- |

            """);
        foreach (var report in reports) text.Append(Row(report));
        await PerformancePage.WriteAsync(PerformancePage.Pieces, text.ToString());
        return 0;
    }

    private static string Row(BenchmarkReport report)
    {
        var benchmark = report.BenchmarkCase;
        var statistics = report.ResultStatistics!;
        var allocated = report.GcStats.GetBytesAllocatedPerOperation(benchmark) ?? 0;
        var margin = statistics.ConfidenceInterval.Margin;
        var piece = benchmark.Descriptor.WorkloadMethodDisplayInfo.Trim('\'');
        return $"| {piece} | {Time(statistics.Mean)} (± {Time(margin)})"
            + $" | {(allocated < 10_000 ? $"{allocated} B" : $"{Spread.Text(allocated / 1024.0)} KiB")} |\n";
    }

    private static string Time(double nanoseconds) => nanoseconds switch
    {
        < 1e3 => $"{Spread.Text(nanoseconds)} ns",
        < 1e6 => $"{Spread.Text(nanoseconds / 1e3)} µs",
        _ => $"{Spread.Text(nanoseconds / 1e6)} ms",
    };
}
