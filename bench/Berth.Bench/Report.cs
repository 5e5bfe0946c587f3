using System.Text;

namespace Berth.Bench;

/// <summary>What is shown besides a row's value in each cell.</summary>
internal enum Cost
{
    None,
    CpuPerGibibyte,
    P99,
    BusyCores,
}

/// <summary>The goals with their verdicts, then one row per workload and one column per server.</summary>
internal sealed class Report(string[] servers)
{
    private readonly List<Goal> goals = [];
    private readonly List<string> rows = [];
    private readonly List<string> notes = [];

    public bool IsWhole { get; private set; } = true;

    /// <param name="work">What is done, with the unit of its value.</param>
    /// <param name="samples">The samples of each server.</param>
    /// <param name="cost">What else is shown of the samples.</param>
    /// <param name="gibibytes">How much a sample moves.</param>
    public void Add(
        string work, IReadOnlyDictionary<string, List<Sample>> samples, Cost cost = Cost.None, double gibibytes = 1)
    {
        var cells = servers.Select(s => samples.TryGetValue(s, out var taken) ? Cell(taken, cost, gibibytes) : "–");
        rows.Add($"| {work} | {string.Join(" | ", cells)} |");
        Console.Error.WriteLine(rows[^1]);
    }

    public void Add(Goal goal)
    {
        goals.Add(goal);
        Console.Error.WriteLine(Line(goal));
    }

    /// <summary>A goal relative to another server: not measured if that is not on this machine.</summary>
    public void AddRatio(
        string work, string what, bool isAtLeast, double limit, IReadOnlyDictionary<string, List<Sample>> samples,
        string other, Func<Sample, double> valueOf) => Add(new Goal(
        work, what, isAtLeast, limit, $"× {other}",
        samples.TryGetValue(other, out var taken) ? Spread.OfRatios(samples[servers[0]], taken, valueOf) : null));

    public void Note(string note)
    {
        notes.Add(note);
        Console.Error.WriteLine(note);
    }

    /// <summary>A workload that failed: the others continue.</summary>
    public void Fail(string work, Exception fault)
    {
        IsWhole = false;
        Note($"The workload `{work}` failed: {fault.Message.Trim().ReplaceLineEndings(" ")}");
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append("### Goals\n\n| workload | goal | measured | verdict |\n| --- | --- | --- | --- |\n");
        foreach (var goal in goals) text.Append(Line(goal)).Append('\n');
        text.Append("\n### Side by side\n\n");
        text.Append($"| workload | {string.Join(" | ", servers)} |\n");
        text.Append($"| --- |{string.Concat(servers.Select(_ => " --- |"))}\n");
        foreach (var row in rows) text.Append(row).Append('\n');
        text.Append("\n### Notes\n\n");
        foreach (var note in notes) text.Append("- ").Append(note).Append('\n');
        return text.ToString();
    }

    private static string Line(Goal goal) =>
        $"| {goal.Work} | {goal.Wanted} | {goal.Measured?.ToString() ?? "–"} | {goal.Verdict} |";

    private static string Cell(List<Sample> samples, Cost cost, double gibibytes)
    {
        var value = Spread.Of(samples, s => s.Value).ToString();
        return cost switch
        {
            Cost.CpuPerGibibyte => $"{value} · {Spread.Of(samples, s => s.CpuSeconds / gibibytes)} s/GiB",
            Cost.P99 => $"{value} · p99 {Spread.Of(samples, s => s.P99Milliseconds ?? 0)} ms",
            Cost.BusyCores => $"{value} · {Spread.Of(samples, s => s.CpuSeconds / gibibytes)} s/GiB"
                + $" · {Spread.Of(samples, s => s.BusyCores)} cores busy",
            _ => value,
        };
    }
}
