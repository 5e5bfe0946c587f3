using Berth.Metadata;

namespace Berth.Tests.Faults;

/// <summary>
/// The database's write-ahead log as a killed Berth leaves it: damaged in the middle, or torn at its end.
/// </summary>
[Collection(FaultTests.Name)]
public class DamagedLogTests
{
    private const int FrameBytes = 24 + 4096;
    private const int HeaderBytes = 32;
    private const string Alarm = "The write-ahead log of the database is damaged";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_bit_flipped_in_the_log_is_reported_at_startup_and_by_verify()
    {
        await using var berth = await PushAndKillAsync();
        var log = Path.Combine(berth.DataFolder, "berth.db-wal");
        var frames = (new FileInfo(log).Length - HeaderBytes) / FrameBytes;

        // A page number, a salt, a checksum, a page.
        foreach (var (place, offset) in new[] { (0.1, 3), (0.5, 9), (0.5, 13), (0.4, 17), (0.6, 30), (0.3, 2000) })
        {
            var position = HeaderBytes + (long)(frames * place) * FrameBytes + offset;
            Flip(log, position);
            Assert.InRange(WriteAheadLog.Scan(log)!.DroppedFrames, 2, frames - (long)(frames * place));
            Flip(log, position);
        }

        Flip(log, HeaderBytes + frames / 3 * FrameBytes + 2000);
        await berth.StartAgainAsync(Stop);
        await Eventually.TrueAsync(() => berth.Output.Contains(Alarm, StringComparison.Ordinal));
        var copy = Assert.Single(Directory.GetFiles(Path.Combine(berth.DataFolder, "quarantine"), "berth.db-wal-*"));
        var (exitCode, output) = await BerthCommand.RunAsync(berth.DataFolder, "verify");
        Assert.Equal(1, exitCode);
        Assert.Contains(copy, output, StringComparison.Ordinal);
        Assert.Contains("lost committed changes", output, StringComparison.Ordinal);

        // It is reported once at startup, and by `verify` until somebody removes the copy.
        File.Delete(copy);
        await berth.KillAsync();
        await berth.StartAgainAsync(Stop);
        Assert.Empty(Directory.GetFiles(Path.Combine(berth.DataFolder, "quarantine"), "berth.db-wal-*"));
    }

    [Fact]
    public async Task A_torn_end_of_the_log_raises_no_alarm()
    {
        await using var berth = await PushAndKillAsync();
        var log = Path.Combine(berth.DataFolder, "berth.db-wal");
        var whole = await File.ReadAllBytesAsync(log, Stop);
        var lostBlock = (whole.Length - 6 * FrameBytes) / 4096 * 4096;
        var older = whole.ToArray();
        Array.Fill(older, (byte)0x11, whole.Length - 3 * FrameBytes, 3 * FrameBytes);
        foreach (var torn in new byte[][]
        {
            whole,
            whole[..^3000],
            [.. whole[..^(2 * FrameBytes)], .. new byte[2 * FrameBytes]],
            [.. whole, .. Enumerable.Repeat((byte)0x5A, 2 * FrameBytes)],
            [.. whole[..lostBlock], .. new byte[4096], .. whole[(lostBlock + 4096)..]],
            older,
            [],
            new byte[HeaderBytes + FrameBytes],
        })
        {
            await File.WriteAllBytesAsync(log, torn, Stop);
            Assert.Equal(0, WriteAheadLog.Scan(log)?.DroppedFrames ?? 0);
        }

        await File.WriteAllBytesAsync(log, whole[..^3000], Stop);
        await berth.StartAgainAsync(Stop);
        Assert.DoesNotContain(Alarm, berth.Output, StringComparison.Ordinal);
        Assert.Equal(0, (await BerthCommand.RunAsync(berth.DataFolder, "verify")).ExitCode);
    }

    [Fact]
    public async Task A_log_whose_sync_failed_is_rewritten_before_anything_depends_on_it()
    {
        var folder = Directory.CreateTempSubdirectory("berth-test-").FullName;
        var path = Path.Combine(folder, "a.db");
        using (var session = SqliteSession.Open(path))
        {
            session.RunScript("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)");
            var log = WriteAheadLog.PathOf(path);
            var before = await File.ReadAllBytesAsync(log, Stop);
            var frames = (before.Length - HeaderBytes) / FrameBytes;
            await File.WriteAllBytesAsync(log, [.. before, .. new byte[9000]], Stop);
            WriteAheadLog.WriteAgain(log, frames);
            Assert.Equal(before, await File.ReadAllBytesAsync(log, Stop));
            Assert.Equal(1, await session.NumberAsync("SELECT count(*) FROM t"));

            Flip(log, HeaderBytes + FrameBytes / 2);
            var lost = Assert.Throws<IOException>(() => WriteAheadLog.WriteAgain(log, frames));
            Assert.Contains($"lost {frames} of {frames} frames", lost.Message, StringComparison.Ordinal);
            Flip(log, HeaderBytes + FrameBytes / 2);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_manifest_whose_commit_is_not_synced_is_refused_and_those_before_and_after_it_stay()
    {
        var images = Enumerable.Range(0, 3).Select(Numbered).ToArray();
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(images[0]);
        foreach (var blob in images[1].Blobs) await client.PushBlobAsync(images[1], blob);
        faults.Inject(DiskCalls.Sync, DiskFaults.InputOutput, "berth.db-wal", times: 1);
        var refusal = await Assert.ThrowsAsync<UnexpectedAnswerException>(() => client.PushManifestAsync(images[1]));
        Assert.Contains("was answered 503", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("disk I/O error", refusal.Message, StringComparison.Ordinal);
        await client.PushAsync(images[2]);
        await berth.KillAsync();
        await berth.StartAgainAsync(Stop);
        using var later = berth.CreateClient();
        var afterwards = new ImageClient(later, new Random(1));
        Assert.True(await afterwards.IsWholeAsync(images[0]));
        Assert.True(await afterwards.IsWholeAsync(images[2]));
        Assert.False(await afterwards.IsWholeAsync(images[1]));
    }

    private static TestImage Numbered(int number) => new(
        "library/app", $"v{number}", new TestBlob(number, 500), [new TestBlob(number + 100, 9_000)], MountedFrom: null);

    private static async Task<BerthProcess> PushAndKillAsync()
    {
        var berth = await BerthProcess.StartAsync(cancellationToken: Stop);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        for (var number = 0; number < 12; number++) await client.PushAsync(Numbered(number));
        await berth.KillAsync();
        return berth;
    }

    private static void Flip(string path, long position)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        var one = new byte[1];
        RandomAccess.Read(file, one, position);
        one[0] ^= 1;
        RandomAccess.Write(file, one, position);
    }
}
