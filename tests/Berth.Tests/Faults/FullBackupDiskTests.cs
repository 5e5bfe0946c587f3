namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class FullBackupDiskTests
{
    private static readonly TestImage Image = new(
        "library/app", "v1", new TestBlob(1, 500), [new TestBlob(2, 24 << 20)], MountedFrom: null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_backup_that_does_not_fit_fails_as_a_whole_and_goes_on_when_there_is_room()
    {
        using var volume = new LoopVolume(mebibytes: 64);
        var place = Path.Combine(volume.Path, "backups");
        var filler = Path.Combine(volume.Path, "filler");
        await using var berth = await BerthProcess.StartAsync(cancellationToken: Stop);
        using var http = berth.CreateClient();
        await new ImageClient(http, new Random(1)).PushAsync(Image);
        await File.WriteAllBytesAsync(filler, new byte[30 << 20], Stop);
        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "backup", place);
        Assert.Equal(2, exitCode);
        Assert.Contains("No space left on device", output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Path.Combine(place, "uploads")));
        (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "backup", "verify", place);
        Assert.True(exitCode == 2 && output.Contains("none was completed", StringComparison.Ordinal), output);
        File.Delete(filler);
        (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "backup", place);
        Assert.True(exitCode == 0, output);
        (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "backup", "verify", place);
        Assert.True(exitCode == 0, output);
    }
}
