using System.Reflection;
using System.Text.Json;
using Berth.Blobs;
using Berth.Contents;
using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Contents;

/// <summary>The files of each layer are listed once, in the background, and within the limits.</summary>
[Inside]
public sealed class LayerIndexingTests
{
    private static readonly byte[] Layer = RawTar.Gzip(new RawTar().File("a/b", "hello").File("c", "x").End());

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_a_push_nobody_has_to_ask_and_a_shared_layer_is_read_once()
    {
        await using var registry = await StartAsync();
        var images = new ContentImages(registry);
        await images.PushAsync("team/app", "1", Layer);
        Assert.Equal("waiting", (await RowAsync(registry, Layer))!.State);
        await RunAsync(registry);
        var row = await RowAsync(registry, Layer);
        Assert.Equal(("indexed", 2, 6), (row!.State, row.Entries, row.FileBytes));
        await images.PushAsync("else/app", "1", Layer);
        Assert.Equal("indexed", (await RowAsync(registry, Layer))!.State);
        Assert.Equal("True", (await images.AskAsync("1/files?repository=else/app")).Of("isComplete"));
    }

    [Fact]
    public async Task On_demand_a_layer_is_read_when_somebody_asks_and_never_means_never()
    {
        await using var registry = await StartAsync(s => s with { Index = ContentsIndexing.OnDemand });
        var images = new ContentImages(registry);
        await images.PushAsync("team/app", "1", Layer);
        Assert.Null(await RowAsync(registry, Layer));

        // What an earlier version, or another setting, left waiting does not count as asked for.
        await WriteAsync(registry, session => LayerIndexTable.AddAsync(session, [DigestOf(Layer)], default));
        await RunAsync(registry);
        Assert.Equal("waiting", (await RowAsync(registry, Layer))!.State);
        var first = await images.AskAsync("1/files?repository=team/app");
        Assert.Equal(("False", "waiting"), (first.Of("isComplete"), StateOf(first)));
        Assert.Equal(2, (await images.SeeAsync("1/files?repository=team/app")).GetProperty("items").GetArrayLength());

        await using var never = await StartAsync(s => s with { Index = ContentsIndexing.Never });
        images = new ContentImages(never);
        await images.PushAsync("team/app", "1", Layer);
        Assert.Equal("off", StateOf(await images.AskAsync("1/files?repository=team/app")));
        Assert.Null(await RowAsync(never, Layer));
        Assert.DoesNotContain(never.Services.GetServices<Job>(), job => job.Kind.StartsWith("index-layer"));
    }

    [Fact]
    public async Task A_list_goes_with_its_layer()
    {
        await using var registry = await StartAsync();
        var images = new ContentImages(registry);
        var digest = await images.PushAsync("team/app", "1", Layer);
        await RunAsync(registry);
        using var gone = await images.SendAsync("DELETE", $"/v2/team/app/manifests/{digest}", null, null, 202);
        await Eventually.TrueAsync(async () =>
        {
            await registry.Services.GetRequiredService<GarbageCollector>().RunAsync(TimeSpan.Zero, Stop);
            return await RowAsync(registry, Layer) is null;
        });

        // One that comes back meanwhile is listed again.
        await images.PushAsync("team/app", "1", Layer);
        Assert.Equal("waiting", (await RowAsync(registry, Layer))!.State);
    }

