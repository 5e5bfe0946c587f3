using Berth.Metadata;
using Microsoft.Data.Sqlite;

namespace Berth.Tests.Metadata;

/// <summary>Another process, such as a backup tool, has locked the SQLite file.</summary>
[Once, Inside]
public sealed class LockedFileTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(SqliteSession.PatienceSeconds);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_write_does_not_wait_for_those_before_it_to_give_up_and_for_the_lock_after_that()
    {
        var folder = Directory.CreateTempSubdirectory("berth-test-");
        try
        {
            var path = Path.Combine(folder.FullName, "berth.db");
            await using var database = await SqliteDatabase.OpenAsync(path);
            await AddAsync(database, 1);
            using var other = new SqliteConnection($"Data Source={path};Pooling=False");
            other.Open();
            Run(other, "BEGIN IMMEDIATE");
            var first = AddAsync(database, 2);
            await Task.Delay(TimeSpan.FromSeconds(1), Stop);

            // More than one transaction takes.
            var behind = Enumerable.Range(3, 600).Select(id => AddAsync(database, id)).ToList();
            await Task.Delay(Patience - TimeSpan.FromSeconds(3), Stop);
            var last = AddAsync(database, 1000);
            Assert.True(IsLocked(await Assert.ThrowsAsync<SqliteException>(() => first)));
            var allBehind = Task.WhenAll(behind);
            Assert.Same(allBehind, await Task.WhenAny(allBehind, Task.Delay(Patience / 2, Stop)));
            Assert.All(behind, write => Assert.True(IsLocked(write.Exception!.InnerException!)));
            Assert.False(last.IsCompleted);
            Run(other, "ROLLBACK");
            await last;
            await AddAsync(database, 1001);
            Assert.Equal([1, 1000, 1001], await database.ReadAsync(
                session => session.AllAsync("SELECT id FROM notice ORDER BY id", row => row.GetInt64(0)), Stop));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static bool IsLocked(Exception e) =>
        e is SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_BUSY };

    private static Task<int> AddAsync(SqliteDatabase database, long id) => database.WriteAsync(
        session => session.RunAsync("INSERT INTO notice (id, text) VALUES ($1, '')", id), isDurable: false, Stop);

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
