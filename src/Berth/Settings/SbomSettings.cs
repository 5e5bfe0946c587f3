using Berth.Oci;

namespace Berth.Settings;

/// <summary>Which images get a bill of materials from the registry that lies beside them.</summary>
public sealed record SbomSettings
{
    public const string None = "none";

    /// <summary>What may be attached.</summary>
    public static IReadOnlyList<string> Formats { get; } = [None, SbomDocument.Spdx, SbomDocument.CycloneDx];

    /// <summary>The format of what is attached to images that have none. Default: nothing, so that repositories only
    /// have what somebody pushed.</summary>
    public string Attach { get; init; } = None;

    /// <summary>Patterns of the repositories whose images get one. Default: all.</summary>
    public IReadOnlyList<string> Repositories { get; init; } = [];

    internal bool IsOn => Attach != None;

    internal static SettingsTable<SbomSettings> Keys { get; } = new SettingsTable<SbomSettings>()
        .Text("attach", s => s.Attach, (s, v) => s with { Attach = v })
        .Texts("repositories", s => s.Repositories, (s, v) => s with { Repositories = v });
}