    [Once]
    [Fact]
    public async Task A_layer_that_kills_its_reader_or_is_missing_is_not_tried_for_ever()
    {
        await using var registry = await StartAsync();
        var images = new ContentImages(registry);
        await images.PushAsync("team/app", "1", Layer);
        for (var i = 0; i < 3; i++)
            await WriteAsync(registry, async s => (int)(await LayerIndexTable.BeginAsync(s, DigestOf(Layer)) ?? 0));
        await RunAsync(registry);
        Assert.Equal("reading it was given up after 3 attempts", (await RowAsync(registry, Layer))!.Fault);

        Assert.Equal("fault", StateOf(await images.AskAsync("1/files?repository=team/app")));
        var row = (await RowAsync(registry, Layer))!;
        var yesterday = DateTimeOffset.UtcNow.AddHours(-25).ToUnixTimeSeconds();
        await WriteAsync(registry, s => LayerIndexTable.EndAsync(
            s, row with { MadeWith = $"given up at {yesterday}" }, content: null));
        Assert.Equal("True", (await images.SeeAsync("1/files?repository=team/app")).Of("isComplete"));

        var missing = DigestOf([1, 2, 3]);
        await WriteAsync(registry, session => LayerIndexTable.AddAsync(session, [missing], default));
        await RunAsync(registry);
        Assert.Null(await RowAsync(registry, [1, 2, 3]));
    }

    [Once]
    [Fact]
    public async Task A_store_that_is_away_is_asked_again_later()
    {
        await using var registry = await StartAsync();
        await new ContentImages(registry).PushAsync("team/app", "1", Layer);
        Exception[] failures =
        [
            new StoreUnavailableException("it is away"), new IOException("too many open files"),
            new EndOfStreamException("the blob's file is shorter than it was"),
            new UnauthorizedAccessException("access is denied"), new IOException("input/output error"),
        ];
        foreach (var failure in failures)
        {
            var indexing = ActivatorUtilities.CreateInstance<LayerIndexing>(
                registry.Services, FailingStore.Make(failure));
            Assert.Same(failure, await Record.ExceptionAsync(() => indexing.RunAsync(DigestOf(Layer), Stop)));
        }

        await RunAsync(registry);
        Assert.Equal("indexed", (await RowAsync(registry, Layer))!.State);
    }

    [Once]
    [Fact]
    public async Task However_many_layers_are_asked_for_one_run_at_a_time_reads_them()
    {
        await using var registry = await StartAsync(s => s with { Index = ContentsIndexing.OnDemand });
        byte[][] layers = [.. Enumerable.Range(0, 5).Select(i => new RawTar().File($"f{i}", "x").End())];
        await new ContentImages(registry).PushAsync("team/app", "1", layers);
        var store = GatedStore.Make(registry.Services.GetRequiredService<IBlobStore>());
        var indexing = ActivatorUtilities.CreateInstance<LayerIndexing>(registry.Services, store);
        var job = ActivatorUtilities.CreateInstance<IndexLayerJob>(registry.Services, indexing);
        await WantAsync(registry, layers[0]);
        var run = job.RunAsync("", Stop);
        var gate = (GatedStore)(object)store;
        await gate.Reached.Task.WaitAsync(TimeSpan.FromSeconds(20), Stop);
        foreach (var layer in layers[1..])
        {
            await WantAsync(registry, layer);
            await job.RunAsync("", Stop).WaitAsync(TimeSpan.FromSeconds(20), Stop);
        }

        Assert.False(run.IsCompleted);
        gate.Open.SetResult();
        await run.WaitAsync(TimeSpan.FromSeconds(20), Stop);
        foreach (var layer in layers) Assert.Equal("indexed", (await RowAsync(registry, layer))!.State);
    }

    [Fact]
    public async Task A_fault_that_a_limit_made_goes_with_another_limit()
    {
        var limits = new ContentsSettings { Entries = 1 };
        await using var registry = await StartAsync(_ => limits);
        var images = new ContentImages(registry);
        await images.PushAsync("team/app", "1", Layer);
        var seen = await images.SeeAsync("1/files?repository=team/app");
        Assert.Equal("it has more than 1 files (contents.entries)", seen.GetProperty("layers")[0].Of("fault"));
        Assert.Equal("fault", StateOf(await images.AskAsync("1/files?repository=team/app")));
        limits = new ContentsSettings();
        await registry.RestartAsync();
        Assert.Equal("True", (await images.SeeAsync("1/files?repository=team/app")).Of("isComplete"));
    }

