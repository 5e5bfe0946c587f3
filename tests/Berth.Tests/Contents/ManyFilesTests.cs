using System.Diagnostics;
using Berth.Contents;
using Berth.Settings;

namespace Berth.Tests.Contents;

/// <summary>Time and memory for layers and images with many files, while no other test runs.</summary>
[Once]
[Collection(nameof(ManyFilesTests))]
[CollectionDefinition(nameof(ManyFilesTests), DisableParallelization = true)]
public sealed class ManyFilesTests
{
    private static readonly ContentsSettings Usual = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_hundred_thousand_small_files_take_little_time_and_memory()
    {
        var tar = new RawTar();
        for (var i = 0; i < 100_000; i++) tar.File($"usr/lib/node_modules/package-{i / 100}/file-{i}.js", "x");
        var layer = RawTar.Gzip(tar.End());
        var (began, before) = (Stopwatch.GetTimestamp(), GC.GetTotalAllocatedBytes());
        using var index = new LayerIndexWriter(Usual);
        Assert.Null(await new LayerWalk(Usual, TimeProvider.System).RunAsync(new MemoryBlob(layer), [index], Stop));
        var list = index.Finish();
        Assert.Equal((100_000, 100_000), (index.Entries, index.FileBytes));
        Assert.Equal("usr/lib/node_modules/package-999/file-99999.js", LayerIndexReader.Read(list).Last().Entry.Path);
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(20));
        Assert.True(GC.GetTotalAllocatedBytes() - before < 400 << 20);
        Assert.True(list.Length < 4 << 20, $"{list.Length} bytes");
    }

    [Fact]
    public void Half_a_million_files_fit_into_the_memory_that_is_reckoned()
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var builder = new FileTreeBuilder(Usual.TreeBytes);
        builder.Add(() => Enumerable.Range(0, 500_000).Select(i => new IndexedEntry(
            new LayerEntry($"usr/share/folder-{i / 50}/file-{i}.txt", EntryKind.File, 10, i), default)));
        var tree = builder.Finish();
        var used = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.Equal((500_000, 5_000_000), (tree.Root.Files, tree.Root.TotalBytes));
        Assert.True(used < 200 << 20, $"{used >> 20} MiB");
        Assert.True(tree.CostBytes > used, $"{tree.CostBytes >> 20} MiB were reckoned for {used >> 20}");
    }
}
