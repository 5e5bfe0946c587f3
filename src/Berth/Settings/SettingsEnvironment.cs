using System.Globalization;
using System.Text.RegularExpressions;

namespace Berth.Settings;

/// <summary>
/// Lays the environment over the file by distribution's rule: <c>REGISTRY_</c> and the path of the key in upper
/// case, joined with <c>_</c>; the entry of a list by its number, that of a map by its name; the value is YAML, so
/// that a variable may also hold a whole section. A longer name overrides a part of a shorter one.
/// </summary>
internal sealed partial class SettingsEnvironment(MappingNode root, List<SettingsFault> faults)
{
    /// <summary>Where distribution's image says which file to read. The one variable that is no key.</summary>
    public const string PathVariable = "REGISTRY_CONFIGURATION_PATH";

    public void Apply(IReadOnlyDictionary<string, string> environment)
    {
        var variables = environment
            .Where(v => v.Key.StartsWith(SettingsKey.VariablePrefix, StringComparison.Ordinal))
            .Where(v => v.Key != PathVariable && !IsServiceLink(v.Key, v.Value))
            .OrderBy(v => v.Key, Comparer<string>.Create(CompareNames));
        foreach (var (name, value) in variables) Apply(name, value);
    }

    private void Apply(string name, string value)
    {
        var segments = name[SettingsKey.VariablePrefix.Length..].ToLowerInvariant().Split('_');
        var key = string.Join('.', segments);
        if (TypeAt(segments) is { } type)
        {
            if (Read(name, value, key, type) is { } node) Put(segments, key, node);
            root.ExpandChoices();
            return;
        }

        var written = SettingsYaml.ReadVariable(value, name, []) ?? new ScalarNode(new Origin(name, null), value);
        DistributionKeys.ReportOrUnknown(key, written, faults);
    }

    private SettingsNode? Read(string name, string value, string key, Type type)
    {
        var isSingle = !IsContainer(type);
        var node = SettingsYaml.ReadVariable(value, name, isSingle ? [] : faults);
        if (isSingle) return node as ScalarNode ?? new ScalarNode(new Origin(name, null), value);
        if (node is null) faults.Add(new SettingsFault(name, null, key, "this is not YAML"));
        return node;
    }

    private void Put(string[] segments, string key, SettingsNode node)
    {
        SettingsNode at = root;
        var type = typeof(RegistrySettings);
        foreach (var segment in segments[..^1])
        {
            type = Step(type, segment)!;
            var next = Container(Get(at, segment), type, node.Origin);
            if (!TrySet(at, segment, key, next)) return;
            at = next;
        }

        TrySet(at, segments[^1], key, node);
    }

    private static SettingsNode? Get(SettingsNode container, string name) => container switch
    {
        MappingNode mapping => mapping.Entries.GetValueOrDefault(name),
        SequenceNode list => Index(name) < list.Items.Count ? list.Items[Index(name)] : null,
        _ => null,
    };

    private bool TrySet(SettingsNode container, string name, string key, SettingsNode node)
    {
        if (container is MappingNode mapping)
        {
            mapping.Entries[name] = node;
            return true;
        }

        var items = ((SequenceNode)container).Items;
        if (Index(name) > items.Count)
        {
            faults.Add(new SettingsFault(node.Origin.Source, null, key,
                $"the list has {items.Count} entries, so the next one is _{items.Count}"));
            return false;
        }

        if (Index(name) == items.Count) items.Add(node);
        else items[Index(name)] = node;
        return true;
    }

    private static SettingsNode Container(SettingsNode? present, Type type, Origin origin) =>
        SettingsKey.ItemType(type) is null
            ? present as MappingNode ?? new MappingNode(origin)
            : present as SequenceNode ?? new SequenceNode(origin);

    private static bool IsContainer(Type type) =>
        SettingsKey.IsRecord(type) || SettingsKey.ItemType(type) is not null || SettingsKey.ValueType(type) is not null;

    private static Type? TypeAt(string[] segments)
    {
        var type = typeof(RegistrySettings);
        foreach (var segment in segments)
        {
            if (segment.Length == 0 || Step(type, segment) is not { } inner) return null;
            type = inner;
        }

        return type;
    }

    private static Type? Step(Type type, string name)
    {
        if (SettingsKey.IsRecord(type)) return SettingsKey.Property(type, name)?.PropertyType;
        if (SettingsKey.ItemType(type) is { } item) return Index(name) >= 0 ? item : null;
        return SettingsKey.ValueType(type);
    }

    private static int Index(string name) =>
        int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : -1;

    /// <summary>Sections before their parts, and _2 before _10.</summary>
    private static int CompareNames(string left, string right)
    {
        var (a, b) = (left.Split('_'), right.Split('_'));
        for (var i = 0; i < Math.Min(a.Length, b.Length); i++)
        {
            var (m, n) = (Index(a[i]), Index(b[i]));
            var order = m >= 0 && n >= 0 ? m.CompareTo(n) : string.CompareOrdinal(a[i], b[i]);
            if (order != 0) return order;
        }

        return a.Length != b.Length ? a.Length.CompareTo(b.Length) : string.CompareOrdinal(left, right);
    }

    // Kubernetes gives every pod such variables for each service near it; one called "registry" makes these.
    private static bool IsServiceLink(string name, string value) =>
        ServiceLinkName().IsMatch(name)
        || (name.EndsWith("_PORT", StringComparison.Ordinal) && ServiceLinkValue().IsMatch(value));

    [GeneratedRegex("_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)$")]
    private static partial Regex ServiceLinkName();

    [GeneratedRegex("^(tcp|udp|sctp)://")]
    private static partial Regex ServiceLinkValue();
}
