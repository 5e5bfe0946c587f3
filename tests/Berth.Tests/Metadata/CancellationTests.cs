using Berth.Metadata;

namespace Berth.Tests.Metadata;

/// <summary>Reads and writes that their callers cancel.</summary>
public sealed class CancellationTests : IAsyncLifetime
{
    private readonly TestDatabase shared = new();
    private Database database = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await shared.OpenAsync();
        await database.WriteAsync(
            async session =>
            {
                await session.RunScriptAsync("CREATE TABLE note (text TEXT NOT NULL)");
                return true;
            },
            isDurable: false, Stop);
    }

    public ValueTask DisposeAsync() => shared.DisposeAsync();

    [Fact]
    public async Task A_read_ends_in_the_middle_and_the_next_one_works()
    {
        for (var i = 0; i < 3; i++)
        {
            using var end = new CancellationTokenSource();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await database.ReadAsync(
                s => s.AllAsync(
                    "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000000) SELECT n FROM n",
                    row =>
                    {
                        if (row.GetInt32(0) == 1000) end.Cancel();
                        return row.GetInt32(0);
                    }),
                end.Token));
            Assert.Equal(7, await database.ReadAsync(s => s.NumberAsync("SELECT 7"), Stop));
        }
    }

    [Fact]
    public async Task A_write_cancelled_before_it_begins_is_not_done_and_its_neighbours_are()
    {
        using var end = new CancellationTokenSource();
        var begun = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var first = database.WriteAsync(
            async session =>
            {
                await session.RunAsync("INSERT INTO note VALUES ('first')");
                begun.SetResult();
                await goOn.Task;
                return true;
            },
            isDurable: false, Stop);
        await begun.Task;
        await end.CancelAsync();
        var before = AddAsync("before", Stop);
        var givenUp = AddAsync("given up", end.Token);
        var after = AddAsync("after", Stop);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => givenUp);
        goOn.SetResult();
        await first;
        await Task.WhenAll(before, after);
        Assert.Equal(["after", "before", "first"], await NotesAsync());
    }

    [Fact]
    public async Task A_queued_write_leaves_at_once_when_it_is_cancelled()
    {
        using var end = new CancellationTokenSource();
        var begun = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        await using var file = new SqliteFile();
        var queue = await file.OpenAsync();
        var first = queue.WriteAsync(
            async session =>
            {
                begun.SetResult();
                await goOn.Task;
                return await session.RunAsync("CREATE TABLE note (text TEXT)");
            },
            isDurable: false, Stop);
        await begun.Task;
        var queued = queue.WriteAsync(s => s.RunAsync("INSERT INTO note VALUES ('queued')"), false, end.Token);
        Assert.False(queued.IsCompleted);
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queued);
        goOn.SetResult();
        await first;
        Assert.Equal(0, await queue.ReadAsync(s => s.NumberAsync("SELECT count(*) FROM note"), Stop));
    }

    [Fact]
    public async Task A_write_cancelled_in_the_middle_is_done_completely_or_not_at_all()
    {
        for (var i = 0; i < 3; i++)
        {
            using var end = new CancellationTokenSource();
            var neighbour = AddAsync($"neighbour {i}", Stop);
            var isDone = true;
            try
            {
                await database.WriteAsync(
                    async session =>
                    {
                        await session.RunAsync("INSERT INTO note VALUES ($1)", $"half {i}");
                        await end.CancelAsync();
                        return await session.RunAsync("INSERT INTO note VALUES ($1)", $"whole {i}");
                    },
                    isDurable: true, end.Token);
            }
            catch (OperationCanceledException)
            {
                isDone = false;
            }

            await neighbour;
            var notes = await NotesAsync();
            Assert.Contains($"neighbour {i}", notes);
            Assert.Equal(isDone, notes.Contains($"half {i}"));
            Assert.Equal(isDone, notes.Contains($"whole {i}"));
        }
    }

    private Task<int> AddAsync(string text, CancellationToken cancellation) => database.WriteAsync(
        session => session.RunAsync("INSERT INTO note VALUES ($1)", text), isDurable: false, cancellation);

    private ValueTask<List<string>> NotesAsync() => database.ReadAsync(
        s => s.AllAsync("SELECT text FROM note ORDER BY text", row => row.GetString(0)), Stop);

    /// <summary>A database of SQLite, whichever engine the run is for.</summary>
    private sealed class SqliteFile : IAsyncDisposable
    {
        private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("berth-test-");
        private Database? database;

        public async Task<Database> OpenAsync() =>
            database = await SqliteDatabase.OpenAsync(Path.Combine(folder.FullName, "berth.db"));

        public async ValueTask DisposeAsync()
        {
            if (database is not null) await database.DisposeAsync();
            folder.Delete(recursive: true);
        }
    }
}
