namespace Berth.Settings;

/// <summary>How a node runs work that outlives requests.</summary>
public sealed record JobSettings
{
    /// <summary>How many jobs that somebody is waiting for one node runs at once.</summary>
    public int Concurrent { get; init; } = 4;

    /// <summary>The same for maintenance jobs.</summary>
    public int ConcurrentMaintenance { get; init; } = 1;

    /// <summary>The same for jobs that keep a core or a disk busy for a long time.</summary>
    public int ConcurrentHeavy { get; init; } = 1;

    /// <summary>How often an idle node polls for jobs that it was not notified of, with a jitter of a fifth.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long after a node dies its jobs are taken over by others.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How often a job is attempted. The delays in between double from 5 seconds up to an hour: 10 attempts take some
    /// 40 minutes.
    /// </summary>
    public int Attempts { get; init; } = 10;

    /// <summary>How long finished runs stay in the history.</summary>
    public TimeSpan HistoryAge { get; init; } = TimeSpan.FromDays(30);

    /// <summary>The most runs kept in the history, at some 300 bytes each.</summary>
    public int HistoryEntries { get; init; } = 10_000;

    internal static SettingsTable<JobSettings> Keys { get; } = new SettingsTable<JobSettings>()
        .Number("concurrent", s => s.Concurrent, (s, v) => s with { Concurrent = v }, 1, 1000)
        .Duration("pollinterval", s => s.PollInterval,
            (s, v) => s with { PollInterval = v }, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1))
        .Duration("lease", s => s.Lease,
            (s, v) => s with { Lease = v }, TimeSpan.FromSeconds(10), TimeSpan.FromHours(1))
        .Number("concurrentmaintenance", s => s.ConcurrentMaintenance,
            (s, v) => s with { ConcurrentMaintenance = v }, 1, 1000)
        .Number("concurrentheavy", s => s.ConcurrentHeavy, (s, v) => s with { ConcurrentHeavy = v }, 1, 1000)
        .Number("attempts", s => s.Attempts, (s, v) => s with { Attempts = v }, 1, 1000)
        .Duration("historyage", s => s.HistoryAge,
            (s, v) => s with { HistoryAge = v }, TimeSpan.FromMinutes(1), SettingsBounds.LongestAge)
        .Number("historyentries", s => s.HistoryEntries, (s, v) => s with { HistoryEntries = v }, 0, 1_000_000);
}
