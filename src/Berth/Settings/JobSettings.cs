namespace Berth.Settings;

/// <summary>How a node works at what outlives requests.</summary>
public sealed record JobSettings
{
    /// <summary>Jobs that one node runs at once, of those that someone waits for.</summary>
    public int Concurrent { get; init; } = 4;

    /// <summary>The same of those that keep the registry in order.</summary>
    public int ConcurrentMaintenance { get; init; } = 1;

    /// <summary>The same of those that take a core or a disk for long.</summary>
    public int ConcurrentHeavy { get; init; } = 1;

    /// <summary>
    /// How often an idle node looks for jobs that it was not told of, give or take a fifth.
    /// </summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long after a node's death its jobs go on elsewhere.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How often a job is tried. The rests between double from 5 seconds to an hour: 10 tries take some 40 minutes.
    /// </summary>
    public int Attempts { get; init; } = 10;

    /// <summary>How long the history keeps how runs of jobs ended.</summary>
    public TimeSpan HistoryAge { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How many runs the history keeps at most; at some 300 bytes each.</summary>
    public int HistoryEntries { get; init; } = 10_000;

    internal static SettingsTable<JobSettings> Keys { get; } = new SettingsTable<JobSettings>()
        .Number("concurrent", s => s.Concurrent, (s, v) => s with { Concurrent = v })
        .Duration("pollinterval", s => s.PollInterval, (s, v) => s with { PollInterval = v })
        .Duration("lease", s => s.Lease, (s, v) => s with { Lease = v })
        .Number("concurrentmaintenance", s => s.ConcurrentMaintenance, (s, v) => s with { ConcurrentMaintenance = v })
        .Number("concurrentheavy", s => s.ConcurrentHeavy, (s, v) => s with { ConcurrentHeavy = v })
        .Number("attempts", s => s.Attempts, (s, v) => s with { Attempts = v })
        .Duration("historyage", s => s.HistoryAge, (s, v) => s with { HistoryAge = v })
        .Number("historyentries", s => s.HistoryEntries, (s, v) => s with { HistoryEntries = v });
}
