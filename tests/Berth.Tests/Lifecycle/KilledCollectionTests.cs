using System.Diagnostics;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Faults;
using Berth.Tests.Servers;

namespace Berth.Tests.Lifecycle;

/// <summary>A node that is killed in the middle of a collection. <c>BERTH_TEST_LONG=1</c> kills a hundred.</summary>
public sealed class KilledCollectionTests(ITestOutputHelper output)
{
    private const int ImagesPerPhase = 60;

    private static readonly int Phases = TestRounds.Of(usual: 1, all: 20);
    private static readonly int KillsPerPhase = TestRounds.Of(usual: 4, all: 5);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Once]
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_that_is_needed_is_lost_and_nothing_that_is_not_stays(bool onPostgres)
    {
        await using var postgres = onPostgres ? await PostgresServer.CreateDatabaseAsync() : null;
        var settings = new Dictionary<string, string>(postgres?.Variables ?? new Dictionary<string, string>())
        {
            ["REGISTRY_STORAGE_MAINTENANCE_GC_ENABLED"] = "false",
            ["REGISTRY_STORAGE_MAINTENANCE_TRASH_KEEP"] = "0s",
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
            if (phase > 0) await berth.StartAgainAsync(Stop);
            var garbage = Enumerable.Range(0, ImagesPerPhase).Select(i => Garbage(10 + (3 * i), kept)).ToList();
            foreach (var image in garbage)
            {
                await client.PushAsync(image);
                Assert.True(await client.IsWholeAsync(image));
                using var answer = await http.DeleteAsync(
                    $"v2/{image.Repository}/manifests/{TestBlob.DigestOf(image.Manifest)}", Stop);
                Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
            }

            await berth.TerminateAsync(Stop);
            for (var kill = 0; kill < KillsPerPhase; kill++)
            {
                if (await KillInCollectionAsync(settings, berth.DataFolder, new Random(kill))) hits++;
                await AgeDeletionsAsync(settings, berth.DataFolder);
            }

            await berth.StartAgainAsync(Stop);
            Assert.True(await client.IsWholeAsync(kept));

            // The server goes on with the collection that was killed, which has no grace period.
            await Eventually.TrueAsync(() => client.TryPushWhatIsMissingAsync(garbage[0]));
            Assert.True(await client.IsWholeAsync(garbage[0]));
            using var removed = await http.DeleteAsync(
                $"v2/{garbage[0].Repository}/manifests/{TestBlob.DigestOf(garbage[0].Manifest)}", Stop);
            await berth.TerminateAsync(Stop);
        }

        output.WriteLine($"{hits} of {Phases * KillsPerPhase} kills hit a collection");
        Assert.InRange(hits, Phases * KillsPerPhase / 2, int.MaxValue);
        var (exitCode, said) = await BerthCommand.RunAsync(settings, "gc", "--grace", "0s", "--yes");
        Assert.True(exitCode == 0, said);
        Assert.Equal(3, BlobsIn(berth.DataFolder));
        (exitCode, said) = await BerthCommand.RunAsync(settings, "verify");
        Assert.True(exitCode == 0, said);
    }

    private static TestImage Garbage(int seed, TestImage kept) => new(
        $"gone{seed % 7}", $"t{seed}", new(seed, 300), [new(seed + 1, 900), new(seed + 2, 900)], kept);

    /// <summary>Kills the command soon after it has deleted something. False if it was done before.</summary>
    private static async Task<bool> KillInCollectionAsync(
        Dictionary<string, string> settings, string folder, Random random)
    {
        var start = BerthProgram.Prepare("gc", "--grace", "0s", "--yes");
        foreach (var (name, value) in settings) start.Environment[name] = value;
        var before = BlobsIn(folder);
        using var process = Process.Start(start)!;
        while (!process.HasExited && BlobsIn(folder) == before) await Task.Delay(1, Stop);
        await Task.Delay(random.Next(8), Stop);
        var isHit = !process.HasExited;
        process.Kill();
        await process.WaitForExitAsync(Stop);
        return isHit;
    }

    /// <summary>As if a minute had passed, after which others take over what a dead node was deleting.</summary>
    private static async Task AgeDeletionsAsync(Dictionary<string, string> settings, string folder)
    {
        var of = settings.TryGetValue("REGISTRY_DATABASE_HOST", out var host)
            ? new DatabaseSettings
            {
                Host = host,
                Port = int.Parse(settings["REGISTRY_DATABASE_PORT"]),
                User = settings["REGISTRY_DATABASE_USER"],
                Password = settings["REGISTRY_DATABASE_PASSWORD"],
                DbName = settings["REGISTRY_DATABASE_DBNAME"],
            }
            : new DatabaseSettings();
        await using var database = await Database.OpenBesideAsync(
            of, Path.Combine(folder, "berth.db"), TimeProvider.System);
        await database.WriteAsync(
            async session => await session.RunAsync("UPDATE blob SET deleting_at = deleting_at - 60001")
                + await session.RunAsync("UPDATE job SET due_at = 0, leased_by = NULL"),
            isDurable: false, Stop);
    }

    private static int BlobsIn(string folder) =>
        Directory.EnumerateFiles(Path.Combine(folder, "blobs"), "*", SearchOption.AllDirectories).Count();
}
