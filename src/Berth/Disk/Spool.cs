namespace Berth.Disk;

/// <summary>Where what is too large for memory is kept while somebody works on it.</summary>
/// <param name="folder">A folder on a disk with room.</param>
internal sealed class Spools(string folder)
{
    public Spool New() => new(folder);
}

/// <summary>
/// Bytes that are written once, and then read in any order: few in memory, more in a file. The file has no name, so
/// that it goes with the process, however that ends.
/// </summary>
internal sealed class Spool(string folder) : IDisposable
{
    private const int MaxMemoryBytes = 1 << 20;

    private const int BufferBytes = 16 << 10;

    private readonly MemoryStream memory = new();
    private FileStream? file;
    private BufferedStream? buffered;

    /// <summary>What was written. It is good until the next <see cref="Clear"/>.</summary>
    public Stream Content => buffered ?? (Stream)memory;

    public long Length => Content.Length;

    /// <exception cref="IOException">There is no room.</exception>
    public void Write(ReadOnlySpan<byte> piece)
    {
        if (file is null && memory.Length + piece.Length > MaxMemoryBytes) MoveToFile();
        Content.Write(piece);
    }

    /// <summary>Writes at the end, until it is disposed of.</summary>
    public Stream Open() => new Writing(this);

    /// <summary>Forgets what was written.</summary>
    public void Clear()
    {
        buffered?.Dispose();
        file?.Dispose();
        (buffered, file) = (null, null);
        memory.SetLength(0);
    }

    public void Dispose()
    {
        Clear();
        memory.Dispose();
    }

    private void MoveToFile()
    {
        var path = Path.Combine(folder, $"berth-spool-{Guid.NewGuid():N}");
        file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Delete,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        File.Delete(path);
        buffered = new BufferedStream(file, BufferBytes);
        memory.WriteTo(buffered);
        memory.SetLength(0);
    }

    private sealed class Writing(Spool spool) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => spool.Length;

        public override long Position
        {
            get => spool.Length;
            set => throw new NotSupportedException();
        }

        public override void Flush()
        {
        }

        public override void Write(byte[] buffer, int offset, int count) => spool.Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer) => spool.Write(buffer);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
