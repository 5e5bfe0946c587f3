using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Cluster;
using Berth.Tests.Faults;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Lifecycle;

/// <summary>
/// Clients push, delete and push again the same few blobs while every node collects garbage: every push succeeds, every
/// image that is there is whole, and in the end the store has what those need and nothing else. With PostgreSQL and a
/// bucket there are three nodes, and each request goes to the next one. <c>BERTH_TEST_LONG=1</c> has 200 clients.
/// </summary>
[Inside]
public sealed class GarbageUnderPushTests(ITestOutputHelper output)
{
    /// <summary>Fewer where each push takes longer.</summary>
    private static readonly int Clients = TestRounds.Of(TestEngines.IsPostgres ? 8 : 24, 200);

    private static readonly int Jumps = TestRounds.Of(
        TestEngines.IsPostgres ? 12 : 20, TestEngines.IsPostgres ? 30 : 100);

    /// <summary>How many pushes end between two jumps of the clock.</summary>
    private static readonly int LeastPerJump = Clients / 2;

    /// <summary>After this many, clients wait, or the collectors would get ever more to do.</summary>
    private static readonly int MostPerJump = 2 * Clients;

    /// <summary>The shortest that the settings take.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    /// <summary>Few enough that each is needed again soon after it was deleted.</summary>
    private static readonly IReadOnlyList<TestBlob> Layers =
        [.. Enumerable.Range(0, 5 * Clients).Select(seed => new TestBlob(seed, 2000))];

    private readonly List<RegistryFixture> nodes = [];
    private readonly JumpingClock clock = new();
    private List<GarbageCollector> collectors = [];
    private volatile bool isOver;
    private volatile List<TestBlob> condemned = [];
    private int pushes;
    private int pushesBeforeJump;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pushes_succeed_and_images_stay_whole_while_every_node_collects_garbage()
    {
        await using var shared = TestEngines.IsPostgres && TestEngines.Store is not null
            ? await SharedDatabase.CreateAsync() : null;
        try
        {
            for (var i = 0; i < (shared is null ? 1 : 3); i++)
            {
                nodes.Add(shared is null
                    ? await RegistryFixture.StartAsync(s => s with { Storage = Configure(s.Storage) }, clock)
                    : await shared.StartNodeAsync(configureStorage: Configure, clock: clock));
            }

            collectors = nodes.ConvertAll(node => shared is null
                ? node.Services.GetRequiredService<GarbageCollector>()
                : ActivatorUtilities.CreateInstance<GarbageCollector>(
                    node.Services, SlowDeletions.Over(node.Services.GetRequiredService<IBlobStore>())));
            using var http = new HttpClient(new InTurn(nodes)) { BaseAddress = nodes[0].BaseAddress };
            var watching = WatchAsync();
            var pushing = Enumerable.Range(0, Clients).Select(number => PushAsync(http, number)).ToList();
            var beside = await CollectBesideAsync(Task.WhenAny(pushing));
            isOver = true;
            List<TestImage> kept = [.. (await Task.WhenAll(pushing)).SelectMany(images => images)];
            await watching;
            var after = await CollectRestAsync();
            output.WriteLine($"{pushes} pushes, beside which {beside} blobs were deleted, and {after} after them");

            // Each image has a config of its own: the others were deleted though many images need them.
            var configs = pushes - kept.Count;
            Assert.True(beside + after - configs >= Jumps, $"only {beside + after - configs} layers were deleted");
            Assert.True(beside >= Jumps, $"only {beside} blobs were deleted beside pushes");
            await AssertWholeAsync(kept);
        }
        finally
        {
            isOver = true;
            foreach (var node in nodes) await node.DisposeAsync();
        }
    }

    private static StorageSettings Configure(StorageSettings storage) => storage with
    {
        Redirect = new RedirectSettings { Disable = true },
        Maintenance = storage.Maintenance with
        {
            Gc = new GarbageSettings { Enabled = false, Untagged = TimeSpan.FromSeconds(10) },
            Trash = new TrashSettings { Keep = TimeSpan.FromSeconds(1) },
        },
    };

    /// <returns>The images that were pushed and not deleted.</returns>
    private async Task<List<TestImage>> PushAsync(HttpClient http, int number)
    {
        var random = new Random(number);
        var client = new ImageClient(http, random);
        var kept = new List<TestImage>();
        for (var i = 0; !isOver; i++)
        {
            var doomed = await NextLayerAsync(random);
            TestBlob[] layers = [.. new[] { doomed, Layers[random.Next(Layers.Count)] }.Distinct()];
            var config = new TestBlob((1000 * number) + i + 5000, 300);
            var image = new TestImage($"team/app{random.Next(2)}", $"v{number}-{i}", config, layers, MountedFrom: null);
            using (clock.BeginPush())
            {
                await client.PushBlobAsync(image, doomed);
                await client.PushWhatIsMissingAsync(image);
            }

            Interlocked.Increment(ref pushes);
            kept.Add(image);
            if (kept.Count > 1)
            {
                var old = random.Next(2) == 0 ? kept[0].Tag : TestBlob.DigestOf(kept[0].Manifest);
                using var answer = await http.DeleteAsync($"v2/{kept[0].Repository}/manifests/{old}", Stop);
                Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
                kept.RemoveAt(0);
            }

            foreach (var other in kept) Assert.True(await client.IsWholeAsync(other), "an image is gone");
        }

        return kept;
    }

