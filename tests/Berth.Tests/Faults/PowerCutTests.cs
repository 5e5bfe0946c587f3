using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class PowerCutTests(ITestOutputHelper output)
{
    private const int Cuts = 50;
    private const int LongestLifeMilliseconds = 900;

    [Fact]
    public void A_power_cut_in_these_tests_takes_what_was_not_synced()
    {
        using var volume = new LoopVolume(mebibytes: 64);
        File.WriteAllText(Path.Combine(volume.Path, "synced"), "stays");
        using (var file = File.OpenHandle(Path.Combine(volume.Path, "synced"), FileMode.Open, FileAccess.Write))
        {
            RandomAccess.FlushToDisk(file);
        }

        File.WriteAllText(Path.Combine(volume.Path, "unsynced"), "goes");
        volume.CutPower();
        Assert.Equal("stays", File.ReadAllText(Path.Combine(volume.Path, "synced")));
        Assert.False(File.Exists(Path.Combine(volume.Path, "unsynced")));
    }

    [Fact]
    public async Task Every_acknowledged_image_survives_fifty_power_cuts()
    {
        var seed = RandomNumberGenerator.GetInt32(int.MaxValue);
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var crowd = new PushingCrowd(seed);
        using var volume = new LoopVolume(mebibytes: 1024);
        BerthProcess? berth = null;
        try
        {
            for (var cut = 0; cut < Cuts; cut++)
            {
                berth ??= await StartAsync(volume);
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
                await berth.DisposeAsync();
                Assert.Empty(KillTests.EmptyBlobsIn(DataIn(volume)));
                berth = await StartAsync(volume);
                await crowd.CheckRecentAsync(berth);
            }

            await crowd.CheckAllAsync(berth!);
        }
        finally
        {
            if (berth is not null) await berth.DisposeAsync();
        }

        output.WriteLine($"{crowd.Acknowledged} images acknowledged, {crowd.CutOff} cut off");
        Assert.True(crowd.CutOff >= Cuts, "the cuts hit nothing");
    }

    private static string DataIn(LoopVolume volume) => Path.Combine(volume.Path, "data");

    private static Task<BerthProcess> StartAsync(LoopVolume volume) => BerthProcess.StartAsync(
        settings => settings["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = DataIn(volume),
        TestContext.Current.CancellationToken);
}
