using System.Text;

namespace Berth.Settings;

/// <summary>Reads the settings from a file and the environment.</summary>
public static class SettingsFile
{
    /// <summary>1 MiB: a configuration has some kilobytes; anything larger is some other file.</summary>
    private const long MaximumFileBytes = 1 << 20;

    /// <summary>
    /// Reads everything and reports all faults at once. Never throws for what the file or the environment holds.
    /// </summary>
    /// <param name="path">
    /// The file. Null: the one named by <c>REGISTRY_CONFIGURATION_PATH</c>, if any.
    /// </param>
    /// <param name="environment">Variables beginning with <c>REGISTRY_</c> count, and override the file.</param>
    public static SettingsResult Load(string? path, IReadOnlyDictionary<string, string> environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        path ??= environment.GetValueOrDefault(SettingsEnvironment.PathVariable) is { Length: > 0 } named
            ? named
            : null;
        var faults = new List<SettingsFault>();
        var file = path is null ? new MappingNode(default) : Read(path, faults);

        var root = file ?? new MappingNode(default);
        DistributionForms.Normalize(root, faults);
        new SettingsEnvironment(root, faults).Apply(environment);
        var binder = new SettingsBinder(faults);
        var settings = binder.Bind(root);
        // If the file could not be read, it is unknown what it would have set.
        if (file is not null) new SettingsCheck(settings, binder.Origins, faults).Run();

        var inOrder = faults
            .OrderBy(fault => fault.Source == path ? 0 : 1)
            .ThenBy(fault => fault.Source, StringComparer.Ordinal)
            .ThenBy(fault => fault.Line ?? 0)
            .ToList();
        if (settings.Auth is null && ListenAddress.TryParse(settings.Http.Addr, out var address) && !address.IsLoopback)
            settings = settings with { Auth = AuthSettings.LocalUsers };
        if (settings.Validation.Disabled) settings = settings with { Validation = ValidationSettings.Nothing };
        return new SettingsResult(inOrder.Any(f => f.Severity == Severity.Error) ? null : settings, inOrder);
    }

    /// <summary>
    /// Where a file says that content is stored, whatever else is in it: that of another registry, which is only read.
    /// </summary>
    /// <returns>Null if one of the faults is an error.</returns>
    public static (StorageSettings? Storage, IReadOnlyList<SettingsFault> Faults) LoadStorage(string path)
    {
        var faults = new List<SettingsFault>();
        if (Read(path, faults) is not { } root) return (null, faults);
        DistributionForms.Normalize(root, faults);
        foreach (var other in root.Entries.Keys.Where(key => key != "storage").ToList()) root.Entries.Remove(other);
        faults.Clear();
        var settings = new SettingsBinder(faults).Bind(root);
        var isFaulty = faults.Any(fault => fault.Severity == Severity.Error);
        return (isFaulty || root.Entries.Count == 0 ? null : settings.Storage, faults);
    }

    private static MappingNode? Read(string path, List<SettingsFault> faults)
    {
        var text = ReadText(path, faults);
        if (text is null || SettingsYaml.ReadFile(text, path, faults) is not { } node) return null;
        if (node is MappingNode root) return root;
        if (node.IsEmpty) return new MappingNode(node.Origin);
        faults.Add(new SettingsFault(path, node.Origin.Line, "", $"it must hold sections of keys, not {node.Kind}"));
        return null;
    }

    private static string? ReadText(string path, List<SettingsFault> faults)
    {
        try
        {
            using var file = File.OpenRead(path);
            var buffer = new byte[MaximumFileBytes + 1];
            var length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            var utf8 = new UTF8Encoding(false, throwOnInvalidBytes: true);
            if (length <= MaximumFileBytes) return utf8.GetString(buffer.AsSpan(0, length)).TrimStart('\uFEFF');
            faults.Add(new SettingsFault(path, null, "", "this file is larger than a configuration can be (1 MiB)"));
        }
        catch (DecoderFallbackException)
        {
            faults.Add(new SettingsFault(path, null, "", "this file is not text in UTF-8"));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            faults.Add(new SettingsFault(path, null, "", "there is no such file"));
        }
        catch (UnauthorizedAccessException) when (Directory.Exists(path))
        {
            faults.Add(new SettingsFault(path, null, "", "this is a folder, not a file"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            faults.Add(new SettingsFault(path, null, "", "this file cannot be read: " + e.Message));
        }

        return null;
    }
}
