using Berth.Metadata;
using Berth.Vulnerabilities;

namespace Berth.Scanning;

/// <summary>Whether there is data about packages: where there is none, no vulnerabilities are found, however many there
/// are.</summary>
internal static class PackageCoverage
{
    /// <summary>Whether a source has anything about a kind of packages.</summary>
    public static bool IsCovered(string type, string ecosystem, VulnerabilityDataRow data) =>
        Ecosystems.Normalize(OsvName.EcosystemOf(type) ?? ecosystem) is { } name && data.Ecosystems.Contains(name);

    /// <summary>What a kind of packages of an image is called.</summary>
    public static string NameOf(string type, string ecosystem, ImageFindingsRow image) =>
        OsvName.EcosystemOf(type) ?? (ecosystem.Length > 0 ? ecosystem : image.Distribution ?? type);

    /// <summary>The distribution of an image, if there is no data about its packages; else null.</summary>
    public static async ValueTask<string?> FindUncoveredAsync(Session session, ImageFindingsRow image)
    {
        if (image.CountedAt is null) return null;
        var kinds = await ImageFindingTable.KindsAsync(session, image.Id);
        if (!kinds.Exists(IsOfDistribution)) return null;
        var data = await VulnerabilityDataTable.FindAsync(session);
        foreach (var kind in kinds.Where(IsOfDistribution))
        {
            if (!IsCovered(kind.Type, kind.Ecosystem, data)) return NameOf(kind.Type, kind.Ecosystem, image);
        }

        return null;
    }

    private static bool IsOfDistribution((string Type, string Ecosystem, long Count) kind) =>
        kind.Type is "deb" or "apk" or "rpm";
}
