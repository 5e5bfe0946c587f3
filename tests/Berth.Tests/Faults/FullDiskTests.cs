using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Berth.Disk;
using Berth.Tests.Servers;

namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class FullDiskTests(ITestOutputHelper output)
{
    private const int MiB = 1024 * 1024;
    private static readonly TestImage Old = new(
        "library/old", "v1", new TestBlob(1, 500), [new TestBlob(2, 2 * MiB)], MountedFrom: null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_full_disk_refuses_pushes_with_507_and_serves_pulls_and_recovers_without_a_restart()
    {
        using var volume = new LoopVolume(mebibytes: 96);
        await using var berth = await StartAsync(volume);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Old);

        LeaveFree(volume, 14 * MiB);
        var big = new TestBlob(3, 24 * MiB);
        await RequireRefusalAsync(() => client.PushWholeAsync("library/new", big));
        await RequireRefusalAsync(() => client.PushInOneRequestAsync("library/new", big));
        await RequireRefusalAsync(() => client.PushInChunksAsync("library/new", big, chunks: 3));
        Assert.False(File.Exists(StoredFiles.BlobIn(DataIn(volume), big)));
        Assert.Equal(0, StoredFiles.UploadsIn(DataIn(volume)));
        await client.PushAsync(Old with { Tag = "v2", Layers = [new TestBlob(4, 2 * MiB)] });

        LeaveFree(volume, 0);
        var acknowledged = await PushUntilRefusedAsync(client);
        output.WriteLine($"{acknowledged.Count} small pushes went through on the full disk");
        Assert.True(await client.IsWholeAsync(Old));
        foreach (var image in acknowledged) Assert.True(await client.IsWholeAsync(image));

        File.Delete(Filler(volume));
        await client.PushAsync(Old with { Repository = "library/new", Layers = [big] });
        Assert.True(await client.IsWholeAsync(Old with { Repository = "library/new", Layers = [big] }));
        var (exitCode, report) = await BerthCommand.RunAsync(DataIn(volume), "verify");
        Assert.True(exitCode == 0, report);
    }

    [Fact]
    public async Task A_database_that_cannot_grow_refuses_tags_with_507_and_accepts_them_again_later()
    {
        using var volume = new LoopVolume(mebibytes: 64);
        await using var berth = await StartAsync(volume);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Old);
        LeaveFree(volume, 0);

        var tagged = await TagUntilRefusedAsync(client);
        await Eventually.TrueAsync(() => berth.Output.Contains("database or disk is full", StringComparison.Ordinal));
        foreach (var image in tagged.Append(Old)) Assert.True(await client.IsWholeAsync(image));

        File.Delete(Filler(volume));
        foreach (var image in tagged.Append(Old with { Tag = "after" }))
        {
            await client.PushManifestAsync(image);
            Assert.True(await client.IsWholeAsync(image));
        }
    }

    [Fact]
    public async Task PostgreSQL_on_a_full_disk_refuses_tags_with_507_and_takes_them_again_later()
    {
        using var volume = new LoopVolume(mebibytes: 64);
        File.SetUnixFileMode(Path.GetDirectoryName(volume.Path)!, (UnixFileMode)0b111_101_101);
        var tables = Directory.CreateDirectory(Path.Combine(volume.Path, "tables")).FullName;
        LoopVolume.Run("chown", "postgres", tables);
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseInAsync(tables);
        await using var berth = await BerthProcess.StartAsync(
            settings =>
            {
                foreach (var (name, value) in database.Variables) settings[name] = value;
            },
            Stop);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Old);
        LeaveFree(volume, 0);
        var tagged = await TagUntilRefusedAsync(client);
        await Eventually.TrueAsync(() => berth.Output.Contains("The disk is full: 53100", StringComparison.Ordinal));
        foreach (var image in tagged.Append(Old)) Assert.True(await client.IsWholeAsync(image));

        File.Delete(Filler(volume));
        await client.PushManifestAsync(Old with { Tag = "after" });
    }

    [Theory]
    [InlineData(DiskFaults.NoSpace, HttpStatusCode.InsufficientStorage, "the registry's disk is full")]
    [InlineData(DiskFaults.InputOutput, HttpStatusCode.ServiceUnavailable, "the registry's disk or database failed")]
    public async Task A_disk_that_takes_nothing_is_told_also_to_who_asks_for_a_token(
        int error, HttpStatusCode status, string words)
    {
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync(settings =>
        {
            var users = settings["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] + ".users";
            File.WriteAllText(users, $"ann:{BCrypt.Net.BCrypt.HashPassword("pass", workFactor: 4)}\n");
            settings["REGISTRY_AUTH_HTPASSWD_PATH"] = users;
        });
        using var http = berth.CreateClient();
        http.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes("ann:pass")));
        faults.Inject(DiskCalls.Write | DiskCalls.Sync, error, "berth.db");
        using (var refused = await http.GetAsync("token?scope=repository:a:pull", Stop))
        {
            Assert.Equal(status, refused.StatusCode);
            Assert.Contains(words, await refused.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        }

        faults.Stop();
        using var granted = await http.GetAsync("token?scope=repository:a:pull", Stop);
        Assert.Equal(HttpStatusCode.OK, granted.StatusCode);
    }

    private static async Task<List<TestImage>> TagUntilRefusedAsync(ImageClient client)
    {
        var tagged = new List<TestImage>();
        await RequireRefusalAsync(async () =>
        {
            for (var number = 0; number < 5000; number++)
            {
                var image = Old with { Tag = $"tag-{number}" };
                await client.PushManifestAsync(image);
                tagged.Add(image);
            }
        });
        return tagged;
    }

    private static async Task<List<TestImage>> PushUntilRefusedAsync(ImageClient client)
    {
        var acknowledged = new List<TestImage>();
        await RequireRefusalAsync(async () =>
        {
            for (var seed = 1000; seed < 3000; seed += 10)
            {
                var image = new TestImage(
                    "library/small", $"v{seed}", new(seed, 300), [new TestBlob(seed + 1, 40_000)], MountedFrom: null);
                await client.PushAsync(image);
                acknowledged.Add(image);
            }
        });
        return acknowledged;
    }

    private static async Task RequireRefusalAsync(Func<Task> push)
    {
        var refusal = await Assert.ThrowsAsync<UnexpectedAnswerException>(push);
        Assert.Contains("was answered 507", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("the registry's disk is full", refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>Fills the volume up, and gives some of it back.</summary>
    private static void LeaveFree(LoopVolume volume, long bytes)
    {
        using var filler = new FileStream(
            Filler(volume), FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        foreach (var block in new[] { new byte[MiB], new byte[4096] })
        {
            try
            {
                while (true) filler.Write(block);
            }
            catch (IOException)
            {
                // It is full, for blocks of this size.
            }
        }

        filler.SetLength(Math.Max(0, filler.Length - bytes));
        DiskSync.File(filler.SafeFileHandle, filler.Name);
    }

    private static string Filler(LoopVolume volume) => Path.Combine(volume.Path, "filler");

    private static string DataIn(LoopVolume volume) => Path.Combine(volume.Path, "data");

    private static Task<BerthProcess> StartAsync(LoopVolume volume) => BerthProcess.StartAsync(
        settings => settings["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = DataIn(volume), Stop);
}
