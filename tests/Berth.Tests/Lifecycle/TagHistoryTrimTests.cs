using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Distribution;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Lifecycle;

/// <summary>Of the history of a tag, the last moves stay, and others for a while.</summary>
[Inside]
public class TagHistoryTrimTests
{
    private const string Type = "application/vnd.oci.image.index.v1+json";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Moves_go_that_are_neither_among_the_last_nor_young()
    {
        var clock = new SetClock();
        await using var registry = await RegistryFixture.StartAsync(
            s => s with
            {
                Storage = s.Storage with
                {
                    Maintenance = s.Storage.Maintenance with
                    {
                        Gc = new GarbageSettings { Enabled = false },
                        TagHistory = new TagHistorySettings { Moves = 3, Age = TimeSpan.FromDays(30) },
                    },
                },
            },
            clock);
        await MoveAsync(registry, "often", 0, 5);
        await MoveAsync(registry, "seldom", 0, 3);
        clock.Advance(TimeSpan.FromDays(20));
        await MoveAsync(registry, "often", 5, 1);
        await TrimAsync(registry);
        Assert.Equal((6, 3), (await CountAsync(registry, "often"), await CountAsync(registry, "seldom")));
        clock.Advance(TimeSpan.FromDays(20));
        await TrimAsync(registry);
        Assert.Equal((3, 3), (await CountAsync(registry, "often"), await CountAsync(registry, "seldom")));
        await MoveAsync(registry, "often", 6, 4);
        await TrimAsync(registry);
        Assert.Equal(5, await CountAsync(registry, "often"));
        await registry.Client.GetStringAsync("v2/a/manifests/often", Stop);
    }

    private static async Task MoveAsync(RegistryFixture registry, string tag, int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            var body =
                $$$"""{"schemaVersion":2,"mediaType":"{{{Type}}}","manifests":[],"annotations":{"n":"{{{i}}}"}}""";
            await new Script(registry) { ["body"] = body }.PlayAsync(
                $"PUT /v2/a/manifests/{tag}\n Content-Type: {Type}\n > {{body}}\n 201");
        }
    }

    private static Task TrimAsync(RegistryFixture registry) => registry.Services.GetServices<Job>()
        .Single(job => job.Kind == "trim-tag-history").RunAsync("", Stop);

    private static async Task<long?> CountAsync(RegistryFixture registry, string tag) =>
        await registry.Services.GetRequiredService<Database>().ReadAsync(
            session => session.NumberAsync("SELECT count(*) FROM tag_history WHERE name = $1", tag), Stop);
}
