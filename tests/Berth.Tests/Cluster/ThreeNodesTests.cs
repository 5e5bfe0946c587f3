using System.Collections.Concurrent;
using Berth.Tests.Clients;
using Berth.Tests.Faults;
using Berth.Tests.Servers;

namespace Berth.Tests.Cluster;

/// <summary>Three nodes on one PostgreSQL and one bucket behind a proxy that gives each request to the next.</summary>
public sealed class ThreeNodesTests(ClientFixture client, ITestOutputHelper output)
    : IClassFixture<ClientFixture>, IAsyncLifetime
{
    private const int Pushers = 3;
    private const int Pullers = 2;

    private static readonly int ScriptedPushes = TestRounds.Of(usual: 120, all: 470);
    private static readonly int RealPushes = TestRounds.Of(usual: 10, all: 30);
    private static readonly int Pulls = TestRounds.Of(usual: 500, all: 2000);
    private static readonly int LeastKills = TestRounds.Of(usual: 2, all: 5);

    private readonly List<BerthProcess> nodes = [];
    private readonly ConcurrentQueue<TestImage> acknowledged = new();
    private readonly ConcurrentQueue<(string Image, string Digest)> pushedByPrograms = new();
    private readonly RetryingHandler handler = new();
    private PostgresDatabase database = null!;
    private S3Bucket bucket = null!;
    private RoundRobinProxy proxy = null!;
    private int kills;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await PostgresServer.CreateDatabaseAsync();
        bucket = await S3Server.CreateBucketAsync();
        for (var i = 0; i < 3; i++) nodes.Add(await BerthProcess.StartAsync(Configure, Stop));
        proxy = await RoundRobinProxy.StartAsync(nodes.Select(n => n.Address), leavesOutDead: false);
    }

    public async ValueTask DisposeAsync()
    {
        if (proxy is not null) await proxy.DisposeAsync();
        foreach (var node in nodes) await node.DisposeAsync();
        await bucket.DisposeAsync();
        await database.DisposeAsync();
        handler.Dispose();
    }

    [Fact]
    public async Task While_nodes_die_and_come_back_no_client_meets_an_error_that_a_retry_does_not_cure()
    {
        using var http = new HttpClient(handler, disposeHandler: false) { BaseAddress = proxy.BaseAddress };
        using var end = new CancellationTokenSource();
        var killing = KillAndStartAsync(end.Token);
        var pushes = Enumerable.Range(0, Pushers).Select(p => Task.Run(() => PushAsync(http, p), Stop));
        var pulls = Enumerable.Range(0, Pullers).Select(p => Task.Run(() => PullAsync(http, p), Stop));
        try
        {
            await Task.WhenAll([.. pushes, .. pulls, PushWithProgramsAsync()]);
        }
        finally
        {
            await end.CancelAsync();
            await killing;
        }

        output.WriteLine($"{acknowledged.Count + pushedByPrograms.Count} pushes, {Pulls} pulls, {kills} kills, "
            + $"{handler.Retried} requests sent again");
        Assert.True(kills >= LeastKills, $"{kills} kills are too few to tell");
        Assert.Equal(ScriptedPushes, acknowledged.Count);
        await AssertWholeAsync();
    }

    private void Configure(IDictionary<string, string> settings)
    {
        settings.Remove("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY");
        foreach (var (name, value) in database.Variables.Concat(bucket.Variables)) settings[name] = value;
    }

    private async Task KillAndStartAsync(CancellationToken end)
    {
        var random = new Random(7);
        while (!end.IsCancellationRequested)
        {
            var node = nodes[random.Next(nodes.Count)];
            await node.KillAsync();
            kills++;
            await node.StartAgainAsync(Stop);
            await Task.Delay(random.Next(1500, 4000), CancellationToken.None);
        }
    }

    private async Task PushAsync(HttpClient http, int pusher)
    {
        var random = new Random(pusher);
        var images = new ImageClient(http, random);
        for (var i = pusher; i < ScriptedPushes; i += Pushers)
        {
            var others = acknowledged.ToArray();
            var image = TestImage.Random(random, others.Length > 50 ? others[^50..] : others);
            await images.PushAsync(image);
            acknowledged.Enqueue(image);
        }
    }

    private async Task PullAsync(HttpClient http, int puller)
    {
        var random = new Random(1000 + puller);
        var images = new ImageClient(http, random);
        for (var i = puller; i < Pulls; i += Pullers)
        {
            while (acknowledged.IsEmpty) await Task.Delay(20, Stop);
            var image = acknowledged.ElementAt(random.Next(acknowledged.Count));
            Assert.True(await images.IsWholeAsync(image), $"{image.Repository}:{image.Tag} is gone");
        }
    }

    /// <summary>Programs that fail are started again, as a pipeline would.</summary>
    private async Task PushWithProgramsAsync()
    {
        for (var i = 0; i < RealPushes; i++)
        {
            var layout = OciLayout.Write(client.NewPath("layout"), $"program {i}");
            var image = $"{proxy.Address}/programs/app{i % 4}:v{i}";
            await UntilItSucceedsAsync(() => i % 2 == 0
                ? client.TryRunAsync(client.Tools.Crane, "push", layout.Folder, image)
                : client.TryRunAsync(
                    "skopeo", "copy", "--dest-tls-verify=false", $"oci:{layout.Folder}", $"docker://{image}"));
            pushedByPrograms.Enqueue((image, layout.Digest));
        }
    }

    private static async Task UntilItSucceedsAsync(Func<Task<ProgramRun>> run)
    {
        for (var tries = 1; ; tries++)
        {
            var ended = await run();
            if (ended.ExitCode == 0) return;
            if (tries == 10) ended.OutputOfSuccess();
            await Task.Delay(500, Stop);
        }
    }

    /// <summary>Everything acknowledged is complete on any node, and nothing stored is altered or missing.</summary>
    private async Task AssertWholeAsync()
    {
        await Task.WhenAll(nodes.Select(async (node, place) =>
        {
            using var http = new HttpClient(handler, disposeHandler: false) { BaseAddress = node.BaseAddress };
            var images = new ImageClient(http, new Random(1));
            foreach (var image in acknowledged.Where((_, i) => i % nodes.Count == place))
            {
                Assert.True(await images.IsWholeAsync(image), $"{image.Repository}:{image.Tag} is gone");
            }
        }));
        foreach (var (image, digest) in pushedByPrograms)
        {
            Assert.Equal(digest, await client.RunAsync(client.Tools.Crane, "digest", image));
            await client.RunAsync(client.Tools.Crane, "validate", "--remote", image);
        }

        var settings = new Dictionary<string, string>();
        Configure(settings);
        var (exitCode, said) = await BerthCommand.RunAsync(settings, "verify");
        Assert.True(exitCode == 0, said);
    }
}
