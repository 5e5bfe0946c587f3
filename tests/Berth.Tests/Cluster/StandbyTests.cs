using System.Net;
using Berth.Tests.Servers;
using Npgsql;

namespace Berth.Tests.Cluster;

/// <summary>
/// A PostgreSQL that takes no writes, as one that was made a standby and still has the old name, or no logins, as one
/// whose passwords were changed.
/// </summary>
public class StandbyTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task While_the_database_takes_no_writes_pulls_go_on_and_pushes_work_as_soon_as_another_takes_over()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var node = await RegistryFixture.StartAsync(
            s => s with { Database = TestEngines.SettingsOf(database) });
        Assert.Equal(HttpStatusCode.Created, await PushAsync(node, 1));
        await SetReadOnlyAsync(database, "on");
        await database.Server.DisconnectAsync(database.Name);
        await Eventually.TrueAsync(async () => await StatusOfAsync(node, "readyz?for=pull") == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await PushAsync(node, 2));
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync(node, "v2/a/tags/list"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusOfAsync(node, "readyz?for=push"));

        // The node's connections stay as they are: so do those to a standby when another server takes over its name.
        await SetReadOnlyAsync(database, "off");
        Assert.Equal(HttpStatusCode.Created, await PushAsync(node, 3));
        await Eventually.TrueAsync(async () => await StatusOfAsync(node, "readyz?for=push") == HttpStatusCode.OK);
    }

    [Fact]
    public async Task While_the_database_lets_the_node_not_in_requests_are_told_to_come_again()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var database = await server.CreateOwnDatabaseAsync();
        await using var node = await RegistryFixture.StartAsync(
            s => s with { Database = TestEngines.SettingsOf(database) });
        Assert.Equal(HttpStatusCode.Created, await PushAsync(node, 1));
        await server.LetInAsync(false);
        await server.DisconnectAsync(database.Name);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await PushAsync(node, 2));
        await server.LetInAsync(true);
        await Eventually.TrueAsync(async () => await PushAsync(node, 3) == HttpStatusCode.Created);
    }

    private static async Task<HttpStatusCode> PushAsync(RegistryFixture node, int number)
    {
        using var answer = await SharedDatabase.PushAsync(node, $"v2/a/manifests/t{number}", number);
        Assert.Equal(
            answer.StatusCode == HttpStatusCode.ServiceUnavailable, answer.Headers.RetryAfter is not null);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> StatusOfAsync(RegistryFixture node, string path)
    {
        using var answer = await node.Client.GetAsync(path, Stop);
        return answer.StatusCode;
    }

    private static async Task SetReadOnlyAsync(PostgresDatabase database, string value)
    {
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync(Stop);
        await using var command = new NpgsqlCommand("SET default_transaction_read_only = off", connection);
        await command.ExecuteNonQueryAsync(Stop);
        command.CommandText = $"ALTER DATABASE \"{database.Name}\" SET default_transaction_read_only = {value}";
        await command.ExecuteNonQueryAsync(Stop);
    }
}
