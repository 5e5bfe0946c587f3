using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Lifecycle;

/// <summary>Pushes to one tag at once: the last one has it, and what the others pushed goes in the end.</summary>
[Inside]
public class TagRaceTests
{
    private const int Pushes = 8;
    private const string Type = "application/vnd.oci.image.index.v1+json";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_loses_its_tag_to_a_push_at_the_same_time_is_collected()
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
                        Trash = new TrashSettings { Keep = TimeSpan.Zero },
                    },
                },
            },
            clock);
        for (var round = 0; round < 10; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, Pushes).Select(number => PushAsync(registry, round, number)));
        }

        clock.Advance(2 * new GarbageSettings().Untagged);
        await registry.Services.GetRequiredService<GarbageCollector>().RunAsync(TimeSpan.FromHours(24), Stop);
        var left = await registry.Services.GetRequiredService<Database>().ReadAsync(
            session => session.NumberAsync("SELECT count(*) FROM manifest"), Stop);
        Assert.Equal(10, left);
    }

    /// <summary>To a tag that is new in the first push of each round.</summary>
    private static async Task PushAsync(RegistryFixture registry, int round, int number)
    {
        using var body = new StringContent(
            $$$"""{"schemaVersion":2,"mediaType":"{{{Type}}}","manifests":[],"annotations":{"n":"{{{number}}}"}}""",
            Encoding.UTF8);
        body.Headers.ContentType = new MediaTypeHeaderValue(Type);
        using var answer = await registry.Client.PutAsync($"v2/race/{round}/manifests/latest", body, Stop);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
    }
}
