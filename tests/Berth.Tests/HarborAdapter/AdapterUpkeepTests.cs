using System.Text;
using Berth.HarborAdapter;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Tests.Contents;
using Berth.Tests.Import;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.HarborAdapter;

/// <summary>What a node has of scans stays its own whatever happens, ends, and goes in time.</summary>
[Inside]
public sealed class AdapterUpkeepTests : IAsyncLifetime
{
    private const string Query = "?sbom_media_type=application/spdx%2Bjson";

    private static readonly byte[] Layer = RawTar.Gzip(new RawTar().File("etc/hostname", "x").End());

    private readonly SteppingClock clock = new();
    private ScriptedRegistry harbor = null!;
    private RegistryFixture registry = null!;
    private AdapterClient client = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Harbor => "http://" + harbor.Authority;

    private Database Database => registry.Services.GetRequiredService<Database>();

    public async ValueTask InitializeAsync()
    {
        harbor = await ScriptedRegistry.StartAsync();
        registry = await RegistryFixture.StartAsync(
            s =>
            {
                s = AdapterClient.On(s, Harbor);
                return s with
                {
                    ScannerAdapter = s.ScannerAdapter with
                    {
                        Timeout = TimeSpan.FromHours(6),
                        Keep = TimeSpan.FromDays(7),
                    },
                };
            },
            clock);
        client = new AdapterClient(registry);
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        await harbor.DisposeAsync();
    }

    [Fact]
    public async Task A_lease_is_renewed_again_after_a_fault_of_any_kind()
    {
        var image = harbor.AddImage("library/app", "1", Layer);
        var hold = new TaskCompletionSource();
        harbor.Before = async http =>
        {
            await hold.Task.WaitAsync(http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        var id = await client.BeginAsync(RequestFor(image.Digest));
        await RunAsync("ALTER TABLE adapter_scan RENAME TO adapter_scan_away");
        await Eventually.TrueAsync(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(20));
            return registry.Log.Any(
                line => line.Contains("leases of scans were not renewed", StringComparison.Ordinal));
        });
        await RunAsync("ALTER TABLE adapter_scan_away RENAME TO adapter_scan");
        await RunAsync("UPDATE adapter_scan SET held_until = 1");
        await Eventually.TrueAsync(async () =>
        {
            clock.Advance(TimeSpan.FromSeconds(20));
            return await Database.ReadAsync(
                session => session.NumberAsync("SELECT held_until FROM adapter_scan"), Stop) > 1;
        });
        hold.SetResult();
        Assert.Equal(200, (await client.EndAsync(id, AdapterClient.Sbom, Query)).Status);
    }

    /// <summary>Requests and the like have limits of their own.</summary>
    [Fact]
    public async Task A_scan_of_which_a_step_was_given_up_has_failed()
    {
        var image = harbor.AddImage("library/app", "1", Layer);
        var lists = ActivatorUtilities.CreateInstance<LayerLists>(registry.Services, new ImpatientClock());
        var scan = ActivatorUtilities.CreateInstance<ImageScan>(registry.Services, lists);
        using var queue = ActivatorUtilities.CreateInstance<ScanQueue>(registry.Services, scan);
        var (request, _) = ScanRequest.Read(Encoding.UTF8.GetBytes(RequestFor(image.Digest)), [Harbor], isOld: false);
        await queue.StartAsync(Stop);
        var id = await queue.AddAsync(request!, Stop);
        var answer = await client.EndAsync(id!, AdapterClient.Sbom, Query);
        await queue.StopAsync(Stop);
        Assert.Equal(500, answer.Status);
        Assert.Contains("a step of the scan took too long", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_scans_left_goes_in_time_where_they_were_turned_off()
    {
        await using var other = await RegistryFixture.StartAsync(clock: clock);
        var (database, now) = (other.Services.GetRequiredService<Database>(), clock.GetUtcNow());
        await database.WriteAsync(
            async session =>
            {
                await AdapterScanTable.AddAsync(
                    session, new AdapterScanRow("id", AdapterScanStates.Fault, "x", now, 1, now), "sha256:x");
                await AdapterLayerTable.SaveAsync(
                    session, "http://harbor:80", Digest.Of(DigestAlgorithm.Sha256, [1]),
                    new AdapterLayerRow([1], null, now), "1 1");
                await AdapterLayerTable.WantAsync(session, "Debian:12", now, now);
                return true;
            },
            isDurable: false, Stop);
        Assert.Contains(("", "Debian:12"), await KindsAsync(now + TimeSpan.FromDays(29)));

        // Data for it is not brought any more, even if nobody has swept.
        Assert.DoesNotContain(("", "Debian:12"), await KindsAsync(now + TimeSpan.FromDays(31)));
        clock.Advance(TimeSpan.FromDays(31));
        await other.Services.GetServices<Job>().Single(job => job.Kind == SweepScansJob.Name).RunAsync("", Stop);
        foreach (var table in new[] { "adapter_scan", "adapter_layer", "adapter_ecosystem" })
        {
            Assert.Equal(0, await database.ReadAsync(
                session => session.NumberAsync($"SELECT count(*) FROM {table}"), Stop));
        }

        async Task<List<(string Type, string Ecosystem)>> KindsAsync(DateTimeOffset time) => await database.ReadAsync(
            session => VulnerabilityDataTable.KindsAsync(session, time), Stop);
    }

    private string RequestFor(string digest) =>
        AdapterClient.Request(Harbor, "library/app", digest, AdapterClient.ForSboms);

    private Task<int> RunAsync(string statement) =>
        Database.WriteAsync(session => session.RunAsync(statement), isDurable: false, Stop);

    /// <summary>Has no time for whoever asks for it.</summary>
    private sealed class ImpatientClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => throw new TaskCanceledException();
    }
}
