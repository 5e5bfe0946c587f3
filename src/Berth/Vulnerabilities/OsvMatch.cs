using Berth.Versions;

namespace Berth.Vulnerabilities;

/// <summary>Decides whether a version of a package is vulnerable (osv-schema, "Evaluation").</summary>
internal static class OsvMatch
{
    private static readonly VersionOrder Semver = VersionOrder.Find("npm")!;

    /// <summary>What a record says against a version; null if nothing. A record may have several entries for one
    /// package, of which each counts.</summary>
    public static OsvHit? Find(OsvRecord record, OsvName package)
    {
        if (record.Withdrawn is not null) return null;
        var order = VersionOrder.Find(package.Ecosystem);
        OsvAffected? found = null;
        string? fixedIn = null;
        foreach (var affected in record.Affected)
        {
            if (!package.Is(affected) || !Includes(affected, order, package.Version)) continue;
            found ??= affected;
            fixedIn = Lower(order, fixedIn, FixOf(affected, order, package.Version));
        }

        return found is null ? null : new OsvHit(record, found, fixedIn);
    }

    /// <summary>Whether a version is in a list, or in a range.</summary>
    private static bool Includes(OsvAffected affected, VersionOrder? order, string version) =>
        affected.Versions.Contains(version, StringComparer.Ordinal)
        || affected.Ranges.Any(range => OrderOf(range, order) is { } known && Includes(range, known, version));

    private static VersionOrder? OrderOf(OsvRange range, VersionOrder? order) => range.IsSemver ? Semver : order;

    private static bool Includes(OsvRange range, VersionOrder order, string version)
    {
        if (!IsBeforeLimits(range, order, version)) return false;
        var isVulnerable = false;
        foreach (var one in range.Events.Order(Comparer<OsvEvent>.Create((a, b) => CompareEvents(order, a, b))))
        {
            if (one.Kind is OsvEventKind.Introduced && IsAtMost(order, one.Version, version)) isVulnerable = true;
            if (one.Kind is OsvEventKind.Fixed && IsAtMost(order, one.Version, version)) isVulnerable = false;
            if (one.Kind is OsvEventKind.LastAffected && order.Compare(one.Version, version) < 0) isVulnerable = false;
        }

        return isVulnerable;
    }

    private static bool IsBeforeLimits(OsvRange range, VersionOrder order, string version)
    {
        var limits = range.Events.Where(one => one.Kind is OsvEventKind.Limit).ToList();
        return limits.Count == 0
            || limits.Exists(limit => limit.Version == "*" || order.Compare(version, limit.Version) < 0);
    }

    /// <summary>Zero is below every version, even those that their order puts below it, such as 0~1.</summary>
    private static bool IsAtMost(VersionOrder order, string bound, string version) =>
        bound == "0" || order.Compare(bound, version) <= 0;

    private static int CompareEvents(VersionOrder order, OsvEvent one, OsvEvent other)
    {
        var isZero = (one.Version == "0").CompareTo(other.Version == "0");
        return isZero != 0 ? -isZero : order.Compare(one.Version, other.Version);
    }

    /// <summary>The lowest version above one in which it is fixed; null if there is none.</summary>
    private static string? FixOf(OsvAffected affected, VersionOrder? order, string version)
    {
        var later =
            from range in affected.Ranges
            let known = OrderOf(range, order)
            where known is not null
            from one in range.Events
            where one.Kind is OsvEventKind.Fixed && known.Compare(one.Version, version) > 0
            select one.Version;
        return later.Aggregate((string?)null, (lowest, next) => Lower(order, lowest, next));
    }

    private static string? Lower(VersionOrder? order, string? one, string? other)
    {
        if (one is null || other is null) return one ?? other;
        return (order ?? Semver).Compare(one, other) <= 0 ? one : other;
    }
}
