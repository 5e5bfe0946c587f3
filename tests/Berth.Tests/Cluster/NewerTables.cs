using Berth.Metadata;
using Npgsql;
using PostgresDatabase = Berth.Tests.Servers.PostgresDatabase;

namespace Berth.Tests.Cluster;

/// <summary>Leaves a database as a later version of Berth would, with migrations that this one does not know.</summary>
internal sealed class NewerTables(PostgresDatabase database)
{
    private int migrations = Migrations.Known.Count;

    /// <summary>Applies the next migration beside running nodes, in one transaction, as a starting node does.</summary>
    /// <param name="oldest">The last migration that a version must know to keep running beside it; null: this
    /// one.</param>
    /// <param name="sql">What it does.</param>
    public async Task MigrateAsync(int? oldest, string sql)
    {
        var number = ++migrations;
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var connection = await source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(
            $"{sql}; INSERT INTO schema_migration VALUES ({number}, {oldest ?? number}, 0)", connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
    }
}
