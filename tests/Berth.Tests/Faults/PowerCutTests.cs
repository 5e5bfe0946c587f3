using System.Security.Cryptography;
using Berth.Disk;

namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class PowerCutTests(ITestOutputHelper output)
{
    private static readonly int Cuts = TestRounds.Of(usual: 15, all: 50);
    private const int LongestLifeMilliseconds = 900;

    [Fact]
    public void A_power_cut_in_these_tests_takes_what_was_not_synced()
    {
        using var volume = new LoopVolume(mebibytes: 64);
        var synced = Path.Combine(volume.Path, "synced");
        File.WriteAllText(synced, "stays");
        using (var file = File.OpenHandle(synced, FileMode.Open, FileAccess.Write)) DiskSync.File(file, synced);

        File.WriteAllText(Path.Combine(volume.Path, "unsynced"), "goes");
        volume.CutPower();
        Assert.Equal("stays", File.ReadAllText(Path.Combine(volume.Path, "synced")));
        Assert.False(File.Exists(Path.Combine(volume.Path, "unsynced")));
    }

    [Fact]
    public async Task Every_acknowledged_image_survives_power_cuts()
    {
        var seed = RandomNumberGenerator.GetInt32(int.MaxValue);
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var crowd = new PushingCrowd(seed);
        using var volume = new LoopVolume(mebibytes: 1024);
        var berth = await StartAsync(volume);
        try
        {
            for (var cut = 0; cut < Cuts; cut++)
            {
                var pushing = crowd.PushUntilDeathAsync(berth, TestContext.Current.CancellationToken);
                await Task.Delay(random.Next(LongestLifeMilliseconds), TestContext.Current.CancellationToken);
                await berth.KillAsync();
                await pushing;
                if (random.Next(3) == 0)
                {
                    // What the killed process left unsynced is in no process's memory now, and still not on the disk.
                    await berth.StartAgainAsync(TestContext.Current.CancellationToken);
                    await crowd.FinishCutOffAsync(berth);
                    await berth.KillAsync();
                }

                volume.CutPower();
                Assert.Empty(KillTests.EmptyBlobsIn(DataIn(volume)));
                await berth.DisposeAsync();
                berth = await StartAsync(volume);
                await crowd.CheckRecentAsync(berth);
            }

            await crowd.CheckAllAsync(berth);
        }
        finally
        {
            await berth.DisposeAsync();
        }

        output.WriteLine($"{crowd.Acknowledged} images acknowledged, {crowd.CutOff} cut off");
        Assert.True(crowd.CutOff >= Cuts, "the cuts hit nothing");
    }

    [Fact]
    public async Task A_name_that_a_killed_registry_left_unsynced_is_durable_once_a_manifest_needs_it()
    {
        var image = new TestImage("library/app", "v1", new(1, 500), [new TestBlob(2, 9000)], MountedFrom: null);
        using var volume = new LoopVolume(mebibytes: 64);
        var databaseFolder = Directory.CreateTempSubdirectory("berth-test-");
        try
        {
            // With the database elsewhere, its own syncs do not happen to sync the volume's names too.
            var database = Path.Combine(databaseFolder.FullName, "berth.db");
            await using (var berth = await StartAsync(volume, database))
            {
                await PushAsync(berth, client => client.PushAsync(image));
                await berth.KillAsync();
                await berth.StartAgainAsync(TestContext.Current.CancellationToken);

                // After the start, whose own syncs ext4 widens to all names.
                LeaveNameUnsynced(volume, StoredFiles.BlobIn(DataIn(volume), image.Layers[0]));
                await PushAsync(berth, client => client.PushWhatIsMissingAsync(image with { Tag = "v2" }));
                await berth.KillAsync();
                volume.CutPower();
            }

            await using var afterwards = await StartAsync(volume, database);
            await PushAsync(
                afterwards, async client => Assert.True(await client.IsWholeAsync(image with { Tag = "v2" })));
        }
        finally
        {
            databaseFolder.Delete(recursive: true);
        }
    }

    /// <summary>The file is durable under another name only, as when a process dies between rename and sync.</summary>
    private static void LeaveNameUnsynced(LoopVolume volume, string path)
    {
        var aside = Path.Combine(volume.Path, "aside");
        File.Move(path, aside);
        DiskSync.Folder(volume.Path);
        DiskSync.Folder(Path.GetDirectoryName(path)!);
        File.Move(aside, path);
    }

    private static async Task PushAsync(BerthProcess berth, Func<ImageClient, Task> push)
    {
        using var http = berth.CreateClient();
        await push(new ImageClient(http, new Random(1)));
    }

    private static string DataIn(LoopVolume volume) => Path.Combine(volume.Path, "data");

    private static Task<BerthProcess> StartAsync(LoopVolume volume, string? database = null) => BerthProcess.StartAsync(
        settings =>
        {
            settings["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = DataIn(volume);
            if (database is not null) settings["REGISTRY_DATABASE_PATH"] = database;
        },
        TestContext.Current.CancellationToken);
}
