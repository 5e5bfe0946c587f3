using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Berth.Metadata;
using Berth.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Berth.Tests.Cluster;

/// <summary>Nodes that share a database and nothing else.</summary>
public class SharedDatabaseTests
{
    private const string Tag = "v2/team/app/manifests/latest";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Changes_by_one_node_are_not_hidden_by_the_caches_of_the_others()
    {
        await using var shared = await SharedDatabase.CreateAsync();
        await using var a = await StartPatientNodeAsync(shared);
        await using var b = await StartPatientNodeAsync(shared);
        for (var i = 1; i <= 20; i++)
        {
            var (writer, reader) = i % 2 == 0 ? (a, b) : (b, a);
            using var answer = await SharedDatabase.PushAsync(writer, Tag, i);
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
            var moved = SharedDatabase.DigestOf(i);
            await Eventually.TrueAsync(
                TimeSpan.FromSeconds(5), async () => (await SharedDatabase.PullAsync(reader, Tag)).Digest == moved,
                $"move {i} is seen on the other node");
        }

        using var deleted = await a.Client.DeleteAsync(Tag, Stop);
        Assert.Equal(HttpStatusCode.Accepted, deleted.StatusCode);
        await Eventually.TrueAsync(
            TimeSpan.FromSeconds(5),
            async () => (await SharedDatabase.PullAsync(b, Tag)).Status == HttpStatusCode.NotFound,
            "the deletion is seen on the other node");
    }

