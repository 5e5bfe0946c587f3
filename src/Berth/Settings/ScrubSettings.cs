namespace Berth.Settings;

/// <summary>How blobs are read again in the background, to find out whether they are still what was pushed.</summary>
public sealed record ScrubSettings
{
    /// <summary>Null: in a folder. Reading all of a bucket may cost money, and stores check what they keep.</summary>
    public bool? Enabled { get; init; }

    /// <summary>Within which time each blob is read once. Default: a month, as for disks in arrays.</summary>
    public TimeSpan Within { get; init; } = TimeSpan.FromDays(30);

    /// <summary>The most that is read a second, whatever is due. Default: a fraction of what a disk does.</summary>
    public long BytesPerSecond { get; init; } = 16 << 20;

    internal static SettingsTable<ScrubSettings> Keys { get; } = new SettingsTable<ScrubSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Duration("within", s => s.Within, (s, v) => s with { Within = v }, TimeSpan.FromMinutes(1),
            TimeSpan.FromDays(3650))
        .Size("bytespersecond", s => s.BytesPerSecond, (s, v) => s with { BytesPerSecond = v }, 64 << 10, 1L << 40);
}
