using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;

namespace Berth.Contents;

/// <summary>What is installed in an image: what the files list that whoever runs it sees.</summary>
internal sealed class ImagePackages(Database database)
{
    /// <param name="layers">The layers that the files were put together from.</param>
    /// <param name="tree">The files.</param>
    /// <param name="cancellation">Gives up.</param>
    public async ValueTask<IReadOnlyList<Package>> FindAsync(
        IReadOnlyList<Digest> layers, FileTree tree, CancellationToken cancellation)
    {
        var found = new List<Package>();
        foreach (var (number, layer) in layers.Index())
        {
            if (await database.ReadAsync(
                session => LayerIndexTable.LoadPackagesAsync(session, layer), cancellation) is not { } list)
            {
                continue;
            }

            foreach (var file in PackageList.Read(list))
            {
                // A later layer may have replaced or removed it.
                if (tree.Find(file.Path)?.Content?.Layer == number) found.AddRange(file.Packages);
            }
        }

        return found;
    }
}
