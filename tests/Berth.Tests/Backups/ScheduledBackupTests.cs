using System.Text.Json;
using Berth.Backups;
using Berth.Blobs;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Distribution;
using Berth.Tests.Faults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Backups;

/// <summary>Backups that the settings ask for, the API that asks for one, and the warnings when they lack.</summary>
[Inside]
public sealed class ScheduledBackupTests : IAsyncLifetime
{
    private static readonly TestImage Image = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 70_000)], MountedFrom: null);

    private readonly SetClock clock = new();
    private readonly string place = Path.Combine(
        Directory.CreateTempSubdirectory("berth-test-").FullName, "backups");

    private RegistryFixture registry = null!;
    private Script script = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await RegistryFixture.StartAsync(
            s => s with
            {
                Auth = new AuthSettings
                {
                    Local = new LocalSettings { Enabled = true, AdminPassword = AdminPassword, BcryptCost = 4 },
                },
                Storage = s.Storage with
                {
                    Maintenance = s.Storage.Maintenance with
                    {
                        Backup = new BackupSettings { To = place, Keep = 2, CheckBytesPerSecond = 1L << 40 },
                    },
                },
            },
            clock);
        registry.Client.DefaultRequestHeaders.Add("Authorization", Basic("admin", AdminPassword));
        script = new Script(registry) { ["admin"] = Basic("admin", AdminPassword) };
        await new ImageClient(registry.Client, new Random(1)).PushAsync(Image);
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(place)!, recursive: true);
    }

    [Fact]
    public async Task A_backup_that_is_asked_for_is_made_and_found_damaged_when_it_is()
    {
        await script.PlayAsync("POST /api/v1/backups\n Authorization: {admin}\n 201");
        var made = await WaitAsync(1, "whole");
        Assert.Equal((place, 1, 2), (
            made.GetProperty("place").GetString(), made.GetProperty("tags").GetInt64(),
            made.GetProperty("blobs").GetInt64()));
        Assert.Null(await WarningAsync());
        StoredFiles.Alter(StoredFiles.BlobIn(place, Image.Layers[0]));
        await RunAsync<CheckBackupsJob>();
        var damaged = await WaitAsync(1, "damaged");
        Assert.Contains("is altered", damaged.GetProperty("error").GetString());
        Assert.Contains("is damaged: blob sha256:", await WarningAsync());
        Assert.Contains(registry.Log, line => line.Contains("is damaged: blob sha256:"));

        // The next one copies the blob again, and so heals the damaged one too.
        clock.Advance(TimeSpan.FromDays(7));
        await RunAsync<BackupJob>();
        await RunAsync<CheckBackupsJob>();
        await WaitAsync(1, "whole");
        Assert.Null(await WarningAsync());
        clock.Advance(TimeSpan.FromSeconds(5));
        await RunAsync<BackupJob>();
        await WaitAsync(1, "removed");
        await script.PlayAsync("GET /api/v1/backups/99\n Authorization: {admin}\n 404");
    }

    [Fact]
    public async Task All_backups_are_read_again_when_an_administrator_asks_for_it()
    {
        await script.PlayAsync("POST /api/v1/backups/verification\n Authorization: {admin}\n 409");
        await RunAsync<BackupJob>();
        await RunAsync<CheckBackupsJob>();
        Assert.Equal("100", (await VerificationAsync()).GetProperty("percent").ToString());
        StoredFiles.Alter(StoredFiles.BlobIn(place, Image.Layers[0]));

        // Too early for the next check by itself.
        await RunAsync<CheckBackupsJob>();
        await WaitAsync(1, "whole");
        await script.PlayAsync("POST /api/v1/backups/verification\n Authorization: {admin}\n 201");
        await WaitAsync(1, "damaged");
        var view = await VerifiedAsync();
        Assert.Equal(
            (place, 1, 100), (
                view.GetProperty("place").GetString(), view.GetProperty("damaged").GetInt32(),
                view.GetProperty("percent").GetInt32()));
        Assert.InRange(view.GetProperty("readBlobs").GetInt64(), 2, 4);
        Assert.True(view.TryGetProperty("lastEndedAt", out _));
        Assert.False(view.TryGetProperty("error", out _));

        // The next one tells what has become of it.
        clock.Advance(TimeSpan.FromSeconds(5));
        await RunAsync<BackupJob>();
        await script.PlayAsync("POST /api/v1/backups/verification\n Authorization: {admin}\n 201");
        Assert.Equal(0, (await VerifiedAsync()).GetProperty("damaged").GetInt32());
        await WaitAsync(1, "whole");
    }

    /// <summary>Each turn is over after the first piece.</summary>
    [Fact]
    public async Task A_verification_that_is_running_is_not_begun_again_and_says_how_far_it_is()
    {
        await RunAsync<BackupJob>();
        await RunAsync<CheckBackupsJob>();
        Directory.Move(place, place + ".away");
        await script.PlayAsync(
            """
            POST /api/v1/backups/verification
              Authorization: {admin}
              201
            POST /api/v1/backups/verification
              Authorization: {admin}
              409
            """);
        await Eventually.TrueAsync(async () =>
            (await VerificationAsync()).TryGetProperty("error", out var error)
            && error.GetString()!.Contains("there are no backups", StringComparison.Ordinal));
        var view = await VerificationAsync();
        Assert.False(view.TryGetProperty("endedAt", out _));
        Assert.Equal(0, view.GetProperty("percent").GetInt32());
        Directory.Move(place + ".away", place);
        clock.PerTimestamp = TimeSpan.FromMinutes(6);
        var percents = new List<int>();
        do
        {
            await RunAsync<CheckBackupsJob>();
            view = await VerificationAsync();
            percents.Add(view.GetProperty("percent").GetInt32());
            Assert.InRange(percents.Count, 1, 20);
        }
        while (!view.TryGetProperty("endedAt", out _));
        Assert.True(percents.Count > 2);
        Assert.Equal(percents.Order(), percents);
        Assert.All(percents[..^1], percent => Assert.InRange(percent, 0, 99));
        Assert.Contains(percents[..^1], percent => percent > 0);
    }

    [Fact]
    public async Task A_backup_is_removed_on_request_and_the_others_stay_whole()
    {
        await RunAsync<BackupJob>();
        clock.Advance(TimeSpan.FromDays(1));
        await RunAsync<BackupJob>();
        var manifests = Path.Combine(place, "backups");
        Assert.Equal(2, Directory.GetFiles(manifests).Length);
        await script.PlayAsync(
            """
            DELETE /api/v1/backups/99
              Authorization: {admin}
              404
            DELETE /api/v1/backups/1
              Authorization: {admin}
              If-Match: "other"
              412
            DELETE /api/v1/backups/1
              Authorization: {admin}
              204
            DELETE /api/v1/backups/1
              Authorization: {admin}
              404
            """);
        Assert.Single(Directory.GetFiles(manifests));
        await WaitAsync(1, "removed");
        await RunAsync<CheckBackupsJob>();
        await WaitAsync(2, "whole");
        Directory.Delete(place, recursive: true);
        await script.PlayAsync("DELETE /api/v1/backups/2\n Authorization: {admin}\n 409");
    }

    /// <summary>
    /// Each turn is over after the first piece, so that other jobs get their turn. A folder in the place of a blob
    /// can't be opened, whoever reads.
    /// </summary>
    [Fact]
    public async Task A_check_goes_on_in_turns_and_past_a_blob_that_can_not_be_read()
    {
        var large = new TestBlob(77, 9_000_000);
        await new ImageClient(registry.Client, new Random(1)).PushAsync(Image with { Tag = "v2", Layers = [large] });
        await RunAsync<BackupJob>();
        foreach (var layer in new[] { Image.Layers[0], large })
        {
            var path = StoredFiles.BlobIn(place, layer);
            if (layer == large)
            {
                StoredFiles.Alter(path);
                continue;
            }

            File.Delete(path);
            Directory.CreateDirectory(path);
        }

        clock.PerTimestamp = TimeSpan.FromMinutes(6);
        var turns = 0;
        var database = registry.Services.GetRequiredService<Database>();
        do
        {
            await RunAsync<CheckBackupsJob>();
            Assert.InRange(++turns, 1, 20);
        }
        while (await database.ReadAsync(s => ScrubTable.FindAsync(s, ScrubTable.OfBackups), Stop) is
        { EndedAt: null });
        Assert.InRange(turns, 3, 20);
        await WaitAsync(1, "damaged");
        Assert.Contains(registry.Log, line => line.Contains($"blob {Image.Layers[0].Digest} ")
            && line.Contains("is damaged"));
        Assert.Contains(registry.Log, line => line.Contains($"blob {large.Digest} is altered"));
    }

    /// <summary>A backup that is being made may count on a blob that the check would move away.</summary>
    [Fact]
    public async Task A_check_moves_nothing_while_a_backup_is_made_and_never_a_list()
    {
        await RunAsync<BackupJob>();
        var blob = StoredFiles.BlobIn(place, Image.Layers[0]);
        StoredFiles.Alter(blob);
        await using var opened = await BackupPlace.OpenAsync(
            place, new StorageSettings(), mayCreate: false, NullLogger<ObjectBlobStore>.Instance, Stop);
        await opened.RunAloneAsync(
            async _ =>
            {
                await RunAsync<CheckBackupsJob>();
                return 0;
            },
            Stop);
        var damaged = await WaitAsync(1, "damaged");
        Assert.Contains("because a backup is being made", damaged.GetProperty("error").GetString());
        Assert.True(File.Exists(blob));
        var hex = (await opened.FindAllAsync(Stop))[0].Manifest!.List.Parsed.Hex;
        var list = Path.Combine(place, "blobs", "sha256", hex[..2], hex);
        StoredFiles.Alter(list);
        clock.Advance(TimeSpan.FromDays(7));
        await RunAsync<CheckBackupsJob>();
        await new BackupCheck(opened, isQuick: false, mayChange: true).RunAsync(names: null, Stop);
        Assert.True(File.Exists(list));
        await WaitAsync(1, "damaged");
    }

    [Fact]
    public async Task A_backup_that_is_late_is_told()
    {
        Assert.Null(await WarningAsync());
        clock.Advance(TimeSpan.FromHours(27));
        Assert.Contains("there is no whole backup in", await WarningAsync());
        await RunAsync<BackupJob>();
        Assert.Null(await WarningAsync());
        clock.Advance(TimeSpan.FromHours(30));
        Assert.Contains("and another was due", await WarningAsync());
    }

    [Fact]
    public async Task A_backup_that_fails_is_recorded_with_the_reason()
    {
        Directory.CreateDirectory(place);
        await File.WriteAllTextAsync(Path.Combine(place, "other"), "", Stop);
        await Assert.ThrowsAsync<InvalidDataException>(() => RunAsync<BackupJob>());
        await script.PlayAsync("POST /api/v1/backups\n Authorization: {admin}\n 201");
        var failed = await WaitAsync(2, "failed");
        Assert.Equal("failed", (await WaitAsync(1, "failed")).GetProperty("state").GetString());
        Assert.Contains("holds something else", failed.GetProperty("error").GetString());
        Assert.Single(Directory.GetFileSystemEntries(place));
    }

    [Fact]
    public async Task Only_administrators_ask_for_backups()
    {
        await new AccountsOf(registry).AddUserAsync("ann", "of green gables");
        script["ann"] = Basic("ann", "of green gables");
        await script.PlayAsync(
            """
            POST /api/v1/backups
              Authorization: {ann}
              403
            GET /api/v1/backups
              Authorization: {ann}
              403
            POST /api/v1/backups/verification
              Authorization: {ann}
              403
            GET /api/v1/backups/verification
              Authorization: {ann}
              403
            GET /api/v1/backups
              Authorization: {admin}
              200
            """);
    }

    private Task RunAsync<T>()
        where T : Job => registry.Services.GetServices<Job>().OfType<T>().Single().RunAsync("", Stop);

    private async Task<string?> WarningAsync()
    {
        var watch = registry.Services.GetRequiredService<BackupWatch>();
        await watch.LookAsync(Stop);
        var answer = JsonDocument.Parse(await registry.Client.GetStringAsync("readyz", Stop)).RootElement;
        return answer.TryGetProperty("warning", out var warning) ? warning.GetString() : null;
    }

    private async Task<JsonElement> VerificationAsync() => JsonDocument.Parse(
        await registry.Client.GetStringAsync("api/v1/backups/verification", Stop)).RootElement;

    private async Task<JsonElement> VerifiedAsync()
    {
        var view = default(JsonElement);
        await Eventually.TrueAsync(async () =>
        {
            view = await VerificationAsync();
            return view.TryGetProperty("endedAt", out _);
        });
        return view;
    }

    private async Task<JsonElement> WaitAsync(int id, string state)
    {
        var row = default(JsonElement);
        await Eventually.TrueAsync(async () =>
        {
            row = JsonDocument.Parse(await registry.Client.GetStringAsync($"api/v1/backups/{id}", Stop)).RootElement;
            return row.GetProperty("state").GetString() == state;
        });
        return row;
    }
}
