using System.Buffers;
using System.Globalization;
using System.Net;

namespace Berth.Settings;

/// <summary>How durations, sizes, networks and switches are written.</summary>
internal static class SettingsText
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    // The units of Go's time.ParseDuration, the longest last.
    private static readonly (string Unit, decimal Ticks)[] DurationUnits =
    [
        ("ns", 0.01m),
        ("us", TimeSpan.TicksPerMicrosecond),
        ("µs", TimeSpan.TicksPerMicrosecond),
        ("μs", TimeSpan.TicksPerMicrosecond),
        ("ms", TimeSpan.TicksPerMillisecond),
        ("s", TimeSpan.TicksPerSecond),
        ("m", TimeSpan.TicksPerMinute),
        ("h", TimeSpan.TicksPerHour),
    ];

    // "B" is a suffix of the others, so it comes after them.
    private static readonly (string Unit, long Bytes)[] SizeUnits =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("B", 1), ("", 1),
    ];

    private static readonly (string Unit, long Bytes)[] TypedSizeUnits =
    [
        ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), .. SizeUnits,
    ];

    /// <summary>Go's syntax: <c>168h</c>, <c>1h30m</c>, <c>500ms</c>, <c>1.5s</c>, <c>0</c>. Never negative.</summary>
    public static bool TryParseDuration(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (text == "0") return true;
        var rest = text.AsSpan();
        var ticks = 0m;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept(Digits);
            if (digits is < 1 or > 15 || !TryParseDecimal(rest[..digits], out var count)) return false;
            rest = rest[digits..];
            var length = rest.IndexOfAny(Digits);
            var unit = length < 0 ? rest : rest[..length];
            if (TicksPer(unit) is not { } ticksPerUnit) return false;
            ticks += count * ticksPerUnit;
            rest = rest[unit.Length..];
        }

        if (text.Length == 0 || ticks > TimeSpan.MaxValue.Ticks) return false;
        duration = TimeSpan.FromTicks((long)ticks);
        return true;
    }

    /// <summary>
    /// A number of bytes, or one with a binary unit: <c>4194304</c>, <c>4MiB</c>. Whoever writes <c>4MB</c> in settings
    /// may mean either, and is asked.
    /// </summary>
    public static bool TryParseSize(string text, out long bytes) => TryParseSize(text, SizeUnits, out bytes);

    /// <summary>The same from people, who see sizes in powers of ten: <c>4MB</c>, too, and parts: <c>1.5 GiB</c>.
    /// </summary>
    public static bool TryParseTypedSize(string text, out long bytes)
    {
        if (TryParseSize(text, TypedSizeUnits, out bytes)) return true;
        var (unit, factor) = Array.Find(
            TypedSizeUnits, one => one.Bytes > 1 && text.EndsWith(one.Unit, StringComparison.OrdinalIgnoreCase));
        if (unit is null || !TryParseDecimal(text.AsSpan(0, text.Length - unit.Length).TrimEnd(), out var count)
            || count > long.MaxValue / factor)
        {
            return false;
        }

        bytes = (long)(count * factor);
        return true;
    }

    /// <summary>Bytes in the largest unit in which they are a whole number, for <see cref="TryParseTypedSize"/>.
    /// </summary>
    public static string ExactSize(long bytes)
    {
        var (unit, factor) = TypedSizeUnits.Where(one => one.Unit.Length > 0 && bytes % one.Bytes == 0)
            .MaxBy(one => bytes == 0 ? -one.Bytes : one.Bytes);
        return (bytes / factor).ToString(CultureInfo.InvariantCulture) + unit;
    }

    private static bool TryParseSize(string text, (string Unit, long Bytes)[] units, out long bytes)
    {
        foreach (var (unit, factor) in units)
        {
            if (!text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)) continue;
            var number = text.AsSpan(0, text.Length - unit.Length).TrimEnd();
            if (!long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out bytes)) return false;
            if (bytes > long.MaxValue / factor) return false;
            bytes *= factor;
            return true;
        }

        bytes = 0;
        return false;
    }

    /// <summary>An IP address. <see cref="IPAddress"/> also parses "10" and "0x7f.1"; nobody means those.</summary>
    public static bool TryParseAddress(ReadOnlySpan<char> text, out IPAddress address) =>
        IPAddress.TryParse(text, out address!) && (text.Contains(':') || text.SequenceEqual(address.ToString()));

    /// <summary>An IP address, which is a network of one, or a CIDR range.</summary>
    public static bool TryParseNetwork(string text, out IPNetwork network)
    {
        network = default;
        var host = text.Split('/')[0];
        if (!TryParseAddress(host, out var address)) return false;
        if (host.Length < text.Length) return IPNetwork.TryParse(text, out network);
        network = new IPNetwork(address, address.GetAddressBytes().Length * 8);
        return true;
    }

    /// <summary>The list index that a name stands for, or -1.</summary>
    public static int ParseIndex(string name) =>
        int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : -1;

    /// <summary>YAML 1.1's booleans, as Go's YAML reads them.</summary>
    public static bool? ParseSwitch(string text) => text.ToLowerInvariant() switch
    {
        "true" or "yes" or "on" or "y" => true,
        "false" or "no" or "off" or "n" => false,
        _ => null,
    };

    /// <summary>The shortest text that reads back as the duration.</summary>
    public static string Write(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero) return "0";
        var (unit, ticks) = DurationUnits.Last(u => duration.Ticks % u.Ticks == 0);
        return (duration.Ticks / ticks).ToString("0", CultureInfo.InvariantCulture) + unit;
    }

    /// <summary>The shortest text that reads back as the size.</summary>
    public static string WriteSize(long bytes)
    {
        var (unit, factor) = SizeUnits.Take(4).LastOrDefault(u => bytes != 0 && bytes % u.Bytes == 0, ("", 1));
        return (bytes / factor).ToString(CultureInfo.InvariantCulture) + unit;
    }

    private static decimal? TicksPer(ReadOnlySpan<char> unit)
    {
        foreach (var (name, ticks) in DurationUnits)
        {
            if (unit.SequenceEqual(name)) return ticks;
        }

        return null;
    }

    private static bool TryParseDecimal(ReadOnlySpan<char> text, out decimal number) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
}
