using System.Buffers.Binary;
using Berth.Disk;
using Microsoft.Win32.SafeHandles;

namespace Berth.Metadata;

/// <summary>The result of scanning a write-ahead log.</summary>
/// <param name="WholeFrames">How many frames SQLite will use: those before the first damaged one.</param>
/// <param name="DroppedFrames">How many committed frames it will drop.</param>
/// <param name="DroppedCommits">The least number of transactions in these.</param>
internal sealed record LogScan(long WholeFrames, long DroppedFrames, long DroppedCommits);

/// <summary>
/// SQLite's write-ahead log as a file (sqlite.org/fileformat2.html, section 4): a header of 32 bytes, then frames, each
/// a header of 24 bytes and a page. Each frame has a checksum over itself and all before it, so SQLite stops at the
/// first mismatch and silently drops the rest. That is right for a tail torn by a power cut, but loses data if a bit
/// flips in the middle.
/// </summary>
internal static class WriteAheadLog
{
    private const int HeaderBytes = 32;
    private const int FrameHeaderBytes = 24;
    private const uint LittleEndianMagic = 0x377f0682;
    private const uint BigEndianMagic = 0x377f0683;
    private const int LargestPageBytes = 65536;

    public static string PathOf(string database) => database + "-wal";

    /// <summary>Looks for committed frames after a damaged one. Null if there is no log, or an empty one.</summary>
    /// <exception cref="IOException">The log can't be read.</exception>
    public static LogScan? Scan(string path)
    {
        if (!File.Exists(path)) return null;
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (RandomAccess.GetLength(file) <= HeaderBytes) return null;
        var header = new byte[HeaderBytes];
        ReadAll(file, header, 0);
        if (!header.AsSpan().ContainsAnyExcept((byte)0)) return null;
        if (Log.TryRead(file, header) is { } log) return log.Scan();

        // SQLite ignores a log with a bad header: it is unknown what in it was committed.
        return new LogScan(0, (RandomAccess.GetLength(file) - HeaderBytes) / (FrameHeaderBytes + 4096), 1);
    }

