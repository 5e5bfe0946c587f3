using System.Globalization;
using Berth.Hosting;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Telemetry;

/// <summary>What waits to be removed, as the metrics have it.</summary>
[Inside]
public sealed class GarbageMetricsTests
{
    private static readonly GarbageSettings Gc = new() { Enabled = false };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Metrics_tell_what_is_in_the_trash_and_what_waits_until_it_is_removed()
    {
        var clock = new SetClock();
        await using var registry = await StartAsync(
            settings: s => s with
            {
                Http = s.Http with
                {
                    Debug = new DebugSettings
                    {
                        Addr = "127.0.0.1:0",
                        Prometheus = new PrometheusSettings { Enabled = true },
                    },
                },
                Storage = s.Storage with { Maintenance = s.Storage.Maintenance with { Gc = Gc } },
            },
            clock: clock);
        var images = new ImagePusher(registry, "admin");
        await images.PushAsync("acme/kept", "1", "kept");
        var digest = await images.PushAsync("acme/app", "1", new string('x', 1000));
        await HasAsync(registry, (0, 0), (0, 0), (0, 0));

        // Moved to the trash; the collector sees later what only the trash needs.
        await images.IsAsync("DELETE", $"/v2/acme/app/manifests/{digest}", 202);
        await HasAsync(registry, (0, 0), (0, 0), (1, 0));
        await RoundAsync(registry, clock, TimeSpan.Zero);
        await RoundAsync(registry, clock, Gc.Grace * 0.51);
        await HasAsync(registry, (0, 0), (0, 0), (1, 1002));

        // One that a client deletes is in no repository at once, and goes with the next round.
        var loose = ImagePusher.DigestOf("free");
        await images.SendAsync("POST", $"/v2/acme/kept/blobs/uploads/?digest={loose}", "free", null, 201);
        await images.IsAsync("DELETE", $"/v2/acme/kept/blobs/{loose}", 202);
        await HasAsync(registry, (0, 0), (1, 4), (1, 1002));

        // That is one. What was in the trash waits for the rest of the grace period.
        await images.ApiAsync("POST", "/trash/empty", "{}", 200);
        await HasAsync(registry, (2, 1002), (0, 0), (0, 0));
        await RoundAsync(registry, clock, Gc.Grace * 0.51);
        await HasAsync(registry, (0, 0), (0, 0), (0, 0));
    }

    [Fact]
    public async Task What_waits_is_counted_from_indexes_that_have_nothing_else()
    {
        await using var registry = await StartAsync();
        var plans = await registry.Services.GetRequiredService<Database>().ReadAsync(
            async session =>
            {
                // A small table is read as a whole; what counts is that the index can be used.
                if (TestEngines.IsPostgres)
                    await session.RunScriptAsync("SET enable_seqscan = off; SET enable_bitmapscan = off");
                var explain = TestEngines.IsPostgres ? "EXPLAIN" : "EXPLAIN QUERY PLAN";
                var found = new List<string>();
                foreach (var statement in GarbageBacklog.Statements)
                {
                    found.Add(string.Join('\n', await session.AllAsync(
                        $"{explain} {statement}", row => row.GetString(TestEngines.IsPostgres ? 0 : 3))));
                }

                return found;
            },
            Stop);
        string[] indexes = ["repository_blob_by_condemnation", "blob_by_condemnation", "repository_blob_in_trash"];
        foreach (var (plan, index) in plans.Zip(indexes)) Assert.Contains(index, plan);
    }

    private static async Task RoundAsync(RegistryFixture registry, SetClock clock, TimeSpan later)
    {
        clock.Advance(later);
        await registry.Services.GetRequiredService<GarbageCollector>().RunAsync(Gc.Grace, Stop);
    }

    /// <summary>The meter is one for all registries of the process, each of which counts now and then.</summary>
    private static async Task HasAsync(
        RegistryFixture registry, (long Count, long Bytes) links, (long Count, long Bytes) blobs,
        (long Entries, long Bytes) trash)
    {
        string[] expected =
        [
            $"berth_garbage_waiting_link {links.Count}", $"berth_garbage_waiting_blob {blobs.Count}",
            $"berth_garbage_size_bytes_link {links.Bytes}", $"berth_garbage_size_bytes_blob {blobs.Bytes}",
            $"berth_trash_entries_ {trash.Entries}", $"berth_trash_size_bytes_ {trash.Bytes}",
        ];
        using var debug = new HttpClient
        {
            BaseAddress = new Uri(registry.Services.GetRequiredService<DebugServer>().Address + "/"),
        };
        await Eventually.TrueAsync(
            async () =>
            {
                await registry.Services.GetRequiredService<GarbageWatch>().LookAsync(Stop);
                var found = (await debug.GetStringAsync("metrics", Stop)).Split('\n').Select(Short).ToList();
                return expected.All(found.Contains);
            },
            string.Join(", ", expected));
    }

    private static string? Short(string line)
    {
        if (!line.StartsWith("berth_garbage_waiting", StringComparison.Ordinal)
            && !line.StartsWith("berth_garbage_size", StringComparison.Ordinal)
            && !line.StartsWith("berth_trash", StringComparison.Ordinal))
        {
            return null;
        }

        var item = line.Contains("berth_item=\"link\"") ? "link" : line.Contains("berth_item=\"blob\"") ? "blob" : "";
        var value = line[(line.IndexOf('}') + 1)..].Trim().Split(' ')[0];
        return string.Create(CultureInfo.InvariantCulture, $"{line.Split('{')[0]}_{item} {value}");
    }
}
