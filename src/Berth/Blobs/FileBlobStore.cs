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
internal sealed class FileBlobStore : IBlobStore
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
    private readonly bool writesDirectly;

    /// <param name="root">The folder, made when missing.</param>
    /// <param name="writesDirectly">Whether large blobs go past the page cache.</param>
    public FileBlobStore(string root, bool writesDirectly = true)
    {
        Name = root;
        this.writesDirectly = writesDirectly;
        blobs = Path.Combine(root, "blobs");
        uploads = Path.Combine(root, "uploads");
        quarantine = Path.Combine(root, "quarantine");
        foreach (var folder in new[] { blobs, uploads, quarantine }) Directory.CreateDirectory(folder);
        DirectorySync.Flush(root);
    }

    public string Name { get; }

    /// <summary>Nothing is created on the disk before the first byte; the file alone says how far it came.</summary>
    public ValueTask<BlobUpload> OpenUploadAsync(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state) =>
        ValueTask.FromResult<BlobUpload>(new FileBlobUpload(
            id, repository, algorithm, UploadPath(id), writesDirectly));

    public Task DeleteUploadAsync(UploadId id, string? state)
    {
        File.Delete(UploadPath(id));
        return Task.CompletedTask;
    }

    /// <summary>An upload is staged before its session ends, so the session is asked for first.</summary>
    public async Task RemoveOrphansAsync(
        DateTimeOffset since, Func<UploadId, ValueTask<bool>> isOwned, CancellationToken cancellation)
    {
        foreach (var file in new DirectoryInfo(uploads).EnumerateFiles())
        {
            cancellation.ThrowIfCancellationRequested();
            if (file.LastWriteTimeUtc >= since || !UploadId.TryParse(file.Name, out var id)) continue;
            if (!await isOwned(id) && !staged.Values.Any(blob => blob.Path == UploadPath(id))) file.Delete();
        }
    }

    public Task CommitAsync(BlobUpload upload, Digest digest)
    {
        var received = (FileBlobUpload)upload;
        received.CreateFile();
        received.Dispose();
        var blob = new StagedBlob(digest, received.Path, received.Offset);
        var kept = staged.GetOrAdd(digest, blob);
        if (kept != blob) File.Delete(received.Path);
        if (kept.SizeBytes >= PromoteAtOnceBytes) _ = PromoteAsync(kept);
        return Task.CompletedTask;
    }

    public async Task<IReadOnlyDictionary<Digest, long>> MakeDurableAsync(IReadOnlyCollection<Digest> digests)
    {
        List<Task>? syncs = null;
        foreach (var digest in digests)
        {
            if (staged.TryGetValue(digest, out var blob)) (syncs ??= []).Add(PromoteAsync(blob));
            else if (FolderToSync(digest) is { } folder) (syncs ??= []).Add(Task.Run(() => SyncOnce(folder)));
        }

        if (syncs is not null) await Task.WhenAll(syncs);
        var durable = new Dictionary<Digest, long>();
        foreach (var digest in digests)
        {
            if (FileLength.Of(BlobPath(digest)) is { } length) durable[digest] = length;
        }

        return durable;
    }

    /// <summary>Makes every staged blob durable that has been staged for at least <paramref name="age"/>.</summary>
    public Task PromoteStagedAsync(TimeSpan age) => Task.WhenAll(
        staged.Values.Where(b => b.Age >= age).Select(PromoteAsync));

    public ValueTask<long?> LengthOfAsync(Digest digest) => ValueTask.FromResult(Locate(digest, FileLength.Of));

    public ValueTask<BlobContent?> OpenAsync(Digest digest) => ValueTask.FromResult(Locate(digest, Open));

    public IAsyncEnumerable<Digest> ListAsync(CancellationToken cancellation) => List().ToAsyncEnumerable();

    /// <summary>Only the very file that was found altered, known by the time it was written, is moved.</summary>
    public Task<bool> QuarantineAsync(Digest digest, BlobContent altered)
    {
        var path = BlobPath(digest);
        var writtenUtc = ((FileBlobContent)altered).WrittenUtc;
        if (File.GetLastWriteTimeUtc(path) != writtenUtc) return Task.FromResult(false);
        var aside = Path.Combine(quarantine, digest.Text.Replace(':', '-'));
        File.Move(path, aside, overwrite: true);
        var isSame = File.GetLastWriteTimeUtc(aside) == writtenUtc;
        if (!isSame) File.Move(aside, path, overwrite: true);
        DirectorySync.Flush(quarantine);
        DirectorySync.Flush(Path.GetDirectoryName(path)!);
        return Task.FromResult(isSame);
    }

    /// <summary>Whether the disk can be written is asked of the whole data folder.</summary>
    public ValueTask<string?> FindProblemAsync() => ValueTask.FromResult<string?>(null);

    public Task<int> CountQuarantinedAsync() => Task.FromResult(Directory.EnumerateFiles(quarantine).Count());

    /// <summary>
    /// What was just pushed goes before a file of that name, which it may be meant to heal. A staged blob may get its
    /// name while it is looked for: then it is found there.
    /// </summary>
    private T? Locate<T>(Digest digest, Func<string, T?> look) =>
        (staged.TryGetValue(digest, out var blob) ? look(blob.Path) : default) ?? look(BlobPath(digest));

    private IEnumerable<Digest> List()
    {
        foreach (var algorithm in new DirectoryInfo(blobs).EnumerateDirectories())
        {
            foreach (var file in algorithm.EnumerateFiles("*", SearchOption.AllDirectories))
            {
                if (Digest.TryParse($"{algorithm.Name}:{file.Name}", out var digest)) yield return digest;
            }
        }
    }

    private static BlobContent? Open(string path)
    {
        try
        {
            // Asynchronous, because only such handles can be handed to a socket.
            return new FileBlobContent(File.OpenHandle(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete,
                FileOptions.Asynchronous));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
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
