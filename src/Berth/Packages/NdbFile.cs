using System.Buffers.Binary;

namespace Berth.Packages;

/// <summary>
/// rpm's own database (lib/backend/ndb/rpmpkg.c): pages of slots, the first two of which are the file's header, each of
/// which says where the blob of a package is, in blocks. All numbers have their lowest byte first.
/// </summary>
internal static class NdbFile
{
    private const int PageBytes = 4096;
    private const int SlotBytes = 16;
    private const int BlockBytes = 16;
    private const int BlobHeaderBytes = 16;

    /// <summary>At the end of a blob: its checksum, its length and a word.</summary>
    private const int BlobTailBytes = 12;

    /// <summary>Half a million packages.</summary>
    private const int MaxPages = 2048;

    private const int MaxBlobBytes = 16 << 20;

    public static bool IsNdb(ReadOnlySpan<byte> beginning) => beginning.StartsWith("RpmP\0\0\0\0"u8);

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static void Read(FileBytes file, TakeBlob take)
    {
        Span<byte> header = stackalloc byte[SlotBytes];
        file.Read(0, header);
        var pages = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        if (pages is 0 or > MaxPages) throw new InvalidDataException();
        var (page, blob) = (new byte[PageBytes], new byte[PageBytes]);
        var blobBytes = 0L;
        for (var number = 0; number < pages; number++)
        {
            file.Read((long)number * PageBytes, page);
            for (var at = number == 0 ? 2 * SlotBytes : 0; at < PageBytes; at += SlotBytes)
            {
                var count = ReadBlob(file, page.AsSpan(at, SlotBytes), ref blob);
                // Blobs don't overlap: together they are no longer than the file.
                blobBytes += count;
                if (blobBytes > file.Length) throw new InvalidDataException();
                if (count > 0) take(blob.AsSpan(0, count));
            }
        }
    }

    /// <summary>Returns its length, 0 if the slot is free.</summary>
    private static int ReadBlob(FileBytes file, ReadOnlySpan<byte> slot, ref byte[] blob)
    {
        if (!slot.StartsWith("Slot"u8)) throw new InvalidDataException();
        var start = (long)BinaryPrimitives.ReadUInt32LittleEndian(slot[8..]) * BlockBytes;
        if (start == 0) return 0;
        Span<byte> header = stackalloc byte[BlobHeaderBytes];
        file.Read(start, header);
        var length = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        var room = (long)BinaryPrimitives.ReadUInt32LittleEndian(slot[12..]) * BlockBytes;
        if (!header.StartsWith("BlbS"u8) || !header[4..8].SequenceEqual(slot[4..8])
            || length > MaxBlobBytes || length > room - BlobHeaderBytes - BlobTailBytes
            || !file.Has(start + BlobHeaderBytes, length))
        {
            throw new InvalidDataException();
        }

        if (blob.Length < length) blob = new byte[length];
        file.Read(start + BlobHeaderBytes, blob.AsSpan(0, (int)length));
        return (int)length;
    }
}
