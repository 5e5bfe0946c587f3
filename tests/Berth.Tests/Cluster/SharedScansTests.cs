using Berth.Tests.Contents;
using Berth.Tests.HarborAdapter;
using Berth.Tests.Import;
using Berth.Tests.Servers;

namespace Berth.Tests.Cluster;

/// <summary>Two nodes on one database are one scanner for Harbor, whichever of them it asks.</summary>
[Inside]
public sealed class SharedScansTests : IAsyncLifetime
{
    private const string Query = "?sbom_media_type=application/spdx%2Bjson";

    private static readonly byte[] Layer = RawTar.Gzip(new RawTar()
        .File("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n")
        .File("var/lib/dpkg/status", "Package: libssl3\nSource: openssl (3.0.9-1)\nVersion: 3.0.9-1\n")
        .End());

    private readonly TaskCompletionSource hold = new();
    private readonly List<RegistryFixture> nodes = [];
    private PostgresDatabase database = null!;
    private StoreBucket bucket = null!;
    private ScriptedRegistry harbor = null!;

    public async ValueTask InitializeAsync()
    {
        database = await PostgresServer.CreateDatabaseAsync();
        bucket = await TestEngines.CreateBucketAsync(TestEngines.Store ?? "s3");
        harbor = await ScriptedRegistry.StartAsync();
        harbor.Before = async http =>
        {
            await hold.Task.WaitAsync(http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        for (var i = 0; i < 2; i++)
        {
            nodes.Add(await RegistryFixture.StartAsync(s => AdapterClient.On(s, "http://" + harbor.Authority) with
            {
                Database = TestEngines.SettingsOf(database),
                Storage = bucket.In(s.Storage),
            }));
        }
    }

    public async ValueTask DisposeAsync()
    {
        hold.TrySetResult();
        foreach (var node in nodes) await node.DisposeAsync();
        await harbor.DisposeAsync();
        await bucket.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Each_node_tells_how_far_a_scan_of_the_other_is_and_gives_out_its_report()
    {
        var (first, second) = (new AdapterClient(nodes[0]), new AdapterClient(nodes[1]));
        var id = await first.BeginAsync(RequestOfImage());
        Assert.Equal(302, (await second.ReportAsync(id, AdapterClient.Sbom, Query)).Status);
        hold.SetResult();
        var answer = await second.EndAsync(id, AdapterClient.Sbom, Query);
        Assert.Equal(200, answer.Status);
        Assert.Contains("libssl3", answer.Body, StringComparison.Ordinal);
        Assert.Equal(answer.Body, (await first.ReportAsync(id, AdapterClient.Sbom, Query)).Body);

        // What one has found in a layer, the other need not pull.
        var pulled = harbor.Asked.Count(one => one.Path.Contains("/blobs/", StringComparison.Ordinal));
        Assert.Equal(200, (await second.ScanAsync(RequestOfImage(), AdapterClient.Sbom, Query)).Status);
        Assert.Equal(pulled + 1, harbor.Asked.Count(one => one.Path.Contains("/blobs/", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_other_node_says_that_a_scan_is_lost_whose_node_has_stopped()
    {
        var id = await new AdapterClient(nodes[0]).BeginAsync(RequestOfImage());
        await nodes[0].DisposeAsync();
        nodes.RemoveAt(0);
        var answer = await new AdapterClient(nodes[0]).EndAsync(id, AdapterClient.Sbom, Query);
        Assert.Equal(500, answer.Status);
        Assert.Contains("scan again", answer.Message, StringComparison.Ordinal);
    }

    private string RequestOfImage() => AdapterClient.Request(
        "http://" + harbor.Authority, "library/app", harbor.AddImage("library/app", "1", Layer).Digest,
        AdapterClient.ForSboms);
}
