namespace Berth.Settings;

/// <summary>How a node works at what outlives requests.</summary>
public sealed record JobSettings
{
    /// <summary>Jobs that one node runs at once.</summary>
    public int Concurrent { get; init; } = 4;

    /// <summary>
    /// The longest a job that another node added waits to be seen, give or take a fifth: an idle node asks that often.
    /// </summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long after a node's death its jobs go on elsewhere. Nodes' clocks may differ by a third of it.
    /// </summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromMinutes(1);
}
