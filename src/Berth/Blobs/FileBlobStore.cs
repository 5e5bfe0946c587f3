using System.Collections.Concurrent;
using Berth.Disk;
using Berth.Oci;
using Microsoft.Extensions.Logging.Abstractions;

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
/// it lies, and becomes durable when a manifest needs it, or a moment later. Whatever fails on that way is tried again:
/// only a file that is known to be damaged is dropped, by its length or its digest.
/// </summary>
internal sealed partial class FileBlobStore : IBlobStore
{
    /// <summary>
    /// Larger blobs start for the disk at once, so that the manifest after them has less to wait for.
    /// </summary>
    private const long PromoteAtOnceBytes = 1024 * 1024;

    private readonly ConcurrentDictionary<Digest, StagedBlob> staged = new();
    private readonly ConcurrentDictionary<string, bool> durableFolders = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Digest, bool> unreadable = new();
    private volatile bool hasUnreadable;
    private readonly string blobs;
    private readonly string uploads;
    private readonly string quarantine;
    private readonly bool writesDirectly;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly TaskFactory promoting;

    /// <param name="root">The folder, made when missing, unless it can only be read.</param>
    /// <param name="writesDirectly">Whether large blobs go past the page cache.</param>
    /// <param name="clock">The time; the system's if null.</param>
    /// <param name="log">Where failures of the disk are told; nowhere if null.</param>
    /// <param name="concurrentSyncs">How many blobs are synced at once: each holds a thread.</param>
    public FileBlobStore(
        string root, bool writesDirectly = true, TimeProvider? clock = null, ILogger<FileBlobStore>? log = null,
        int concurrentSyncs = 16)
    {
        Name = root;
        promoting = new TaskFactory(
            new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, concurrentSyncs).ConcurrentScheduler);
        this.writesDirectly = writesDirectly;
        this.clock = clock ?? TimeProvider.System;
        this.log = log ?? NullLogger<FileBlobStore>.Instance;
        blobs = Path.Combine(root, "blobs");
        uploads = Path.Combine(root, "uploads");
        quarantine = Path.Combine(root, "quarantine");
        if (!PathAccess.IsWritable(root) && Directory.Exists(blobs)) return;
        foreach (var folder in new[] { blobs, uploads, quarantine }) Directory.CreateDirectory(folder);
        DiskSync.Folder(root);
    }

    public string Name { get; }

    /// <summary>Nothing is created on the disk before the first byte; the file alone says how far it came.</summary>
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

    /// <summary>An upload is staged before its session ends, so the session is asked for first.</summary>
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

    public Task CommitAsync(BlobUpload upload, Digest digest, CancellationToken cancellation)
    {
        var received = (FileBlobUpload)upload;
        received.CreateFile();
        received.Dispose();
        var blob = Stage(digest, received.Offset, new StagedFile(received.Path));
        if (blob.SizeBytes >= PromoteAtOnceBytes) _ = PromoteInBackgroundAsync(blob);
        return Task.CompletedTask;
    }

    public async Task<IReadOnlyDictionary<Digest, long>> MakeDurableAsync(IReadOnlyCollection<Digest> digests)
    {
        List<Task>? syncs = null;
        HashSet<string>? folders = null;
        foreach (var digest in digests)
        {
            if (staged.TryGetValue(digest, out var blob)) (syncs ??= []).Add(PromoteAsync(blob));
            else if (FolderToSync(digest) is { } folder) (folders ??= []).Add(folder);
        }

        if (folders is not null) (syncs ??= []).Add(Task.Run(() => folders.ToList().ForEach(SyncOnce)));
        if (syncs is not null) await Task.WhenAll(syncs);
        var durable = new Dictionary<Digest, long>();
        foreach (var digest in digests)
        {
            if (FileLength.Of(BlobPath(digest)) is { } length) durable[digest] = length;
        }

        return durable;
    }

    /// <summary>
    /// Makes every staged blob durable that has been staged for at least <paramref name="age"/>. One that fails stays
    /// staged, and rests for a while that doubles with each failure.
    /// </summary>
    public Task PromoteStagedAsync(TimeSpan age) => Task.WhenAll(
        staged.Values.Where(b => b.IsDue(age)).Select(PromoteInBackgroundAsync));

    /// <summary>Digests of what was answered with 201 and is not durable yet.</summary>
    public IEnumerable<Digest> Staged => staged.Keys;

    /// <summary>One that could not be opened lately is opened here too: a HEAD tells what a GET would.</summary>
    public ValueTask<long?> LengthOfAsync(Digest digest)
    {
        if (hasUnreadable && unreadable.ContainsKey(digest)) OpenNoted(digest)?.Dispose();
        return ValueTask.FromResult(Locate(digest, FileLength.Of));
    }

    public ValueTask<BlobContent?> OpenAsync(Digest digest) => ValueTask.FromResult(OpenNoted(digest));

    /// <summary>A staged blob first gets its place: then there is one file to remove.</summary>
    public async Task DeleteAsync(Digest digest, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (staged.TryGetValue(digest, out var blob)) await PromoteAsync(blob);
        var path = BlobPath(digest);
        if (!File.Exists(path)) return;
        File.Delete(path);
        DiskSync.Folder(Path.GetDirectoryName(path)!);
    }

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
        DiskSync.Folder(quarantine);
        DiskSync.Folder(Path.GetDirectoryName(path)!);
        return Task.FromResult(isSame);
    }

    /// <summary>For pushes a file is written as an upload is, and synced: only that shows a failing disk.</summary>
    public ValueTask<string?> FindProblemAsync(bool forPulls) => ValueTask.FromResult(
        !Directory.Exists(blobs) ? $"the folder of the blobs is gone: {blobs}" : forPulls ? null : Probe());

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

    public Task<int> CountQuarantinedAsync() => Task.FromResult(
        Directory.Exists(quarantine) ? Directory.EnumerateFiles(quarantine, "sha*").Count() : 0);

    /// <summary>
    /// What was just pushed goes before a file of that name, which it may be meant to heal. A staged blob may get its
    /// name while it is looked for: then it is found there.
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
        DiskSync.Folder(folder);
        DiskSync.Folder(Path.GetDirectoryName(folder)!);
        DiskSync.Folder(blobs);
        durableFolders.TryAdd(folder, true);
    }

    /// <summary>A folder that could not be synced is not durable until a later sync works.</summary>
    private void FlushNames(string folder)
    {
        try
        {
            DiskSync.Folder(folder);
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
}
