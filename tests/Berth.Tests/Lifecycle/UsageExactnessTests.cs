using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>Whatever is pushed, mounted, deleted, restored and collected, the usage is what is linked.</summary>
[Inside]
public sealed class UsageExactnessTests
{
    private const int Steps = 120;
    private static readonly string[] Repositories = ["a/one", "a/two", "a", "b/one", "b/two"];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_random_pushes_deletions_and_collections_the_usage_is_exact()
    {
        var clock = new SetClock();
        await using var registry = await StartAsync(
            settings: s => s with
            {
                Storage = s.Storage with
                {
                    Delete = new DeleteSettings { NeededBlobs = true },
                    Maintenance = s.Storage.Maintenance with { Gc = new GarbageSettings { Enabled = false } },
                },
            },
            clock: clock);
        var images = new ImagePusher(registry, "admin");
        var random = new Random(5);
        var pushed = new List<(string Repository, string Digest)>();
        for (var step = 0; step < Steps; step++)
        {
            var repository = Repositories[random.Next(Repositories.Length)];
            switch (random.Next(8))
            {
                case 0 when pushed.Count > 0:
                    var (from, digest) = pushed[random.Next(pushed.Count)];
                    pushed.RemoveAll(one => one == (from, digest));
                    await images.IsAsync("DELETE", $"/v2/{from}/manifests/{digest}", 202);
                    break;
                case 1:
                    pushed.RemoveAll(one => one.Repository == repository);
                    await RemoveAsync(images, $"/api/v1/repositories/{repository}");
                    break;
                case 2:
                    await RemoveAsync(images, $"/v2/{repository}/blobs/{ImagePusher.DigestOf(Layer(random))}");
                    break;
                case 3:
                    clock.Advance(TimeSpan.FromDays(random.Next(1, 9)));
                    await registry.Services.GetRequiredService<GarbageCollector>().RunAllAsync(
                        TimeSpan.FromHours(1), emptiesTrash: random.Next(2) == 0, _ => Task.CompletedTask, Stop);
                    await UsageCount.ReadAsync(registry);
                    break;
                default:
                    pushed.Add((repository, await images.PushAsync(
                        repository, $"v{step}", [.. new[] { Layer(random), Layer(random) }.Distinct()])));
                    break;
            }
        }

        Assert.NotEmpty(await UsageCount.ReadAsync(registry));
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync("UPDATE repository_blob SET size_bytes = size_bytes + 1"), isDurable: false,
            Stop);
        await UsageCount.ReadAsync(registry);
        foreach (var repository in Repositories) await RemoveAsync(images, $"/api/v1/repositories/{repository}");
        clock.Advance(TimeSpan.FromDays(30));
        await registry.Services.GetRequiredService<GarbageCollector>().RunAllAsync(
            TimeSpan.Zero, emptiesTrash: true, _ => Task.CompletedTask, Stop);
        Assert.Empty(await UsageCount.ReadAsync(registry));
    }

    private static string Layer(Random random) => new('x', random.Next(1, 12));

    private static async Task RemoveAsync(ImagePusher images, string path)
    {
        var status = path.StartsWith("/api", StringComparison.Ordinal) ? 204 : 202;
        try
        {
            await images.IsAsync("DELETE", path, status);
        }
        catch (Xunit.Sdk.TrueException e) when (e.Message.Contains("there is no", StringComparison.Ordinal)
            || e.Message.Contains("unknown", StringComparison.Ordinal))
        {
            // It was not there.
        }
    }
}
