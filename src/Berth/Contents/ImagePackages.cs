using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;

namespace Berth.Contents;

/// <summary>Finds what is installed in the registry's images.</summary>
internal sealed class ImagePackages(Database database)
{
    /// <param name="layers">The layers whose files are listed, the lowest first.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="TreeUnavailableException">A layer is being read anew.</exception>
    public async ValueTask<InstalledPackages> FindAsync(
        IReadOnlyList<Digest> layers, CancellationToken cancellation)
    {
        // A layer that comes again hides and shows the same as if it came only the last time.
        layers = [.. layers.Reverse().Distinct().Reverse()];
        var (merge, outdated) = (new PackageMerge(), new List<Digest>());
        foreach (var layer in layers)
        {
            var stored = await database.ReadAsync(
                    session => LayerIndexTable.LoadWithPackagesAsync(session, layer), cancellation)
                ?? throw new TreeUnavailableException("its layers are changing: ask again");
            var isCurrent = stored.PackagesForm == PackageList.Form;
            if (!isCurrent) outdated.Add(layer);
            if (!merge.Add(stored.Files, isCurrent ? stored.Packages : null, cancellation)) break;
        }

        return merge.Finish() with { Layers = layers, Outdated = outdated };
    }
}
