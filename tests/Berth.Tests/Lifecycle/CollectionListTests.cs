using System.Text;
using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Distribution;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Lifecycle;

/// <summary>The list of collections: those that somebody asked for, and rounds that removed anything.</summary>
[Inside]
public class CollectionListTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rounds_that_removed_anything_are_listed_beside_those_that_were_asked_for()
    {
        var (clock, settings) = (new SetClock(), new GarbageSettings());
        await using var registry = await RegistryFixture.StartAsync(s => s.CollectedByHand(), clock);
        var round = new CollectGarbageJob(
            registry.Services.GetRequiredService<GarbageCollector>(),
            registry.Services.GetRequiredService<Database>(), settings, clock);
        await new Script(registry) { ["blob"] = new string('x', 1000) }.PlayAsync(
            "POST /v2/a/blobs/uploads/?digest={sha256 blob}\n > {blob}\n 201");
        await registry.Services.GetRequiredService<IBlobStore>().MakeDurableAsync(
            [DigestOf(new string('x', 1000))], Stop);
        await round.RunAsync("", Stop);
        for (var i = 0; i < 3; i++)
        {
            clock.Advance(settings.Grace * 0.51);
            await round.RunAsync("", Stop);
        }

        var command = new AccountCommand(registry);
        (await command.RunAsync("gc", "--yes")).Is(0);
        var lines = (await command.RunAsync("gc", "--list")).Is(0).Output.Trim().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches("^2 +operator .* done +0 +0 +0 bytes", lines[1]);
        Assert.Matches("^1 +schedule .* done +0 +1 +1,000 bytes", lines[2]);
    }

    private static Digest DigestOf(string text) =>
        Digest.Of(DigestAlgorithm.Sha256, Encoding.UTF8.GetBytes(text));
}
