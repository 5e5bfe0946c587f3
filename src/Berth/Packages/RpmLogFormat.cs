using System.Buffers.Binary;

namespace Berth.Packages;

/// <summary>
/// What SQLite has beside a database while somebody writes. rpm leaves it empty: all is in the database. If it is not,
/// a program was killed, or the image was made while one ran, and the last changes may be in here alone. They are not
/// read: nobody can tell from this file which of them the database has, and it is no use without that one.
/// </summary>
internal sealed class RpmLogFormat : PackageFormat
{
    private const uint Magic = 0x377f0682;
    private const int HeaderBytes = 32;
    private const int FrameHeaderBytes = 24;

    public override int MaxBytes => 256 << 20;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (content.Length <= HeaderBytes + FrameHeaderBytes) return;
        content.ReadExactly(header);
        if ((BinaryPrimitives.ReadUInt32BigEndian(header) & ~1u) == Magic)
            throw new PackageFaultException("it may have changes that rpmdb.sqlite lacks");
    }

    protected override bool Reads(string path) => path.EndsWith("/rpmdb.sqlite-wal", StringComparison.Ordinal)
        && Find(path[..^"-wal".Length]) is RpmFormat;
}