    /// <summary>
    /// After a failed sync: rewrites the log's first frames with the same bytes, so that the kernel writes them again,
    /// truncates the rest, and syncs. The caller holds the database's write lock.
    /// </summary>
    /// <param name="path">The log.</param>
    /// <param name="frames">How many frames SQLite relies on.</param>
    /// <exception cref="IOException">It failed, or the kernel has lost some of them.</exception>
    public static void WriteAgain(string path, long frames)
    {
        using var file = File.OpenHandle(
            path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        var header = new byte[HeaderBytes];
        if (frames == 0)
        {
            RandomAccess.SetLength(file, 0);
        }
        else
        {
            ReadAll(file, header, 0);
            var log = Log.TryRead(file, header);
            var found = log?.WriteAgain(frames) ?? 0;
            if (found < frames)
            {
                throw new IOException(
                    $"the write-ahead log {path} lost {frames - found} of {frames} frames when the disk failed: stop "
                    + "Berth, and start it again once the disk works; it then reports what is lost");
            }

            RandomAccess.Write(file, header, 0);
        }

        DiskSync.File(file, path);
    }

    private static void ReadAll(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        while (!bytes.IsEmpty)
        {
            var count = RandomAccess.Read(file, bytes, offset);
            if (count == 0) throw new EndOfStreamException("the write-ahead log is shorter than it was");
            bytes = bytes[count..];
            offset += count;
        }
    }

    /// <summary>A log with a valid header.</summary>
    private sealed class Log
    {
        private readonly SafeFileHandle file;
        private readonly int pageBytes;
        private readonly uint salt1;
        private readonly uint salt2;
        private readonly bool isBigEndian;
        private readonly (uint, uint) first;
        private readonly long frames;

        private Log(SafeFileHandle file, ReadOnlySpan<byte> header, (uint, uint) first)
        {
            this.file = file;
            this.first = first;
            isBigEndian = Word(header, 0) == BigEndianMagic;
            pageBytes = (int)Word(header, 8);
            (salt1, salt2) = (Word(header, 16), Word(header, 20));
            frames = (RandomAccess.GetLength(file) - HeaderBytes) / FrameBytes;
        }

        private int FrameBytes => FrameHeaderBytes + pageBytes;

        public static Log? TryRead(SafeFileHandle file, ReadOnlySpan<byte> header)
        {
            if (Word(header, 0) is not (LittleEndianMagic or BigEndianMagic)) return null;
            var sum = Sum(header[..24], (0, 0), Word(header, 0) == BigEndianMagic);
            if (sum != (Word(header, 24), Word(header, 28))) return null;
            return Word(header, 8) is >= 512 and <= LargestPageBytes ? new Log(file, header, sum) : null;
        }

        public LogScan Scan()
        {
            var frame = new byte[FrameBytes];
            var (sum, whole) = (first, 0L);
            for (; whole < frames && Fits(Read(frame, whole), sum); whole++) sum = SumIn(frame);
            if (whole >= frames - 1 || IsUnwritten(frame)) return new LogScan(whole, 0, 0);

            // A frame after the bad one is checked against the checksum stored in its predecessor, and the first of
            // them also against what that should have been.
            var (stated, right) = (SumIn(frame), SumOf(frame, sum));
            var (commits, last) = (0L, 0L);
            for (var number = whole + 1; number < frames; number++)
            {
                Read(frame, number);
                if (number == whole + 1 && IsUnwritten(frame)) break;
                var fits = Fits(frame, stated) || (number == whole + 1 && Fits(frame, right));
                stated = SumIn(frame);
                if (!fits || Word(frame, 4) == 0) continue;
                commits++;
                last = number;
            }

            return new LogScan(whole, commits == 0 ? 0 : last - whole + 1, commits);
        }

        /// <summary>
        /// Rewrites the frames that are still valid, and truncates the file there. Returns their number.
        /// </summary>
        public long WriteAgain(long count)
        {
            var frame = new byte[FrameBytes];
            var (sum, whole) = (first, 0L);
            for (; whole < count && whole < frames && Fits(Read(frame, whole), sum); whole++)
            {
                sum = SumIn(frame);
                RandomAccess.Write(file, frame, Offset(whole));
            }

            if (whole == count) RandomAccess.SetLength(file, Offset(count));
            return whole;
        }

        private long Offset(long number) => HeaderBytes + number * FrameBytes;

        private byte[] Read(byte[] frame, long number)
        {
            ReadAll(file, frame, Offset(number));
            return frame;
        }

        /// <summary>Whether a frame belongs to this log and continues from a checksum.</summary>
        private bool Fits(ReadOnlySpan<byte> frame, (uint, uint) sum) =>
            Word(frame, 8) == salt1 && Word(frame, 12) == salt2 && Word(frame, 0) != 0
            && SumOf(frame, sum) == SumIn(frame);

        private (uint, uint) SumOf(ReadOnlySpan<byte> frame, (uint, uint) sum) =>
            Sum(frame[FrameHeaderBytes..], Sum(frame[..8], sum, isBigEndian), isBigEndian);

        /// <summary>
        /// Whether a frame's header never reached the disk: then it is zeros, or a frame from before the log was
        /// restarted, when both salts changed.
        /// </summary>
        private bool IsUnwritten(ReadOnlySpan<byte> frame) =>
            !frame[..FrameHeaderBytes].ContainsAnyExcept((byte)0)
            || (Word(frame, 8) != salt1 && Word(frame, 12) != salt2);

        private static (uint, uint) SumIn(ReadOnlySpan<byte> frame) => (Word(frame, 16), Word(frame, 20));

        private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

        private static (uint, uint) Sum(ReadOnlySpan<byte> bytes, (uint, uint) start, bool isBigEndian)
        {
            var (s0, s1) = start;
            for (var i = 0; i < bytes.Length; i += 8)
            {
                s0 += Read(bytes[i..], isBigEndian) + s1;
                s1 += Read(bytes[(i + 4)..], isBigEndian) + s0;
            }

            return (s0, s1);
        }

        private static uint Read(ReadOnlySpan<byte> bytes, bool isBigEndian) => isBigEndian
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
