using System.Globalization;
using System.Net;

namespace Berth.Settings;

/// <summary>What a key takes: a single value, a list, names with values, or a section of keys.</summary>
internal abstract class SettingsType
{
    /// <summary>The type of the entry with this name or number; null if there can't be one.</summary>
    public virtual SettingsType? Inner(string name) => null;

    /// <summary>The value, or null after a fault: the key then keeps its default.</summary>
    public abstract object? Bind(SettingsNode node, string key, SettingsBinder binder);
}

/// <summary>A single value.</summary>
/// <param name="parse">Parses it; null if the text is invalid.</param>
/// <param name="expected">Ends the sentence "must be …, not 'x'".</param>
/// <param name="findFault">What is wrong with a value that was read; null for nothing.</param>
internal sealed class SingleType(
    Func<string, object?> parse, string expected, Func<object, string?>? findFault = null) : SettingsType
{
    public static readonly SingleType Text = new(text => text, "text");

    public static readonly SingleType Switch = new(text => SettingsText.ParseSwitch(text), "true or false");

    public static readonly SingleType Network = new(
        text => SettingsText.TryParseNetwork(text, out var network) ? network : text, "text",
        value => value is IPNetwork
            ? null : $"'{value}' is neither an IP address nor a range such as 10.0.0.0/8");

    public static SingleType Number(int least, int most) => Range(
        text => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number : null,
        "a whole number", least, most, number => number.ToString(CultureInfo.InvariantCulture));

    public static SingleType Duration(TimeSpan least, TimeSpan most) => Range(
        text => SettingsText.TryParseDuration(text, out var duration) ? duration : null,
        "a duration with a unit, such as 30s, 90m or 1h30m", least, most, SettingsText.Write);

    public static SingleType Size(long least, long most) => Range(
        text => SettingsText.TryParseSize(text, out var bytes) ? bytes : null,
        "a number of bytes, such as 4194304 or 4MiB", least, most, SettingsText.WriteSize);

    /// <param name="synonyms">Other programs' words for some of the values.</param>
    public static SingleType Choice<T>(params (string Word, T Meaning)[] synonyms) where T : struct, Enum
    {
        var choices = Enum.GetNames<T>().Zip(Enum.GetValues<T>())
            .ToDictionary(c => c.First, c => c.Second, StringComparer.OrdinalIgnoreCase);
        var expected = "one of " + string.Join(", ", choices.Keys).ToLowerInvariant();
        foreach (var (word, meaning) in synonyms) choices.Add(word, meaning);
        return new SingleType(text => choices.TryGetValue(text, out var value) ? value : null, expected);
    }

    public override object? Bind(SettingsNode node, string key, SettingsBinder binder)
    {
        if (node is not ScalarNode { Text: var text })
            return binder.Misfit(node, key, $"must be a single value, not {node.Kind}");
        if (parse(text) is not { } value) return binder.Misfit(node, key, $"must be {expected}, not '{text}'");
        return findFault?.Invoke(value) is { } fault ? binder.Misfit(node, key, fault) : value;
    }

    private static SingleType Range<T>(
        Func<string, object?> parse, string expected, T least, T most, Func<T, string> write)
        where T : IComparable<T> => new(parse, expected, value => value is T given && IsIn(given, least, most)
            ? null : $"must be from {write(least)} to {write(most)}, not {write((T)value)}");

    private static bool IsIn<T>(T value, T least, T most) where T : IComparable<T> =>
        value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0;
}

/// <summary>A list. If its entries are single values, one may stand alone.</summary>
internal sealed class ListType<T>(SettingsType item) : SettingsType, IListType
{
    public SettingsType Item => item;

    public override SettingsType? Inner(string name) => SettingsText.ParseIndex(name) >= 0 ? item : null;

    public override object? Bind(SettingsNode node, string key, SettingsBinder binder)
    {
        if (node is ScalarNode && item is SingleType)
            return item.Bind(node, key, binder) is T single ? new[] { single } : null;
        if (node is not SequenceNode { Items: var nodes })
            return binder.Misfit(node, key, $"must be a list, as in [one, two], not {node.Kind}");
        var items = new List<T>(nodes.Count);
        for (var i = 0; i < nodes.Count; i++)
        {
            var itemKey = SettingsKey.Join(key, i.ToString(CultureInfo.InvariantCulture));
            if (nodes[i].IsEmpty) binder.Misfit(nodes[i], itemKey, "this entry of the list is empty");
            else if (binder.Bind(item, nodes[i], itemKey) is T bound) items.Add(bound);
        }

        return items.Count == nodes.Count ? items : null;
    }
}

/// <summary>A list of any type.</summary>
internal interface IListType
{
    SettingsType Item { get; }
}

/// <summary>Names chosen by the user, each with a value.</summary>
internal sealed class MapType<T>(SettingsType value) : SettingsType
{
    public override SettingsType? Inner(string name) => value;

    public override object? Bind(SettingsNode node, string key, SettingsBinder binder)
    {
        if (node is not MappingNode { Entries: var entries })
            return binder.Misfit(node, key, $"must be a section of names and values, not {node.Kind}");
        var map = new Dictionary<string, T>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, inner) in entries)
        {
            if (binder.Bind(value, inner, SettingsKey.Join(key, name)) is T bound) map.Add(name, bound);
        }

        return map;
    }
}
