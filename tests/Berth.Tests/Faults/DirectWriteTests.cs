using System.ComponentModel;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Berth.Tests.Faults;

/// <summary>Large blobs that are written past the kernel's page cache, on a file system that can do that.</summary>
[Collection(FaultTests.Name)]
public partial class DirectWriteTests
{
    private const int MiB = 1024 * 1024;
    private static readonly TestBlob Layer = new(1, 24 * MiB);

    [Theory]
    [InlineData(true, 0, 12 * MiB)]
    [InlineData(false, 20 * MiB, 24 * MiB)]
    public async Task A_large_push_fills_the_page_cache_only_where_the_setting_says_so(
        bool isDirect, int leastCached, int mostCached)
    {
        using var volume = new LoopVolume(mebibytes: 160);
        var data = Path.Combine(volume.Path, "data");
        await using var berth = await StartAsync(data, isDirect);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        var layers = new[] { Layer, new TestBlob(2, 24 * MiB), new TestBlob(3, 24 * MiB) };

        await client.PushWholeAsync("library/large", layers[0]);
        await client.PushInOneRequestAsync("library/large", layers[1]);
        await client.PushInChunksAsync("library/large", layers[2], chunks: 2);
        var image = new TestImage("library/large", "v1", new TestBlob(4, 500), layers, MountedFrom: null);
        await client.PushAsync(image);

        foreach (var layer in layers)
        {
            Assert.InRange(CachedBytes(StoredFiles.BlobIn(data, layer)), leastCached, mostCached);
        }

        Assert.True(await client.IsWholeAsync(image));
    }

    /// <summary>A file system in memory has nothing to write to but the cache.</summary>
    [Fact]
    public async Task A_file_system_without_direct_writes_takes_large_blobs_the_ordinary_way()
    {
        var folder = Directory.CreateTempSubdirectory("berth-volume-").FullName;
        LoopVolume.Run("mount", "-t", "ramfs", "ramfs", folder);
        try
        {
            await using var berth = await StartAsync(Path.Combine(folder, "data"), isDirect: true);
            using var http = berth.CreateClient();
            var client = new ImageClient(http, new Random(1));
            var image = new TestImage("library/large", "v1", new TestBlob(4, 500), [Layer], MountedFrom: null);
            await client.PushAsync(image);
            Assert.True(await client.IsWholeAsync(image));
        }
        finally
        {
            LoopVolume.Run("umount", folder);
            Directory.Delete(folder);
        }
    }

    private static Task<BerthProcess> StartAsync(string data, bool isDirect) => BerthProcess.StartAsync(
        settings =>
        {
            settings["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = data;
            settings["REGISTRY_STORAGE_FILESYSTEM_DIRECTWRITES"] = isDirect ? "true" : "false";
        },
        TestContext.Current.CancellationToken);

    /// <summary>How much of a file the kernel holds in memory, by mincore(2).</summary>
    private static long CachedBytes(string path)
    {
        using var file = MemoryMappedFile.CreateFromFile(path, FileMode.Open);
        using var view = file.CreateViewAccessor();
        var length = new FileInfo(path).Length;
        var pages = new byte[(length + Environment.SystemPageSize - 1) / Environment.SystemPageSize];
        if (MinCore(view.SafeMemoryMappedViewHandle.DangerousGetHandle(), (nuint)length, pages) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }

        return pages.Count(page => (page & 1) != 0) * (long)Environment.SystemPageSize;
    }

    [LibraryImport("libc", EntryPoint = "mincore", SetLastError = true)]
    private static partial int MinCore(nint address, nuint length, [Out] byte[] pages);
}
