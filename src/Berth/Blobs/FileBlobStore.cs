using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Berth.Disk;
using Berth.Oci;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Blobs;

/// <summary>
/// Blobs in a folder:
/// <code>
/// blobs/sha256/ab/abcdef…     a complete blob, durable, under its digest
/// uploads/0123…               an upload, or a staged blob: complete, verified, not yet durable
/// quarantine/sha256-abcdef…   what `berth verify` found altered
/// </code>
/// A blob gets its name only once its bytes are on the disk, so no crash leaves a name with wrong content behind. To
/// avoid an fsync for each blob of an image, a finished upload is first <em>staged</em>: it is served at once from the
/// upload's file, and becomes durable when a manifest needs it, or a moment later. Failures on the way are retried: a
/// file is dropped only if its length or digest shows that it is damaged.
/// </summary>
internal sealed partial class FileBlobStore : IBlobStore
{
    /// <summary>Larger blobs are promoted at once, so that their manifest has less to wait for.</summary>
    private const long PromoteAtOnceBytes = 1024 * 1024;

    private readonly ConcurrentDictionary<Digest, StagedBlob> staged = new();
    private readonly ConcurrentDictionary<string, StagedFile> stagedFiles = new(StringComparer.Ordinal);
    private readonly BlobFolders folders;
    private readonly ConcurrentDictionary<Digest, bool> unreadable = new();
    private volatile bool hasUnreadable;
    private readonly string blobs;
    private readonly string uploads;
    private readonly string quarantine;
    private readonly bool writesDirectly;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly TaskFactory promoting;

