using System.Collections.Concurrent;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// Blobs in a folder:
/// <code>
/// blobs/sha256/ab/abcdef…     a whole blob, durable, under its digest
/// uploads/0123…               an upload, or a staged blob: whole, verified, not yet durable
/// quarantine/sha256-abcdef…   what `berth verify` found altered
/// </code>
/// A blob gets its name only once its bytes are on the disk, so no crash leaves a name with wrong content behind.
/// To spare an fsync for each blob of an image, an upload that ended is <em>staged</em>: it answers at once from where
/// it lies, and becomes durable when a manifest needs it, or a moment later.
/// </summary>
internal sealed class FileBlobStore
{
    /// <summary>
    /// Larger blobs start for the disk at once, so that the manifest after them has less to wait for.
    /// </summary>
    private const long PromoteAtOnceBytes = 1024 * 1024;

    private readonly ConcurrentDictionary<Digest, StagedBlob> staged = new();
    private readonly ConcurrentDictionary<string, Lazy<bool>> durableFolders = new(StringComparer.Ordinal);
    private readonly string blobs;
    private readonly string uploads;
    private readonly string quarantine;

    public FileBlobStore(string root)
    {
        blobs = Path.Combine(root, "blobs");
        uploads = Path.Combine(root, "uploads");
        quarantine = Path.Combine(root, "quarantine");
        foreach (var folder in new[] { blobs, uploads, quarantine }) Directory.CreateDirectory(folder);
        DirectorySync.Flush(root);
    }

    /// <summary>Opens an upload, new or begun earlier. Nothing is created on the disk before the first byte.</summary>
    public BlobUpload OpenUpload(UploadId id, RepositoryName repository, DigestAlgorithm algorithm) =>
        new(id, repository, algorithm, UploadPath(id));

    /// <summary>Forgets an upload and what it received.</summary>
    public void DeleteUpload(UploadId id) => File.Delete(UploadPath(id));

    /// <summary>Uploads that have a file, staged blobs aside, and when each was last written.</summary>
    public IEnumerable<(UploadId Id, DateTime WrittenUtc)> ListUploads()
    {
        var inUse = staged.Values.Select(s => s.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var file in new DirectoryInfo(uploads).EnumerateFiles())
        {
            if (inUse.Contains(file.FullName) || !UploadId.TryParse(file.Name, out var id)) continue;
            yield return (id, file.LastWriteTimeUtc);
        }
    }

    /// <summary>Takes over an upload whose digest was checked. It answers from now on, and ends as an upload.</summary>
    public void Stage(BlobUpload upload, Digest digest)
    {
        upload.CreateFile();
        upload.Dispose();
        var blob = new StagedBlob(digest, upload.Path, upload.Offset);
        var kept = staged.GetOrAdd(digest, blob);
        if (kept != blob) File.Delete(upload.Path);
        if (kept.SizeBytes >= PromoteAtOnceBytes) _ = PromoteAsync(kept);
    }

    /// <summary>Returns once these blobs survive a power cut.</summary>
    /// <exception cref="IOException">The disk refused; the blob is gone and has to be pushed again.</exception>
    public Task MakeDurableAsync(IEnumerable<Digest> digests)
    {
        List<Task>? promotions = null;
        foreach (var digest in digests)
        {
            if (staged.TryGetValue(digest, out var blob)) (promotions ??= []).Add(PromoteAsync(blob));
        }

        return promotions is null ? Task.CompletedTask : Task.WhenAll(promotions);
    }

    /// <summary>Makes every staged blob durable that has been staged for at least <paramref name="age"/>.</summary>
    public Task PromoteStagedAsync(TimeSpan age) => Task.WhenAll(
        staged.Values.Where(b => b.Age >= age).Select(PromoteAsync));

    /// <summary>A blob's length in bytes, or null where it is not there.</summary>
    public long? LengthOf(Digest digest) => Locate(digest, path =>
    {
        var file = new FileInfo(path);
        return file.Exists ? (long?)file.Length : null;
    });

