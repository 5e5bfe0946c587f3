using System.Buffers;
using System.Security.Cryptography;
using Berth.Oci;
using Microsoft.Win32.SafeHandles;

namespace Berth.Blobs;

/// <summary>
/// An upload in a file that grows at its end. The hash runs along while one process writes from the start; after a
/// restart, or for another algorithm, it is taken again from the file.
/// </summary>
internal sealed class FileBlobUpload : BlobUpload
{
    /// <summary>
    /// What lies behind this in a large blob is written past the page cache. Small ones stay in memory, from where they
    /// are pulled soon.
    /// </summary>
    private const long DirectFromBytes = 8 * 1024 * 1024;

    private bool isDirect;
    private SafeFileHandle? file;
    private DirectWriter? direct;
    private IncrementalHash? hash;

    public FileBlobUpload(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string path, bool isDirect)
        : base(id, repository, algorithm)
    {
        Path = path;
        this.isDirect = isDirect;
        var written = new FileInfo(path);
        Offset = written.Exists ? written.Length : 0;
        if (Offset == 0) hash = Digest.StartHash(algorithm);
    }

    public string Path { get; }

    public override ValueTask RewindAsync()
    {
        if (BegunAt < Offset && !IsClosed) Forget(BegunAt);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<Digest> ComputeDigestAsync(DigestAlgorithm algorithm) => ValueTask.FromResult(
        hash is not null && algorithm == Algorithm
            ? Digest.FromHash(algorithm, hash.GetCurrentHash())
            : FileBlobContent.ComputeDigest(File(), algorithm));

    /// <summary>Makes sure the file is there, also for a blob of no bytes.</summary>
    public void CreateFile() => _ = File();

    protected override void Close()
    {
        file?.Dispose();
        hash?.Dispose();
    }

    protected override async ValueTask StoreAsync(ReadOnlySequence<byte> batch)
    {
        try
        {
            if (MayWriteDirectly()) await StoreDirectlyAsync(batch);
            else await StoreOrdinarilyAsync(batch);
        }
        catch (IOException)
        {
            // The hash is ahead of the file: it starts again from what was kept.
            if (!IsClosed) Forget(direct?.Written ?? Offset);
            throw;
        }
    }

    protected override async ValueTask SettleAsync()
    {
        if (direct is null) return;
        try
        {
            await direct.DrainAsync();
        }
        catch (IOException)
        {
            if (!IsClosed) Forget(direct.Written);
            throw;
        }
        finally
        {
            await direct.DisposeAsync();
            direct = null;
        }
    }

    private bool MayWriteDirectly()
    {
        if (!isDirect || Offset < DirectFromBytes) return false;
        direct ??= DirectWriter.TryOpen(File(), Path, Offset, Hash);
        return isDirect = direct is not null;
    }

    private async ValueTask StoreDirectlyAsync(ReadOnlySequence<byte> batch)
    {
        await direct!.AppendAsync(batch);
        Offset += batch.Length;
    }

    /// <summary>
    /// While a batch is hashed here it is written on another thread, and the one that brought it receives the next.
    /// </summary>
    private async ValueTask StoreOrdinarilyAsync(ReadOnlySequence<byte> batch)
    {
        if (batch.Length >= BatchBytes) await Task.Yield();
        var writing = batch.Length < BatchBytes ? null : Task.Run(() => Write(batch));
        if (writing is null) Write(batch);
        foreach (var segment in batch) Hash(segment);
        if (writing is not null) await writing;
        Offset += batch.Length;
    }

    private void Forget(long offset)
    {
        RandomAccess.SetLength(File(), offset);
        Offset = offset;
        hash?.Dispose();
        hash = offset == 0 ? Digest.StartHash(Algorithm) : null;
    }

    private void Write(ReadOnlySequence<byte> batch)
    {
        var position = Offset;
        foreach (var segment in batch)
        {
            RandomAccess.Write(File(), segment.Span, position);
            position += segment.Length;
        }
    }

    private void Hash(ReadOnlyMemory<byte> bytes) => hash?.AppendData(bytes.Span);

    private SafeFileHandle File() => file ??= System.IO.File.OpenHandle(
        Path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
}