    /// <param name="root">The folder, created if missing, unless it is read-only.</param>
    /// <param name="writesDirectly">Whether large blobs bypass the page cache.</param>
    /// <param name="clock">The time; the system's if null.</param>
    /// <param name="log">Where disk failures are logged; nowhere if null.</param>
    /// <param name="mayCreate">Whether missing folders are made; without them there are only reads.</param>
    /// <param name="concurrentSyncs">How many blobs are synced at once: each takes a thread.</param>
    public FileBlobStore(
        string root, bool writesDirectly = true, TimeProvider? clock = null, ILogger<FileBlobStore>? log = null,
        int concurrentSyncs = 16, bool mayCreate = true)
    {
        Name = root;
        promoting = new TaskFactory(
            new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, concurrentSyncs).ConcurrentScheduler);
        this.writesDirectly = writesDirectly;
        this.clock = clock ?? TimeProvider.System;
        this.log = log ?? NullLogger<FileBlobStore>.Instance;
        blobs = Path.Combine(root, "blobs");
        folders = new BlobFolders(blobs, DiskSync.Folder);
        uploads = Path.Combine(root, "uploads");
        quarantine = Path.Combine(root, "quarantine");
        if (!mayCreate || (!PathAccess.IsWritable(root) && Directory.Exists(blobs))) return;
        foreach (var folder in new[] { blobs, uploads, quarantine }) Directory.CreateDirectory(folder);
        DiskSync.Folder(root);
    }

    public string Name { get; }

    /// <summary>
    /// Creates nothing on disk before the first byte; the file's length alone tells how far the upload came.
    /// </summary>
    public ValueTask<BlobUpload> OpenUploadAsync(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state,
        CancellationToken cancellation)
    {
        var upload = new FileBlobUpload(id, repository, algorithm, UploadPath(id), writesDirectly, state);
        if (upload.Offset == 0 || !IsStaged(upload.Path)) return ValueTask.FromResult<BlobUpload>(upload);
        upload.Dispose();
        throw new StoreUnavailableException($"upload {id} has become a blob that is not durable yet");
    }

    public Task DeleteUploadAsync(UploadId id, string? state, CancellationToken cancellation)
    {
        if (!IsStaged(UploadPath(id))) File.Delete(UploadPath(id));
        return Task.CompletedTask;
    }

    /// <summary>An upload is staged before its session ends, so the session is checked first.</summary>
    public async Task RemoveOrphansAsync(
        DateTimeOffset since, Func<UploadId, ValueTask<bool>> isOwned, CancellationToken cancellation)
    {
        foreach (var file in new DirectoryInfo(uploads).EnumerateFiles())
        {
            cancellation.ThrowIfCancellationRequested();
            if (file.LastWriteTimeUtc >= since || !UploadId.TryParse(file.Name, out var id)) continue;
            if (!await isOwned(id) && !IsStaged(UploadPath(id))) file.Delete();
        }
    }

    /// <summary>
    /// The digest of a file tells whether it is such a blob. A power cut may have left anything in it.
    /// </summary>
    public async Task RecoverAsync(
        Func<UploadId, ValueTask<bool>> isOwned, Func<Digest, ValueTask<bool>> isRecorded,
        CancellationToken cancellation)
    {
        foreach (var file in new DirectoryInfo(uploads).EnumerateFiles())
        {
            if (!UploadId.TryParse(file.Name, out var id) || await isOwned(id)) continue;
            using var handle = File.OpenHandle(file.FullName);
            foreach (var algorithm in new[] { DigestAlgorithm.Sha256, DigestAlgorithm.Sha512 })
            {
                var digest = FileBlobContent.ComputeDigest(handle, algorithm, cancellation: cancellation);
                if (File.Exists(BlobPath(digest)) || !await isRecorded(digest)) continue;
                Stage(digest, file.Length, new StagedFile(UploadPath(id)));
                break;
            }
        }
    }

    public Task CommitAsync(BlobUpload upload, Digest digest, CancellationToken cancellation)
    {
        var received = (FileBlobUpload)upload;
        received.CreateFile();
        received.Dispose();
        var blob = Stage(digest, received.Offset, new StagedFile(received.Path));
        if (blob.SizeBytes >= PromoteAtOnceBytes) _ = PromoteInBackgroundAsync(blob);
        return Task.CompletedTask;
    }

    /// <summary>Looks again after each wait: a blob may have been pushed again in the meantime.</summary>
    public async Task<IReadOnlyDictionary<Digest, long>> MakeDurableAsync(
        IReadOnlyCollection<Digest> digests, CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var durable = new Dictionary<Digest, long>();
            List<Task>? syncs = null;
            HashSet<string>? unsynced = null;
            foreach (var digest in digests)
            {
                var path = BlobPath(digest);
                var folder = Path.GetDirectoryName(path)!;
                long? length = null;
                if (!staged.TryGetValue(digest, out var blob))
                {
                    // The name alone is not enough: the promotion that gave it must have completed too.
                    length = FileLength.Of(path);
                    staged.TryGetValue(digest, out blob);
                }

                if (blob is not null) (syncs ??= []).Add(PromoteAsync(blob));
                else if (length is not null && !folders.IsDurable(folder)) (unsynced ??= []).Add(folder);
                else if (length is { } found) durable[digest] = found;
            }

            if (syncs is null && unsynced is null) return durable;
            if (unsynced is not null) (syncs ??= []).Add(Task.Run(() => MakeDurable(unsynced), CancellationToken.None));
            await Task.WhenAll(syncs!).WaitAsync(cancellation);
        }
    }

    private void MakeDurable(HashSet<string> unsynced)
    {
        foreach (var folder in unsynced) folders.MakeDurable(folder);
    }

    /// <summary>
    /// Promotes every blob that has been staged for at least <paramref name="age"/>. One that fails stays staged, with
    /// exponential backoff.
    /// </summary>
    public Task PromoteStagedAsync(TimeSpan age) => Task.WhenAll(
        staged.Values.Where(b => b.IsDue(age)).Select(PromoteInBackgroundAsync));

    /// <summary>Digests of blobs that were answered with 201 but are not durable yet.</summary>
    public IEnumerable<Digest> Staged => staged.Keys;

    /// <summary>
    /// A blob that recently could not be opened is opened here too, so that a HEAD reports what a GET would.
    /// </summary>
    public ValueTask<long?> LengthOfAsync(Digest digest, CancellationToken cancellation)
    {
        if (hasUnreadable && unreadable.ContainsKey(digest)) OpenNoted(digest)?.Dispose();
        return ValueTask.FromResult(Locate(digest, FileLength.Of));
    }

    public ValueTask<BlobContent?> OpenAsync(Digest digest, CancellationToken cancellation) =>
        ValueTask.FromResult(OpenNoted(digest));

    /// <summary>A staged blob is promoted first, so that there is only one file to remove.</summary>
    public async Task DeleteAsync(Digest digest, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (staged.TryGetValue(digest, out var blob)) await PromoteAsync(blob);
        var path = BlobPath(digest);
        if (!File.Exists(path)) return;
        File.Delete(path);
        folders.Sync(Path.GetDirectoryName(path)!);
    }

    public IAsyncEnumerable<Digest> ListAsync(CancellationToken cancellation) => List().ToAsyncEnumerable();

    /// <summary>Moves only the file that was found altered, identified by its modification time.</summary>
    public Task<bool> QuarantineAsync(Digest digest, BlobContent altered, CancellationToken cancellation)
    {
        var path = BlobPath(digest);
        var writtenUtc = ((FileBlobContent)altered).WrittenUtc;
        if (File.GetLastWriteTimeUtc(path) != writtenUtc) return Task.FromResult(false);
        var aside = QuarantinePath(digest);
        File.Move(path, aside, overwrite: true);
        var isSame = File.GetLastWriteTimeUtc(aside) == writtenUtc;
        if (!isSame) File.Move(aside, path, overwrite: true);
        folders.Sync(Path.GetDirectoryName(path)!);
        DiskSync.Folder(quarantine);
        return Task.FromResult(isSame);
    }

    /// <summary>For pushes, a file is written and synced like an upload: only that reveals a failing disk.</summary>
    public ValueTask<string?> FindProblemAsync(bool forPulls, CancellationToken cancellation) => ValueTask.FromResult(
        !Directory.Exists(blobs) ? $"the blobs folder is gone: {blobs}" : forPulls ? null : Probe());

    private string? Probe()
    {
        try
        {
            var path = Path.Combine(uploads, "berth.probe");
            using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite))
            {
                RandomAccess.Write(file, [1], fileOffset: 0);
                DiskSync.File(file, path);
            }

            File.Delete(path);
            DiskSync.Folder(uploads);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"uploads can't be written: {e.Message}";
        }
    }

    public async IAsyncEnumerable<Digest> ListQuarantinedAsync(
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        await Task.CompletedTask;
        if (!Directory.Exists(quarantine)) yield break;
        foreach (var path in Directory.EnumerateFiles(quarantine, "sha*"))
        {
            cancellation.ThrowIfCancellationRequested();
            if (Digest.TryParse(Path.GetFileName(path).Replace('-', ':'), out var digest)) yield return digest;
        }
    }

    public Task DeleteQuarantinedAsync(Digest digest, CancellationToken cancellation)
    {
        File.Delete(QuarantinePath(digest));
        return Task.CompletedTask;
    }

    private string QuarantinePath(Digest digest) => Path.Combine(quarantine, digest.Text.Replace(':', '-'));

    /// <summary>
    /// A staged blob takes precedence over a file of that name, which it may be meant to repair. If it gets its name
    /// during the search, it is found there.
    /// </summary>
    private T? Locate<T>(Digest digest, Func<string, T?> look)
    {
        if (staged.TryGetValue(digest, out var blob))
        {
            foreach (var file in blob.Files)
            {
                if (FileLength.Of(file.Path) == blob.SizeBytes && look(file.Path) is { } found) return found;
            }
        }

        return look(BlobPath(digest));
    }

    private BlobContent? OpenNoted(Digest digest)
    {
        try
        {
            var content = Locate(digest, Open);
            if (hasUnreadable) unreadable.TryRemove(digest, out _);
            return content;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            unreadable[digest] = true;
            hasUnreadable = true;
            throw;
        }
    }

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
            // Asynchronous, because only such handles can be passed to a socket.
            return new FileBlobContent(File.OpenHandle(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete,
                FileOptions.Asynchronous));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private string UploadPath(UploadId id) => Path.Combine(uploads, id.Text);

    private string BlobPath(Digest digest)
    {
        var algorithm = digest.Algorithm == DigestAlgorithm.Sha512 ? "sha512" : "sha256";
        return $"{blobs}/{algorithm}/{digest.Text.AsSpan(7, 2)}/{digest.Text.AsSpan(7)}";
    }
}
