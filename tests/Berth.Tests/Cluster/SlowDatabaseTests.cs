using System.Net;
using Berth.Settings;
using Berth.Tests.Servers;
using Npgsql;

namespace Berth.Tests.Cluster;

/// <summary>A PostgreSQL that is up, but slow.</summary>
public class SlowDatabaseTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_slow_statement_fails_one_request_and_no_other(bool byTheServersOwnLimit)
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        if (byTheServersOwnLimit) await SetAsync(database, "statement_timeout", "1s");
        await using var node = await StartAsync(database, d => d with
        {
            QueryTimeout = TimeSpan.FromSeconds(byTheServersOwnLimit ? 30 : 1),
        });
        (await SharedDatabase.PushAsync(node, "v2/a/manifests/t", 1)).Dispose();
        await using var locked = await TableLock.TakeAsync(database, "tag");
        var slow = node.Client.GetAsync("v2/a/tags/list", Stop);
        while (!slow.IsCompleted) await AssertFineAsync(node);
        await AssertFineAsync(node);
        using var answer = await slow;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        for (var i = 0; i < 20; i++) await AssertFineAsync(node);
    }

    [Fact]
    public async Task A_wait_for_the_pool_that_is_too_long_fails_one_request_and_no_other()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var node = await StartAsync(database, d => d with
        {
            Pool = d.Pool with { MaxOpen = 2 },

            // A connection is opened within this time even on a busy machine.
            ConnectTimeout = TimeSpan.FromSeconds(5),
        });
        (await SharedDatabase.PushAsync(node, "v2/a/manifests/t", 1)).Dispose();
        Task<HttpResponseMessage>[] slow;
        await using (var locked = await TableLock.TakeAsync(database, "tag"))
        {
            slow = [.. Enumerable.Range(0, 2).Select(_ => node.Client.GetAsync("v2/a/tags/list", Stop))];
            await locked.HasWaitingAsync(2);
            using var refused = await node.Client.GetAsync("v2/_catalog", Stop);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        }

        await AssertFineAsync(node);
        foreach (var answer in await Task.WhenAll(slow)) Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task One_connection_that_ends_in_the_middle_fails_at_most_its_own_request()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var node = await StartAsync(database, d => d with { Retries = 0 });
        (await SharedDatabase.PushAsync(node, "v2/a/manifests/t", 1)).Dispose();
        await using var locked = await TableLock.TakeAsync(database, "tag");
        var cut = node.Client.GetAsync("v2/a/tags/list", Stop);
        await locked.HasWaitingAsync(1);
        await locked.EndWaitingAsync();
        using var answer = await cut;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        for (var i = 0; i < 20; i++) await AssertFineAsync(node);
    }

    private static async Task AssertFineAsync(RegistryFixture node)
    {
        using var answer = await node.Client.GetAsync("v2/_catalog", Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static Task<RegistryFixture> StartAsync(
        PostgresDatabase database, Func<DatabaseSettings, DatabaseSettings> configure) =>
        RegistryFixture.StartAsync(s => s with { Database = configure(TestEngines.SettingsOf(database)) });

    private static async Task SetAsync(PostgresDatabase database, string name, string value)
    {
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync(Stop);
        await using var command = new NpgsqlCommand(
            $"ALTER DATABASE \"{database.Name}\" SET {name} = '{value}'", connection);
        await command.ExecuteNonQueryAsync(Stop);
    }

    /// <summary>A table that nobody else can use until this object goes.</summary>
    private sealed class TableLock(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        private const string Waiting = "FROM pg_stat_activity WHERE datname = current_database()"
            + " AND wait_event_type = 'Lock'";

        public static async Task<TableLock> TakeAsync(PostgresDatabase database, string table)
        {
            var connection = new NpgsqlConnection(database.ConnectionString);
            await connection.OpenAsync(Stop);
            var transaction = await connection.BeginTransactionAsync(Stop);
            await using var command = new NpgsqlCommand($"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", connection);
            await command.ExecuteNonQueryAsync(Stop);
            return new TableLock(connection, transaction);
        }

        public Task HasWaitingAsync(int statements) => Eventually.TrueAsync(
            async () => await AskAsync("SELECT count(*) " + Waiting) == statements);

        public async Task EndWaitingAsync() => await AskAsync("SELECT count(pg_terminate_backend(pid)) " + Waiting);

        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }

        private async Task<long> AskAsync(string sql)
        {
            // Within a transaction the list is a snapshot, unless a new one is requested.
            await using var fresh = new NpgsqlCommand("SELECT pg_stat_clear_snapshot()", connection);
            await fresh.ExecuteNonQueryAsync(Stop);
            await using var command = new NpgsqlCommand(sql, connection);
            return (long)(await command.ExecuteScalarAsync(Stop))!;
        }
    }
}
