using Berth.Registry;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Berth.Tests.Registry;

/// <summary>Which exceptions are the disk's fault, and which of them mean that it is full.</summary>
[Once]
public class DiskFaultTests
{
    static DiskFaultTests() => SQLitePCL.Batteries_V2.Init();

    /// <summary>What the operating system, SQLite and PostgreSQL report, and what clients are told.</summary>
    public static TheoryData<Exception, bool, string?> Failures => new()
    {
        { Io(28), true, "No space left on device" },
        { Io(122), true, "Disk quota exceeded" },
        { Io(unchecked((int)0x8007001C)), true, null },
        { Io(1), false, "Operation not permitted" },
        { Io(5), false, "Input/output error" },
        { Io(4095), false, "Unknown error 4095" },
        { Io(4096), false, null },
        { Io(0), false, null },
        { new IOException("of .NET itself"), false, null },
        { new UnauthorizedAccessException(), false, "Permission denied" },
        { new FileNotFoundException(), false, "No such file or directory" },
        { new DirectoryNotFoundException(), false, "No such file or directory" },
        { new SqliteException("", 13), true, null },
        { new SqliteException("", 10, 4874), true, "disk I/O error" },
        { new SqliteException("", 10), false, "disk I/O error" },
        { new SqliteException("", 14), false, "unable to open database file" },
        { new SqliteException("", 19), false, null },
        { new PostgresException("", "ERROR", "ERROR", "53100"), true, null },
        { new PostgresException("", "ERROR", "ERROR", "53200"), false, null },
        { new InvalidOperationException(), false, null },
    };

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public void A_disks_failure_is_told_in_the_systems_words(Exception failure, bool isFull, string? words) =>
        Assert.Equal((isFull, words), (DiskFull.IsCauseOf(failure), DiskFault.WordsFor(failure)));

    private static IOException Io(int code) => new("", code);
}
