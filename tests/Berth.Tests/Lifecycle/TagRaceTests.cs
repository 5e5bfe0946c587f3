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
        await using var registry = await RegistryFixture.StartAsync(s => s.CollectedByHand(), clock);
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

    /// <summary>On PostgreSQL, all of them lock tags before manifests, and both in order.</summary>
    [Fact]
    public async Task Pushes_and_the_times_of_pulls_do_not_wait_for_each_other()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var database = registry.Services.GetRequiredService<Database>();
        var digests = new List<string>();
        foreach (var number in new[] { 0, 1 }) digests.Add(await PushAsync(registry, 0, number));
        var pushes = Enumerable.Range(0, 4).Select(async client =>
        {
            for (var i = 0; i < 40; i++) await PushAsync(registry, 0, (client + i) % 2);
        });
        var pulls = Enumerable.Range(0, 2).Select(async _ =>
        {
            for (var i = 1; i <= 40; i++)
            {
                var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
                var pulled = digests.ConvertAll(digest => new Pull("race/0", "latest", digest, now + i, 1));
                await database.WriteAsync(
                    async session =>
                    {
                        await PullTable.AddAsync(session, pulled);
                        return true;
                    },
                    isDurable: false, Stop);
            }
        });
        await Task.WhenAll(pushes.Concat(pulls));
        if (!TestEngines.IsPostgres) return;
        var deadlocks = await database.ReadAsync(
            session => session.NumberAsync(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
            Stop);
        Assert.Equal(0, deadlocks);
    }

    /// <summary>To a tag that is new in the first push of each round.</summary>
    private static async Task<string> PushAsync(RegistryFixture registry, int round, int number)
    {
        using var body = new StringContent(
            $$$"""{"schemaVersion":2,"mediaType":"{{{Type}}}","manifests":[],"annotations":{"n":"{{{number}}}"}}""",
            Encoding.UTF8);
        body.Headers.ContentType = new MediaTypeHeaderValue(Type);
        using var answer = await registry.Client.PutAsync($"v2/race/{round}/manifests/latest", body, Stop);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return answer.Headers.GetValues("Docker-Content-Digest").Single();
    }
}