    [Once]
    [Fact]
    public async Task An_image_beyond_the_memory_and_a_file_beyond_the_limit_are_refused_with_words()
    {
        await using var registry = await StartAsync(s => s with { TreeBytes = 64 << 10, FileBytes = 4 });
        var images = new ContentImages(registry);
        await images.PushAsync("team/app", "1", Layer);
        await images.SeeAsync("1/files?repository=team/app");
        var large = await images.AskAsync("1/files/content?repository=team/app&path=a/b", 409);
        Assert.Equal("a/b has 5 bytes, more than 4 (contents.filebytes)", large.Of("detail"));
        var many = new RawTar();
        for (var i = 0; i < 300; i++) many.File($"file-{i}", "");
        await images.PushAsync("team/app", "many", many.End());
        await RunAsync(registry);
        var refused = await images.AskAsync("many/files?repository=team/app", 409);
        Assert.Contains("take more than 65536 bytes of memory (contents.treebytes)", refused.Of("detail"));
        await images.AskAsync("1/files?repository=team/app");
    }

    /// <summary>Starts a registry, and waits until the first turn of the job is over: the next is in 54 seconds.
    /// </summary>
    private static async Task<RegistryFixture> StartAsync(Func<ContentsSettings, ContentsSettings>? set = null)
    {
        var registry = await AccountsOf.StartAsync(settings: s => s.CollectedByHand() with
        {
            Contents = set?.Invoke(s.Contents) ?? s.Contents,
        });
        var jobs = registry.Services.GetRequiredService<JobTable>();
        if (registry.Services.GetServices<Job>().All(job => job.Kind != "index-layers")) return registry;
        await Eventually.TrueAsync(async () => await jobs.NextDueAsync(["index-layers"], Stop) is { } due
            && due > TimeSpan.FromSeconds(20) && due < TimeSpan.FromSeconds(59.9));
        return registry;
    }

    private static string StateOf(JsonElement image) => image.GetProperty("layers")[0].Of("state");

    private static Task RunAsync(RegistryFixture registry) =>
        registry.Services.GetServices<Job>().Single(job => job.Kind == "index-layers").RunAsync("", Stop);

    private static async Task<LayerIndexRow?> RowAsync(RegistryFixture registry, byte[] layer)
    {
        var rows = await registry.Services.GetRequiredService<Database>().ReadAsync(
            session => LayerIndexTable.FindAllAsync(session, [DigestOf(layer)]), Stop);
        return rows.Values.SingleOrDefault();
    }

    private static Task<int> WantAsync(RegistryFixture registry, byte[] layer) => WriteAsync(
        registry, session => LayerIndexTable.WantAsync(session, DigestOf(layer), DateTimeOffset.UtcNow));

    private static Task<int> WriteAsync(RegistryFixture registry, Func<Session, ValueTask<int>> change) =>
        registry.Services.GetRequiredService<Database>().WriteAsync(change, isDurable: false, Stop);

    private static Digest DigestOf(byte[] bytes) => Digest.Of(DigestAlgorithm.Sha256, bytes);
}

/// <summary>A store that can't be read.</summary>
public class FailingStore : DispatchProxy
{
    private Exception failure = null!;

    internal static IBlobStore Make(Exception failure)
    {
        var made = Create<IBlobStore, FailingStore>();
        ((FailingStore)(object)made).failure = failure;
        return made;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => throw failure;
}

/// <summary>A store whose blobs are opened only once the gate is.</summary>
public class GatedStore : DispatchProxy
{
    private IBlobStore store = null!;

    internal TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal TaskCompletionSource Open { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal static IBlobStore Make(IBlobStore store)
    {
        var made = Create<IBlobStore, GatedStore>();
        ((GatedStore)(object)made).store = store;
        return made;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        new ValueTask<BlobContent?>(OpenAsync((Digest)args![0]!, (CancellationToken)args[1]!));

    private async Task<BlobContent?> OpenAsync(Digest digest, CancellationToken cancellation)
    {
        Reached.TrySetResult();
        await Open.Task;
        return await store.OpenAsync(digest, cancellation);
    }
}
