using System.Net;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Blobs;
using Berth.Tests.Distribution;
using Berth.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Cluster;

/// <summary>Nodes on one database and one bucket, and uploads whose requests go to any of them.</summary>
public sealed class SharedStoreTests : IAsyncLifetime
{
    private const int Part = 5 << 20;
    private const int BodyBytes = 100_000;

    private readonly List<RegistryFixture> nodes = [];
    private Servers.PostgresDatabase database = null!;
    private StoreBucket bucket = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await PostgresServer.CreateDatabaseAsync();
        bucket = await TestEngines.CreateBucketAsync(TestEngines.Store ?? "s3");
        for (var i = 0; i < 3; i++) nodes.Add(await StartNodeAsync());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes) await node.DisposeAsync();
        await bucket.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task An_upload_started_on_one_node_continues_on_a_second_and_ends_on_a_third()
    {
        var content = StoreUse.Bytes(1, (3 * Part) + 500);
        var digest = StoreUse.DigestOf(content);
        var upload = await StartAsync(nodes[0]);
        var sent = 0;
        foreach (var (size, node) in new[] { (100, 1), (Part + 7, 2), (1, 0), (2 * Part, 1), (1000, 1) })
        {
            var end = Math.Min(content.Length, sent + size);
            Assert.Equal(
                (HttpStatusCode.Accepted, $"0-{end - 1}"), await PatchAsync(nodes[node], upload, content[sent..end]));
            Assert.Equal($"0-{end - 1}", await RangeAsync(nodes[(node + 1) % 3], upload));
            sent = end;
        }

        Assert.Equal(HttpStatusCode.Created, await PutAsync(nodes[2], upload, digest.Text, content[sent..]));
        foreach (var node in nodes)
        {
            Assert.Equal(content, await node.Client.GetByteArrayAsync($"v2/a/blobs/{digest}", Stop));
        }

        Assert.DoesNotContain(await bucket.KeysAsync(), k => k.StartsWith("uploads/", StringComparison.Ordinal));
        Assert.Empty(await bucket.UploadsAsync());
    }

    [Fact]
    public async Task A_request_whose_upload_another_node_has_claimed_changes_nothing()
    {
        var (start, late, other) = (StoreUse.Bytes(1, Part + 9), StoreUse.Bytes(2, 1000), StoreUse.Bytes(3, 800));
        var upload = await StartAsync(nodes[0]);
        await PatchAsync(nodes[0], upload, start);
        using var hanging = await RawConnection.OpenAsync(nodes[0]);
        await hanging.SendAsync($"PATCH {upload} HTTP/1.1\r\nHost: a\r\nContent-Length: {late.Length}\r\n\r\n");
        await hanging.SendAsync(late[..500]);
        await Task.Delay(300, Stop);
        Assert.Equal(HttpStatusCode.Conflict, (await PatchAsync(nodes[0], upload, other)).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await PatchAsync(nodes[1], upload, other)).Status);
        await hanging.SendAsync(late[500..]);
        Assert.Equal(409, (await hanging.ReadAnswerAsync()).Status);
        var digest = StoreUse.DigestOf([.. start, .. other]);
        Assert.Equal(HttpStatusCode.Created, await PutAsync(nodes[0], upload, digest.Text, []));
        Assert.Equal(
            (byte[])[.. start, .. other], await nodes[2].Client.GetByteArrayAsync($"v2/a/blobs/{digest}", Stop));
    }

    [Fact]
    public async Task Requests_that_race_for_one_upload_on_the_same_node_and_on_others_never_mix_their_bytes()
    {
        for (var round = 0; round < 10; round++)
        {
            var upload = await StartAsync(nodes[round % 3]);
            var bodies = Enumerable.Range(0, 6).Select(n => StoreUse.Bytes(n, BodyBytes)).ToList();
            var answers = await Task.WhenAll(bodies.Select((body, n) => PatchAsync(nodes[n % 3], upload, body)));
            Assert.All(answers, a => Assert.True(a.Status is HttpStatusCode.Accepted or HttpStatusCode.Conflict));
            // Those that were accepted came one after another, in an order that only the content tells.
            var accepted = bodies.Where((_, n) => answers[n].Status == HttpStatusCode.Accepted).ToList();
            Assert.Equal($"0-{Math.Max(0, (accepted.Count * BodyBytes) - 1)}", await RangeAsync(nodes[0], upload));
            var row = await nodes[0].Services.GetRequiredService<UploadTable>().FindAsync(IdOf(upload), Stop);
            var stored = await nodes[0].Services.GetRequiredService<IBlobStore>().OpenUploadAsync(
                row!.Id, row.Repository, row.Algorithm, row.State, Stop);
            var found = await stored.ComputeDigestAsync(DigestAlgorithm.Sha256, read: null, Stop);
            var orders = OrdersOf(accepted).Select(order => StoreUse.DigestOf([.. order.SelectMany(b => b)]));
            Assert.Contains(found, orders);
            Assert.Equal(HttpStatusCode.Created, await PutAsync(nodes[1], upload, found.Text, []));
        }
    }

    [Fact]
    public async Task An_upload_that_expires_is_aborted_in_the_store_by_whichever_node_finds_it()
    {
        var upload = await StartAsync(nodes[0]);
        await PatchAsync(nodes[0], upload, StoreUse.Bytes(1, (2 * Part) + 10));
        Assert.NotEqual(0, await CountLeftAsync());
        await AssertSweptAsync("the upload is gone from the store");
        using var answer = await nodes[0].Client.GetAsync(upload, Stop);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task Orphans_of_a_dead_node_are_removed()
    {
        var store = nodes[0].Services.GetRequiredService<IBlobStore>();
        var orphan = await StoreUse.OpenAsync(store);
        await StoreUse.AppendAsync(orphan, StoreUse.Bytes(1, (2 * Part) + 10));
        await orphan.SuspendAsync(Stop);
        Assert.NotEqual(0, await CountLeftAsync());
        await AssertSweptAsync("what nobody owns is gone from the store");
    }

    [Fact]
    public async Task A_node_with_everything_elsewhere_needs_no_folder()
    {
        Assert.All(nodes, node => Assert.False(Directory.Exists(node.DataFolder)));
        Assert.Equal("""{"status":"ok"}""", await nodes[0].Client.GetStringAsync("readyz", Stop));
        await nodes[0].Services.GetRequiredService<Database>().ReadAsync(s => s.NumberAsync("SELECT 1"), Stop);
    }

    /// <summary>A node that removes what is abandoned at once leaves nothing of uploads in the store.</summary>
    private async Task AssertSweptAsync(string what)
    {
        await using var sweeper = await StartNodeAsync(new UploadPurgingSettings
        {
            Age = TimeSpan.FromSeconds(1),
            Interval = TimeSpan.FromSeconds(0.3),
        });
        await Eventually.TrueAsync(
            TimeSpan.FromSeconds(20),
            async () => await CountLeftAsync() == 0,
            what);
    }

    private Task<RegistryFixture> StartNodeAsync(UploadPurgingSettings? purging = null) =>
        RegistryFixture.StartOnFilesAsync(s => s with
        {
            Database = TestEngines.SettingsOf(database),
            Storage = bucket.In(s.Storage, new StoreOptions(Part)) with
            {
                Redirect = new RedirectSettings { Disable = true },
                Maintenance = s.Storage.Maintenance with
                {
                    UploadPurging = purging ?? s.Storage.Maintenance.UploadPurging,
                },
            },
        });

    private async Task<int> CountLeftAsync() =>
        (await bucket.UploadsAsync()).Count + (await bucket.LengthsAsync("uploads/")).Count;

    private static UploadId IdOf(string upload) =>
        UploadId.TryParse(upload.Split('/')[^1], out var id) ? id : throw new FormatException(upload);

    private static IEnumerable<List<byte[]>> OrdersOf(List<byte[]> bodies)
    {
        if (bodies.Count == 0) yield return [];
        foreach (var first in bodies)
        {
            foreach (var rest in OrdersOf([.. bodies.Where(b => b != first)])) yield return [first, .. rest];
        }
    }

    private static async Task<string> StartAsync(RegistryFixture node)
    {
        using var answer = await node.Client.PostAsync("v2/a/blobs/uploads/", null, Stop);
        return answer.Headers.Location!.OriginalString;
    }

    private static async Task<(HttpStatusCode Status, string? Range)> PatchAsync(
        RegistryFixture node, string upload, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        using var answer = await node.Client.PatchAsync(upload, content, Stop);
        return (answer.StatusCode, RangeOf(answer));
    }

    private static async Task<string> RangeAsync(RegistryFixture node, string upload)
    {
        using var answer = await node.Client.GetAsync(upload, Stop);
        return RangeOf(answer)!;
    }

    private static string? RangeOf(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues("Range", out var values) ? values.Single() : null;

    private static async Task<HttpStatusCode> PutAsync(
        RegistryFixture node, string upload, string digest, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        using var answer = await node.Client.PutAsync($"{upload}?digest={digest}", content, Stop);
        return answer.StatusCode;
    }
}
