namespace Berth.Settings;

/// <summary>The log of who did what.</summary>
public sealed record AuditSettings
{
    public bool Enabled { get; init; } = true;

    /// <summary>Whether pulls are in it too. Default: no; there are thousands of times as many as of anything else.
    /// </summary>
    public bool Pulls { get; init; }

    /// <summary>How long entries are kept in the database. Default: a quarter.</summary>
    public TimeSpan Keep { get; init; } = TimeSpan.FromDays(90);

    /// <summary>The file to which each entry is also appended, as a line of JSON.</summary>
    public string? File { get; init; }

    /// <summary>Where each entry is also sent (RFC 5424): <c>udp://host:514</c>, <c>tcp://host:601</c>.</summary>
    public string? Syslog { get; init; }

    /// <summary>Entries that wait to be written. Default: some seconds of a busy registry's, in some 10 MB.</summary>
    public int Waiting { get; init; } = 20_000;

    internal static SettingsTable<AuditSettings> Keys { get; } = new SettingsTable<AuditSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Switch("pulls", s => s.Pulls, (s, v) => s with { Pulls = v })
        .Duration(
            "keep", s => s.Keep, (s, v) => s with { Keep = v }, TimeSpan.FromMinutes(1), TimeSpan.FromDays(36500))
        .Text("file", s => s.File, (s, v) => s with { File = v })
        .Text("syslog", s => s.Syslog, (s, v) => s with { Syslog = v })
        .Number("waiting", s => s.Waiting, (s, v) => s with { Waiting = v }, 100, 10_000_000);
}
