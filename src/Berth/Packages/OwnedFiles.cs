namespace Berth.Packages;

/// <summary>
/// The files that packages of the distribution brought: what they say of packages is said by its package manager, too.
/// </summary>
internal sealed class OwnedFiles
{
    private readonly HashSet<string> paths = new(StringComparer.Ordinal);

    /// <summary>Whether a file is one that may say something of packages: of all others, nobody asks.</summary>
    public static bool Matters(ReadOnlySpan<char> path)
    {
        var folder = path[..Math.Max(0, path.LastIndexOf('/'))];
        return folder.EndsWith("bin") || folder.Contains("/libexec", StringComparison.Ordinal)
            // Programs that are not called by people, and are no libraries.
            || ((folder.StartsWith("usr/lib") || folder.StartsWith("lib")) && !path[folder.Length..].Contains('.'))
            || PackageFormat.Find(path.ToString()) is { IsOfLanguage: true };
    }

    public void Add(string path) => paths.Add(Merged(path));

    public bool Contains(string path) => paths.Contains(Merged(path));

    /// <summary>Most distributions have /bin and /lib in /usr; their lists may say either.</summary>
    private static string Merged(string path) =>
        path.StartsWith("usr/", StringComparison.Ordinal) ? path["usr/".Length..] : path;
}
