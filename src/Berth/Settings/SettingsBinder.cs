using System.Collections;
using System.Globalization;

namespace Berth.Settings;

/// <summary>Turns nodes into the settings' records; every misfit is a fault, and its key keeps its default.</summary>
internal sealed class SettingsBinder(List<SettingsFault> faults)
{
    /// <summary>Where each key that was given was written.</summary>
    public Dictionary<string, Origin> Origins { get; } = new(StringComparer.Ordinal);

    public RegistrySettings Bind(MappingNode root) => (RegistrySettings)BindRecord(typeof(RegistrySettings), root, "");

    private object BindRecord(Type type, MappingNode section, string path)
    {
        var record = Activator.CreateInstance(type)!;
        foreach (var (name, node) in section.Entries)
        {
            var key = SettingsKey.Join(path, name.ToLowerInvariant());
            if (SettingsKey.Property(type, name) is not { } property)
            {
                DistributionKeys.ReportOrUnknown(key, node, faults);
                continue;
            }

            if (Bind(property.PropertyType, node, key) is { } value) property.SetValue(record, value);
        }

        return record;
    }

    /// <summary>The value, or null to keep the default.</summary>
    private object? Bind(Type type, SettingsNode node, string key)
    {
        if (!node.IsEmpty || SettingsKey.IsRecord(type)) Origins[key] = node.Origin;
        if (SettingsKey.IsRecord(type)) return BindSection(type, node, key);
        if (node.IsEmpty) return null;
        if (SettingsKey.ItemType(type) is { } item) return BindList(item, node, key);
        if (SettingsKey.ValueType(type) is { } value) return BindMap(value, node, key);
        return node is ScalarNode scalar
            ? BindScalar(type, scalar, key)
            : Misfit(node, key, $"must be a single value, not {node.Kind}");
    }

    private object? BindSection(Type type, SettingsNode node, string key) => node switch
    {
        MappingNode mapping => BindRecord(type, mapping, key),
        { IsEmpty: true } => BindRecord(type, new MappingNode(node.Origin), key),
        _ => Misfit(node, key, $"must be a section of keys, not {node.Kind}"),
    };

    private Array? BindList(Type itemType, SettingsNode node, string key)
    {
        if (node is not SequenceNode { Items: var items })
            return (Array?)Misfit(node, key, $"must be a list, as in [one, two], not {node.Kind}");

        var list = Array.CreateInstance(itemType, items.Count);
        for (var i = 0; i < items.Count; i++)
        {
            var itemKey = SettingsKey.Join(key, i.ToString(CultureInfo.InvariantCulture));
            if (items[i].IsEmpty) return (Array?)Misfit(items[i], itemKey, "this entry of the list is empty");
            if (Bind(itemType, items[i], itemKey) is not { } item) return null;
            list.SetValue(item, i);
        }

        return list;
    }

    private IDictionary? BindMap(Type valueType, SettingsNode node, string key)
    {
        if (node is not MappingNode { Entries: var entries })
            return (IDictionary?)Misfit(node, key, $"must be a section of names and values, not {node.Kind}");

        var mapType = typeof(Dictionary<,>).MakeGenericType(typeof(string), valueType);
        var map = (IDictionary)Activator.CreateInstance(mapType, StringComparer.OrdinalIgnoreCase)!;
        foreach (var (name, value) in entries)
        {
            if (Bind(valueType, value, SettingsKey.Join(key, name)) is { } bound) map.Add(name, bound);
        }

        return map;
    }

    private object? BindScalar(Type type, ScalarNode node, string key)
    {
        var text = node.Text;
        if (type == typeof(string)) return text;
        if (type == typeof(bool))
            return SettingsText.ParseSwitch(text) ?? Misfit(node, key, $"must be true or false, not '{text}'");
        if (type == typeof(TimeSpan))
        {
            return SettingsText.TryParseDuration(text, out var duration)
                ? duration
                : Misfit(node, key, $"must be a duration with a unit, such as 30s, 90m or 1h30m, not '{text}'");
        }

        if (type == typeof(long))
        {
            return SettingsText.TryParseSize(text, out var bytes)
                ? bytes
                : Misfit(node, key, $"must be a number of bytes, such as 4194304 or 4MiB, not '{text}'");
        }

        if (type.IsEnum) return BindEnum(type, node, key);
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : Misfit(node, key, $"must be a whole number, not '{text}'");
    }

    private object? BindEnum(Type type, ScalarNode node, string key)
    {
        var names = Enum.GetNames(type);
        var name = names.FirstOrDefault(n => n.Equals(node.Text, StringComparison.OrdinalIgnoreCase));
        if (name is not null) return Enum.Parse(type, name);
        var choices = string.Join(", ", names).ToLowerInvariant();
        return Misfit(node, key, $"must be one of {choices}, not '{node.Text}'");
    }

    private object? Misfit(SettingsNode node, string key, string message)
    {
        faults.Add(new SettingsFault(node.Origin.Source, node.Origin.Line, key, message));
        return null;
    }
}