    [Fact]
    public async Task A_node_that_lost_its_listening_connection_forgets_what_it_may_have_missed()
    {
        await using var shared = await SharedDatabase.CreateAsync();
        await using var a = await StartPatientNodeAsync(shared);
        await using var b = await StartPatientNodeAsync(shared);
        const string listening =
            "FROM pg_stat_activity WHERE datname = current_database() AND (query = 'SELECT 1' OR query LIKE 'LISTEN%')";
        var database = a.Services.GetRequiredService<Database>();
        await Eventually.TrueAsync(async () =>
            await database.ReadAsync(s => s.NumberAsync("SELECT count(*) " + listening)) == 2);
        (await SharedDatabase.PushAsync(a, Tag, 1)).Dispose();
        Assert.Equal(SharedDatabase.DigestOf(1), (await SharedDatabase.PullAsync(b, Tag)).Digest);
        var ended = await database.ReadAsync(s => s.AllAsync(
            "SELECT pg_terminate_backend(pid) " + listening, row => row.GetBoolean(0)), Stop);
        Assert.Equal(2, ended.Count);
        (await SharedDatabase.PushAsync(a, Tag, 2)).Dispose();
        await Eventually.TrueAsync(
            TimeSpan.FromSeconds(10),
            async () => (await SharedDatabase.PullAsync(b, Tag)).Digest == SharedDatabase.DigestOf(2),
            "the move that no notice told of");
        Assert.Contains(b.Log, line => line.Contains("does not announce changes", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_that_is_cut_off_answers_from_its_cache_no_longer_than_the_settings_say()
    {
        await using var shared = await SharedDatabase.CreateAsync();
        await using var proxy = FaultProxy.Start(PostgresServer.Host, (await PostgresServer.SharedAsync()).Port);
        await using var a = await shared.StartNodeAsync();
        await using var b = await shared.StartNodeAsync(proxy.Port, d => d with
        {
            CacheStaleness = TimeSpan.FromSeconds(2),
            ServeCachedFor = TimeSpan.Zero,
            ConnectTimeout = TimeSpan.FromSeconds(1),
            QueryTimeout = TimeSpan.FromSeconds(1),
            Retries = 0,
        });
        (await SharedDatabase.PushAsync(a, Tag, 1)).Dispose();
        await SharedDatabase.PullAsync(b, Tag);
        proxy.IsBlackHole = true;
        (await SharedDatabase.PushAsync(a, Tag, 2)).Dispose();
        var movedAt = Stopwatch.StartNew();
        while (movedAt.Elapsed < TimeSpan.FromSeconds(6))
        {
            var askedAt = movedAt.Elapsed;
            var (status, digest) = await SharedDatabase.PullAsync(b, Tag);
            if (status == HttpStatusCode.OK && digest == SharedDatabase.DigestOf(1))
            {
                Assert.True(askedAt < TimeSpan.FromSeconds(2.2), $"the old tag was served {askedAt} after it moved");
            }
            else
            {
                Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
            }

            await Task.Delay(20, Stop);
        }

        proxy.IsBlackHole = false;
        await Eventually.TrueAsync(
            TimeSpan.FromSeconds(15),
            async () => (await SharedDatabase.PullAsync(b, Tag)).Digest == SharedDatabase.DigestOf(2), "the moved tag");
    }

    [Fact]
    public async Task Of_compare_and_swaps_on_several_nodes_exactly_one_wins_each_time()
    {
        await using var shared = await SharedDatabase.CreateAsync();
        await using var a = await shared.StartNodeAsync();
        await using var b = await shared.StartNodeAsync();
        (await SharedDatabase.PushAsync(a, Tag, 0)).Dispose();
        var replaced = new ConcurrentBag<string>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async client =>
        {
            var node = client % 2 == 0 ? a : b;
            for (var round = 1; round <= 25; round++)
            {
                var (_, current) = await SharedDatabase.PullAsync(node, Tag);
                using var answer = await SharedDatabase.PushAsync(
                    node, Tag, client * 1000 + round, ifMatch: $"\"{current}\"");
                if (answer.StatusCode == HttpStatusCode.Created) replaced.Add(current!);
                else Assert.Equal(HttpStatusCode.PreconditionFailed, answer.StatusCode);
            }
        }));
        Assert.Equal(replaced.Count, replaced.Distinct().Count());
        Assert.InRange(replaced.Count, 25, 199);
    }

    [Fact]
    public async Task A_manifest_that_is_deleted_in_one_repository_while_it_is_pushed_to_another_keeps_its_content()
    {
        await using var shared = await SharedDatabase.CreateAsync();
        await using var a = await shared.StartNodeAsync();
        await using var b = await shared.StartNodeAsync();
        for (var i = 0; i < 100; i++)
        {
            var (kept, doomed) = ($"v2/kept/manifests/t{i}", $"v2/doomed/manifests/{SharedDatabase.DigestOf(i)}");
            (await SharedDatabase.PushAsync(b, doomed, i)).Dispose();
            var deleting = b.Client.DeleteAsync(doomed, Stop);
            using (var pushed = await SharedDatabase.PushAsync(a, kept, i))
            {
                Assert.Equal(HttpStatusCode.Created, pushed.StatusCode);
            }

            using var deleted = await deleting;
            Assert.Equal(HttpStatusCode.Accepted, deleted.StatusCode);
            Assert.Equal((HttpStatusCode.OK, SharedDatabase.DigestOf(i)), await SharedDatabase.PullAsync(b, kept));
        }
    }

    [Fact]
    public async Task Nodes_that_start_at_once_on_an_empty_database_make_its_tables_once()
    {
        await using var shared = await SharedDatabase.CreateAsync();
        var nodes = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => shared.StartNodeAsync())));
        try
        {
            foreach (var node in nodes)
            {
                using var ready = await node.Client.GetAsync("readyz", Stop);
                Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
            }
        }
        finally
        {
            foreach (var node in nodes) await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_database_that_ends_every_connection_costs_no_request_its_answer()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var node = await RegistryFixture.StartAsync(
            s => s with { Database = TestEngines.SettingsOf(database) });
        for (var i = 0; i < 10; i++)
        {
            using var pushed = await SharedDatabase.PushAsync(node, Tag, i);
            Assert.Equal(HttpStatusCode.Created, pushed.StatusCode);
            await database.Server.DisconnectAsync(database.Name);
        }
    }

    /// <summary>Only notices can make its cache forget in the time of a test.</summary>
    private static Task<RegistryFixture> StartPatientNodeAsync(SharedDatabase shared) =>
        shared.StartNodeAsync(configure: d => d with { CacheStaleness = TimeSpan.FromMinutes(10) });
}
