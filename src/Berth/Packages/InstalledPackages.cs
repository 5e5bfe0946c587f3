using Berth.Oci;

namespace Berth.Packages;

/// <summary>A package that is installed in an image.</summary>
/// <param name="Package">The package.</param>
/// <param name="Path">The file that says so, without a slash at the beginning.</param>
/// <param name="Layer">Which of <see cref="InstalledPackages.Layers"/> has the file.</param>
/// <param name="IsOwned">Whether the distribution's package manager brought the file, and so lists the same once more.
/// </param>
internal sealed record InstalledPackage(Package Package, string Path, int Layer, bool IsOwned);

/// <summary>What is installed in an image.</summary>
/// <param name="Packages">The packages, in the order of their kinds and names.</param>
/// <param name="OsRelease">The distribution; null if the image does not say.</param>
/// <param name="Faults">Why these may not be all; empty if they are.</param>
internal sealed record InstalledPackages(
    IReadOnlyList<InstalledPackage> Packages, OsRelease? OsRelease, IReadOnlyList<string> Faults)
{
    /// <summary>The layers that the packages are in, the lowest first.</summary>
    public IReadOnlyList<Digest> Layers { get; init; } = [];

    /// <summary>Layers that were read by an earlier version, and will be read again: theirs are not among them.
    /// </summary>
    public IReadOnlyList<Digest> Outdated { get; init; } = [];
}
