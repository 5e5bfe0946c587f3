using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace Berth.Bench;

/// <summary>All BenchmarkDotNet benches, and their tables in docs/performance.md.</summary>
internal static class Pieces
{
    public static async Task<int> RunAsync()
    {
        var config = DefaultConfig.Instance.WithOptions(ConfigOptions.JoinSummary | ConfigOptions.StopOnFirstError);
        var summaries = BenchmarkRunner.Run(typeof(HotPaths).Assembly, config);
        var log = new AccumulationLogger();
        foreach (var summary in summaries) MarkdownExporter.GitHub.ExportToLog(summary, log);
        var isWhole = summaries.Length > 0 && summaries.All(s => s.Reports.All(r => r.Success));
        if (!isWhole) return 1;
        var lines = log.GetLog().Split('\n').Select(l => l.TrimEnd());
        await PerformancePage.WriteAsync(PerformancePage.Pieces, $"""
            Written by `make bench`, with BenchmarkDotNet. Allocations are those of one operation.

            {string.Join('\n', lines).Trim()}
            """);
        return 0;
    }
}
