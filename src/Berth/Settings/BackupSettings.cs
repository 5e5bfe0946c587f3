namespace Berth.Settings;

/// <summary>Backups that are made by themselves.</summary>
public sealed record BackupSettings
{
    /// <summary>A folder, <c>s3://bucket/prefix</c> or <c>azure://account/container/prefix</c>, which are reached like
    /// <c>storage.s3</c> and <c>storage.azure</c>. Null: none are made.
    /// </summary>
    public string? To { get; init; }

    /// <summary>When, as a cron expression of five fields, in UTC. Default: at night.</summary>
    public string Schedule { get; init; } = "0 3 * * *";

    /// <summary>How many are kept. Default: a fortnight of nights.</summary>
    public int Keep { get; init; } = 14;

    /// <summary>How long they are kept; the newest is kept anyway. Default: their number alone decides.</summary>
    public TimeSpan KeepFor { get; init; } = TimeSpan.FromDays(3650);

    /// <summary>The time between two checks that read all backups again and compare them with their digests.</summary>
    public TimeSpan CheckInterval { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How fast a check reads, in bytes a second. Default: a fraction of what a disk does.</summary>
    public long CheckBytesPerSecond { get; init; } = 32 << 20;

    /// <summary>Whether a place is a bucket or a container, by its scheme.</summary>
    internal static bool IsBucket(string place) =>
        place.StartsWith("s3://", StringComparison.Ordinal) || place.StartsWith("azure://", StringComparison.Ordinal);

    internal static SettingsTable<BackupSettings> Keys { get; } = new SettingsTable<BackupSettings>()
        .Text("to", s => s.To, (s, v) => s with { To = v })
        .Text("schedule", s => s.Schedule, (s, v) => s with { Schedule = v })
        .Number("keep", s => s.Keep, (s, v) => s with { Keep = v }, 1, 100_000)
        .Duration("keepfor", s => s.KeepFor, (s, v) => s with { KeepFor = v }, TimeSpan.FromMinutes(1),
            TimeSpan.FromDays(36_500))
        .Duration("checkinterval", s => s.CheckInterval, (s, v) => s with { CheckInterval = v },
            TimeSpan.FromMinutes(1), SettingsBounds.LongestWait)
        .Size("checkbytespersecond", s => s.CheckBytesPerSecond, (s, v) => s with { CheckBytesPerSecond = v },
            64 << 10, 1L << 40);
}
