namespace Berth.Settings;

/// <summary>Ends of ranges that several keys share.</summary>
internal static class SettingsBounds
{
    /// <summary>The platform's timers and timeouts are limited to 2³² ms, 49.7 days.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromHours(1000);

    /// <summary>Anything kept longer is an archive.</summary>
    public static readonly TimeSpan LongestAge = TimeSpan.FromDays(3650);

    /// <summary>Kestrel looks at the rate of a body once a second.</summary>
    public static readonly TimeSpan ShortestGracePeriod = TimeSpan.FromMilliseconds(1001);

    /// <summary>Version 4 signatures are valid for a week at most, and clocks differ.</summary>
    public static readonly TimeSpan LongestSignature = TimeSpan.FromHours(167);
}
