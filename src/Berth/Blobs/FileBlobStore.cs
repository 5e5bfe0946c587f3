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
    private readonly ConcurrentDictionary<string, bool> durableFolders = new(StringComparer.Ordinal);
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

    /// <summary>Uploads that have a file, staged blobs too, and when each was last written.</summary>
    public IEnumerable<(UploadId Id, DateTime WrittenUtc)> ListUploads()
    {
        foreach (var file in new DirectoryInfo(uploads).EnumerateFiles())
        {
            if (UploadId.TryParse(file.Name, out var id)) yield return (id, file.LastWriteTimeUtc);
        }
    }

    /// <summary>
    /// Whether an upload ended and is a staged blob now. Asked after its session ended, the answer is final.
    /// </summary>
    public bool IsStaged(UploadId id)
    {
        var path = UploadPath(id);
        return staged.Values.Any(blob => blob.Path == path);
    }

    /// <summary>Whether a blob answers that a power cut could still take.</summary>
    public bool IsStaged(Digest digest) => staged.ContainsKey(digest);

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
        List<Task>? syncs = null;
        foreach (var digest in digests)
        {
            if (staged.TryGetValue(digest, out var blob)) (syncs ??= []).Add(PromoteAsync(blob));
            else if (FolderToSync(digest) is { } folder) (syncs ??= []).Add(Task.Run(() => SyncOnce(folder)));
        }

        return syncs is null ? Task.CompletedTask : Task.WhenAll(syncs);
    }

    /// <summary>Makes every staged blob durable that has been staged for at least <paramref name="age"/>.</summary>
    public Task PromoteStagedAsync(TimeSpan age) => Task.WhenAll(
        staged.Values.Where(b => b.Age >= age).Select(PromoteAsync));

    /// <summary>A blob's length in bytes, or null where it is not there.</summary>
    public long? LengthOf(Digest digest) => Locate(digest, LengthOf);

    /// <summary>The length in bytes of a blob that survives a power cut, or null where there is none.</summary>
    public long? DurableLengthOf(Digest digest) => LengthOf(BlobPath(digest));

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

    /// <summary>
    /// Sets an altered blob aside, so that it stops answering and a push can replace it. Only the very file that was found
    /// altered, known by the time it was written, is moved: a push may have put a good one in its place meanwhile.
    /// </summary>
    /// <returns>False if the file is another one by now.</returns>
    public bool Quarantine(Digest digest, DateTime writtenUtc)
    {
        var path = BlobPath(digest);
        if (File.GetLastWriteTimeUtc(path) != writtenUtc) return false;
        var aside = Path.Combine(quarantine, digest.Text.Replace(':', '-'));
        File.Move(path, aside, overwrite: true);
        var isSame = File.GetLastWriteTimeUtc(aside) == writtenUtc;
        if (!isSame) File.Move(aside, path, overwrite: true);
        DirectorySync.Flush(quarantine);
        DirectorySync.Flush(Path.GetDirectoryName(path)!);
        return isSame;
    }

    /// <summary>How many files lie in quarantine.</summary>
    public int CountQuarantined() => Directory.EnumerateFiles(quarantine).Count();

    /// <summary>
    /// What was just pushed goes before a file of that name, which it may be meant to heal. A staged blob may get its
    /// name while it is looked for: then it is found there.
    /// </summary>
    private T? Locate<T>(Digest digest, Func<string, T?> look) =>
        (staged.TryGetValue(digest, out var blob) ? look(blob.Path) : default) ?? look(BlobPath(digest));

    private static long? LengthOf(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? file.Length : null;
    }

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
            SyncOnce(folder);
            File.Move(blob.Path, target, overwrite: true);
            FlushNames(folder);
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

    /// <summary>The folder a manifest's blob lies in, where nothing in this process's life has synced it yet.</summary>
    private string? FolderToSync(Digest digest)
    {
        var folder = Path.GetDirectoryName(BlobPath(digest))!;
        return !durableFolders.ContainsKey(folder) && Directory.Exists(folder) ? folder : null;
    }

    /// <summary>
    /// Each folder is synced with its parents once in a process's life: an earlier one may have died between the name
    /// of a blob and its sync.
    /// </summary>
    private void SyncOnce(string folder)
    {
        if (durableFolders.ContainsKey(folder)) return;
        Directory.CreateDirectory(folder);
        DirectorySync.Flush(folder);
        DirectorySync.Flush(Path.GetDirectoryName(folder)!);
        DirectorySync.Flush(blobs);
        durableFolders.TryAdd(folder, true);
    }

    /// <summary>A folder that could not be synced is not durable until a later sync works.</summary>
    private void FlushNames(string folder)
    {
        try
        {
            DirectorySync.Flush(folder);
        }
        catch (IOException)
        {
            durableFolders.TryRemove(folder, out _);
            throw;
        }
    }

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
