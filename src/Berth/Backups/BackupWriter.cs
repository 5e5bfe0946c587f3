using System.IO.Compression;
using Berth.Blobs;
using Berth.Disk;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Backups;

/// <summary>
/// Makes a backup beside a running registry:
/// <code>
/// lock the place ► hold the blobs ► snapshot of the metadata ► blobs that it links ► list, metadata ► manifest
/// </code>
/// While the hold lasts, the collector deletes no blob, so that what the snapshot links is there. What is there already
/// from earlier backups, or from one that was cut off, is not copied again.
/// </summary>
internal sealed class BackupWriter(
    Database database, IBlobStore store, BackupPlace place, TimeProvider clock)
{
    private const int BlobsPerPage = 1000;
    private const int Parallel = 8;
    /// <summary>A manifest has 64 KiB.</summary>
    private const int NamedMissing = 100;

    private const int LongestReason = 300;

    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly List<string> missing = [];
    private long missingCount;
    private long blobs;
    private long bytes;
    private long newBlobs;
    private long newBytes;

    public BackupProgress Progress { get; } = new();

    /// <summary>The first blobs that manifests need and the registry does not have, each with the reason.</summary>
    public IReadOnlyList<string> Missing => missing;

    /// <summary>Called under the lock of the place.</summary>
    /// <param name="registry">The registry's mark.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <returns>The new backup.</returns>
    /// <exception cref="InvalidDataException">The metadata can't be copied.</exception>
    /// <exception cref="IOException">The place is full or away, or the registry's store is.</exception>
    public async Task<FoundBackup> RunAsync(string registry, CancellationToken cancellation)
    {
        Clear();
        try
        {
            await place.Blobs.RemoveOrphansAsync(
                DateTimeOffset.MaxValue, _ => ValueTask.FromResult(false), cancellation);
            var manifest = await StoreHold.RunAsync(
                database, clock, stop => CopyAsync(registry, stop), cancellation);
            return await place.AddAsync(manifest, cancellation);
        }
        finally
        {
            Clear();
        }
    }

    private string Work(string name) => Path.Combine(place.WorkFolder, name);

    private void Clear()
    {
        if (Directory.Exists(place.WorkFolder)) Directory.Delete(place.WorkFolder, recursive: true);
    }

    private async Task<BackupManifest> CopyAsync(string registry, CancellationToken cancellation)
    {
        var startedAt = clock.GetUtcNow();
        Directory.CreateDirectory(place.WorkFolder, Private | UnixFileMode.UserExecute);
        var (metadata, list) = (Work("metadata.db"), Work("list"));
        Progress.Step = "Metadata";
        var counts = await CopyMetadataAsync(metadata, cancellation);
        Progress.Step = "Blobs";
        await using (var snapshot = await SqliteDatabase.OpenBesideAsync(metadata))
        {
            Progress.BytesToDo = Math.Max(1, await snapshot.ReadAsync(
                session => session.NumberAsync(
                    "SELECT sum(b) FROM (SELECT max(size_bytes) AS b FROM repository_blob GROUP BY digest) AS blob"),
                cancellation) ?? 0);
            await CopyBlobsAsync(snapshot, list, cancellation);
        }

        Progress.Step = "Finishing";
        var files = (await PutAsync(Compress(metadata), cancellation), await PutAsync(list, cancellation));
        return new BackupManifest(
            BackupManifest.KnownFormat, typeof(BackupWriter).Assembly.GetName().Version!.ToString(fieldCount: 3),
            Migrations.Known[^1].Number, startedAt, clock.GetUtcNow(), files.Item1, files.Item2,
            counts.Repositories, counts.Tags, counts.Manifests, blobs, bytes, newBlobs, newBytes, missingCount)
        {
            Registry = registry,
            Lacking = missing,
        };
    }

    private async Task<(long Repositories, long Tags, long Manifests)> CopyMetadataAsync(
        string path, CancellationToken cancellation)
    {
        await using (File.Create(path)) File.SetUnixFileMode(path, Private);
        await using var target = await SqliteDatabase.OpenAsync(path);
        var tables = await new MetadataCopy(database, target, isOfBackup: true, isBesideServers: true)
            .RunAsync(cancellation);
        if (tables.Find(table => !table.IsSame) is { } differing)
            throw new InvalidDataException($"the copy of table {differing.Name} differs from {database.Name}");
        return (RowsOf("repository"), RowsOf("tag"), RowsOf("manifest"));

        long RowsOf(string name) => tables.Find(table => table.Name == name)!.Target.Rows;
    }

    private async Task CopyBlobsAsync(SqliteDatabase snapshot, string listPath, CancellationToken cancellation)
    {
        await using var list = new StreamWriter(listPath) { NewLine = "\n" };
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellation };
        for (var last = ""; ;)
        {
            var page = await snapshot.ReadAsync(
                session => session.AllAsync(
                    """
                    SELECT digest, max(size_bytes) FROM repository_blob WHERE digest > $1
                    GROUP BY digest ORDER BY digest LIMIT $2
                    """,
                    row => new ListedBlob(Digest.Parse(row.GetString(0)), row.GetInt64(1)), last, BlobsPerPage),
                cancellation);
            if (page.Count == 0) return;
            last = page[^1].Digest.Text;
            var copied = new ListedBlob?[page.Count];
            await System.Threading.Tasks.Parallel.ForAsync(0, page.Count, parallel, async (index, stop) =>
                copied[index] = await CopyBlobAsync(snapshot, page[index], stop));
            foreach (var blob in copied)
            {
                if (blob is not null) await list.WriteLineAsync(blob.ToString());
            }
        }
    }

    /// <summary>Null if the registry does not have the blob.</summary>
    private async Task<ListedBlob?> CopyBlobAsync(
        SqliteDatabase snapshot, ListedBlob blob, CancellationToken cancellation)
    {
        if (await place.Blobs.LengthOfAsync(blob.Digest, cancellation) == blob.Bytes) return Count(blob, isNew: false);
        var fault = "it is missing";
        try
        {
            using var content = await OpenAsync(blob.Digest, cancellation);
            if (content is not null)
            {
                await BlobCopy.RunAsync(content, blob.Digest, place.Blobs, cancellation);
                return Count(blob with { Bytes = content.Length }, isNew: true);
            }
        }
        catch (DamagedSourceException e)
        {
            fault = e.Message;
        }

        if (await IsNeededAsync(snapshot, blob.Digest, cancellation)) Miss($"blob {blob.Digest}: {fault}");
        return null;
    }

    /// <exception cref="DamagedSourceException">This one can't be opened, but the store answers for others.</exception>
    private async Task<BlobContent?> OpenAsync(Digest digest, CancellationToken cancellation)
    {
        try
        {
            return await store.OpenAsync(digest, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (e is StoreUnavailableException
                && await store.FindProblemAsync(forPulls: true, cancellation) is not null)
            {
                throw;
            }

            throw new DamagedSourceException($"it can't be opened: {e.Message}", e);
        }
    }

    private ListedBlob Count(ListedBlob blob, bool isNew)
    {
        Interlocked.Increment(ref blobs);
        Interlocked.Add(ref bytes, blob.Bytes);
        if (isNew)
        {
            Interlocked.Increment(ref newBlobs);
            Interlocked.Add(ref newBytes, blob.Bytes);
        }

        Progress.Add(blob.Bytes);
        return blob;
    }

    private void Miss(string text)
    {
        lock (missing)
        {
            missingCount++;
            if (missing.Count < NamedMissing) missing.Add(text[..Math.Min(text.Length, LongestReason)]);
        }
    }

    /// <summary>Blobs that were pushed and have no manifest yet may come and go.</summary>
    private static async Task<bool> IsNeededAsync(
        SqliteDatabase snapshot, Digest digest, CancellationToken cancellation) => await snapshot.ReadAsync(
        session => session.NumberAsync(
            """
            SELECT 1 FROM manifest_reference r JOIN repository_blob b
                ON b.repository_id = r.repository_id AND b.digest = r.target_digest
            WHERE r.target_digest = $1 AND r.kind <> 'Subject' LIMIT 1
            """,
            digest.Text),
        cancellation) is not null;

    private static string Compress(string path)
    {
        var compressed = path + ".gz";
        using var from = File.OpenRead(path);
        using var to = new FileStream(compressed, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = Private,
        });
        using var gzip = new GZipStream(to, CompressionLevel.Fastest);
        from.CopyTo(gzip);
        return compressed;
    }

    private async Task<BackupFile> PutAsync(string path, CancellationToken cancellation)
    {
        using var content = new FileBlobContent(File.OpenHandle(path));
        var digest = await content.ComputeDigestAsync(DigestAlgorithm.Sha256, _ => { }, cancellation);
        if (!await IsThereAsync(digest, cancellation))
            await BlobCopy.RunAsync(content, digest, place.Blobs, cancellation);
        return new BackupFile(digest.Text, content.Length);
    }

    /// <summary>These are read whole: a damaged list or damaged metadata is a damaged backup.</summary>
    private async Task<bool> IsThereAsync(Digest digest, CancellationToken cancellation)
    {
        try
        {
            using var found = await place.Blobs.OpenAsync(digest, cancellation);
            return found is not null
                && await found.ComputeDigestAsync(digest.Algorithm, _ => { }, cancellation) == digest;
        }
        catch (IOException e) when (e is not StoreUnavailableException)
        {
            return false;
        }
    }
}
