using System.Text;
using Berth.Blobs;
using Berth.Journal;
using Berth.Metadata;
using Berth.Tests.Backups;
using Berth.Tests.Faults;

namespace Berth.Tests.Journal;

/// <summary><c>berth verify</c> reads the journal too, and names what a rebuild could not read.</summary>
[Inside]
public sealed class JournalCheckTests
{
    private static readonly TestImage Image = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 7_000)], MountedFrom: null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Verify_names_a_broken_file_of_the_journal_and_what_brings_a_new_one(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image);
        await set.StopAsync();
        Assert.Contains(" of the journal.", (await set.RunAsync("verify")).Is(0).Output);
        var key = await BreakLastFileAsync(set);
        var said = (await set.RunAsync("verify")).Is(1).Output;
        Assert.Contains($"{key} is damaged", said);
        Assert.Contains("`berth rebuild --forget` makes the server write a new journal", said);
        Assert.Contains("Found 1 fault", said);

        (await set.RunAsync("rebuild", "--forget", "--yes")).Is(0);
        await set.StartAsync();
        await set.StopAsync();
        (await set.RunAsync("verify")).Is(0);
        var served = await set.ServedAsync();
        await set.LoseDatabaseAsync();
        (await set.RunAsync("rebuild", "--yes")).Is(0);
        Assert.Equal(served, await set.ServedAsync());
    }

    [Fact]
    public async Task A_part_of_a_snapshot_that_is_missing_and_an_altered_manifest_are_named()
    {
        var root = Directory.CreateTempSubdirectory("berth-test-").FullName;
        try
        {
            var folder = new JournalFolder(new FolderFiles(root));
            await IsWholeAsync(folder, files: 0);
            await WriteAsync(folder, 1, null, "what its digest says", "what its digest says");
            await IsWholeAsync(folder, files: 1);
            await WriteAsync(folder, 3, 1, "what its digest says", "something else");
            var (count, faults) = await CheckAsync(folder);
            Assert.Equal(1, count);
            Assert.Equal(2, faults.Count);
            Assert.Equal("1 file of the journal's snapshot is missing", faults[0]);
            Assert.Contains("0003-", faults[1]);
            Assert.Contains("library/app@sha256:", faults[1]);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public async Task A_file_that_a_snapshot_replaces_meanwhile_is_no_fault()
    {
        var root = Directory.CreateTempSubdirectory("berth-test-").FullName;
        try
        {
            var files = new ReplacedFiles(root);
            var folder = new JournalFolder(files);
            await WriteAsync(folder, 1, 1, "one", "one");
            await WriteAsync(folder, 2, null, "two", "two");
            files.IsReplacing = true;
            await IsWholeAsync(folder, files: 0);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task IsWholeAsync(JournalFolder folder, int files)
    {
        var (count, faults) = await CheckAsync(folder);
        Assert.Empty(faults);
        Assert.Equal(files, count);
    }

    private static async Task<(int Count, List<string> Faults)> CheckAsync(JournalFolder folder)
    {
        var faults = new List<string>();
        var check = new JournalCheck(folder, faults.Add);
        await check.RunAsync(Stop);
        return (check.FilesRead, faults);
    }

    private static async Task WriteAsync(
        JournalFolder folder, long number, long? snapshotFrom, string content, string written)
    {
        using var text = new SegmentText();
        text.Add(new JournalLine
        {
            Manifest = new JournaledManifest(
                1, "library/app", TestBlob.DigestOf(Encoding.UTF8.GetBytes(content)), "text/plain", 0, "", null,
                Encoding.UTF8.GetBytes(written), null),
        });
        await folder.WriteAsync(number, snapshotFrom, text.Finish(), Stop);
    }

    private static async Task<string> BreakLastFileAsync(EngineSet set)
    {
        if (set.Bucket is { } bucket)
        {
            var (key, length) = (await bucket.ListAsync("store/journal/"))[^1];
            await bucket.PutAsync(key, new byte[length]);
            return key["store/".Length..];
        }

        var file = Directory.GetFiles(Path.Combine(set.DataFolder, "journal")).Order().Last();
        var bytes = await File.ReadAllBytesAsync(file, Stop);
        bytes[^6] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, Stop);
        return $"journal/{Path.GetFileName(file)}";
    }

    /// <summary>Files that are gone once somebody reads them.</summary>
    private sealed class ReplacedFiles(string root) : StoreFiles
    {
        private readonly FolderFiles files = new(root);

        public bool IsReplacing { get; set; }

        public override Task<List<StoredFile>> ListAsync(string folder, CancellationToken cancellation) =>
            files.ListAsync(folder, cancellation);

        public override async Task<byte[]?> ReadAsync(string key, int mostBytes, CancellationToken cancellation)
        {
            if (IsReplacing) await files.DeleteAsync(key, cancellation);
            return await files.ReadAsync(key, mostBytes, cancellation);
        }

        public override Task WriteAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellation) =>
            files.WriteAsync(key, content, cancellation);

        public override Task DeleteAsync(string key, CancellationToken cancellation) =>
            files.DeleteAsync(key, cancellation);
    }
}