    /// <summary>
    /// A layer that is about to be deleted, as soon as there is one: then its push and its deletion meet. If there is
    /// none for a while, any layer.
    /// </summary>
    private async Task<TestBlob> NextLayerAsync(Random random)
    {
        for (var waits = 0; !isOver; waits++)
        {
            if (condemned is { Count: > 0 } some) return some[random.Next(some.Count)];
            var sinceJump = Volatile.Read(ref pushes) - Volatile.Read(ref pushesBeforeJump);
            if (waits > 10 && sinceJump < MostPerJump) break;
            await Task.Delay(1, Stop);
        }

        return Layers[random.Next(Layers.Count)];
    }

    private async Task WatchAsync()
    {
        var layers = Layers.ToDictionary(layer => layer.Digest);
        var database = nodes[0].Services.GetRequiredService<Database>();
        while (!isOver)
        {
            var digests = await database.ReadAsync(
                s => s.AllAsync("SELECT digest FROM blob WHERE condemned_at IS NOT NULL", row => row.GetString(0)),
                Stop);
            condemned = [.. digests.Where(layers.ContainsKey).Select(digest => layers[digest])];
            await Task.Delay(1, Stop);
        }
    }

    /// <summary>All nodes collect at once, and again, and time jumps on when there were enough pushes.</summary>
    private async Task<long> CollectBesideAsync(Task anyEnds)
    {
        var blobs = 0L;
        for (var jump = 0; jump < Jumps && !anyEnds.IsCompleted;)
        {
            blobs += await CollectAsync();
            if (Volatile.Read(ref pushes) - pushesBeforeJump < LeastPerJump || !clock.TryJump()) continue;
            Volatile.Write(ref pushesBeforeJump, Volatile.Read(ref pushes));
            jump++;
        }

        return blobs;
    }

    private async Task<long> CollectAsync()
    {
        var reports = await Task.WhenAll(
            collectors.Select(collector => Task.Run(() => collector.RunAsync(Grace, Stop), Stop)));
        return reports.Sum(report => report.Blobs);
    }

    /// <summary>What was deleted last needs two terms of grace, and one as a manifest without tags.</summary>
    private async Task<long> CollectRestAsync()
    {
        var blobs = 0L;
        for (var jump = 0; jump < 12; jump++)
        {
            Assert.True(clock.TryJump());
            blobs += await CollectAsync();
        }

        return blobs;
    }

    private async Task AssertWholeAsync(List<TestImage> kept)
    {
        foreach (var node in nodes)
        {
            var client = new ImageClient(node.Client, new Random(1));
            foreach (var image in kept) Assert.True(await client.IsWholeAsync(image), "an image is gone");
        }

        var services = nodes[0].Services;
        var store = services.GetRequiredService<IBlobStore>();
        var stored = await store.ListAsync(Stop).Select(digest => digest.Text).ToListAsync(Stop);
        var needed = kept.SelectMany(image => image.Blobs).Select(blob => blob.Digest).Distinct();
        Assert.Equal(needed.Order(), stored.Order());
        var verification = new Verification(
            services.GetRequiredService<Database>(), store, new ValidationSettings(), TimeProvider.System,
            isDryRun: true);
        await verification.RunAsync(Stop);
        Assert.Equal(0, verification.Report.FaultsFound);
    }

    /// <summary>Sends each request to the next node, also where it names another.</summary>
    private sealed class InTurn(IReadOnlyList<RegistryFixture> nodes)
        : DelegatingHandler(new SocketsHttpHandler { UseProxy = false })
    {
        private int next;

        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var node = nodes[(int)((uint)Interlocked.Increment(ref next) % nodes.Count)];
            request.RequestUri = new Uri(node.BaseAddress, request.RequestUri!.PathAndQuery);
            return base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>
    /// A time of day that goes on slowly and jumps now and then, but only once during a push: so each push has half the
    /// grace period, as is promised, however slow the machine is.
    /// </summary>
    private sealed class JumpingClock : TimeProvider
    {
        private const int Slowness = 20;

        private static readonly TimeSpan Jump = TimeSpan.FromSeconds(3);

        private readonly DateTimeOffset start = System.GetUtcNow();
        private readonly Lock changing = new();
        private readonly int[] running = new int[2];
        private int jumps;

        public override DateTimeOffset GetUtcNow() =>
            start + ((System.GetUtcNow() - start) / Slowness) + (Volatile.Read(ref jumps) * Jump);

        public IDisposable BeginPush()
        {
            lock (changing)
            {
                running[jumps % 2]++;
                return new RunningPush(this, jumps % 2);
            }
        }

        /// <summary>False while a push runs that began before the last jump.</summary>
        public bool TryJump()
        {
            lock (changing)
            {
                if (running[(jumps + 1) % 2] > 0) return false;
                jumps++;
                return true;
            }
        }

        private sealed class RunningPush(JumpingClock clock, int began) : IDisposable
        {
            public void Dispose()
            {
                lock (clock.changing) clock.running[began]--;
            }
        }
    }
}
