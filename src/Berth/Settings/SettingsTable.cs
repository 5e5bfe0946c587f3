using System.Net;

namespace Berth.Settings;

/// <summary>A section of keys: a record of the settings.</summary>
internal abstract class SectionType : SettingsType
{
    /// <summary>Its keys by name, each with its value in a record of this type, or in the default one.</summary>
    public abstract IEnumerable<(string Name, SettingsType Type, object? Value)> Read(object? record);

    /// <summary>A key's name in this table; synonyms are replaced.</summary>
    public abstract string Canonical(string name);
}

/// <summary>
/// The keys of one record, one row each: name, how to read it and how to write it. Each record has a table named
/// <c>Keys</c>. A property without a row can't be set, and fails the tests.
/// </summary>
internal sealed class SettingsTable<T> : SectionType where T : class, new()
{
    private readonly List<Row> rows = [];
    private readonly Dictionary<string, string> otherNames = new(StringComparer.OrdinalIgnoreCase);

    private sealed record Row(string Name, SettingsType Type, Func<T, object?> Read, Func<T, object, T> Write);

    public SettingsTable<T> Text(string name, Func<T, string?> read, Func<T, string, T> write) =>
        Add(name, SingleType.Text, record => read(record), write);

    public SettingsTable<T> Switch(string name, Func<T, bool?> read, Func<T, bool, T> write) =>
        Add(name, SingleType.Switch, record => read(record), write);

    public SettingsTable<T> Number(string name, Func<T, int> read, Func<T, int, T> write, int least, int most) =>
        Add(name, SingleType.Number(least, most), record => read(record), write);

    public SettingsTable<T> Duration(
        string name, Func<T, TimeSpan> read, Func<T, TimeSpan, T> write, TimeSpan least, TimeSpan most) =>
        Add(name, SingleType.Duration(least, most), record => read(record), write);

    /// <summary>A number of bytes.</summary>
    public SettingsTable<T> Size(string name, Func<T, long> read, Func<T, long, T> write, long least, long most) =>
        Add(name, SingleType.Size(least, most), record => read(record), write);

    public SettingsTable<T> Choice<TEnum>(
        string name, Func<T, TEnum> read, Func<T, TEnum, T> write, params (string Word, TEnum Meaning)[] synonyms)
        where TEnum : struct, Enum =>
        Add(name, SingleType.Choice(synonyms), record => read(record), write);

    /// <summary>One that has no default of its own.</summary>
    public SettingsTable<T> Choice<TEnum>(
        string name, Func<T, TEnum?> read, Func<T, TEnum, T> write, params (string Word, TEnum Meaning)[] synonyms)
        where TEnum : struct, Enum =>
        Add(name, SingleType.Choice(synonyms), record => read(record), write);

    public SettingsTable<T> Texts(
        string name, Func<T, IReadOnlyList<string>> read, Func<T, IReadOnlyList<string>, T> write) =>
        Add(name, new ListType<string>(SingleType.Text), read, write);

    /// <summary>IP addresses and CIDR ranges.</summary>
    public SettingsTable<T> Networks(
        string name, Func<T, IReadOnlyList<IPNetwork>> read, Func<T, IReadOnlyList<IPNetwork>, T> write) =>
        Add(name, new ListType<IPNetwork>(SingleType.Network), read, write);

    public SettingsTable<T> Map(
        string name,
        Func<T, IReadOnlyDictionary<string, string>> read,
        Func<T, IReadOnlyDictionary<string, string>, T> write) =>
        Add(name, new MapType<string>(SingleType.Text), read, write);

    public SettingsTable<T> MapOfTexts(
        string name,
        Func<T, IReadOnlyDictionary<string, IReadOnlyList<string>>> read,
        Func<T, IReadOnlyDictionary<string, IReadOnlyList<string>>, T> write) =>
        Add(name, new MapType<IReadOnlyList<string>>(new ListType<string>(SingleType.Text)), read, write);

    public SettingsTable<T> Section<TInner>(
        string name, SettingsTable<TInner> keys, Func<T, TInner?> read, Func<T, TInner, T> write)
        where TInner : class, new() =>
        Add(name, keys, read, write);

    /// <summary>A list of sections.</summary>
    public SettingsTable<T> Sections<TInner>(
        string name,
        SettingsTable<TInner> keys,
        Func<T, IReadOnlyList<TInner>> read,
        Func<T, IReadOnlyList<TInner>, T> write)
        where TInner : class, new() =>
        Add(name, new ListType<TInner>(keys), read, write);

    /// <summary>Another name for one of the keys.</summary>
    public SettingsTable<T> Synonym(string other, string name)
    {
        otherNames.Add(other, name);
        return this;
    }

    public override SettingsType? Inner(string name) => Find(name)?.Type;

    public override string Canonical(string name) => otherNames.GetValueOrDefault(name, name);

    public override IEnumerable<(string Name, SettingsType Type, object? Value)> Read(object? record)
    {
        var values = (T?)record ?? new T();
        return rows.Select(row => (row.Name, row.Type, row.Read(values)));
    }

    public override object? Bind(SettingsNode node, string key, SettingsBinder binder)
    {
        if (node is not MappingNode && !node.IsEmpty)
            return binder.Misfit(node, key, $"must be a section of keys, not {node.Kind}");
        var record = new T();
        if (node is not MappingNode { Entries: var entries }) return record;
        foreach (var (name, inner) in entries)
        {
            var innerKey = SettingsKey.Join(key, name.ToLowerInvariant());
            if (Find(name) is not { } row) binder.ReportForeign(innerKey, inner);
            else if (binder.Bind(row.Type, inner, innerKey) is { } value) record = row.Write(record, value);
        }

        return record;
    }

    private SettingsTable<T> Add<TValue>(
        string name, SettingsType type, Func<T, object?> read, Func<T, TValue, T> write)
    {
        rows.Add(new Row(name, type, read, (record, value) => write(record, (TValue)value)));
        return this;
    }

    private Row? Find(string name) =>
        rows.Find(row => row.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
