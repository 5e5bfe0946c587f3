using System.Net;
using Berth.Tests.Servers;

namespace Berth.Tests.Faults;

/// <summary>
/// A data folder that was removed, replaced, or can't be written: pushes are refused with a reason, pulls continue.
/// </summary>
[Collection(FaultTests.Name)]
public class LostFilesTests
{
    private static readonly TestImage Image = new(
        "library/app", "v1", new TestBlob(1, 500), [new TestBlob(2, 70_000)], MountedFrom: null);

    private static readonly TestImage Next = Image with { Tag = "v2", Layers = [new TestBlob(3, 9_000)] };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_database_whose_files_are_removed_or_replaced_takes_no_pushes_and_serves_pulls(bool isReplaced)
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: Stop);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        var database = Path.Combine(berth.DataFolder, "berth.db");
        if (isReplaced) File.Copy(database, database + "-copy");
        foreach (var file in Directory.GetFiles(berth.DataFolder, "berth.db*").Where(f => !f.EndsWith("-copy")))
        {
            File.Delete(file);
        }

        if (isReplaced) File.Move(database + "-copy", database);
        await RequireRefusalAsync(() => client.PushAsync(Next));
        await RequireReadyForPullsOnlyAsync(http, "was removed or replaced");
        Assert.True(await client.IsWholeAsync(Image));
    }

    [Fact]
    public async Task A_lock_file_that_is_removed_is_recreated_and_keeps_a_second_Berth_out()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: Stop);
        var file = Path.Combine(berth.DataFolder, "berth.lock");
        File.Delete(file);
        await Eventually.TrueAsync(() => File.Exists(file));
        Assert.ThrowsAny<IOException>(() => new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None));
        using var http = berth.CreateClient();
        await new ImageClient(http, new Random(1)).PushAsync(Image);
    }

    /// <summary>The test holds the lock, like a second Berth that started at the right moment.</summary>
    [Fact]
    public async Task A_second_Berth_that_got_hold_of_the_folder_ends_the_pushes_of_the_first()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: Stop);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        var other = Path.Combine(berth.DataFolder, "other.lock");
        using (new FileStream(other, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
        {
            File.Move(other, Path.Combine(berth.DataFolder, "berth.lock"), overwrite: true);
            await RequireReadyForPullsOnlyAsync(http, "another Berth now uses the data folder");
            await RequireRefusalAsync(() => client.PushAsync(Next));
            Assert.True(await client.IsWholeAsync(Image));
        }

        await Eventually.TrueAsync(async () => await StatusAsync(http, "readyz") == HttpStatusCode.OK);
        await client.PushAsync(Next);
    }

    [Fact]
    public async Task A_data_folder_that_is_removed_takes_no_pushes()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: Stop);
        using var http = berth.CreateClient();
        Directory.Delete(berth.DataFolder, recursive: true);
        await RequireRefusalAsync(() => new ImageClient(http, new Random(1)).PushAsync(Image));
        await Eventually.TrueAsync(async () => await StatusAsync(http, "readyz") != HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(http, "healthz"));
        Directory.CreateDirectory(berth.DataFolder);
    }

    [Fact]
    public async Task An_unwritable_uploads_folder_is_reported_and_pulls_continue()
    {
        using var volume = new LoopVolume(mebibytes: 64);
        await using var berth = await StartAsync(volume);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        var uploads = Path.Combine(volume.Path, "data", "uploads");
        LoopVolume.Run("chattr", "+i", uploads);
        await RequireReadyForPullsOnlyAsync(http, "uploads can't be written");
        await RequireRefusalAsync(() => client.PushAsync(Next));
        Assert.True(await client.IsWholeAsync(Image));
        Assert.DoesNotContain("Unexpected error", berth.Output, StringComparison.Ordinal);
        LoopVolume.Run("chattr", "-i", uploads);
        await Eventually.TrueAsync(async () => await StatusAsync(http, "readyz") == HttpStatusCode.OK);
        await client.PushAsync(Next);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task On_a_read_only_file_system_Berth_starts_for_pulls_and_verify_works(bool wasKilled)
    {
        using var volume = new LoopVolume(mebibytes: 64);
        var debugPort = LoopbackPorts.Free();
        await using var berth = await StartAsync(volume, debugPort);
        using (var http = berth.CreateClient()) await new ImageClient(http, new Random(1)).PushAsync(Image);
        if (wasKilled) await berth.KillAsync();
        else await berth.TerminateAsync(Stop);
        await Eventually.TrueAsync(() => TryMakeReadOnly(volume));

        berth.ReadyPath = "readyz?for=pull";
        await berth.StartAgainAsync(Stop);
        using var client = berth.CreateClient();
        var images = new ImageClient(client, new Random(1));
        Assert.True(await images.IsWholeAsync(Image));
        await RequireReadyForPullsOnlyAsync(client, "read-only file system");
        await RequireRefusalAsync(() => images.PushAsync(Next));
        const string Told = "Pushes are refused: the data folder is on a read-only file system";
        await Eventually.TrueAsync(() => berth.Output.Contains(Told, StringComparison.Ordinal));
        Assert.DoesNotContain("Unexpected error", berth.Output, StringComparison.Ordinal);

        // What writes nothing runs all the same.
        using (var debug = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{debugPort}/") })
        {
            Assert.Equal("""{"status":"ok"}""", await debug.GetStringAsync("healthz", Stop));
        }

        var (exitCode, output) = await BerthCommand.RunAsync(Path.Combine(volume.Path, "data"), "verify");
        Assert.True(exitCode == 0, output);
        await berth.KillAsync();
    }

    [Fact]
    public async Task A_damaged_database_is_refused_at_the_start_with_advice()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: Stop);
        using (var http = berth.CreateClient()) await new ImageClient(http, new Random(1)).PushAsync(Image);
        await berth.TerminateAsync(Stop);
        using (var file = new FileStream(Path.Combine(berth.DataFolder, "berth.db"), FileMode.Open))
        {
            file.Position = 3 * 4096;
            file.Write(Enumerable.Repeat((byte)0xA5, 4096).ToArray());
        }

        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => berth.StartAgainAsync(Stop));
        Assert.Contains("is damaged", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("restore it from a backup", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("berth verify", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(" at Berth.", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_blob_that_cannot_be_opened_is_503_for_GET_and_HEAD_until_it_can()
    {
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        var address = $"v2/{Image.Repository}/blobs/{Image.Layers[0].Digest}";
        faults.Inject(DiskCalls.Open, DiskFaults.InputOutput, "/blobs/");
        using (var get = await http.GetAsync(address, Stop))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, get.StatusCode);
            Assert.Contains("Input/output error", await get.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
            Assert.Equal("no-store", get.Headers.CacheControl?.ToString());
        }

        Assert.Equal(
            HttpStatusCode.ServiceUnavailable, await client.HeadBlobAsync(Image.Repository, Image.Layers[0]));
        faults.Stop();
        Assert.Equal(HttpStatusCode.OK, await client.HeadBlobAsync(Image.Repository, Image.Layers[0]));
        Assert.True(await client.IsWholeAsync(Image));
    }

    private static bool TryMakeReadOnly(LoopVolume volume)
    {
        try
        {
            volume.MakeReadOnly();
            return true;
        }
        catch (InvalidOperationException)
        {
            // The process that ended may hold its files for a moment.
            return false;
        }
    }

    private static async Task RequireRefusalAsync(Func<Task> push)
    {
        var refusal = await Assert.ThrowsAsync<UnexpectedAnswerException>(push);
        Assert.Contains("was answered 503", refusal.Message, StringComparison.Ordinal);
    }

    private static async Task RequireReadyForPullsOnlyAsync(HttpClient http, string reason)
    {
        await Eventually.TrueAsync(
            async () => await StatusAsync(http, "readyz") == HttpStatusCode.ServiceUnavailable);
        Assert.Contains(reason, await ReasonAsync(http), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(http, "readyz?for=pull"));
    }

    private static async Task<string> ReasonAsync(HttpClient http)
    {
        using var answer = await http.GetAsync("readyz?for=push", Stop);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        return text.Replace("\\u0027", "'", StringComparison.Ordinal);
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient http, string path)
    {
        using var answer = await http.GetAsync(path, Stop);
        return answer.StatusCode;
    }

    private static Task<BerthProcess> StartAsync(LoopVolume volume, int? debugPort = null) => BerthProcess.StartAsync(
        settings =>
        {
            settings["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = Path.Combine(volume.Path, "data");
            if (debugPort is not null) settings["REGISTRY_HTTP_DEBUG_ADDR"] = $"127.0.0.1:{debugPort}";
        },
        Stop);
}
