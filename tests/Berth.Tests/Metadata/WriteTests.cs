using Berth.Jobs;
using Berth.Metadata;

namespace Berth.Tests.Metadata;

/// <summary>What writes wait for, and what is removed from tables that grow.</summary>
public sealed class WriteTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>A row that others want is not locked while PostgreSQL waits for the disk.</summary>
    [Theory]
    [InlineData(true, "on")]
    [InlineData(false, "off")]
    public async Task Only_durable_writes_wait_for_the_disk(bool isDurable, string expected)
    {
        await using var postgres = await Servers.PostgresServer.CreateDatabaseAsync();
        var settings = TestEngines.SettingsOf(postgres);
        await using (var first = await Database.OpenAsync(settings, sqlitePath: "", TimeProvider.System))
        {
            // As servers have it; the one for tests waits for no disk.
            await first.WriteAsync(
                session => session.RunAsync($"ALTER DATABASE \"{settings.DbName}\" SET synchronous_commit = on"),
                isDurable: true, Stop);
        }

        await using var database = await Database.OpenAsync(settings, sqlitePath: "", TimeProvider.System);
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(expected, await database.WriteAsync(
                session => session.TextAsync("SHOW synchronous_commit"), isDurable, Stop));
        }

        // The connection is the same one again.
        Assert.Equal("on", await database.ReadAsync(session => session.TextAsync("SHOW synchronous_commit"), Stop));
    }

    [Fact]
    public async Task Counts_of_pulls_long_ago_are_removed_and_others_stay()
    {
        await using var opened = new TestDatabase();
        var database = await opened.OpenAsync();
        var today = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / PullTable.MillisecondsPerDay;
        await database.WriteAsync(
            async session =>
            {
                await session.RunAsync("INSERT INTO repository (id, name, created_at) VALUES (1, 'a/b', 1)");
                for (var age = 0; age < 3000; age++)
                    await session.RunAsync("INSERT INTO pull_day VALUES (1, $1, 1)", today - age);
                return true;
            },
            isDurable: false, Stop);
        await new TrimJob("trim", database, TimeSpan.FromDays(400), PullTable.TrimAsync, TimeProvider.System)
            .RunAsync("", Stop);
        Assert.Equal(
            (401, today - 400), await database.ReadAsync(
                async session => (
                    await session.NumberAsync("SELECT count(*) FROM pull_day"),
                    await session.NumberAsync("SELECT min(day) FROM pull_day")), Stop));
    }
}
