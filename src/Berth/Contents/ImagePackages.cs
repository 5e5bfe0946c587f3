using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;

namespace Berth.Contents;

/// <summary>What is installed in an image.</summary>
/// <param name="Packages">The packages.</param>
/// <param name="Faults">Why these may not be all; empty if they are.</param>
internal sealed record InstalledPackages(IReadOnlyList<Package> Packages, IReadOnlyList<string> Faults);

/// <summary>Finds what is installed in images: what the files list that whoever runs one sees.</summary>
internal sealed class ImagePackages(Database database)
{
    /// <summary>Of all packages of an image: those of two layers that have as many as a layer may.</summary>
    private const int MaxChars = 8 << 20;

    private const int MaxFaults = 10;

    /// <param name="layers">The layers that the files were put together from.</param>
    /// <param name="tree">The files.</param>
    /// <param name="cancellation">Gives up.</param>
    public async ValueTask<InstalledPackages> FindAsync(
        IReadOnlyList<Digest> layers, FileTree tree, CancellationToken cancellation)
    {
        var (found, faults, chars) = (new List<Package>(), new List<string>(), 0);
        foreach (var (number, layer) in layers.Index())
        {
            if (await database.ReadAsync(
                session => LayerIndexTable.LoadPackagesAsync(session, layer), cancellation) is not { } list)
            {
                continue;
            }

            // A later layer may have replaced or removed a file.
            foreach (var file in PackageList.Read(list).Where(file => tree.Find(file.Path)?.Content?.Layer == number))
            {
                if (file.Fault is { } fault && faults.Count < MaxFaults) faults.Add($"/{file.Path}: {fault}");
                found.AddRange(file.Packages);
                chars += file.Packages.Sum(package => package.Chars);
            }

            cancellation.ThrowIfCancellationRequested();
            if (chars < MaxChars) continue;
            faults.Add("the image lists too many packages");
            break;
        }

        return new InstalledPackages(found, faults);
    }
}
