using System.Collections;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Berth.Settings;

namespace Berth.Tests;

/// <summary>Settings as a file: everything that is not the default, in JSON, which is also YAML.</summary>
internal static class SettingsFileText
{
    public static string Of(RegistrySettings settings) => Body(settings, new RegistrySettings { Version = "" });

    private static string Body(object record, object? usual)
    {
        var text = new StringBuilder("{");
        foreach (var property in record.GetType().GetProperties())
        {
            var (value, before) = (property.GetValue(record), usual is null ? null : property.GetValue(usual));
            if (!property.CanWrite || value is null || Equals(value, before)) continue;
            if (text.Length > 1) text.Append(',');
            text.Append(CultureInfo.InvariantCulture, $"\"{property.Name.ToLowerInvariant()}\":{Value(value, before)}");
        }

        return text.Append('}').ToString();
    }

    private static string Value(object value, object? usual) => value switch
    {
        string text => JsonSerializer.Serialize(text),
        bool flag => flag ? "true" : "false",
        TimeSpan time => $"\"{time.TotalMilliseconds.ToString(CultureInfo.InvariantCulture)}ms\"",
        IPNetwork network => $"\"{network}\"",
        Enum name => $"\"{name.ToString().ToLowerInvariant()}\"",
        IDictionary map => "{" + string.Join(",", map.Keys.Cast<string>().Select(
            key => $"{JsonSerializer.Serialize(key)}:{Value(map[key]!, null)}")) + "}",
        IEnumerable list => "[" + string.Join(",", list.Cast<object>().Select(item => Value(item, null))) + "]",
        IFormattable number when value.GetType().IsPrimitive => number.ToString(null, CultureInfo.InvariantCulture),
        _ => Body(value, usual ?? Activator.CreateInstance(value.GetType())),
    };
}
