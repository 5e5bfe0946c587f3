using System.Buffers;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>
/// The entries of a layer's tar archive, one after another. The platform's own reader takes as much memory for an
/// extended header as that says it is long, which is why this one reads them itself: what is in memory is a block of
/// the archive, and one extended header of at most <see cref="MaxExtendedBytes"/>.
/// </summary>
internal sealed class TarEntries(PlainLayer plain, ContentsSettings limits) : IDisposable
{
    /// <summary>As in Go's reader, which docker and containerd use.</summary>
    private const int MaxExtendedBytes = 1 << 20;

    private const int BufferBytes = 64 << 10;

    /// <summary>An entry has some of these before it.</summary>
    private const int ExtendedPerEntry = 4;

    private readonly byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int start;
    private int end;
    private long rest;
    private int padding;
    private int found;
    private int extended;

    /// <summary>The next entry; null at the end.</summary>
    /// <exception cref="LayerFaultException">It is not one that an image may have.</exception>
    public async ValueTask<LayerEntry?> NextAsync(CancellationToken cancellation)
    {
        var records = new PaxRecords();
        while (true)
        {
            await SkipAsync(rest + padding, cancellation);
            (rest, padding) = (0, 0);
            if (!await FillAsync(TarHeader.BlockBytes, cancellation)) break;
            var block = buffer.AsMemory(start, TarHeader.BlockBytes);
            start += TarHeader.BlockBytes;
            if (!block.Span.ContainsAnyExcept((byte)0))
            {
                await EndAsync(cancellation);
                return null;
            }

            if (!new TarHeader(block.Span).IsWhole)
            {
                throw new LayerFaultException(
                    found + extended == 0 ? "it is no tar archive" : "the checksum of an entry is wrong");
            }

            if (IsExtended(new TarHeader(block.Span).Type))
                await ReadExtendedAsync(block, records, cancellation);
            else if (Read(new TarHeader(block.Span), records) is { } entry) return entry;
            else records = new PaxRecords();
        }

        // An archive may lack its end, but what is cut off after compression would look the same.
        return plain.HidesTruncation || plain.ReadBytes == 0 ? throw CutOff() : null;
    }

