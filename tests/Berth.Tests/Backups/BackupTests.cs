using Berth.Backups;
using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Tests.Faults;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Backups;

/// <summary>A registry is backed up while it serves, and comes back on either engine.</summary>
[Inside]
public sealed class BackupTests
{
    private static readonly TestImage First = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 70_000), new TestBlob(3, 0)], MountedFrom: null);

    private static readonly TestImage Second = new(
        "library/other", "v1", new(4, 500), [new TestBlob(5, 11_000_000)], MountedFrom: null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task A_backup_made_while_images_are_pushed_is_restored_with_the_same_tags_and_digests(
        bool isShared, bool isTargetShared)
    {
        await using var source = await EngineSet.CreateAsync(isShared);
        await source.StartAsync();
        var client = new ImageClient(source.Client, new Random(1));
        await client.PushAsync(First);
        await client.PushAsync(Second);
        var pushed = new List<TestImage>();
        using var enough = new CancellationTokenSource();
        var pushing = PushAllAsync(client, pushed, enough.Token);
        await Eventually.TrueAsync(() => pushed.Count > 2);
        var before = pushed.ToList();
        var said = (await source.RunAsync("backup", source.Place)).Is(0);
        await enough.CancelAsync();
        await pushing;
        Assert.Contains("Backup 2", said.Output);
        (await source.RunAsync("backup", "verify", source.Place)).Is(0);

        await using var target = await EngineSet.CreateAsync(isTargetShared);
        var environment = target.Variables;
        if (isShared && !isTargetShared) AddAws(environment, source);
        var restored = (await Cli.AccountCommand.RunAsync(environment, "", "restore", source.Place, "--yes")).Is(0);
        Assert.Contains("are the same on both sides", restored.Output);
        (await target.RunAsync("verify")).Is(0);
        Assert.Contains("has all of", (await Cli.AccountCommand.RunAsync(
            environment, "", "backup", "compare", source.Place)).Is(0).Output);
        await target.StartAsync();
        var reader = new ImageClient(target.Client, new Random(1));
        foreach (var image in before.Append(First).Append(Second)) Assert.True(await reader.IsWholeAsync(image));
        foreach (var image in pushed) await reader.IsWholeAsync(image);
        var usage = await target.QueryAsync(UsageCount.ReadAsync);
        await reader.PushAsync(First with { Tag = "after", Layers = [new TestBlob(100, 5000)] });
        Assert.Equal(usage["library"] + 5000, (await target.QueryAsync(UsageCount.ReadAsync))["library"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_backup_copies_what_is_new_and_keeps_as_many_as_it_is_told(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        var client = new ImageClient(set.Client, new Random(1));
        await client.PushAsync(First);
        Assert.Contains("3 blobs (68 KiB), of which 3 (68 KiB) are new", (await BackUpAsync(set)).Output);
        await client.PushAsync(Second);
        Assert.Contains("5 blobs (10 MiB), of which 2 (10 MiB) are new", (await BackUpAsync(set)).Output);
        var served = await set.ServedAsync();
        var names = await NamesAsync(set);
        Assert.Equal(2, names.Count);

        using (await set.Client.DeleteAsync($"v2/library/other/manifests/{TestBlob.DigestOf(Second.Manifest)}", Stop))
            (await set.RunAsync("gc", "--grace", "0s", "--empty-trash", "--yes")).Is(0);
        Assert.Contains("of which 0 (0 bytes) are new", (await BackUpAsync(set, "--keep", "2")).Output);
        Assert.Equal(2, (await NamesAsync(set)).Count);
        Assert.NotNull(await LengthAsync(set, Second.Layers[0]));
        await using (var target = await EngineSet.CreateAsync(isShared: false))
        {
            var environment = target.Variables;
            if (isShared) AddAws(environment, set);
            (await Cli.AccountCommand.RunAsync(
                environment, "", "restore", set.Place, "--yes", "--at", (await NamesAsync(set))[1])).Is(0);
            Assert.Equal(served, await target.ServedAsync());
        }

        Assert.Contains("freed", (await BackUpAsync(set, "--keep", "1")).Output);
        Assert.Single(await NamesAsync(set));
        Assert.Null(await LengthAsync(set, Second.Layers[0]));
        Assert.NotNull(await LengthAsync(set, First.Layers[0]));
        Assert.Contains("Removed", (await BackUpAsync(set, "--keep-for", "0s")).Output);
        Assert.Single(await NamesAsync(set));
    }

    /// <summary>The image goes, and a collection runs, between the snapshot and the first blob.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_collection_would_remove_during_a_backup_is_in_it(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(First);
        await new ImageClient(set.Client, new Random(1)).PushAsync(Second);
        var store = set.Services.GetRequiredService<IBlobStore>();
        var collector = set.Services.GetRequiredService<GarbageCollector>();
        var database = set.Services.GetRequiredService<Database>();
        var interrupted = StoreInterrupted.Over(store, async () =>
        {
            using var deleted = await set.Client.DeleteAsync(
                $"v2/library/app/manifests/{TestBlob.DigestOf(First.Manifest)}", Stop);
            await collector.RunAllAsync(TimeSpan.Zero, true, _ => Task.CompletedTask, Stop);
        });
        await using var place = await set.OpenPlaceAsync();
        var made = await new BackupRun(database, database, interrupted, place, TimeProvider.System)
            .RunAsync(keep: null, row: null, Stop);
        Assert.Equal((5, 0), (made.Manifest.Blobs, made.Manifest.Missing));
        (await set.RunAsync("backup", "verify", set.Place)).Is(0);
        Assert.NotNull(await store.LengthOfAsync(Digest.Parse(First.Layers[0].Digest), Stop));
        await collector.RunAllAsync(TimeSpan.Zero, true, _ => Task.CompletedTask, Stop);
        Assert.Null(await store.LengthOfAsync(Digest.Parse(First.Layers[0].Digest), Stop));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Two_backups_are_not_written_to_one_place_at_once(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        await using var place = await set.OpenPlaceAsync();
        await place.RunAloneAsync(
            async _ =>
            {
                var said = (await set.RunAsync("backup", set.Place)).Is(2);
                Assert.Contains("another backup is being written", said.Errors);
                return true;
            },
            Stop);
        await BackUpAsync(set);
    }

    private static async Task PushAllAsync(ImageClient client, List<TestImage> pushed, CancellationToken enough)
    {
        var random = new Random(7);
        while (!enough.IsCancellationRequested)
        {
            var image = TestImage.Random(random, []);
            await client.PushAsync(image);
            pushed.Add(image);
        }
    }

    private static async Task<Cli.CommandResult> BackUpAsync(EngineSet set, params string[] options) =>
        (await set.RunAsync(["backup", set.Place, "--yes", .. options])).Is(0);

    /// <summary>The names of all backups, which must be whole.</summary>
    private static async Task<List<string>> NamesAsync(EngineSet set)
    {
        await using var place = await set.OpenPlaceAsync();
        var found = await new BackupCheck(place, isQuick: false, mayChange: false).RunAsync(names: null, Stop);
        Assert.All(found, one => Assert.True(one.IsWhole));
        return [.. found.Select(one => one.Name)];
    }

    private static async Task<long?> LengthAsync(EngineSet set, TestBlob blob)
    {
        await using var place = await set.OpenPlaceAsync();
        return await place.Blobs.LengthOfAsync(Digest.Parse(blob.Digest), Stop);
    }

    /// <summary>How a registry without a bucket of its own reaches one.</summary>
    private static void AddAws(Dictionary<string, string> environment, EngineSet source)
    {
        environment["AWS_ENDPOINT_URL"] = source.Bucket!.Address.ToString();
        environment["AWS_REGION"] = Servers.S3Server.Region;
        environment["AWS_ACCESS_KEY_ID"] = Servers.S3Server.AccessKey;
        environment["AWS_SECRET_ACCESS_KEY"] = Servers.S3Server.SecretKey;
    }
}
