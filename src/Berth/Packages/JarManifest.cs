namespace Berth.Packages;

/// <summary>What an archive of Java says of itself, as far as it does: its manifest's main section (JAR File
/// Specification).</summary>
internal sealed class JarManifest
{
    private readonly PackageFields fields = new(
        StringComparison.OrdinalIgnoreCase, "Implementation-Title", "Implementation-Version",
        "Implementation-Vendor-Id", "Specification-Version", "Bundle-SymbolicName", "Bundle-Version", "Group-Id",
        "Artifact-Id", "Short-Name", "Plugin-Version");

    private JarManifest()
    {
    }

    public static JarManifest Read(Stream content)
    {
        var (manifest, folded) = (new JarManifest(), "");
        foreach (var line in PackageFields.LinesOf(content))
        {
            // After an empty line come sections for single files.
            if (line.Length == 0) break;
            if (line[0] == ' ' && folded.Length <= PackageFields.MaxChars)
            {
                folded += line[1..];
                continue;
            }

            manifest.fields.AddLine(folded);
            folded = line;
        }

        manifest.fields.AddLine(folded);
        return manifest;
    }

    /// <summary>The archive itself; null if nothing says what it is.</summary>
    /// <param name="manifest">Its manifest, if it has one.</param>
    /// <param name="name">Its name.</param>
    /// <param name="hasLibraries">Whether it says which libraries it is made of: one without a version in its name is
    /// then one of these.</param>
    public static Package? Describe(JarManifest? manifest, JarName name, bool hasLibraries)
    {
        if (name.Version is not null)
        {
            var group = manifest?.GroupOf(name.Artifact);
            return PackageFields.Make("maven", Joined(group, name.Artifact), name.Version);
        }

        if (hasLibraries || manifest is null) return null;
        var artifact = manifest.Artifact ?? name.Artifact;
        return PackageFields.Make("maven", Joined(manifest.GroupOf(artifact), artifact), manifest.Version);
    }

    private string? Artifact => Name("Artifact-Id") ?? Name("Short-Name") ?? Name("Implementation-Title");

    private string? Version => Word("Implementation-Version") ?? Word("Bundle-Version") ?? Word("Plugin-Version")
        ?? Word("Specification-Version");

    /// <summary>Instructions come behind the name.</summary>
    private string? BundleName =>
        fields["Bundle-SymbolicName"]?.Split(';')[0].Trim() is { Length: > 0 } name ? name : null;

    /// <summary>Bundles have the group's name before the archive's, or something like it.</summary>
    private string? GroupOf(string artifact)
    {
        if ((Name("Group-Id") ?? Name("Implementation-Vendor-Id")) is { } group) return group;
        if (BundleName is not { } bundle) return null;
        if (bundle.EndsWith($".{artifact}", StringComparison.Ordinal)) return bundle[..^(artifact.Length + 1)];
        return bundle.LastIndexOf('.') is > 0 and var dot ? bundle[..dot] : bundle;
    }

    /// <summary>A field that may be a name; titles for people are none.</summary>
    private string? Name(string field) =>
        fields[field] is { } value && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')
            ? value : null;

    /// <summary>The first word of a field: some versions have the name of whoever built it behind them.</summary>
    private string? Word(string field) =>
        fields[field]?.Split(' ')[0] is { } word && !word.Contains("${", StringComparison.Ordinal)
            ? PackageFields.Taken(word) : null;

    private static string Joined(string? group, string artifact) => group is null ? artifact : $"{group}:{artifact}";
}
