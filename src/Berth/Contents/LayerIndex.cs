using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>An entry of a layer as the index has it.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Hash">The SHA-256 of a file's content; 0 for everything else.</param>
internal readonly record struct IndexedEntry(LayerEntry Entry, ContentHash Hash);

/// <summary>The SHA-256 of a file's content.</summary>
internal readonly record struct ContentHash(UInt128 High, UInt128 Low)
{
    public static ContentHash Of(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt128BigEndian(bytes), BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]));
}

/// <summary>
/// Lists the entries of a layer, with the SHA-256 of each file, in the form that the database keeps: compressed, each
/// path as what differs from the one before. Memory holds what is compressed, and no more than the limit.
/// </summary>
internal sealed class LayerIndexWriter : ILayerReader, IDisposable
{
    /// <summary>The form of indexes. One of another form is made again.</summary>
    public const int Form = 2;

    /// <summary>How much larger than the limit an index may be before it is compressed: what it takes to read it.
    /// </summary>
    private const int MaxRatio = 16;

    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly MemoryStream compressed = new();
    private readonly ZLibStream output;
    private readonly BinaryWriter writer;
    private readonly long maxBytes;
    private byte[] last = [];
    private LayerEntry? current;
    private long plainBytes;

    /// <param name="limits">How large the index may be.</param>
    public LayerIndexWriter(ContentsSettings limits)
    {
        maxBytes = limits.IndexBytes;
        output = new ZLibStream(compressed, CompressionLevel.Fastest, leaveOpen: true);
        writer = new BinaryWriter(output);
    }

    public bool IsDone => false;

    /// <summary>How many entries there are.</summary>
    public long Entries { get; private set; }

    /// <summary>The length of all files together.</summary>
    public long FileBytes { get; private set; }

    /// <summary>The whole index. Nothing is added after that.</summary>
    public byte[] Finish()
    {
        writer.Dispose();
        return compressed.ToArray();
    }

    public ValueTask<bool> BeginAsync(LayerEntry entry, CancellationToken cancellation)
    {
        current = entry;
        return ValueTask.FromResult(entry is { Kind: EntryKind.File, SizeBytes: > 0 });
    }

    public ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation)
    {
        hash.AppendData(piece.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask EndAsync(CancellationToken cancellation)
    {
        Write(current!);
        Entries++;
        FileBytes += current!.SizeBytes;
        if (compressed.Length <= maxBytes && plainBytes / MaxRatio <= maxBytes) return ValueTask.CompletedTask;
        throw new LayerFaultException($"the list of its files has more than {maxBytes} bytes (contents.indexbytes)");
    }

    public void Dispose()
    {
        hash.Dispose();
        writer.Dispose();
        output.Dispose();
        compressed.Dispose();
    }

    private void Write(LayerEntry entry)
    {
        var path = Encoding.UTF8.GetBytes(entry.Path);
        var shared = path.AsSpan().CommonPrefixLength(last);
        writer.Write((byte)entry.Kind);
        writer.Write7BitEncodedInt(shared);
        writer.Write7BitEncodedInt(path.Length - shared);
        writer.Write(path.AsSpan(shared));
        writer.Write7BitEncodedInt64(entry.SizeBytes);
        writer.Write7BitEncodedInt(entry.Mode);
        writer.Write7BitEncodedInt64(entry.Uid);
        writer.Write7BitEncodedInt64(entry.Gid);
        writer.Write7BitEncodedInt64(entry.ModifiedAt);
        if (entry.Kind is EntryKind.SymbolicLink or EntryKind.HardLink) writer.Write(entry.Link ?? "");
        if (entry.SizeBytes > 0)
        {
            Span<byte> sum = stackalloc byte[SHA256.HashSizeInBytes];
            hash.GetHashAndReset(sum);
            writer.Write(sum);
        }

        plainBytes += path.Length - shared + (entry.Link?.Length ?? 0) + SHA256.HashSizeInBytes;
        last = path;
    }
}

/// <summary>Reads what <see cref="LayerIndexWriter"/> wrote, one entry at a time.</summary>
internal static class LayerIndexReader
{
    public static IEnumerable<IndexedEntry> Read(byte[] index)
    {
        using var cursor = new LayerIndexCursor(index);
        while (cursor.Next())
        {
            var entry = new LayerEntry(
                Encoding.UTF8.GetString(cursor.Path), cursor.Kind, cursor.SizeBytes, cursor.Number)
            {
                Mode = cursor.Mode,
                Uid = cursor.Uid,
                Gid = cursor.Gid,
                ModifiedAt = cursor.ModifiedAt,
                Link = cursor.Link,
            };
            yield return new IndexedEntry(entry, entry.SizeBytes > 0 ? ContentHash.Of(cursor.Hash) : default);
        }
    }
}

/// <summary>
/// Goes through what <see cref="LayerIndexWriter"/> wrote. An entry is valid until the next; only links take memory.
/// </summary>
internal sealed class LayerIndexCursor : IDisposable
{
    private const int BufferBytes = 32 << 10;

    /// <summary>Longer than nearly all paths are.</summary>
    private const int UsualPathBytes = 256;

    private readonly BufferedStream input;
    private readonly BinaryReader reader;
    private readonly byte[] hash = new byte[SHA256.HashSizeInBytes];
    private byte[] path = new byte[UsualPathBytes];
    private int pathBytes;

    public LayerIndexCursor(byte[] index)
    {
        input = new BufferedStream(
            new ZLibStream(new MemoryStream(index), CompressionMode.Decompress), BufferBytes);
        reader = new BinaryReader(input, Encoding.UTF8);
    }

    /// <summary>In UTF-8.</summary>
    public ReadOnlySpan<byte> Path => path.AsSpan(0, pathBytes);

    public EntryKind Kind { get; private set; }

    public int Number { get; private set; } = -1;

    public long SizeBytes { get; private set; }

    public int Mode { get; private set; }

    public long Uid { get; private set; }

    public long Gid { get; private set; }

    public long ModifiedAt { get; private set; }

    public string? Link { get; private set; }

    /// <summary>The SHA-256 of a file that is not empty.</summary>
    public ReadOnlySpan<byte> Hash => hash;

    /// <summary>Goes to the next entry. False if there is none.</summary>
    public bool Next()
    {
        if (input.ReadByte() is not (>= 0 and var kind)) return false;
        Kind = (EntryKind)kind;
        Number++;
        var shared = reader.Read7BitEncodedInt();
        pathBytes = shared + reader.Read7BitEncodedInt();
        if (pathBytes > path.Length) Array.Resize(ref path, Math.Max(pathBytes, 2 * path.Length));
        reader.BaseStream.ReadExactly(path.AsSpan(shared, pathBytes - shared));
        SizeBytes = reader.Read7BitEncodedInt64();
        Mode = reader.Read7BitEncodedInt();
        Uid = reader.Read7BitEncodedInt64();
        Gid = reader.Read7BitEncodedInt64();
        ModifiedAt = reader.Read7BitEncodedInt64();
        Link = Kind is EntryKind.SymbolicLink or EntryKind.HardLink ? reader.ReadString() : null;
        if (SizeBytes > 0) reader.BaseStream.ReadExactly(hash);
        return true;
    }

    public void Dispose() => reader.Dispose();
}
