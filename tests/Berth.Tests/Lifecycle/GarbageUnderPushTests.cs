using System.Diagnostics;
using Berth.Lifecycle;
using Berth.Settings;
using Berth.Tests.Faults;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Lifecycle;

/// <summary>
/// Clients push, delete and push again the same few blobs while garbage is collected in a loop: every push succeeds,
/// and every image that is there is whole. <c>BERTH_TEST_LONG=1</c> has 200 clients.
/// </summary>
[Inside]
public sealed class GarbageUnderPushTests
{
    /// <summary>Fewer where each push takes longer.</summary>
    private static readonly int Clients = TestRounds.Of(TestEngines.IsPostgres ? 6 : 24, 200);

    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(TestRounds.Of(12, 120));
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(TestRounds.Of(3, 30));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pushes_succeed_and_images_stay_whole_while_garbage_is_collected()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Storage = s.Storage with
            {
                Maintenance = s.Storage.Maintenance with
                {
                    Gc = new GarbageSettings { Enabled = false, Untagged = TimeSpan.FromSeconds(1) },
                    Trash = new TrashSettings { Keep = TimeSpan.FromSeconds(1) },
                },
            },
        });
        var collector = registry.Services.GetRequiredService<GarbageCollector>();
        var start = Stopwatch.GetTimestamp();
        var (rounds, blobs, pushes) = (0, 0L, 0);
        var pushing = Task.WhenAll(Enumerable.Range(0, Clients).Select(PushAsync));
        while (!pushing.IsCompleted)
        {
            blobs += (await collector.RunAsync(Grace, Stop)).Blobs;
            rounds++;
            await Task.Delay(20, Stop);
        }

        await pushing;
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{pushes} pushes beside {rounds} rounds, which deleted {blobs} blobs");
        Assert.True(blobs > (TestEngines.IsPostgres ? 0 : 20), $"only {blobs} blobs were deleted");

        async Task PushAsync(int number)
        {
            var random = new Random(number);
            var client = new ImageClient(registry.Client, random);
            var kept = new List<TestImage>();
            for (var i = 0; Stopwatch.GetElapsedTime(start) < Lasts; i++)
            {
                // Few blobs, so that one that is being deleted is often pushed at that moment.
                var image = new TestImage(
                    $"team/app{random.Next(4)}", $"v{number}-{i}", new TestBlob(random.Next(8), 300),
                    [new TestBlob(100 + random.Next(12), 5000), new TestBlob(200 + random.Next(400), 2000)], null);
                await client.PushWhatIsMissingAsync(image);
                Interlocked.Increment(ref pushes);
                kept.Add(image);
                if (kept.Count > 1)
                {
                    using var answer = await registry.Client.DeleteAsync(
                        new Uri($"v2/{kept[0].Repository}/manifests/{kept[0].Tag}", UriKind.Relative), Stop);
                    kept.RemoveAt(0);
                }

                foreach (var other in kept) Assert.True(await client.IsWholeAsync(other), "an image is gone");
                await Task.Delay(random.Next(400), Stop);
            }
        }
    }
}
