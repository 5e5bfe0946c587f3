namespace Berth.Packages;

/// <summary>A package that differs between two images.</summary>
/// <param name="Type">Its kind.</param>
/// <param name="Name">Its name.</param>
/// <param name="From">The versions that the first has, at most ten.</param>
/// <param name="To">The versions that the second has, at most ten.</param>
internal sealed record PackageDifference(
    string Type, string Name, IReadOnlyList<string> From, IReadOnlyList<string> To);

/// <summary>Compares what is installed in two images, whatever it was built for.</summary>
internal static class PackageComparison
{
    private const int MaxVersions = 10;

    /// <returns>By kind and name.</returns>
    public static List<PackageDifference> Run(IEnumerable<Package> from, IEnumerable<Package> to)
    {
        var (ours, theirs) = (VersionsOf(from), VersionsOf(to));
        return
        [
            .. ours.Keys.Union(theirs.Keys)
                .OrderBy(one => one.Type, StringComparer.Ordinal).ThenBy(one => one.Name, StringComparer.Ordinal)
                .Select(one => new PackageDifference(
                    one.Type, one.Name, [.. ours.GetValueOrDefault(one, [])], [.. theirs.GetValueOrDefault(one, [])]))
                .Where(one => !one.From.SequenceEqual(one.To, StringComparer.Ordinal))
                .Select(one => one with { From = [.. one.From.Take(MaxVersions)], To = [.. one.To.Take(MaxVersions)] }),
        ];
    }

    private static Dictionary<(string Type, string Name), SortedSet<string>> VersionsOf(IEnumerable<Package> packages)
    {
        var versions = new Dictionary<(string, string), SortedSet<string>>();
        foreach (var package in packages)
        {
            if (!versions.TryGetValue((package.Type, package.Name), out var known))
                versions[(package.Type, package.Name)] = known = new SortedSet<string>(StringComparer.Ordinal);
            known.Add(package.Version);
        }

        return versions;
    }
}
