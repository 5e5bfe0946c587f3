using Berth.Metadata;
using Microsoft.Data.Sqlite;

namespace Berth.Tests.Metadata;

/// <summary>SQLite's write-ahead log, while another program reads the database.</summary>
[Once, Inside]
public sealed class SqliteLogTests : IDisposable
{
    private const long Megabyte = 1 << 20;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("berth-log-");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Path => System.IO.Path.Combine(folder.FullName, "berth.db");

    private long LogBytes => new FileInfo(Path + "-wal").Length;

    [Fact]
    public async Task A_log_that_grew_while_somebody_read_for_long_gives_its_room_back()
    {
        await using var database = await SqliteDatabase.OpenAsync(Path);
        await database.WriteAsync(s => s.RunAsync("CREATE TABLE filling (content BLOB)"), isDurable: true, Stop);
        await using (var reader = new SqliteConnection($"Data Source={Path};Mode=ReadOnly;Pooling=False"))
        {
            await reader.OpenAsync(Stop);
            await using var reading = reader.BeginTransaction(deferred: true);
            await using var command = new SqliteCommand("SELECT count(*) FROM filling", reader, reading);
            await command.ExecuteScalarAsync(Stop);
            for (var i = 0; i < 40; i++) await WriteAsync(database, Megabyte);
            Assert.True(LogBytes > 40 * Megabyte, $"{LogBytes} bytes");
        }

        for (var i = 0; i < 10; i++) await WriteAsync(database, 1);
        Assert.True(LogBytes <= 16 * Megabyte, $"{LogBytes} bytes");
    }

    public void Dispose() => folder.Delete(recursive: true);

    private static Task<int> WriteAsync(SqliteDatabase database, long bytes) => database.WriteAsync(
        s => s.RunAsync("INSERT INTO filling VALUES (zeroblob($1))", bytes), isDurable: true, Stop);
}
