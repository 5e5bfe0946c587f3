namespace Berth.Settings;

/// <summary>
/// Binds nodes to the settings' records. A value that does not fit is reported as a fault, and its key keeps its
/// default.
/// </summary>
internal sealed class SettingsBinder(List<SettingsFault> faults)
{
    /// <summary>Where each given key was written.</summary>
    public Dictionary<string, Origin> Origins { get; } = new(StringComparer.Ordinal);

    public RegistrySettings Bind(MappingNode root) =>
        (RegistrySettings)RegistrySettings.Keys.Bind(root, "", this)!;

    /// <summary>The value, or null to keep the default.</summary>
    public object? Bind(SettingsType type, SettingsNode node, string key)
    {
        if (node.IsEmpty && type is not SectionType) return null;
        Origins[key] = node.Origin;
        return type.Bind(node, key, this);
    }

    /// <summary>Always null.</summary>
    public object? Misfit(SettingsNode node, string key, string message)
    {
        faults.Add(new SettingsFault(node.Origin.Source, node.Origin.Line, key, message));
        return null;
    }

    /// <summary>A key that Berth does not have.</summary>
    public void ReportForeign(string key, SettingsNode node) => DistributionKeys.Report(key, node, faults);
}
