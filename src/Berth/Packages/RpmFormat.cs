namespace Berth.Packages;

/// <summary>
/// The packages of rpm: a database whose values are the packages' headers. Which kind of database, its first bytes say:
/// SQLite since 4.16, ndb on SUSE, a hash of Berkeley DB before.
/// </summary>
internal sealed class RpmFormat : PackageFormat
{
    private static readonly string[] Folders = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

    private const int BeginningBytes = 16;

    /// <summary>Some ten thousand packages, with the indexes that SQLite keeps in the same file.</summary>
    public override int MaxBytes => 256 << 20;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        if (content.Length == 0) return;
        var file = new FileBytes(content);
        Span<byte> beginning = stackalloc byte[BeginningBytes];
        file.Read(0, beginning);
        var headers = new RpmHeaders(found);
        if (SqliteTable.IsSqlite(beginning)) ReadSqlite(file, headers);
        else if (NdbFile.IsNdb(beginning)) NdbFile.Read(file, headers.Add);
        else if (BerkeleyHash.IsHash(beginning)) new BerkeleyHash(file, headers.Add).Read();
        else throw new PackageFaultException("it is no database of rpm");
    }

    protected override bool Reads(string path) =>
        path.LastIndexOf('/') is > 0 and var slash
        && path.AsSpan(slash + 1) is "rpmdb.sqlite" or "Packages.db" or "Packages"
        && Folders.Contains(path[..slash]);

    private static void ReadSqlite(FileBytes file, RpmHeaders headers)
    {
        // The number of a package is the row's own, so that its column is empty and the blob is the second.
        if (!new SqliteTable(file).Read("Packages", column: 1, headers.Add))
            throw new PackageFaultException("it has no table of packages");
    }
}

/// <summary>Takes a value of a database. It is good until the call is over.</summary>
internal delegate void TakeBlob(ReadOnlySpan<byte> blob);
