using System.Globalization;
using System.Text;

namespace Berth.Bench;

/// <summary>The measured part of docs/scaling.md, between two comments.</summary>
internal static class ScalePage
{
    private const string Page = "docs/scaling.md";
    private const string Begin = "<!-- Written by the bench's `scale`: -->";
    private const string End = "<!-- until here. -->";

    public static async Task WriteAsync(List<ScaleRun> runs)
    {
        var path = PerformancePage.FileOfProject(Page);
        var text = await File.ReadAllTextAsync(path);
        var begin = text.IndexOf(Begin, StringComparison.Ordinal);
        var end = text.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin) throw new InvalidOperationException($"{Page} lacks '{Begin}' and '{End}'");
        await File.WriteAllTextAsync(path, $"{text[..begin]}{Begin}\n\n{ToMarkdown(runs)}\n{text[end..]}");
    }

    public static string ToMarkdown(List<ScaleRun> runs)
    {
        var text = new StringBuilder($"""
            Measured on {PerformancePage.Machine()}:
            client, Berth and PostgreSQL 15 (256 MB of shared buffers, fsync off) over loopback. One request at a time
            at {ScaleRequests.Places} random positions, the first hundred of them as warm-up. Medians and p99. Berth's
            cache is off, except in the row that says so. Load average after each size, about one of which is the bench
            itself: {Loads(runs)}.


            """);
        var sizes = runs.Select(r => Count(r.Manifests));
        text.Append($"| request | statements | {string.Join(" | ", sizes.Select(s => $"ms at {s}"))} |\n");
        text.Append($"| --- | --- |{Columns(runs.Count)}\n");
        for (var i = 0; i < runs[0].Figures.Count; i++)
        {
            var figures = runs.Select(r => r.Figures[i]).ToList();
            var statements = Math.Round(figures.Min(f => f.Statements), 1);
            var cells = figures.Select(f => $"{Text(f.MedianMilliseconds)} · p99 {Text(f.P99Milliseconds)}");
            text.Append($"| {figures[0].Name} | {Text(statements)} | {string.Join(" | ", cells)} |\n");
        }

        var ready = runs.Select(r => Text(r.ReadyMilliseconds));
        text.Append($"| first answer after startup | | {string.Join(" | ", ready)} |\n\n");
        AppendTables(text, runs[^1]);
        var bytes = runs.Select(r => $"{Text(BytesOf(r))} at {Count(r.Manifests)}");
        text.Append($"\nBytes per image with indexes: {string.Join(", ", bytes)} manifests.\n");
        return text.ToString();
    }

    private static void AppendTables(StringBuilder text, ScaleRun run)
    {
        text.Append("| table | rows per image | bytes per image | in its indexes |\n| --- |").Append(Columns(3));
        foreach (var table in run.Tables)
        {
            text.Append($"\n| `{table.Name}` | {Each(table.Rows)} | {Each(table.HeapBytes)}"
                + $" | {Each(table.IndexBytes)} |");
        }

        text.Append($"\n| total | {Each(run.Tables.Sum(t => t.Rows))} | {Each(run.Tables.Sum(t => t.HeapBytes))}"
            + $" | {Each(run.Tables.Sum(t => t.IndexBytes))} |\n");

        string Each(long count) => Text(count / (double)run.Manifests);
    }

    private static double BytesOf(ScaleRun run) =>
        run.Tables.Sum(t => t.HeapBytes + t.IndexBytes) / (double)run.Manifests;

    private static string Loads(List<ScaleRun> runs) => string.Join(", ", runs.Select(r => Text(r.Load)));

    private static string Columns(int count) => string.Concat(Enumerable.Repeat(" --- |", count));

    private static string Count(int count) => count.ToString("N0", CultureInfo.InvariantCulture);

    private static string Text(double value) => Spread.Text(value);
}
