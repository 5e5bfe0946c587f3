using System.Net;
using System.Text.Json;
using Berth.Backups;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Scrubbing;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Faults;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Scrubbing;

/// <summary>Blobs are read again in the background, and bad ones are found, told and healed.</summary>
[Inside]
public sealed class ScrubTests : IAsyncDisposable
{
    private static readonly TimeSpan Within = TimeSpan.FromDays(30);

    private static readonly TestImage Image = new(
        "library/app", "v1", new(1, 500), [.. Enumerable.Range(2, 19).Select(n => new TestBlob(n, 1000))],
        MountedFrom: null);

    private readonly SetClock clock = new();
    private readonly string place = Path.Combine(
        Directory.CreateTempSubdirectory("berth-test-").FullName, "backups");

    private RegistryFixture? opened;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private RegistryFixture Registry => opened!;

    private ImageClient Client => new(Registry.Client, new Random(1));

    public async ValueTask DisposeAsync()
    {
        if (opened is not null) await opened.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(place)!, recursive: true);
    }

    [Fact]
    public async Task Each_blob_is_read_within_the_time_and_evenly()
    {
        await StartAsync(hasBackups: false);
        await TurnAsync();
        Assert.Equal(0, (await ViewAsync()).GetProperty("readBlobs").GetInt64());
        clock.Advance(Within * 0.45);
        await TurnAsync();
        var half = await ViewAsync();
        Assert.InRange(half.GetProperty("readBlobs").GetInt64(), 10, 11);
        Assert.Equal(20, half.GetProperty("totalBlobs").GetInt64());
        clock.Advance(Within * 0.5);
        await TurnAsync();
        var whole = await ViewAsync();
        Assert.Equal(20, whole.GetProperty("readBlobs").GetInt64());
        Assert.Equal(19_500, whole.GetProperty("readBytes").GetInt64());
        Assert.True(whole.TryGetProperty("endedAt", out _));
        var said = (await new AccountCommand(Registry).RunAsync("verify")).Is(0).Output;
        Assert.Contains("In the background, 20 of 20 blobs (19 KiB of 19 KiB) were read since", said);
        Assert.Contains("Found damaged or missing: 0", said);
        var status = (await new AccountCommand(Registry).RunAsync("scrub", "status")).Is(0).Output;
        Assert.Matches("(?m)^read +20 of 20 blobs [(]19 KiB of 19 KiB[)]$", status);
        Assert.Matches("(?m)^ended +2", status);
        Assert.Matches("(?m)^damaged or missing +0$", status);
        clock.Advance(Within * 0.1);
        await TurnAsync();
        Assert.Equal(0, (await ViewAsync()).GetProperty("readBlobs").GetInt64());
    }

    [Fact]
    public async Task An_altered_blob_is_moved_to_quarantine_and_healed_by_the_next_push()
    {
        await StartAsync(hasBackups: false);
        var (altered, lost) = (Image.Layers[0], Image.Layers[1]);
        await AlterAsync(altered);
        await RemoveAsync(lost);
        await PassAsync();
        Assert.Equal(HttpStatusCode.NotFound, await Client.HeadBlobAsync(Image.Repository, altered));
        Assert.Single(await Registry.StoredAsync("quarantine"));
        var view = await ViewAsync();
        Assert.Equal((2, 2), (view.GetProperty("faults").GetInt64(), view.GetProperty("openFaults").GetInt64()));
        var faults = await FaultsAsync();
        Assert.Contains("; moved to quarantine", faults[altered.Digest].GetProperty("fault").GetString());
        Assert.Equal("it is missing", faults[lost.Digest].GetProperty("fault").GetString());
        Assert.Contains(Registry.Log, line => line.Contains($"Blob {altered.Digest} is damaged"));
        Assert.Contains(
            "Found damaged or missing: 2, of which 2 are not whole again",
            (await new AccountCommand(Registry).RunAsync("verify")).Is(1).Output);

        var command = new AccountCommand(Registry);
        var listed = (await command.RunAsync("scrub", "faults")).Is(0).Output;
        Assert.Matches($"(?m)^{altered.Digest} +2[^;]*; moved to quarantine", listed);
        Assert.Matches($"(?m)^{lost.Digest} +2.* it is missing$", listed);
        await Client.PushWhatIsMissingAsync(Image);
        await TurnAsync();
        listed = (await command.AskAsync("admin", AdminPassword, "scrub", "faults")).Is(0).Output;
        Assert.Matches($"(?m)^{altered.Digest} +2.* push +", listed);
        Assert.Equal(0, (await ViewAsync()).GetProperty("openFaults").GetInt64());
        Assert.Equal("push", (await FaultsAsync())[altered.Digest].GetProperty("healedFrom").GetString());
        Assert.True(await Client.IsWholeAsync(Image));
        Assert.Single(await Registry.StoredAsync("quarantine"));
        await PassAsync();
        Assert.Empty(await Registry.StoredAsync("quarantine"));
    }

    [Fact]
    public async Task A_bad_blob_is_healed_from_a_backup_at_once()
    {
        await StartAsync(hasBackups: true);
        await Registry.Services.GetRequiredService<RegistryBackups>().MakeAsync(row: null, Stop);
        await AlterAsync(Image.Layers[0]);
        await RemoveAsync(Image.Layers[1]);
        await PassAsync();
        Assert.True(await Client.IsWholeAsync(Image));
        var faults = await FaultsAsync();
        Assert.All(
            Image.Layers.Take(2),
            layer => Assert.Equal("backup", faults[layer.Digest].GetProperty("healedFrom").GetString()));
        (await new AccountCommand(Registry).RunAsync("verify")).Is(0);
    }

    /// <summary>Each turn is over after the first piece of 4 MiB, and the next goes on behind it.</summary>
    [Fact]
    public async Task A_large_blob_is_read_in_several_turns_and_its_fault_is_found()
    {
        await StartAsync(hasBackups: false);
        var layer = new TestBlob(77, 11_000_000);
        await Client.PushAsync(Image with { Tag = "large", Layers = [layer] });
        await Eventually.TrueAsync(async () => (await Registry.StoredAsync("blobs")).Count == 21);
        await TurnAsync();
        clock.Advance(Within);
        clock.PerTimestamp = TimeSpan.FromMinutes(6);
        for (var turns = 0; !(await ViewAsync()).TryGetProperty("endedAt", out _); turns++)
        {
            var before = (await ViewAsync()).GetProperty("readBytes").GetInt64();
            await TurnAsync();
            var read = (await ViewAsync()).GetProperty("readBytes").GetInt64() - before;
            Assert.InRange(read, 0, (4 << 20) + 1000);
            Assert.InRange(turns, 0, 100);
        }

        Assert.Equal(11_019_500, (await ViewAsync()).GetProperty("readBytes").GetInt64());
        Assert.Equal(0, (await ViewAsync()).GetProperty("faults").GetInt64());
        await AlterAsync(layer);
        for (var turns = 0; (await ViewAsync()).GetProperty("faults").GetInt64() == 0; turns++)
        {
            clock.Advance(Within);
            await TurnAsync();
            Assert.InRange(turns, 0, 100);
        }

        Assert.Contains("; moved to quarantine", (await FaultsAsync())[layer.Digest].GetProperty("fault").GetString());
    }

    [Fact]
    public async Task A_fault_of_a_blob_that_no_image_needs_any_more_is_closed()
    {
        await StartAsync(hasBackups: false);
        await AlterAsync(Image.Layers[0]);
        await PassAsync();
        using var deleted = await Registry.Client.DeleteAsync(
            $"v2/{Image.Repository}/manifests/{TestBlob.DigestOf(Image.Manifest)}", Stop);
        await TurnAsync();
        Assert.Equal("gone", (await FaultsAsync())[Image.Layers[0].Digest].GetProperty("healedFrom").GetString());
    }

    private async Task StartAsync(bool hasBackups)
    {
        opened = await RegistryFixture.StartAsync(
            s => s with
            {
                Auth = new AuthSettings
                {
                    Local = new LocalSettings { Enabled = true, AdminPassword = AdminPassword, BcryptCost = 4 },
                },
                Jobs = s.Jobs with { PollInterval = TimeSpan.FromHours(1) },
                Storage = s.Storage with
                {
                    Maintenance = s.Storage.Maintenance with
                    {
                        Trash = new TrashSettings { Keep = TimeSpan.Zero },
                        Backup = new BackupSettings { To = hasBackups ? place : null },
                        Scrub = new ScrubSettings { Enabled = true, Within = Within, BytesPerSecond = 1L << 40 },
                    },
                },
            },
            clock);
        Registry.Client.DefaultRequestHeaders.Add("Authorization", Basic("admin", AdminPassword));
        await Client.PushAsync(Image);
        await Eventually.TrueAsync(async () => (await Registry.StoredAsync("blobs")).Count == 20);

        // The registry's own job may have begun a pass while there was nothing.
        await Registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync("DELETE FROM scrub"), isDurable: true, Stop);
    }

    private Task TurnAsync() => Registry.Services.GetRequiredService<Scrub>().RunTurnAsync(Stop);

    private async Task PassAsync()
    {
        await TurnAsync();
        clock.Advance(Within);
        await TurnAsync();
    }

    private async Task<JsonElement> ViewAsync() =>
        JsonDocument.Parse(await Registry.Client.GetStringAsync("api/v1/scrub", Stop)).RootElement;

    private async Task<Dictionary<string, JsonElement>> FaultsAsync() =>
        JsonDocument.Parse(await Registry.Client.GetStringAsync("api/v1/scrub/faults", Stop)).RootElement
            .GetProperty("items").EnumerateArray().ToDictionary(one => one.GetProperty("digest").GetString()!);

    private async Task AlterAsync(TestBlob blob)
    {
        if (Registry.Bucket is { } bucket)
            await bucket.PutAsync(ObjectBlobStore.KeyOf(Digest.Parse(blob.Digest)), new byte[blob.LengthBytes]);
        else StoredFiles.Alter(StoredFiles.BlobIn(Registry.DataFolder, blob));
    }

    private async Task RemoveAsync(TestBlob blob)
    {
        if (Registry.Bucket is { } bucket)
            await bucket.PutAsync(ObjectBlobStore.KeyOf(Digest.Parse(blob.Digest)), content: null);
        else File.Delete(StoredFiles.BlobIn(Registry.DataFolder, blob));
    }
}
