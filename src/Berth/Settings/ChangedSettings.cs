using System.Collections;
using System.Globalization;
using System.Text;

namespace Berth.Settings;

/// <summary>Which settings are not at their defaults.</summary>
internal static class ChangedSettings
{
    /// <summary>Each of their keys with its value as text, in the order of the tables. Values may be secrets.</summary>
    public static IEnumerable<(string Key, string Value)> Of(RegistrySettings settings) =>
        Compare(RegistrySettings.Keys, settings, null, "");

    /// <param name="section">The keys.</param>
    /// <param name="record">Their values.</param>
    /// <param name="usual">Their defaults; null for those of the section itself.</param>
    /// <param name="path">Where they are.</param>
    private static IEnumerable<(string Key, string Value)> Compare(
        SectionType section, object? record, object? usual, string path)
    {
        foreach (var (row, plain) in section.Read(record).Zip(section.Read(usual)))
        {
            var key = SettingsKey.Join(path, row.Name);
            if (row.Type is not SectionType keys)
            {
                var text = TextOf(row.Type, row.Value);
                if (text != TextOf(row.Type, plain.Value)) yield return (key, text);
                continue;
            }

            if (row.Value is null != plain.Value is null) yield return (key, row.Value is null ? "absent" : "present");
            if (row.Value is null) continue;
            foreach (var inner in Compare(keys, row.Value, plain.Value, key)) yield return inner;
        }
    }

    /// <summary>Different for different values: each part begins with its length.</summary>
    private static string TextOf(SettingsType type, object? value) => value switch
    {
        null => "",
        string text => text,
        IReadOnlyDictionary<string, string> map => Join(map.Select(pair => (pair.Key, pair.Value))),
        IReadOnlyDictionary<string, IReadOnlyList<string>> map =>
            Join(map.Select(pair => (pair.Key, TextOf(type, pair.Value)))),
        IEnumerable list => Join(list.Cast<object>().Select((item, i) => ($"{i}", TextOfItem(type, item)))),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string TextOfItem(SettingsType list, object item) => list is IListType { Item: SectionType keys }
        ? Join(Compare(keys, item, null, "")) : TextOf(list, item);

    private static string Join(IEnumerable<(string Key, string Value)> parts)
    {
        var joined = new StringBuilder();
        foreach (var (key, value) in parts.OrderBy(part => part.Key, StringComparer.Ordinal))
            joined.Append(CultureInfo.InvariantCulture, $"{key.Length}:{key}{value.Length}:{value}");
        return joined.ToString();
    }
}
