using System.Text;
using Berth.Backups;
using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Faults;
using Berth.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Backups;

/// <summary>What keeps backups in a place from being lost: to other registries, to clocks, to lost locks.</summary>
[Inside]
public sealed class BackupPlaceTests
{
    private static readonly TestImage Image = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 70_000)], MountedFrom: null);

    private static readonly TestImage Other = Image with { Tag = "v2", Layers = [new TestBlob(3, 90_000)] };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_container_in_Azure_takes_backups_and_gives_them_back()
    {
        await using var container = await TestEngines.CreateBucketAsync("azure");
        await using var set = await StartAsync(isShared: false);
        var place = $"azure://{AzureServer.Account}/{container.Name}/backups";
        Task<CommandResult> RunAsync(EngineSet of, params string[] arguments) => AccountCommand.RunAsync(
            new Dictionary<string, string>(of.Variables)
            {
                ["AZURE_STORAGE_KEY"] = AzureServer.Key,
                ["AZURE_STORAGE_SERVICE_ENDPOINT"] = container.Variables["REGISTRY_STORAGE_AZURE_SERVICEURL"],
            },
            input: "", arguments);
        (await RunAsync(set, "backup", place)).Is(0);
        await PushAsync(set, Other);
        Assert.Contains("Removed", (await RunAsync(set, "backup", place, "--keep", "1", "--yes")).Is(0).Output);
        (await RunAsync(set, "backup", "verify", place)).Is(0);
        Assert.Single((await RunAsync(set, "backup", "list", place)).Is(0).Output.Trim().Split('\n')[1..]);
        var served = await set.ServedAsync();
        await using var target = await EngineSet.CreateAsync(isShared: false);
        (await RunAsync(target, "restore", place, "--yes")).Is(0);
        Assert.Equal(served, await target.ServedAsync());
        Assert.Contains("is not a container", (await RunAsync(set, "backup", "azure://account")).Is(2).Errors);
    }

    /// <summary>A list that reads well, but names another blob: the one that is needed looks like garbage.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_damaged_list_of_blobs_removes_and_skips_nothing(bool isShared)
    {
        await using var set = await StartAsync(isShared);
        await BackUpAsync(set);
        await PushAsync(set, Other);
        await BackUpAsync(set);
        var list = await ListOfAsync(set, 1);
        var text = Encoding.UTF8.GetString(await set.ReadFileAsync(list));
        var digit = Image.Layers[0].Digest[^1];
        var altered = Image.Layers[0].Digest[..^1] + (digit == 'f' ? 'e' : (char)(digit == '9' ? 'a' : digit + 1));
        text = text.Replace(Image.Layers[0].Digest, altered, StringComparison.Ordinal);
        await set.WriteFileAsync(list, Encoding.UTF8.GetBytes(text));

        var pruned = (await set.RunAsync("backup", set.Place, "--keep", "3", "--yes")).Is(2);
        Assert.Contains("its list of blobs is damaged: its content has the digest", pruned.Errors);
        foreach (var layer in new[] { Image.Layers[0], Other.Layers[0] })
            await set.FileOfAsync(set.PlaceRoot, layer.Digest);
        await using var target = await EngineSet.CreateAsync(isShared);
        var environment = target.Variables;
        if (isShared)
        {
            environment["REGISTRY_STORAGE_S3_BUCKET"] = set.Bucket!.Name;
            environment["REGISTRY_STORAGE_S3_ROOTDIRECTORY"] = "staging";
        }

        var name = (await FindAsync(set))[^1].Name;
        var refused = (await AccountCommand.RunAsync(
            environment, "", "restore", set.Place, "--yes", "--skip-damaged", "--at", name)).Is(2);
        Assert.Contains("its list of blobs is damaged", refused.Errors);
        Assert.Empty(await target.ServedAsync());

        // A line that never ends takes no memory.
        await set.WriteFileAsync(list, [.. Enumerable.Repeat((byte)'a', Encoding.UTF8.GetByteCount(text))]);
        Assert.Contains(
            "a line without end", (await set.RunAsync("backup", set.Place, "--keep", "4", "--yes")).Is(2).Errors);
        Assert.Contains("DAMAGED", (await set.RunAsync("backup", "verify", set.Place, "--dry-run")).Is(1).Output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Another_registry_neither_adds_to_a_place_nor_removes_backups_there(bool isShared)
    {
        await using var set = await StartAsync(isShared);
        await BackUpAsync(set);
        await BackUpAsync(set);
        await using var staging = await EngineSet.CreateAsync(isShared);
        var environment = staging.Variables;
        if (isShared)
        {
            environment["REGISTRY_STORAGE_S3_BUCKET"] = set.Bucket!.Name;
            environment["REGISTRY_STORAGE_S3_ROOTDIRECTORY"] = "staging";
        }

        (await Cli.AccountCommand.RunAsync(environment, "", "restore", set.Place, "--yes")).Is(0);
        foreach (var arguments in new[] { (string[])["--keep", "1", "--yes"], [] })
        {
            var refused = (await Cli.AccountCommand.RunAsync(
                environment, "", ["backup", set.Place, .. arguments])).Is(2);
            Assert.Contains("are those of another registry", refused.Errors);
            Assert.Contains("berth backup adopt", refused.Errors);
        }

        var first = (await FindAsync(set))[^1].Name;
        Assert.Contains("of another registry", (await Cli.AccountCommand.RunAsync(
            environment, "", "backup", "remove", set.Place, "--at", first, "--yes")).Is(2).Errors);
        Assert.Equal(2, (await FindAsync(set)).Count);

        Assert.Contains("Nothing was changed", (await Cli.AccountCommand.RunAsync(
            environment, "", "backup", "adopt", set.Place, "--dry-run")).Is(0).Output);
        await BackUpAsync(set);
        (await Cli.AccountCommand.RunAsync(environment, "", "backup", "adopt", set.Place, "--yes")).Is(0);
        (await Cli.AccountCommand.RunAsync(environment, "", "backup", set.Place)).Is(0);
        Assert.Contains("of another registry", (await set.RunAsync("backup", set.Place)).Is(2).Errors);
        Assert.Equal(4, (await FindAsync(set)).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_clock_that_was_set_back_makes_no_new_backup_an_old_one(bool isShared)
    {
        await using var set = await StartAsync(isShared);
        var clock = new SetClock();
        clock.Advance(TimeSpan.FromDays(400));
        await MakeAsync(set, set.Services.GetRequiredService<IBlobStore>(), clock, keep: null);
        await PushAsync(set, Other);
        clock.SetBack(TimeSpan.FromDays(400));
        var made = await MakeAsync(
            set, set.Services.GetRequiredService<IBlobStore>(), clock, new KeptBackups(1, Age: null));
        Assert.Equal(made.Backup.Name, Assert.Single(await FindAsync(set)).Name);
        await using var target = await EngineSet.CreateAsync(isShared: false);
        if (isShared) return;
        (await target.RunAsync("restore", set.Place, "--yes")).Is(0);
        Assert.Equal(await set.ServedAsync(), await target.ServedAsync());
    }

    /// <summary>The clock goes on, and no timer fires, as in a process that was suspended.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_backup_whose_hold_has_expired_unseen_fails(bool isShared)
    {
        await using var set = await StartAsync(isShared);
        var clock = new SetClock();
        var store = set.Services.GetRequiredService<IBlobStore>();
        var interrupted = StoreInterrupted.Over(store, () =>
        {
            clock.Advance(TimeSpan.FromMinutes(3));
            return Task.CompletedTask;
        });
        var failed = await Assert.ThrowsAnyAsync<IOException>(() => MakeAsync(set, interrupted, clock, keep: null));
        Assert.Contains("suspended", failed.Message);
        Assert.Empty(await FindAsync(set));
        await MakeAsync(set, store, clock, keep: null);
    }

    [Fact]
    public async Task A_process_that_lost_the_lock_of_a_bucket_unseen_neither_deletes_nor_finishes()
    {
        await using var set = await StartAsync(isShared: true);
        await BackUpAsync(set);
        await BackUpAsync(set);
        var clock = new SetClock();
        var log = NullLogger<ObjectBlobStore>.Instance;
        await using var place = BackupBucket.Open(set.Place, set.Settings.Storage, clock, log);
        var names = (await FindAsync(set)).ConvertAll(one => one.Name);
        await Assert.ThrowsAnyAsync<IOException>(() => place.RunAloneAsync(
            async stop =>
            {
                clock.Advance(TimeSpan.FromMinutes(3));
                await place.RemoveAsync(names[0], stop);
                return 0;
            },
            Stop));
        await Assert.ThrowsAnyAsync<IOException>(() => place.RunAloneAsync(
            _ =>
            {
                clock.Advance(TimeSpan.FromMinutes(3));
                return Task.FromResult(0);
            },
            Stop));
        Assert.Equal(names, (await FindAsync(set)).ConvertAll(one => one.Name));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_backup_is_removed_with_what_only_it_needs(bool isShared)
    {
        await using var set = await StartAsync(isShared);
        await BackUpAsync(set);
        using (await set.Client.DeleteAsync($"v2/library/app/manifests/{TestBlob.DigestOf(Image.Manifest)}", Stop))
            (await set.RunAsync("gc", "--grace", "0s", "--empty-trash", "--yes")).Is(0);
        await PushAsync(set, Other);
        await BackUpAsync(set);
        var names = (await FindAsync(set)).ConvertAll(one => one.Name);
        Assert.Contains("no backup 20200101T000000Z", (await set.RunAsync(
            "backup", "remove", set.Place, "--at", "20200101T000000Z", "--yes")).Is(2).Errors);
        Assert.Contains("give --yes", (await set.RunAsync(
            "backup", "remove", set.Place, "--at", names[1])).Is(2).Errors);
        Assert.Contains("Nothing was changed", (await set.RunAsync(
            "backup", "remove", set.Place, "--at", names[1], "--dry-run")).Is(0).Output);
        Assert.Equal(names, (await FindAsync(set)).ConvertAll(one => one.Name));
        Assert.Contains("freed", (await set.RunAsync(
            "backup", "remove", set.Place, "--at", names[1], "--yes")).Is(0).Output);
        Assert.Equal(names[0], Assert.Single(await FindAsync(set)).Name);
        await using var place = await set.OpenPlaceAsync();
        Assert.Null(await place.Blobs.LengthOfAsync(Digest.Parse(Image.Layers[0].Digest), Stop));
        (await set.RunAsync("backup", "verify", set.Place)).Is(0);
        Assert.Equal("removed", await set.QueryAsync(
            session => session.TextAsync("SELECT state FROM backup WHERE name = $1", names[1])));
    }

    [Fact]
    public async Task A_backup_that_removes_others_says_which_and_asks_first()
    {
        await using var set = await StartAsync(isShared: false);
        Assert.Contains(
            $"would back up the registry to {set.Place}.",
            (await set.RunAsync("backup", set.Place, "--keep", "1", "--dry-run")).Is(0).Output);
        Assert.False(Directory.Exists(set.Place));
        await BackUpAsync(set);
        await BackUpAsync(set);
        var names = (await FindAsync(set)).ConvertAll(one => one.Name);
        foreach (var (keep, going) in new[]
        {
            (new[] { "--keep", "1" }, names), (["--keep", "2"], [names[1]]), (["--keep", "3"], []),
            (["--keep-for", "0s"], names), (["--keep-for", "1d"], []),
        })
        {
            var said = (await set.RunAsync(["backup", set.Place, .. keep, "--dry-run"])).Is(0).Output;
            Assert.Contains(
                $"to {set.Place}." + (going.Count == 0
                    ? "" : $" After that, {string.Join(", ", going)} there will be gone for good."),
                said);
            if (going.Count == 0) Assert.DoesNotContain("gone", said);
        }

        Assert.Equal(names, (await FindAsync(set)).ConvertAll(one => one.Name));
        Assert.Contains(
            $"Removed {names[1]}", (await set.RunAsync("backup", set.Place, "--keep", "2", "--yes")).Is(0).Output);
    }

    [Fact]
    public async Task A_scheduled_backup_without_yes_is_made_and_removes_nothing()
    {
        await using var set = await StartAsync(isShared: false);

        // Nothing would go, so there is nothing to ask.
        foreach (var _ in Enumerable.Range(0, 2)) (await set.RunAsync("backup", set.Place, "--keep", "2")).Is(0);
        var names = (await FindAsync(set)).ConvertAll(one => one.Name);
        Assert.Equal(2, names.Count);

        var said = (await set.RunAsync("backup", set.Place, "--keep", "2")).Is(2);
        Assert.Matches("Backup 2[0-9TZ-]+: ", said.Output);
        Assert.Contains($"nothing was removed. {names[1]} would be gone for good", said.Errors);
        Assert.Contains("add --yes", said.Errors);
        var after = (await FindAsync(set)).ConvertAll(one => one.Name);
        Assert.Equal(names, after[1..]);
        Assert.Contains(
            $"Removed {names[0]}, {names[1]}",
            (await set.RunAsync("backup", set.Place, "--keep", "2", "--yes")).Is(0).Output);
    }

    [Fact]
    public async Task A_restore_beside_running_servers_is_refused_before_blobs_are_copied()
    {
        await using var set = await StartAsync(isShared: true);
        await BackUpAsync(set);
        await using var target = await EngineSet.CreateAsync(isShared: true);
        await target.StartAsync();
        var environment = target.Variables;
        environment["REGISTRY_STORAGE_S3_BUCKET"] = set.Bucket!.Name;
        environment["REGISTRY_STORAGE_S3_ROOTDIRECTORY"] = "staging";
        var refused = (await Cli.AccountCommand.RunAsync(environment, "", "restore", set.Place, "--yes")).Is(2);
        Assert.Contains("stop them first", refused.Errors);
        Assert.Empty(await set.Bucket.ListAsync("staging/"));
    }

    private static async Task<EngineSet> StartAsync(bool isShared)
    {
        var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        await PushAsync(set, Image);
        return set;
    }

    private static Task PushAsync(EngineSet set, TestImage image) =>
        new ImageClient(set.Client, new Random(1)).PushAsync(image);

    private static async Task BackUpAsync(EngineSet set) => (await set.RunAsync("backup", set.Place)).Is(0);

    private static async Task<MadeBackup> MakeAsync(
        EngineSet set, IBlobStore store, TimeProvider clock, KeptBackups? keep)
    {
        var database = set.Services.GetRequiredService<Database>();
        await using var place = await set.OpenPlaceAsync();
        return await new BackupRun(database, database, store, place, clock).RunAsync(keep, row: null, Stop);
    }

    private static async Task<List<FoundBackup>> FindAsync(EngineSet set)
    {
        await using var place = await set.OpenPlaceAsync();
        return await place.FindAllAsync(Stop);
    }

    /// <summary>The file of a backup's list, the newest first.</summary>
    private static async Task<string> ListOfAsync(EngineSet set, int index) =>
        await set.FileOfAsync(set.PlaceRoot, (await FindAsync(set))[index].Manifest!.List.Parsed.Text);
}
