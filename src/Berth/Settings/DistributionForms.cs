namespace Berth.Settings;

/// <summary>Rewrites the alternative spellings that distribution accepts into the one in the tables.</summary>
internal static class DistributionForms
{
    /// <summary>Keys that have moved. A value given under the new key takes precedence.</summary>
    private static readonly (string From, string To)[] Moved =
    [
        ("loglevel", "log.level"),
        ("tags.maxtags", "limits.pageentries"),
    ];

    public static void Normalize(MappingNode root, List<SettingsFault> faults)
    {
        foreach (var (from, to) in Moved)
        {
            if (Take(root, from) is { IsEmpty: false } node) Give(root, to, node);
        }

        ExpandChoice(root, "auth");
        ExpandChoice(root, "storage");
        if (Take(root, "validation.enabled") is ScalarNode old && SettingsText.ParseSwitch(old.Text) is { } isOn)
            Give(root, "validation.disabled", new ScalarNode(old.Origin, isOn ? "false" : "true"));
        Rename(root, RegistrySettings.Keys, "", faults);
    }

    /// <summary>
    /// A section may name its only choice: <c>auth: htpasswd</c>, <c>REGISTRY_STORAGE=filesystem</c>. <c>auth: none</c>
    /// is no section.
    /// </summary>
    private static void ExpandChoice(MappingNode root, string name)
    {
        if (root.Entries.GetValueOrDefault(name) is not ScalarNode { IsEmpty: false } choice) return;
        if (name == "auth" && choice.Text.Equals("none", StringComparison.OrdinalIgnoreCase))
        {
            root.Entries.Remove(name);
            return;
        }

        var section = new MappingNode(choice.Origin);
        section.Entries[choice.Text] = new MappingNode(choice.Origin);
        root.Entries[name] = section;
    }

    /// <summary>Removes a key, and its section if that is then empty.</summary>
    private static SettingsNode? Take(MappingNode root, string path)
    {
        var dot = path.IndexOf('.');
        var name = path[(dot + 1)..];
        var section = dot < 0 ? root : root.Entries.GetValueOrDefault(path[..dot]) as MappingNode;
        if (section is null || !section.Entries.Remove(name, out var node)) return null;
        if (dot >= 0 && section.Entries.Count == 0) root.Entries.Remove(path[..dot]);
        return node;
    }

    private static void Give(MappingNode root, string path, SettingsNode node)
    {
        var dot = path.IndexOf('.');
        if (root.Entries.GetValueOrDefault(path[..dot]) is not MappingNode section)
            root.Entries[path[..dot]] = section = new MappingNode(node.Origin);
        if (section.Entries.GetValueOrDefault(path[(dot + 1)..]) is not { IsEmpty: false })
            section.Entries[path[(dot + 1)..]] = node;
    }

    private static void Rename(SettingsNode node, SettingsType type, string path, List<SettingsFault> faults)
    {
        if (node is SequenceNode { Items: var items } && type is IListType { Item: var item })
        {
            foreach (var entry in items) Rename(entry, item, path, faults);
        }

        if (node is not MappingNode { Entries: var entries } || type is not SectionType section) return;
        foreach (var (written, inner) in entries.ToList())
        {
            var name = section.Canonical(written);
            if (name != written)
            {
                entries.Remove(written);
                if (!entries.TryAdd(name, inner))
                {
                    faults.Add(new SettingsFault(inner.Origin.Source, inner.Origin.Line,
                        SettingsKey.Join(path, written), $"this is {name}, which is given too; remove one of them"));
                }
            }

            if (section.Inner(name) is { } innerType) Rename(inner, innerType, SettingsKey.Join(path, name), faults);
        }
    }
}
