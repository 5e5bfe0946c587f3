using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using static SQLitePCL.raw;

namespace Berth.Registry;

/// <summary>
/// Recognizes disk failures under the blobs and the database, which may be transient.
/// </summary>
internal static class DiskFault
{
    private const int PermissionDenied = 13; // EACCES
    private const int NoSuchFile = 2; // ENOENT

    /// <summary>Linux's highest error number. .NET's exceptions carry these numbers unchanged.</summary>
    private const int LastErrorNumber = 4095;

    /// <summary>The system's message, without paths, since it is sent to clients. Null for other failures.</summary>
    public static string? WordsFor(Exception e) => e switch
    {
        UnauthorizedAccessException => WordsFor(PermissionDenied),
        FileNotFoundException or DirectoryNotFoundException => WordsFor(NoSuchFile),
        IOException { HResult: > 0 and <= LastErrorNumber } io => WordsFor(io.HResult),
        SqliteException sqlite when IsDiskFault(sqlite.SqliteErrorCode) =>
            sqlite3_errstr(sqlite.SqliteErrorCode).utf8_to_string(),
        _ => null,
    };

    private static bool IsDiskFault(int code) => code is SQLITE_IOERR or SQLITE_READONLY or SQLITE_CANTOPEN
        or SQLITE_CORRUPT or SQLITE_NOTADB or SQLITE_BUSY or SQLITE_LOCKED or SQLITE_PROTOCOL or SQLITE_PERM;

    private static string WordsFor(int error) => Marshal.GetPInvokeErrorMessage(error);
}
