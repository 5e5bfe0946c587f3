using Microsoft.Data.Sqlite;
using Npgsql;

namespace Berth.Registry;

/// <summary>Recognizes a full disk or an exhausted quota.</summary>
internal static class DiskFull
{
    private const int NoSpace = 28; // ENOSPC, as .NET reports it in the low half of the result code
    private const int QuotaExceeded = 122; // EDQUOT
    private const int SqliteFull = 13;
    private const int SqliteIndexCannotGrow = 4874; // SQLITE_IOERR_SHMSIZE

    public static bool IsCauseOf(Exception e) => e switch
    {
        IOException io => (io.HResult & 0xFFFF) is NoSpace or QuotaExceeded,
        SqliteException sqlite =>
            sqlite.SqliteErrorCode == SqliteFull || sqlite.SqliteExtendedErrorCode == SqliteIndexCannotGrow,
        PostgresException postgres => postgres.SqlState == PostgresErrorCodes.DiskFull,
        _ => false,
    };
}