    /// <summary>Opens a blob, or returns null where it is not there.</summary>
    public BlobContent? Open(Digest digest) => Locate(digest, path =>
    {
        try
        {
            // Asynchronous, because only such handles can be handed to a socket.
            return new BlobContent(File.OpenHandle(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete,
                FileOptions.Asynchronous));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

    /// <summary>Digests of all durable blobs, in no order.</summary>
    public IEnumerable<Digest> List()
    {
        foreach (var algorithm in new DirectoryInfo(blobs).EnumerateDirectories())
        {
            foreach (var file in algorithm.EnumerateFiles("*", SearchOption.AllDirectories))
            {
                if (Digest.TryParse($"{algorithm.Name}:{file.Name}", out var digest)) yield return digest;
            }
        }
    }

    /// <summary>Sets an altered blob aside, so that it stops answering and a push can replace it.</summary>
    public void Quarantine(Digest digest)
    {
        var path = BlobPath(digest);
        File.Move(path, Path.Combine(quarantine, digest.Text.Replace(':', '-')), overwrite: true);
        DirectorySync.Flush(quarantine);
        DirectorySync.Flush(Path.GetDirectoryName(path)!);
    }

    /// <summary>
    /// A staged blob comes first, since it replaces a file under its name that was damaged. It may get its name while
    /// it is looked for: then it is found there.
    /// </summary>
    private T? Locate<T>(Digest digest, Func<string, T?> look) =>
        staged.TryGetValue(digest, out var blob) && look(blob.Path) is { } found ? found : look(BlobPath(digest));

    private Task PromoteAsync(StagedBlob blob) => blob.PromoteOnceAsync(() => Promote(blob));

    /// <summary>Data before name: sync the file, check its size, rename it, sync the folder.</summary>
    private void Promote(StagedBlob blob)
    {
        try
        {
            using (var file = File.OpenHandle(blob.Path, FileMode.Open, FileAccess.ReadWrite))
            {
                RandomAccess.FlushToDisk(file);
                var length = RandomAccess.GetLength(file);
                if (length != blob.SizeBytes)
                {
                    throw new IOException($"{blob.Digest} has {length} of {blob.SizeBytes} bytes");
                }
            }

            var target = BlobPath(blob.Digest);
            var folder = Path.GetDirectoryName(target)!;
            CreateDurably(folder);
            File.Move(blob.Path, target, overwrite: true);
            DirectorySync.Flush(folder);
        }
        catch
        {
            // After a failed sync the kernel may have dropped the pages: the bytes can't be trusted any more.
            File.Delete(blob.Path);
            throw;
        }
        finally
        {
            staged.TryRemove(KeyValuePair.Create(blob.Digest, blob));
        }
    }

    /// <summary>
    /// Each folder is synced into its parents once in a process's life: an earlier one may have died between.
    /// </summary>
    private void CreateDurably(string folder) => _ = durableFolders.GetOrAdd(folder, created => new Lazy<bool>(() =>
    {
        Directory.CreateDirectory(created);
        DirectorySync.Flush(Path.GetDirectoryName(created)!);
        DirectorySync.Flush(blobs);
        return true;
    })).Value;

    private string UploadPath(UploadId id) => Path.Combine(uploads, id.Text);

    private string BlobPath(Digest digest)
    {
        var algorithm = digest.Algorithm == DigestAlgorithm.Sha512 ? "sha512" : "sha256";
        return $"{blobs}/{algorithm}/{digest.Text.AsSpan(7, 2)}/{digest.Text.AsSpan(7)}";
    }

    private sealed class StagedBlob(Digest digest, string path, long sizeBytes)
    {
        private readonly long stagedAt = Environment.TickCount64;
        private readonly Lock starting = new();
        private Task? promotion;

        public Digest Digest { get; } = digest;

        public string Path { get; } = path;

        public long SizeBytes { get; } = sizeBytes;

        public TimeSpan Age => TimeSpan.FromMilliseconds(Environment.TickCount64 - stagedAt);

        public Task PromoteOnceAsync(Action promote)
        {
            lock (starting) return promotion ??= Task.Run(promote);
        }
    }
}
