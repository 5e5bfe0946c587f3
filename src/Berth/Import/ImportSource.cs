using Berth.Blobs;
using Berth.Settings;

namespace Berth.Import;

/// <summary>What is at a path from which somebody wants to import.</summary>
internal enum ImportKind
{
    /// <summary>All that a registry:2 or registry:3 keeps.</summary>
    Registry,

    /// <summary>Images in an OCI layout or an archive.</summary>
    Images,
}

/// <summary>Finds out what is at a path. Nothing is written there.</summary>
internal static class ImportSource
{
    private const string Advice =
        "name the folder that a registry:2 or registry:3 keeps its data in (it has docker/registry/v2), its "
        + "config.yml, a folder with an OCI layout, or an archive (.tar, .tar.gz)";

    /// <exception cref="InvalidDataException">It is nothing that can be imported.</exception>
    public static ImportKind KindOf(string path)
    {
        if (Directory.Exists(path))
        {
            if (FindRoot(path) is not null) return ImportKind.Registry;
            if (File.Exists(Path.Combine(path, "oci-layout"))) return ImportKind.Images;
            throw new InvalidDataException(File.Exists(Path.Combine(path, "berth.db"))
                ? $"{path} is the data folder of a Berth, which is not imported: stop its server and copy the whole "
                    + "folder, or bring it elsewhere with `berth backup` and `berth restore`"
                : $"{path} is no registry and no image: {Advice}");
        }

        if (!File.Exists(path)) throw new InvalidDataException($"there is no {path} on this machine: {Advice}");
        return IsSettings(path) ? ImportKind.Registry : ImportKind.Images;
    }

    /// <summary>Opens what a registry keeps: in a folder, or wherever its settings say.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    /// <exception cref="IOException">The bucket does not answer.</exception>
    public static async Task<RegistryVolume> OpenRegistryAsync(
        string path, TimeProvider clock, ILogger log, CancellationToken cancellation)
    {
        if (KindOf(path) != ImportKind.Registry) throw new InvalidDataException($"{path} is no registry: {Advice}");
        if (Directory.Exists(path)) return new FolderVolume(FindRoot(path)!);
        var (storage, faults) = SettingsFile.LoadStorage(path);
        if (storage is null)
        {
            throw new InvalidDataException(
                $"{path} does not say where the registry keeps its data: "
                + string.Join("; ", faults.Select(fault => fault.Message).DefaultIfEmpty("it has no storage section")));
        }

        if (!storage.IsRemote)
        {
            var root = Path.GetFullPath(storage.Filesystem.RootDirectory);
            return new FolderVolume(FindRoot(root) ?? throw new InvalidDataException(
                $"{root}, which {path} names, holds no data of a registry: {Advice}"));
        }

        var volume = new BucketVolume(storage.S3 is { } s3
            ? new S3Objects(s3, clock, log) : new AzureObjects(storage.Azure!, clock, log));
        if (await volume.IsRegistryAsync(cancellation)) return volume;
        volume.Dispose();
        throw new InvalidDataException($"there is no registry in {volume.Name}, which {path} names");
    }

    /// <summary>Where the folder docker/registry/v2 is, which may be the path itself.</summary>
    private static string? FindRoot(string path)
    {
        var below = Path.Combine(path, "docker", "registry", "v2");
        return IsRoot(below) ? below : IsRoot(path) ? path : null;
    }

    /// <summary>A registry that nobody has pushed to has only the first folders.</summary>
    private static bool IsRoot(string path) =>
        Directory.Exists(Path.Combine(path, "repositories")) && Directory.Exists(Path.Combine(path, "blobs"));

    private static bool IsSettings(string path) => Path.GetExtension(path) is ".yml" or ".yaml";
}
