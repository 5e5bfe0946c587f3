namespace Berth.Settings;

/// <summary>The journal of manifests and tags beside the blobs, from which a lost database is rebuilt.</summary>
public sealed record JournalSettings
{
    /// <summary>
    /// The longest that the journal lacks a change. Default: a moment, at the price of at most one small file in it.
    /// </summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(5);

    internal static SettingsTable<JournalSettings> Keys { get; } = new SettingsTable<JournalSettings>()
        .Duration("interval", s => s.Interval, (s, v) => s with { Interval = v }, TimeSpan.FromMilliseconds(100),
            TimeSpan.FromHours(1));
}
