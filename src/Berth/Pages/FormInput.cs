using System.Globalization;
using Berth.Access;
using Berth.Api;
using Berth.Identity;
using Berth.Settings;

namespace Berth.Pages;

/// <summary>Reads fields of forms, which are all texts, as the API has them.</summary>
internal static class FormInput
{
    private const string DayFormat = "yyyy-MM-dd";

    /// <summary>A text; null if nothing was typed.</summary>
    public static string? Optional(this PageBody sent, string name) =>
        sent.Text(name).Trim() is { Length: > 0 } text ? text : null;

    /// <summary>Whether a single box is checked.</summary>
    public static bool IsChecked(this PageBody sent, string name) => sent.All(name).Count > 0;

    /// <summary>Several words, one a line or with spaces between; null if there are none.</summary>
    public static IReadOnlyList<string>? Words(this PageBody sent, string name) =>
        sent.Text(name).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } words
            ? words : null;

    /// <summary>The values of the boxes that are checked; null if none is.</summary>
    public static IReadOnlyList<string>? Checked(this PageBody sent, string name) =>
        sent.All(name) is { Count: > 0 } values ? values : null;

    /// <summary>A value of a list; null if it is none of them.</summary>
    public static T? Choice<T>(this PageBody sent, string name)
        where T : struct, Enum =>
        Enum.GetValues<T>().Where(one => Roles.Word(one) == sent.Text(name)).Select(one => (T?)one).FirstOrDefault();

    /// <summary>The end of a day (UTC); null if none was typed.</summary>
    public static ApiError? ReadDay(this PageBody sent, string name, out DateTimeOffset? end)
    {
        end = null;
        if (sent.Optional(name) is not { } text) return null;
        if (!DateOnly.TryParseExact(text, DayFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
            return ApiError.Invalid($"'{text}' is not a day: write it as 2026-12-31").At(name);
        end = new DateTimeOffset(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero).AddDays(1);
        return null;
    }

    /// <summary>A change of an end: what was shown stays as it is, to the second.</summary>
    public static ApiError? ReadDay(
        this PageBody sent, string name, DateTimeOffset? present, out ExpiryChange change)
    {
        var fault = sent.ReadDay(name, out var end);
        change = sent.Text(name) == DayOf(present) ? default : new ExpiryChange(true, end);
        return fault;
    }

    /// <summary>A time as people write it: as in the settings, or in whole days.</summary>
    public static bool TryParseDuration(string text, out TimeSpan time)
    {
        if (!text.EndsWith('d')) return SettingsText.TryParseDuration(text, out time);
        var isWhole = int.TryParse(
            text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var days)
            && days < TimeSpan.MaxValue.Days;
        time = isWhole ? TimeSpan.FromDays(days) : default;
        return isWhole;
    }

    /// <summary>A time as fields of forms have it, in the largest unit that is exact; empty for none.</summary>
    public static string DurationOf(double? seconds) => seconds is not { } count ? ""
        : count % 86400 == 0 ? Whole(count / 86400, "d")
        : count % 3600 == 0 ? Whole(count / 3600, "h")
        : count % 60 == 0 ? Whole(count / 60, "m") : Whole(count, "s");

    /// <summary>Bytes as fields of forms have them, in the largest unit that is exact; empty for none.</summary>
    public static string SizeOf(long? bytes) =>
        bytes is { } count ? SettingsText.ExactSize(count) : "";

    private static string Whole(double count, string unit) =>
        count.ToString("0.###", CultureInfo.InvariantCulture) + unit;

    /// <summary>The last day before an end, as fields of forms have it; empty for none.</summary>
    public static string DayOf(DateTimeOffset? end) =>
        end?.AddTicks(-1).UtcDateTime.ToString(DayFormat, CultureInfo.InvariantCulture) ?? "";
}
