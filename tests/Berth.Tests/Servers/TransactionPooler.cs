namespace Berth.Tests.Servers;

/// <summary>A real PgBouncer on loopback before a PostgreSQL, which gives out its connections by transaction.</summary>
internal sealed class TransactionPooler : IAsyncDisposable
{
    private readonly ServerScript script;

    private TransactionPooler(ServerScript script, int port) => (this.script, Port) = (script, port);

    public int Port { get; }

    public static async Task<TransactionPooler> StartAsync(PostgresServer server)
    {
        var port = LoopbackPorts.Free();
        var script = await ServerScript.StartAsync(
            "pgbouncer.sh", $"{port}", $"{server.Port}", PostgresServer.User, PostgresServer.Password);
        return new TransactionPooler(script, port);
    }

    public ValueTask DisposeAsync() => script.DisposeAsync();
}
