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
}
