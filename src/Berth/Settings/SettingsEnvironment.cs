using System.Globalization;
using System.Text.RegularExpressions;

namespace Berth.Settings;

/// <summary>
/// Applies the environment on top of the file by distribution's rule: <c>REGISTRY_</c> and the key's path in upper
/// case, joined with <c>_</c>; list entries by number, map entries by name. The value is YAML, so a variable may hold a
/// whole section. A longer name overrides part of a shorter one.
/// </summary>
internal sealed partial class SettingsEnvironment(MappingNode root, List<SettingsFault> faults)
{
    /// <summary>Where distribution's image names the file to read.</summary>
    public const string PathVariable = "REGISTRY_CONFIGURATION_PATH";

    /// <summary>Where podman, buildah and skopeo find their passwords.</summary>
    private const string PodmansVariable = "REGISTRY_AUTH_FILE";

    public void Apply(IReadOnlyDictionary<string, string> environment)
    {
        var variables = environment
            .Where(v => v.Key.StartsWith(SettingsKey.VariablePrefix, StringComparison.Ordinal))
            .Where(v => v.Key is not (PathVariable or PodmansVariable) && !IsServiceLink(v.Key, v.Value))
            .OrderBy(v => v.Key, Comparer<string>.Create(CompareNames));
        foreach (var (name, value) in variables) Apply(name, value);
    }

    private void Apply(string name, string value)
    {
        var segments = name[SettingsKey.VariablePrefix.Length..].ToLowerInvariant().Split('_');
        var type = Walk(segments, out var stoppedIn);
        var key = string.Join('.', segments);
        if (type is not null)
        {
            if (Read(name, value, key, type) is { } node) Put(segments, key, node);
        }
        else
        {
            // A key that Berth does not have goes into its section of the file, where distribution may know it.
            var written = SettingsYaml.ReadVariable(value, name, []) ?? new ScalarNode(new Origin(name, null), value);
            if (stoppedIn is SectionType) Put(segments, key, written);
            else DistributionKeys.Report(key, written, faults);
        }

        DistributionForms.Normalize(root, faults);
    }

    private SettingsNode? Read(string name, string value, string key, SettingsType type)
    {
        var isSingle = type is SingleType;
        var node = SettingsYaml.ReadVariable(value, name, isSingle ? [] : faults);
        if (isSingle) return node as ScalarNode ?? new ScalarNode(new Origin(name, null), value);
        if (node is null) faults.Add(new SettingsFault(name, null, key, "this is not YAML"));
        return node;
    }

    private void Put(string[] segments, string key, SettingsNode node)
    {
        SettingsNode at = root;
        SettingsType? type = RegistrySettings.Keys;
        for (var i = 0; i < segments.Length - 1; i++)
        {
            type = type?.Inner(segments[i]);
            var next = Container(Get(at, segments[i]), type, segments[i + 1], node.Origin);
            if (!TrySet(at, segments[i], key, next)) return;
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

    private static SettingsNode Container(SettingsNode? present, SettingsType? type, string inner, Origin origin)
    {
        if (type is IListType) return present as SequenceNode ?? new SequenceNode(origin);
        if (type is null && present is SequenceNode && Index(inner) >= 0) return present;
        return present as MappingNode ?? new MappingNode(origin) { IsOfVariable = true };
    }

    /// <summary>
    /// The type of a key; its segments are replaced by the tables' names. Null if there is no such key.
    /// </summary>
    /// <param name="segments">The key.</param>
    /// <param name="stoppedIn">The section that lacks the next segment; null if none does.</param>
    private static SettingsType? Walk(string[] segments, out SettingsType? stoppedIn)
    {
        SettingsType type = RegistrySettings.Keys;
        stoppedIn = null;
        for (var i = 0; i < segments.Length; i++)
        {
            if (segments[i].Length == 0) return null;
            if (type is SectionType section) segments[i] = section.Canonical(segments[i]);
            if (type.Inner(segments[i]) is { } inner)
            {
                type = inner;
                continue;
            }

            stoppedIn = Array.Exists(segments, segment => segment.Length == 0) ? null : type;
            return null;
        }

        return type;
    }

    private static int Index(string name) => SettingsText.ParseIndex(name);

    /// <summary>Sections before their keys, and _2 before _10.</summary>
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

    // Kubernetes sets such variables in every pod for each service in its namespace; a service called "registry" yields
    // these.
    private static bool IsServiceLink(string name, string value) =>
        ServiceLinkName().IsMatch(name)
        || (name.EndsWith("_PORT", StringComparison.Ordinal) && ServiceLinkValue().IsMatch(value));

    [GeneratedRegex("_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)$")]
    private static partial Regex ServiceLinkName();

    [GeneratedRegex("^(tcp|udp|sctp)://")]
    private static partial Regex ServiceLinkValue();
}
