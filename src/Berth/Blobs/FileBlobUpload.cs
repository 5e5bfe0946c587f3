using System.Buffers;
using Berth.Disk;
using Berth.Oci;
using Microsoft.Win32.SafeHandles;

namespace Berth.Blobs;

/// <summary>
/// An upload in an append-only file. The hash is computed as bytes arrive, and saved when the upload is closed cleanly.
/// What it has not covered, after a crash or for another algorithm, is read from the file at the end.
/// </summary>
internal sealed class FileBlobUpload : BlobUpload
{
    /// <summary>
    /// Beyond this, a large blob bypasses the page cache. Small ones stay in the cache, since they are likely to be
    /// pulled soon.
    /// </summary>
    private const long DirectFromBytes = 8 * 1024 * 1024;

    /// <summary>How much is read at a time for the hash, in bytes.</summary>
    private const int ReadBytes = 1024 * 1024;

    private bool isDirect;
    private SafeFileHandle? file;
    private DirectWriter? direct;
    private ResumableHash hash;
    private long hashed;
    private bool isHashCurrent;

    /// <summary>Whether the file belongs to somebody else too, and is only read.</summary>
    private bool isLinked;

    /// <param name="id">Which.</param>
    /// <param name="repository">Where it was started.</param>
    /// <param name="algorithm">The algorithm that its digest will most likely have.</param>
    /// <param name="path">Its file, which need not exist yet.</param>
    /// <param name="isDirect">Whether large blobs bypass the page cache.</param>
    /// <param name="state">Its <see cref="State"/> when it was last closed; null for a new one.</param>
    public FileBlobUpload(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string path, bool isDirect, string? state)
        : base(id, repository, algorithm)
    {
        Path = path;
        this.isDirect = isDirect;
        var written = new FileInfo(path);
        Offset = written.Exists ? written.Length : 0;
        (hash, hashed) = FileUploadState.Read(state, Offset) ?? (ResumableHash.Start(algorithm), 0);
        isHashCurrent = hashed == Offset;
    }

    public string Path { get; }

    public override string? State => FileUploadState.Write(hash, hashed);

    public override bool TryLink(string file)
    {
        // A link to a symbolic link would be another one, to a file that others may replace.
        var isPlain = new FileInfo(file).LinkTarget is null;
        if (!isPlain || Offset > 0 || this.file is not null || !HardLink.TryCreate(file, Path)) return false;
        isLinked = true;
        Offset = new FileInfo(Path).Length;
        isHashCurrent = hashed == Offset;
        return true;
    }

    public override ValueTask RewindAsync(CancellationToken cancellation)
    {
        if (BegunAt < Offset && !IsClosed) Forget(BegunAt);
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// If the file has to be read, this does not occupy a thread all the time, and what was read before the client went
    /// away need not be read again.
    /// </summary>
    public override async ValueTask<Digest> ComputeDigestAsync(
        DigestAlgorithm algorithm, Action<int>? read, CancellationToken cancellation)
    {
        if (algorithm != hash.Algorithm) StartHash(algorithm);
        if (!isHashCurrent) await ReadHashAsync(read, cancellation);
        return hash.Current();
    }

    /// <summary>Makes sure the file exists, even for an empty blob.</summary>
    public void CreateFile() => _ = File();

    protected override void Close()
    {
        file?.Dispose();
        hash.Dispose();
    }

    protected override async ValueTask StoreAsync(ReadOnlySequence<byte> batch, CancellationToken cancellation)
    {
        if (isLinked) throw new InvalidOperationException($"{Path} is linked, and must not be written to");
        try
        {
            if (MayWriteDirectly()) await StoreDirectlyAsync(batch);
            else await StoreOrdinarilyAsync(batch);
        }
        catch (IOException)
        {
            // The hash is ahead of the file.
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
    /// Hashes the batch here while another thread writes it and the calling thread receives the next one.
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
        if (isLinked) throw new InvalidOperationException($"{Path} is linked, and must not be cut");
        RandomAccess.SetLength(File(), offset);
        Offset = offset;
        if (hashed > offset) StartHash(Algorithm);
        isHashCurrent = hashed == offset;
    }

    private void StartHash(DigestAlgorithm algorithm)
    {
        hash.Dispose();
        (hash, hashed, isHashCurrent) = (ResumableHash.Start(algorithm), 0, Offset == 0);
    }

    private async Task ReadHashAsync(Action<int>? read, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            while (hashed < Offset)
            {
                await Task.Yield();
                cancellation.ThrowIfCancellationRequested();
                var count = RandomAccess.Read(
                    File(), buffer.AsSpan(0, (int)Math.Min(ReadBytes, Offset - hashed)), hashed);
                if (count == 0) throw new UploadLostException($"{Path} has {hashed} of {Offset} bytes");
                hash.Append(buffer.AsSpan(0, count));
                hashed += count;
                read?.Invoke(count);
            }

            isHashCurrent = true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
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

    private void Hash(ReadOnlyMemory<byte> bytes)
    {
        if (!isHashCurrent) return;
        hash.Append(bytes.Span);
        hashed += bytes.Length;
    }

    private SafeFileHandle File() => file ??= System.IO.File.OpenHandle(
        Path, isLinked ? FileMode.Open : FileMode.OpenOrCreate, isLinked ? FileAccess.Read : FileAccess.ReadWrite,
        FileShare.ReadWrite | FileShare.Delete);
}
