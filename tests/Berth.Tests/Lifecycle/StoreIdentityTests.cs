using Berth.Hosting;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Cli;
using Berth.Tests.Faults;
using Berth.Tests.Servers;

namespace Berth.Tests.Lifecycle;

/// <summary>A database and a store of blobs that do not belong together are refused.</summary>
[Inside]
public sealed class StoreIdentityTests
{
    private static readonly TestImage Image = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 7_000)], MountedFrom: null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_database_beside_the_blobs_of_another_is_refused_with_the_way_out()
    {
        RegistrySettings? first = null, second = null;
        await using var one = await RegistryFixture.StartAsync(s => first = s);
        await using var two = await RegistryFixture.StartAsync(s => second = s);
        await PushAsync(one);
        await one.StopAsync();
        await two.StopAsync();
        var crossed = Crossed(first!, second!);
        var (firstMark, secondMark) = (await MarkAsync(first!), await MarkAsync(second!));
        var said = await RefusedAsync(crossed);
        Assert.Contains($"the database's mark is {firstMark}, that of the blobs {secondMark}", said);
        Assert.Contains("run `berth adopt-store`", said);

        // Refused each time, and nothing was changed.
        await RefusedAsync(crossed);
        await one.RestartAsync();
        Assert.True(await new ImageClient(one.Client, new Random(1)).IsWholeAsync(Image));
    }

    [Fact]
    public async Task A_new_database_beside_blobs_of_another_is_refused()
    {
        RegistrySettings? first = null, second = null;
        await using var one = await RegistryFixture.StartAsync(s => first = s);
        await PushAsync(one);
        await one.StopAsync();
        await using var two = await RegistryFixture.StartAsync(s => second = s);
        await two.StopAsync();
        await WriteAsync(second!, "DELETE FROM store_mark");
        Assert.Contains("which is new: their mark is", await RefusedAsync(Crossed(second!, first!)));
    }

    [Fact]
    public async Task Blobs_without_a_mark_are_refused_until_they_are_adopted()
    {
        RegistrySettings? settings = null;
        await using var registry = await RegistryFixture.StartAsync(s => settings = s);
        await PushAsync(registry);
        await registry.StopAsync();
        await RemoveMarkAsync(registry);
        Assert.Contains("which have no mark", await RefusedAsync(settings!));
        var command = new AccountCommand(registry);
        Assert.Contains("which have no mark", (await command.RunAsync("verify")).Is(2).Errors);
        Assert.Contains("Nothing was changed.", (await command.RunAsync("adopt-store", "--dry-run")).Is(0).Output);
        Assert.Contains("give --yes", (await command.RunAsync("adopt-store")).Is(2).Errors);
        await RefusedAsync(settings!);
        Assert.Contains("knows 2 blobs", (await command.RunAsync("adopt-store", "--yes")).Is(0).Output);
        Assert.Contains("already", (await command.RunAsync("adopt-store", "--yes")).Is(0).Output);
        (await command.RunAsync("verify")).Is(0);
        await registry.RestartAsync();
        Assert.True(await new ImageClient(registry.Client, new Random(1)).IsWholeAsync(Image));
    }

    [Fact]
    public async Task A_registry_from_before_there_were_marks_starts_as_before_and_gets_them()
    {
        RegistrySettings? settings = null;
        await using var registry = await RegistryFixture.StartAsync(s => settings = s);
        await PushAsync(registry);
        await registry.StopAsync();
        await RemoveMarkAsync(registry);
        await WriteAsync(settings!, "DELETE FROM store_mark");
        await registry.RestartAsync();
        Assert.True(await new ImageClient(registry.Client, new Random(1)).IsWholeAsync(Image));
        await registry.StopAsync();
        await registry.RestartAsync();
        await registry.StopAsync();
        await RemoveMarkAsync(registry);
        await RefusedAsync(settings!);
    }

    [Fact]
    public async Task A_second_node_with_a_folder_of_its_own_on_one_database_is_refused()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var one = await RegistryFixture.StartOnFilesAsync(
            s => s with { Database = TestEngines.SettingsOf(database) });
        var e = await Assert.ThrowsAsync<InvalidDataException>(() => RegistryFixture.StartOnFilesAsync(
            s => s with { Database = TestEngines.SettingsOf(database) }));
        Assert.Contains("which have no mark", e.Message);
    }

    [Fact]
    public async Task A_store_that_is_away_at_startup_is_checked_when_it_is_back()
    {
        await using var bucket = await TestEngines.CreateBucketAsync("s3");
        await using var proxy = FaultProxy.StartHttp(bucket.Address);
        var away = proxy.Inject(new Fault.Answer(403));
        await using var registry = await RegistryFixture.StartOnFilesAsync(
            s => s with { Storage = bucket.In(s.Storage, new StoreOptions(Proxy: proxy.Address)) });
        Assert.Contains("is checked once it answers", registry.Output);
        await bucket.PutAsync("berth.store", "another\n"u8.ToArray());
        away.Dispose();
        await Eventually.TrueAsync(() => registry.Log.Any(line => line.Contains("The server stops: ")));
    }

    /// <summary>As root the tests may read everything, so the mark is a folder: that can't be read either.</summary>
    [Fact]
    public async Task A_mark_that_can_not_be_read_is_told_and_tried_again_and_ends_no_server()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s);
        await PushAsync(registry);
        await registry.StopAsync();
        var mark = Path.Combine(registry.DataFolder, "berth.store");
        File.Move(mark, mark + ".aside");
        Directory.CreateDirectory(mark);
        await registry.RestartAsync();
        await Eventually.TrueAsync(() => registry.Log.Any(line => line.Contains("could not be seen yet")));
        Assert.True(await new ImageClient(registry.Client, new Random(1)).IsWholeAsync(Image));
        Assert.DoesNotContain(registry.Log, line => line.Contains("The server stops"));
        Directory.Delete(mark);
        await File.WriteAllTextAsync(mark, "another\n", Stop);
        await Eventually.TrueAsync(() => registry.Log.Any(line => line.Contains("The server stops: ")));
    }

    private static Task PushAsync(RegistryFixture registry) =>
        new ImageClient(registry.Client, new Random(1)).PushAsync(Image);

    /// <summary>The first one's database and the second one's blobs.</summary>
    private static RegistrySettings Crossed(RegistrySettings first, RegistrySettings second) => second with
    {
        Database = first.Database.Host is not null ? first.Database
            : first.Database with { Path = Path.Combine(first.Storage.Filesystem.RootDirectory, "berth.db") },
    };

    private static async Task<string> RefusedAsync(RegistrySettings settings) =>
        (await Assert.ThrowsAsync<InvalidDataException>(() => RegistryHost.BuildAsync(settings))).Message;

    private static async Task<string> MarkAsync(RegistrySettings settings)
    {
        await using var database = await OpenAsync(settings);
        return (await database.ReadAsync(StoreMarkTable.FindAsync, Stop))!.Mark;
    }

    private static async Task WriteAsync(RegistrySettings settings, string sql)
    {
        await using var database = await OpenAsync(settings);
        await database.WriteAsync(session => session.RunAsync(sql), isDurable: true, Stop);
    }

    private static Task<Database> OpenAsync(RegistrySettings settings) => Database.OpenBesideAsync(
        settings.Database, DataFolder.DatabasePathOf(settings), TimeProvider.System);

    private static async Task RemoveMarkAsync(RegistryFixture registry)
    {
        if (registry.Bucket is { } bucket) await bucket.PutAsync("berth.store", content: null);
        else File.Delete(Path.Combine(registry.DataFolder, "berth.store"));
    }
}