    /// <summary>The next piece of the content of the last entry; empty at its end. It is good until the next call.
    /// </summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadContentAsync(CancellationToken cancellation)
    {
        if (rest == 0) return default;
        if (start == end && !await FillAsync(1, cancellation)) throw CutOff();
        var count = (int)Math.Min(rest, end - start);
        var piece = buffer.AsMemory(start, count);
        start += count;
        rest -= count;
        return piece;
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(buffer);

    private static bool IsExtended(char type) => type is 'x' or 'g' or 'L' or 'K';

    /// <summary>A header of an entry; null for aufs's notes to itself.</summary>
    private LayerEntry? Read(TarHeader header, PaxRecords records)
    {
        var name = records.Path ?? header.Name;
        var path = EntryPath.Normalize(name, limits.PathBytes);
        var kind = KindOf(header.Type, name);
        var sizeBytes = header.Type is '0' or '\0' or '7' ? records.SizeBytes ?? header.SizeBytes : 0;
        if (sizeBytes > limits.LayerBytes)
            throw new LayerFaultException($"a file has {sizeBytes} bytes, more than contents.layerbytes");
        (rest, padding) = (sizeBytes, PaddingOf(sizeBytes));
        if (++found > limits.Entries)
            throw new LayerFaultException($"it has more than {limits.Entries} files (contents.entries)");
        if (path.Length == 0 && kind != EntryKind.Folder) throw new LayerFaultException("a file has no name");
        var entry = new LayerEntry(path, kind, kind == EntryKind.File ? sizeBytes : 0, found - 1)
        {
            Mode = header.Mode,
            Uid = records.Uid ?? header.Uid,
            Gid = records.Gid ?? header.Gid,
            ModifiedAt = records.ModifiedAt ?? header.ModifiedAt,
            Link = LinkOf(kind, records.Link ?? header.Link),
        };
        if (EntryPath.ReadWhiteout(path) is not { } whiteout) return entry;
        return whiteout is { Path: "", Kind: EntryKind.Whiteout }
            ? null : entry with { Path = whiteout.Path, Kind = whiteout.Kind, SizeBytes = 0, Link = null };
    }

    private static EntryKind KindOf(char type, string name) => type switch
    {
        '0' or '\0' or '7' => name.EndsWith('/') ? EntryKind.Folder : EntryKind.File,
        '1' => EntryKind.HardLink,
        '2' => EntryKind.SymbolicLink,
        '3' => EntryKind.CharacterDevice,
        '4' => EntryKind.BlockDevice,
        '5' => EntryKind.Folder,
        '6' => EntryKind.Pipe,
        'S' => throw new LayerFaultException("it has a file with holes, which images don't have"),
        _ => throw new LayerFaultException($"it has an entry of the type {(int)type}, which images don't have"),
    };

    private string? LinkOf(EntryKind kind, string link) => kind switch
    {
        EntryKind.HardLink when EntryPath.Normalize(link, limits.PathBytes) is { Length: > 0 } path => path,
        EntryKind.HardLink => throw new LayerFaultException("a hard link leads nowhere"),
        EntryKind.SymbolicLink when link.Length > limits.PathBytes =>
            throw new LayerFaultException($"a link has more than {limits.PathBytes} bytes (contents.pathbytes)"),
        EntryKind.SymbolicLink => link,
        _ => null,
    };

    private async ValueTask ReadExtendedAsync(
        ReadOnlyMemory<byte> block, PaxRecords records, CancellationToken cancellation)
    {
        var (type, sizeBytes) = (new TarHeader(block.Span).Type, new TarHeader(block.Span).SizeBytes);
        if (sizeBytes > MaxExtendedBytes)
            throw new LayerFaultException($"an extended header has {sizeBytes} bytes, more than {MaxExtendedBytes}");
        if (++extended > (long)limits.Entries * ExtendedPerEntry)
            throw new LayerFaultException("it has too many extended headers (contents.entries)");
        var content = ArrayPool<byte>.Shared.Rent((int)Math.Max(1, sizeBytes));
        try
        {
            for (var count = 0; count < sizeBytes;)
            {
                if (start == end && !await FillAsync(1, cancellation)) throw CutOff();
                var part = (int)Math.Min(sizeBytes - count, end - start);
                buffer.AsSpan(start, part).CopyTo(content.AsSpan(count));
                start += part;
                count += part;
            }

            await SkipAsync(PaddingOf(sizeBytes), cancellation);
            Take(type, content.AsSpan(0, (int)sizeBytes), records);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(content);
        }
    }

    private static void Take(char type, ReadOnlySpan<byte> content, PaxRecords records)
    {
        // What is said of all entries says nothing that matters here.
        if (type == 'x') records.Read(content);
        else if (type == 'L') records.Path = TarHeader.TextOf(content.TrimEnd((byte)0));
        else if (type == 'K') records.Link = TarHeader.TextOf(content.TrimEnd((byte)0));
    }

    /// <summary>Two empty blocks end an archive. The rest is read all the same: the checksum of all comes last.
    /// </summary>
    private async ValueTask EndAsync(CancellationToken cancellation)
    {
        if (await FillAsync(TarHeader.BlockBytes, cancellation)
            && buffer.AsSpan(start, TarHeader.BlockBytes).ContainsAnyExcept((byte)0))
        {
            throw new LayerFaultException("it goes on behind an empty block");
        }

        do
        {
            start = end;
        }
        while (await FillAsync(1, cancellation));
    }

    private static int PaddingOf(long sizeBytes) =>
        (int)((TarHeader.BlockBytes - (sizeBytes % TarHeader.BlockBytes)) % TarHeader.BlockBytes);

    private async ValueTask SkipAsync(long count, CancellationToken cancellation)
    {
        while (count > 0)
        {
            if (start == end && !await FillAsync(1, cancellation)) throw CutOff();
            var part = (int)Math.Min(count, end - start);
            start += part;
            count -= part;
        }
    }

    /// <summary>Reads until so many bytes are there. False if the archive ends before the first of them.</summary>
    private async ValueTask<bool> FillAsync(int count, CancellationToken cancellation)
    {
        if (end - start >= count) return true;
        buffer.AsSpan(start..end).CopyTo(buffer);
        (start, end) = (0, end - start);
        while (end < count)
        {
            var read = await plain.ReadAsync(buffer.AsMemory(end), cancellation);
            if (read == 0 && end == 0) return false;
            if (read == 0) throw CutOff();
            end += read;
        }

        return true;
    }

    private LayerFaultException CutOff() => new(plain.ReadBytes == 0 ? "it is empty" : "it is cut off");
}
