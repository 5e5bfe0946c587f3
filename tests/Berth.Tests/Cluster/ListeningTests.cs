using System.Diagnostics;
using System.Net;
using Berth.Tests.Servers;
using Npgsql;

namespace Berth.Tests.Cluster;

/// <summary>Listening to other nodes: what it costs, and what a node reports when it can't hear them.</summary>
public class ListeningTests
{
    private const string Tag = "v2/team/app/manifests/latest";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Manifests_that_are_read_again_and_again_cost_the_database_nothing()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var node = await RegistryFixture.StartAsync(s => s with
        {
            Database = TestEngines.SettingsOf(database) with { CacheStaleness = TimeSpan.FromSeconds(2) },
        });
        (await SharedDatabase.PushAsync(node, Tag, 1)).Dispose();
        await using var watching = await ConnectAsync(database);
        await SharedDatabase.PullAsync(node, Tag);

        // The jobs that are due at the start have transactions of their own.
        await Eventually.TrueAsync(
            TimeSpan.FromSeconds(60),
            async () => (await CountWhileReadingAsync(node, watching, TimeSpan.FromSeconds(2))).Transactions < 30,
            "the jobs of the start are done");
        var (pulls, transactions) = await CountWhileReadingAsync(node, watching, TimeSpan.FromSeconds(6));
        Assert.True(pulls > 500, $"only {pulls} pulls");
        Assert.True(transactions < 150, $"{transactions} transactions for {pulls} pulls");
        Assert.Equal("""{"status":"ok"}""", await node.Client.GetStringAsync("readyz", Stop));
    }

    [Fact]
    public async Task A_node_that_does_not_hear_the_others_says_so_and_keeps_serving()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var connection = await ConnectAsync(database);

        // What is in this schema comes before what PostgreSQL has.
        await RunAsync(connection, $"""
            CREATE SCHEMA deaf; ALTER DATABASE "{connection.Database}" SET search_path = public, deaf, pg_catalog
            """);
        await using var node = await RegistryFixture.StartAsync(s => s with
        {
            Database = TestEngines.SettingsOf(database) with { CacheStaleness = TimeSpan.FromSeconds(2) },
        });
        (await SharedDatabase.PushAsync(node, Tag, 1)).Dispose();
        await RunAsync(
            connection,
            """
            CREATE FUNCTION deaf.pg_notify(text, text) RETURNS void LANGUAGE sql AS '';
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
                AND (query = 'SELECT 1' OR query LIKE 'LISTEN%')
            """);
        await Eventually.TrueAsync(
            TimeSpan.FromSeconds(15),
            async () => await node.Client.GetStringAsync("readyz", Stop) ==
                """{"status":"ok","warning":"the database does not announce changes by other nodes, """
                + "so the cache is not used\"}",
            "the warning in /readyz");
        Assert.Equal(HttpStatusCode.OK, (await SharedDatabase.PullAsync(node, Tag)).Status);
        Assert.Contains(node.Log, line => line.Contains("does not announce changes", StringComparison.Ordinal));
        await RunAsync(connection, "DROP FUNCTION deaf.pg_notify");
        await Eventually.TrueAsync(
            TimeSpan.FromSeconds(15),
            async () => await node.Client.GetStringAsync("readyz", Stop) == """{"status":"ok"}""", "no warning");
    }

    [Fact]
    public async Task Behind_a_pooler_in_transaction_mode_a_node_does_not_use_its_cache()
    {
        await using var database = await SharedDatabase.CreateAsync();
        await using var pooler = await TransactionPooler.StartAsync(await PostgresServer.SharedAsync());
        await using var first = await StartNodeAsync();
        await using var second = await StartNodeAsync();
        for (var i = 0; i < 20; i++)
        {
            (await SharedDatabase.PushAsync(first, Tag, i)).Dispose();
            Assert.Equal(SharedDatabase.DigestOf(i), (await SharedDatabase.PullAsync(second, Tag)).Digest);
            await Task.Delay(100, Stop);
        }

        await Eventually.TrueAsync(
            () => second.Log.Any(line => line.Contains("pooler in transaction mode", StringComparison.Ordinal)));
        Assert.Contains(
            "does not announce", await second.Client.GetStringAsync("readyz", Stop), StringComparison.Ordinal);

        Task<RegistryFixture> StartNodeAsync() => database.StartNodeAsync(
            pooler.Port, d => d with { PreparedStatements = false, CacheStaleness = TimeSpan.FromSeconds(2) });
    }

    private static async Task RunAsync(NpgsqlConnection connection, string script)
    {
        await using var command = new NpgsqlCommand(script, connection);
        await command.ExecuteNonQueryAsync(Stop);
    }

    private static async Task<NpgsqlConnection> ConnectAsync(PostgresDatabase database)
    {
        var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync(Stop);
        return connection;
    }

    private static async Task<long> CountTransactionsAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()", connection);
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }

    private static async Task<(int Pulls, long Transactions)> CountWhileReadingAsync(
        RegistryFixture node, NpgsqlConnection watching, TimeSpan time)
    {
        // PostgreSQL tells its counts a second late.
        await Task.Delay(1500, Stop);
        var before = await CountTransactionsAsync(watching);
        var pulls = await ReadForAsync(node, time);
        await Task.Delay(1500, Stop);
        return (pulls, await CountTransactionsAsync(watching) - before);
    }

    private static async Task<int> ReadForAsync(RegistryFixture node, TimeSpan time)
    {
        var pulls = 0;
        for (var since = Stopwatch.StartNew(); since.Elapsed < time; pulls++)
        {
            Assert.Equal(HttpStatusCode.OK, (await SharedDatabase.PullAsync(node, Tag)).Status);
        }

        return pulls;
    }
}
