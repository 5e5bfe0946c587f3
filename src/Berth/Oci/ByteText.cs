using System.Globalization;

namespace Berth.Oci;

/// <summary>Lengths for people: <c>9.8 GiB</c>, rounded down, so that what is almost full does not look full.</summary>
internal static class ByteText
{
    private static readonly string[] Units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    public static string Of(long bytes)
    {
        if (bytes < 1024) return $"{bytes.ToString(CultureInfo.InvariantCulture)} B";
        var (unit, factor) = (0, 1024L);
        while (unit < Units.Length - 1 && bytes / factor >= 1024) (unit, factor) = (unit + 1, factor * 1024);
        var tenths = Math.Floor(bytes * 10m / factor);
        return string.Create(CultureInfo.InvariantCulture, $"{tenths / 10:0.#} {Units[unit]}");
    }
}
