using System.IO.Compression;
using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Backups;

/// <summary>The metadata of a backup, unpacked into a file of its own, which goes away with the object.</summary>
internal sealed class BackupMetadata : IAsyncDisposable
{
    private readonly string path;
    private readonly FileStream held;

    private BackupMetadata(string path, FileStream held, SqliteDatabase database) =>
        (this.path, this.held, Database) = (path, held, database);

    /// <summary>Brought up to date if it is of an older version.</summary>
    public SqliteDatabase Database { get; }

    /// <param name="place">Where the backup lies.</param>
    /// <param name="manifest">The backup.</param>
    /// <param name="folder">Where the file goes.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">It is damaged, or of a newer Berth.</exception>
    public static async Task<BackupMetadata> UnpackAsync(
        BackupPlace place, BackupManifest manifest, string folder, CancellationToken cancellation)
    {
        var path = Path.Combine(folder, $"berth-metadata-{Guid.NewGuid():N}.db");
        var held = AbandonedWork.Hold(path);
        try
        {
            await UnpackAsync(place, manifest.Metadata.Parsed, path, cancellation);
            return new BackupMetadata(path, held, await SqliteDatabase.OpenAsync(path));
        }
        catch
        {
            await held.DisposeAsync();
            Remove(path);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await held.DisposeAsync();
        Remove(path);
    }

    private static void Remove(string path)
    {
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + "*"))
            File.Delete(file);
    }

    private static async Task UnpackAsync(
        BackupPlace place, Digest digest, string path, CancellationToken cancellation)
    {
        using var content = await place.Blobs.OpenAsync(digest, cancellation)
            ?? throw new InvalidDataException("the backup is damaged: its metadata is missing");
        var packed = path + ".gz";
        await using (var file = new FileStream(packed, Fresh))
        {
            var pipe = PipeWriter.Create(file);
            await content.CopyToAsync(pipe, 0, content.Length, cancellation);
            await pipe.CompleteAsync();
        }

        using (var check = new FileBlobContent(File.OpenHandle(packed)))
        {
            if (await check.ComputeDigestAsync(digest.Algorithm, _ => { }, cancellation) != digest)
                throw new InvalidDataException("the backup is damaged: its metadata is altered");
        }

        await using var from = new GZipStream(File.OpenRead(packed), CompressionMode.Decompress);
        await using var to = new FileStream(path, Fresh);
        await from.CopyToAsync(to, cancellation);
    }

    /// <summary>Private: it holds password hashes and keys.</summary>
    private static FileStreamOptions Fresh => new()
    {
        Mode = FileMode.CreateNew,
        Access = FileAccess.Write,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    };
}
