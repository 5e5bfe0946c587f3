using Berth.Metadata;
using Berth.Packages;
using Berth.Vulnerabilities;

namespace Berth.Scanning;

/// <summary>Whether the packages of images are known, and whether there is data about them: where there is none, no
/// vulnerabilities are found, however many there are.</summary>
internal static class PackageCoverage
{
    /// <summary>Whether a source has anything about a kind of packages.</summary>
    public static bool IsCovered(string type, string ecosystem, VulnerabilityDataRow data) =>
        Ecosystems.Normalize(OsvName.EcosystemOf(type) ?? ecosystem) is { } name && data.Ecosystems.Contains(name);

    /// <summary>What a kind of packages of an image is called.</summary>
    public static string NameOf(string type, string ecosystem, ImageFindingsRow image) =>
        OsvName.EcosystemOf(type) ?? (ecosystem.Length > 0 ? ecosystem : image.Distribution ?? type);

    /// <summary>When the distribution of an image got its last fixes, or will; null if nobody says that.</summary>
    public static DateOnly? EndOf(ImageFindingsRow image, VulnerabilityDataRow data) =>
        Ecosystems.Normalize(image.Ecosystem) is { } name && data.Ends.TryGetValue(name, out var day) ? day : null;

    /// <summary>Why it is not known which packages of its distribution an image has, or what they were built from; null
    /// if it is known.</summary>
    public static string? FindGap(ImageFindingsRow image, IReadOnlyList<PackageKindRow> kinds)
    {
        if (image.LacksPackages)
        {
            return $"it is of {image.Distribution}, but the list of its packages is missing: keep the database of the "
                + "package manager in it";
        }

        return kinds.Any(kind => kind.Sourceless > 0)
            ? "the list of its packages (Chisel's) does not say what they were built from, which is what "
                + "vulnerabilities are told of" : null;
    }

    /// <summary>Why the packages of an image's distribution could not all be compared; null if they could.</summary>
    public static async ValueTask<string?> FindUncoveredAsync(Session session, ImageFindingsRow image)
    {
        if (image.CountedAt is null) return null;
        var kinds = await ImageFindingTable.KindsAsync(session, image.Id);
        if (FindGap(image, kinds) is { } gap) return gap;
        if (!kinds.Exists(IsOfDistribution)) return null;
        var data = await VulnerabilityDataTable.FindAsync(session);
        foreach (var kind in kinds.Where(IsOfDistribution))
        {
            if (!IsCovered(kind.Type, kind.Ecosystem, data))
            {
                return $"there is no data about packages of {NameOf(kind.Type, kind.Ecosystem, image)}: add a source "
                    + "that has it";
            }
        }

        return null;
    }

    private static bool IsOfDistribution(PackageKindRow kind) => PackageTypes.IsOfDistribution(kind.Type);
}
