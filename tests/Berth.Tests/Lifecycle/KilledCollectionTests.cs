using System.Diagnostics;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Faults;
using Berth.Tests.Servers;
using PostgresDatabase = Berth.Tests.Servers.PostgresDatabase;

namespace Berth.Tests.Lifecycle;

/// <summary>
/// A command, or a server, that is killed in the middle of a collection. <c>BERTH_TEST_LONG=1</c> kills a hundred.
/// </summary>
public sealed class KilledCollectionTests(ITestOutputHelper output) : IAsyncDisposable
{
    private static readonly int Phases = TestRounds.Of(usual: 1, all: 20);
    private static readonly int KillsPerPhase = TestRounds.Of(usual: 4, all: 5);

    private Dictionary<string, string> settings = [];
    private PostgresDatabase? postgres;
    private StoreBucket? bucket;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        if (bucket is not null) await bucket.DisposeAsync();
        if (postgres is not null) await postgres.DisposeAsync();
    }

    [Once]
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Killed_commands_lose_nothing_that_is_needed_and_leave_nothing_that_is_not(bool onPostgres)
    {
        if (onPostgres) postgres = await PostgresServer.CreateDatabaseAsync();
        await RunAsync(
            imagesPerPhase: 60, KillsPerPhase,
            berth => berth.TerminateAsync(Stop),
            async (berth, kill) =>
            {
                var isHit = await KillCommandAsync(berth.DataFolder, new Random(kill));
                await AgeDeletionsAsync(berth.DataFolder);
                return isHit;
            });
    }

    [Once]
    [Fact]
    public async Task Killed_servers_that_share_a_store_lose_nothing_that_is_needed_and_leave_nothing_that_is_not()
    {
        postgres = await PostgresServer.CreateDatabaseAsync();
        bucket = await S3Server.CreateBucketAsync();
        await RunAsync(
            imagesPerPhase: TestRounds.Of(usual: 25, all: 60), TestRounds.Of(usual: 2, all: 5),
            _ => Task.CompletedTask,
            async (berth, kill) =>
            {
                var isHit = await KillServerAsync(berth, new Random(kill));
                await berth.StartAgainAsync(Stop);
                return isHit;
            });
    }

    private async Task RunAsync(
        int imagesPerPhase, int killsPerPhase, Func<BerthProcess, Task> prepare,
        Func<BerthProcess, int, Task<bool>> killAsync)
    {
        settings = new(postgres?.Variables.Concat(bucket?.Variables ?? new Dictionary<string, string>()) ?? [])
        {
            ["REGISTRY_STORAGE_MAINTENANCE_GC_ENABLED"] = "false",
            ["REGISTRY_STORAGE_MAINTENANCE_TRASH_KEEP"] = "0s",
            ["REGISTRY_STORAGE_REDIRECT_DISABLE"] = "true",
        };
        await using var berth = await BerthProcess.StartAsync(
            all =>
            {
                foreach (var (name, value) in settings) all[name] = value;
            },
            Stop);
        settings["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = berth.DataFolder;
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        var kept = new TestImage("kept", "v1", new(1, 300), [new(2, 900), new(3, 900)], MountedFrom: null);
        await client.PushAsync(kept);
        var hits = 0;
        for (var phase = 0; phase < Phases; phase++)
        {
            var garbage = Enumerable.Range(0, imagesPerPhase).Select(i => Garbage(10 + (3 * i), kept)).ToList();
            foreach (var image in garbage)
            {
                await client.PushAsync(image);
                Assert.True(await client.IsWholeAsync(image));
                await DeleteAsync(http, image);
            }

            await prepare(berth);
            for (var kill = 0; kill < killsPerPhase; kill++)
            {
                if (await killAsync(berth, kill)) hits++;
            }

            if (bucket is null) await berth.StartAgainAsync(Stop);
            await AgeDeletionsAsync(berth.DataFolder);
            Assert.True(await client.IsWholeAsync(kept));

            // The server goes on with the collection that was killed, which has no grace period.
            await Eventually.TrueAsync(() => client.TryPushWhatIsMissingAsync(garbage[0]));
            Assert.True(await client.IsWholeAsync(garbage[0]));
            await DeleteAsync(http, garbage[0]);
        }

        await berth.TerminateAsync(Stop);
        output.WriteLine($"{hits} of {Phases * killsPerPhase} kills hit a collection");
        Assert.InRange(hits, Phases * killsPerPhase / 4, int.MaxValue);
        await AgeDeletionsAsync(berth.DataFolder);
        var (exitCode, said) = await BerthCommand.RunAsync(settings, "gc", "--grace", "0s", "--yes");
        Assert.True(exitCode == 0, said);
        Assert.Equal(3, await CountBlobsAsync(berth.DataFolder));
        (exitCode, said) = await BerthCommand.RunAsync(settings, "verify");
        Assert.True(exitCode == 0, said);
    }

    private static async Task DeleteAsync(HttpClient http, TestImage image)
    {
        using var answer = await http.DeleteAsync(
            $"v2/{image.Repository}/manifests/{TestBlob.DigestOf(image.Manifest)}", Stop);
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
    }

    private static TestImage Garbage(int seed, TestImage kept) => new(
        $"gone{seed % 7}", $"t{seed}", new(seed, 300), [new(seed + 1, 900), new(seed + 2, 900)], kept);

    /// <summary>Kills the command soon after it has deleted something. False if it was done before.</summary>
    private async Task<bool> KillCommandAsync(string folder, Random random)
    {
        var start = BerthProgram.Prepare("gc", "--grace", "0s", "--yes");
        foreach (var (name, value) in settings) start.Environment[name] = value;
        var before = await CountBlobsAsync(folder);
        using var process = Process.Start(start)!;
        while (!process.HasExited && await CountBlobsAsync(folder) == before) await Task.Delay(1, Stop);
        await Task.Delay(random.Next(8), Stop);
        var isHit = !process.HasExited;
        process.Kill();
        await process.WaitForExitAsync(Stop);
        return isHit;
    }

    /// <summary>
    /// Kills the server soon after the collection that it is asked for, or goes on with, has begun to delete blobs.
    /// False if it had ended that before.
    /// </summary>
    private async Task<bool> KillServerAsync(BerthProcess berth, Random random)
    {
        await using var database = await OpenDatabaseAsync(berth.DataFolder);
        await AgeDeletionsAsync(berth.DataFolder, asks: true);
        var isAsked = true;
        while (isAsked && !await IsDeletingAsync())
        {
            await Task.Delay(1, Stop);
            isAsked = await database.ReadAsync(
                s => s.NumberAsync("SELECT 1 FROM job WHERE kind = $1", RequestedCollectionJob.Name), Stop) is not null;
        }

        await Task.Delay(random.Next(20), Stop);
        await berth.KillAsync();
        return await IsDeletingAsync(orAbandoned: true);

        async Task<bool> IsDeletingAsync(bool orAbandoned = false)
        {
            var since = orAbandoned ? 0 : GarbageTable.AbandonedBefore(TimeProvider.System.GetUtcNow());
            return await database.ReadAsync(
                s => s.NumberAsync("SELECT 1 FROM blob WHERE deleting_at > $1 LIMIT 1", since), Stop) is not null;
        }
    }

    /// <summary>As if a minute had passed, after which others take over what a dead node was doing.</summary>
    /// <param name="folder">The data folder.</param>
    /// <param name="asks">Whether a collection is asked for if none was killed.</param>
    private async Task AgeDeletionsAsync(string folder, bool asks = false)
    {
        await using var database = await OpenDatabaseAsync(folder);
        var jobs = new JobTable(database, new JobClock(TimeProvider.System));
        await database.WriteAsync(
            async session =>
            {
                await session.RunAsync("UPDATE blob SET deleting_at = deleting_at - 60001");
                await session.RunAsync("UPDATE job SET due_at = 0, leased_by = NULL");
                await session.WakeJobsAsync();
                if (asks && await session.NumberAsync(
                    "SELECT 1 FROM job WHERE kind = $1", RequestedCollectionJob.Name) is null)
                {
                    await RequestedCollectionJob.AddAsync(
                        session, jobs, TimeSpan.Zero, emptiesTrash: false, "test",
                        TimeProvider.System.GetUtcNow());
                }

                return true;
            },
            isDurable: false, Stop);
    }

    private Task<Database> OpenDatabaseAsync(string folder) => Database.OpenBesideAsync(
        postgres is null ? new DatabaseSettings() : TestEngines.SettingsOf(postgres),
        Path.Combine(folder, "berth.db"), TimeProvider.System);

    private async Task<int> CountBlobsAsync(string folder) => bucket is not null
        ? (await bucket.ListAsync("blobs/")).Count
        : Directory.EnumerateFiles(Path.Combine(folder, "blobs"), "*", SearchOption.AllDirectories).Count();
}
