using Berth.Disk;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;

namespace Berth.Import;

/// <summary>
/// Takes all that a registry:2 or registry:3 keeps. Running it again takes what has come since, and passes over the
/// rest; so the old registry can serve meanwhile, and the second run is short.
/// </summary>
internal sealed class RegistryImport(ImportParts parts)
{
    private const int ParallelRepositories = 4;
    private const int Page = 1000;

    /// <param name="volume">Where from.</param>
    /// <param name="overwrites">Whether tags move that somebody has pushed here.</param>
    /// <param name="progress">Counts.</param>
    /// <param name="cancellation">Stops it where it is.</param>
    public async Task RunAsync(
        RegistryVolume volume, bool overwrites, ImportProgress progress, CancellationToken cancellation)
    {
        progress.Total = await CountUnknownAsync(parts.Database, volume, cancellation);
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = ParallelRepositories,
            CancellationToken = cancellation,
        };
        await Parallel.ForEachAsync(volume.RepositoriesAsync(cancellation), parallel, async (files, stop) =>
        {
            if (!RepositoryName.TryParse(files.Name, out var name))
            {
                progress.Note(NoteKinds.InvalidName, files.Name, "no repository can have this name here");
                return;
            }

            try
            {
                await new RepositoryImport(parts, volume, files, name, overwrites, progress).RunAsync(stop);
            }
            catch (QuotaExceededException e)
            {
                // Others may be in namespaces with room.
                progress.Note(NoteKinds.FailedRepository, files.Name, e.Message);
            }
        });
        progress.Left = await CountUnknownAsync(parts.Database, volume, cancellation);
    }

    /// <summary>Manifests and blobs of the source that are not here, with their length.</summary>
    public static async Task<(long Files, long Bytes)> CountUnknownAsync(
        Database database, RegistryVolume volume, CancellationToken cancellation)
    {
        var (files, bytes) = (0L, 0L);
        await foreach (var blobs in volume.BlobsAsync(cancellation).Chunk(Page).WithCancellation(cancellation))
        {
            var unknown = await database.ReadAsync(
                session => ImportedRows.UnknownAsync(session, [.. blobs.Select(blob => blob.Digest.Text)]),
                cancellation);
            foreach (var blob in blobs.Where(blob => unknown.Contains(blob.Digest.Text)))
                (files, bytes) = (files + 1, bytes + blob.SizeBytes);
        }

        return (files, bytes);
    }
}

/// <summary>What an import would do.</summary>
/// <param name="Source">Where from.</param>
/// <param name="Repositories">Repositories there that have manifests.</param>
/// <param name="Manifests">Their manifests.</param>
/// <param name="NewManifests">Those that are not here yet.</param>
/// <param name="Tags">Their tags.</param>
/// <param name="Files">Manifests and blobs there that are not here, whether anything needs them or not.</param>
/// <param name="Bytes">Their length.</param>
/// <param name="IsLinked">Whether they are on the same file system, so that hard links may do.</param>
/// <param name="FreeBytes">How much space there is; null where nobody can say, as in a bucket.</param>
internal sealed record ImportForecast(
    string Source, long Repositories, long Manifests, long NewManifests, long Tags, long Files, long Bytes,
    bool IsLinked, long? FreeBytes)
{
    private const int Page = 1000;

    /// <param name="database">What is here.</param>
    /// <param name="volume">Where from.</param>
    /// <param name="dataFolder">The folder that blobs go to; null if they go to a bucket.</param>
    /// <param name="cancellation">Cancels.</param>
    public static async Task<ImportForecast> MakeAsync(
        Database database, RegistryVolume volume, string? dataFolder, CancellationToken cancellation)
    {
        var (repositories, manifests, isNew, tags) = (0L, 0L, 0L, 0L);
        await foreach (var files in volume.RepositoriesAsync(cancellation))
        {
            // Registries leave the folders of deleted repositories behind.
            if (files.Revisions.Count == 0 || !RepositoryName.TryParse(files.Name, out var name)) continue;
            repositories++;
            manifests += files.Revisions.Count;
            isNew += files.Revisions.Count - await CountHereAsync(database, name, files, cancellation);
            tags += files.Tags.Count(tag => tag.Value.Current is not null && Tag.TryParse(tag.Key, out _));
        }

        var (count, bytes) = await RegistryImport.CountUnknownAsync(database, volume, cancellation);
        var here = dataFolder is null ? null : FileIdentity.Of(dataFolder);
        var isLinked = here is { } folder && volume.Folder is { } source
            && FileIdentity.Of(source) is { } there
            && (folder.DeviceMajor, folder.DeviceMinor) == (there.DeviceMajor, there.DeviceMinor);
        return new ImportForecast(
            volume.Name, repositories, manifests, isNew, tags, count, bytes, isLinked,
            here is null ? null : new DriveInfo(dataFolder!).AvailableFreeSpace);
    }

    private static async Task<long> CountHereAsync(
        Database database, RepositoryName name, VolumeRepository files, CancellationToken cancellation)
    {
        var count = 0L;
        foreach (var digests in files.Revisions.Select(DigestIn).OfType<Digest>().Chunk(Page))
        {
            count += await database.ReadAsync(
                async session => await RepositoryTable.FindAsync(session, name) is { } id
                    ? (await ManifestTable.FindAllAsync(session, id, digests)).Count : 0,
                cancellation);
        }

        return count;
    }

    /// <summary>The digest that the path of a manifest's link names.</summary>
    private static Digest? DigestIn(VolumeFile link) =>
        link.Path.Split('/') is [.., var algorithm, var hex, _] && Digest.TryParse($"{algorithm}:{hex}", out var digest)
            ? digest : null;
}
