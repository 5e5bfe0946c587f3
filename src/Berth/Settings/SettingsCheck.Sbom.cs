using Berth.Oci;

namespace Berth.Settings;

/// <summary>The checks of which images get bills of materials.</summary>
internal sealed partial class SettingsCheck
{
    private const int MaxSbomPatterns = 100;

    private void CheckSbom()
    {
        var sbom = settings.Sbom;
        if (!SbomSettings.Formats.Contains(sbom.Attach))
            Error("sbom.attach", $"must be one of {string.Join(", ", SbomSettings.Formats)}, not '{sbom.Attach}'");
        if (sbom.IsOn && settings.Contents.Index != ContentsIndexing.Always)
            Error("sbom.attach", "bills of materials are made of what is in layers: set contents.index to always");
        if (sbom.Repositories.Count > MaxSbomPatterns)
            Error("sbom.repositories", $"has more than {MaxSbomPatterns} entries");
        foreach (var name in sbom.Repositories.Where(name => !NamePattern.TryParse(name, out _)))
            Error("sbom.repositories", $"'{name}' is no pattern of repository names, such as dev/** or team/*-cache");
    }
}
