namespace Berth.Settings;

/// <summary>What namespaces may keep that have no quota of their own.</summary>
public sealed record QuotaSettings
{
    /// <summary>In bytes; 0: as much as they like.</summary>
    public long NamespaceBytes { get; init; }

    /// <summary>The share of a quota, in percent, from which on the log and lists of quotas warn.</summary>
    public int WarnPercent { get; init; } = 80;

    internal static SettingsTable<QuotaSettings> Keys { get; } = new SettingsTable<QuotaSettings>()
        .Size("namespacebytes", s => s.NamespaceBytes, (s, v) => s with { NamespaceBytes = v }, 0, long.MaxValue)
        .Number("warnpercent", s => s.WarnPercent, (s, v) => s with { WarnPercent = v }, 1, 100);
}
