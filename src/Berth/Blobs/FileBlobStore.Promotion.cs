using System.Buffers;
using Berth.Disk;
using Berth.Oci;
using Microsoft.Win32.SafeHandles;

namespace Berth.Blobs;

/// <summary>Promotion: how a staged blob becomes durable.</summary>
internal sealed partial class FileBlobStore
{
    private const int CopyBytes = 256 * 1024;

    /// <summary>An upload superseded by later ones is deleted at once: each of them is complete.</summary>
    private StagedBlob Stage(Digest digest, long sizeBytes, StagedFile file)
    {
        stagedFiles[file.Path] = file;
        while (true)
        {
            var blob = staged.GetOrAdd(digest, d => new StagedBlob(d, sizeBytes, clock));
            if (blob.TryAdd(file) is { } superfluous)
            {
                foreach (var other in superfluous) Drop(other);
                return blob;
            }

            staged.TryRemove(KeyValuePair.Create(digest, blob));
        }
    }

    /// <summary>
    /// Whether a file is a staged blob and no longer an upload. It keeps the upload's name until it is durable.
    /// </summary>
    private bool IsStaged(string path) => stagedFiles.ContainsKey(path);

    private void Drop(StagedFile file)
    {
        TryDelete(file.Path);
        Forget(file);
    }

    /// <summary>Its path may already belong to an upload again, or to a later staged file.</summary>
    private void Forget(StagedFile file) => stagedFiles.TryRemove(KeyValuePair.Create(file.Path, file));

    private Task PromoteAsync(StagedBlob blob) =>
        blob.PromoteAsync(() => promoting.StartNew(() => Promote(blob), CancellationToken.None));

    /// <summary>For blobs that no request waits for. Failures are retried later.</summary>
    private async Task PromoteInBackgroundAsync(StagedBlob blob)
    {
        try
        {
            await PromoteAsync(blob);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotDurable(blob.Digest, e.Message, blob.Rest.TotalSeconds);
        }
    }

    /// <summary>
    /// Tries the latest file first, until one gets the blob's name or none is left. The blob stays staged until its
    /// name is synced too, so that whoever needs the blob waits for that, and a sync that fails is retried.
    /// </summary>
    private void Promote(StagedBlob blob)
    {
        var folder = Path.GetDirectoryName(BlobPath(blob.Digest))!;
        folders.MakeDurable(folder);
        do
        {
            while (blob.Files is [var file, ..])
            {
                if (TryPlace(blob, file))
                {
                    foreach (var earlier in blob.Complete(file)) Drop(earlier);
                }
                else
                {
                    blob.Remove(file);
                }

                Forget(file);
            }

            if (blob.HasUnsyncedName) folders.Sync(folder);
            blob.HasUnsyncedName = false;
        }
        while (!blob.TryEnd());
        staged.TryRemove(KeyValuePair.Create(blob.Digest, blob));
    }

    /// <summary>Data before name: sync the file, check its size, rename it. False if the file is damaged.</summary>
    /// <exception cref="IOException">It failed for now; the file is kept.</exception>
    private bool TryPlace(StagedBlob blob, StagedFile file)
    {
        try
        {
            // To sync a file it need not be open for writing, which one that was linked may not allow.
            using var handle = File.OpenHandle(
                file.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var path = file.IsSuspect ? CopyChecked(blob.Digest, handle) : Sync(file, handle);
            if (path is not null && FileLength.Of(path) == blob.SizeBytes)
            {
                blob.HasUnsyncedName = true;
                File.Move(path, BlobPath(blob.Digest), overwrite: true);

                // If both were names of one file already, the move has done nothing.
                if (file.IsSuspect || File.Exists(file.Path)) TryDelete(file.Path);
                return true;
            }

            // Later uploads may have superseded and removed it: then nothing is wrong with it.
            if (!blob.Files.Contains(file)) return false;
            LogDamaged(blob.Digest, blob.SizeBytes, RandomAccess.GetLength(handle));
            TryDelete(file.Path);
        }
        catch (FileNotFoundException)
        {
            if (blob.Files.Contains(file)) LogGone(blob.Digest, file.Path);
        }

        return false;
    }

    private static string Sync(StagedFile file, SafeFileHandle handle)
    {
        try
        {
            DiskSync.File(handle, file.Path);
            return file.Path;
        }
        catch (SyncFailedException)
        {
            file.IsSuspect = true;
            throw;
        }
    }

    /// <summary>
    /// Copies a file that could not be synced into a new one, and syncs that. Null if the content no longer matches the
    /// digest.
    /// </summary>
    private string? CopyChecked(Digest digest, SafeFileHandle source)
    {
        var path = UploadPath(UploadId.New());
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            using var hash = Digest.StartHash(digest.Algorithm);
            using var copy = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
            for (long offset = 0; RandomAccess.Read(source, buffer, offset) is > 0 and var count; offset += count)
            {
                hash.AppendData(buffer, 0, count);
                RandomAccess.Write(copy, buffer.AsSpan(0, count), offset);
            }

            if (Digest.FromHash(digest.Algorithm, hash.GetHashAndReset()) == digest)
            {
                DiskSync.File(copy, path);
                return path;
            }
        }
        catch
        {
            TryDelete(path);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        TryDelete(path);
        return null;
    }

    /// <summary>Best effort: a file that can't be deleted now is removed at the next start, like all orphans.</summary>
    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It only takes up space.
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} is not durable yet: {Reason}. It is kept, and retried in {RestSeconds} s")]
    private partial void LogNotDurable(Digest digest, string reason, double restSeconds);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} should have {Expected} bytes but has {Found}, or other content: this copy is dropped, and the "
            + "blob has to be pushed again")]
    private partial void LogDamaged(Digest digest, long expected, long found);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "Blob {Digest} was removed from {Path} by another program before it was durable: it has to be pushed again")]
    private partial void LogGone(Digest digest, string path);
}
