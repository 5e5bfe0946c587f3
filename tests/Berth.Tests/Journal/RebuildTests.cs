using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Berth.Blobs;
using Berth.Journal;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Tests.Backups;
using Berth.Tests.Faults;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Journal;

/// <summary>The index of images is rebuilt from the store, after the database was lost.</summary>
[Inside]
public sealed class RebuildTests
{
    private const string IndexType = "application/vnd.oci.image.index.v1+json";

    private static readonly TestImage First = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 70_000), new TestBlob(3, 0)], MountedFrom: null);

    private static readonly TestImage Second = new(
        "library/other", "v1", new(4, 500), [new TestBlob(5, 110_000)], MountedFrom: null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_registry_that_lost_its_database_comes_back_with_images_tags_and_their_history(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        var client = new ImageClient(set.Client, new Random(1));
        await PushVariouslyAsync(set, client);
        await set.StopAsync();
        var (served, marked) = (await set.ServedAsync(), await MarkedAsync(set));
        await set.LoseDatabaseAsync();

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => set.StartAsync());
        Assert.Contains("run `berth rebuild`", refused.Message);
        await set.LoseDatabaseAsync();
        var seen = (await set.RunAsync("rebuild", "--dry-run")).Is(0).Output;
        Assert.Contains("2 repositories, 5 manifests and 4 tags. Nothing was changed.", seen);
        Assert.Contains("give --yes", (await set.RunAsync("rebuild")).Is(2).Errors);
        var said = (await set.RunAsync("rebuild", "--yes")).Is(0).Output;
        Assert.Contains("Rebuilt 5 manifests, 4 tags and 9 moves of tags.", said);
        Assert.Equal(served, await set.ServedAsync());
        Assert.Equal(marked, await MarkedAsync(set));
        var usage = await set.QueryAsync(UsageCount.ReadAsync);
        (await set.RunAsync("verify")).Is(0);

        await set.StartAsync();
        client = new ImageClient(set.Client, new Random(1));
        foreach (var image in new[] { First, First with { Tag = "stable" }, Second })
            Assert.True(await client.IsWholeAsync(image));
        await client.PushAsync(Second with { Repository = "library/new", Layers = [new TestBlob(8, 5000)] });
        Assert.Equal(usage["library"] + 5000, (await set.QueryAsync(UsageCount.ReadAsync))["library"]);

        // What is rebuilt can be lost again.
        await set.StopAsync();
        served = await set.ServedAsync();
        await set.LoseDatabaseAsync();
        (await set.RunAsync("rebuild", "--yes")).Is(0);
        Assert.Equal(served, await set.ServedAsync());
    }

    [Fact]
    public async Task An_older_database_gets_what_it_lacks_and_keeps_what_it_has()
    {
        await using var set = await EngineSet.CreateAsync(isShared: false);
        await set.StartAsync();
        var client = new ImageClient(set.Client, new Random(1));
        await client.PushAsync(First);
        await client.PushAsync(First with { Tag = "gone" });
        await set.StopAsync();
        var (database, older) = (Path.Combine(set.DataFolder, "berth.db"), Path.Combine(set.DataFolder, "older"));
        File.Copy(database, older);

        await set.StartAsync();
        client = new ImageClient(set.Client, new Random(1));
        await client.PushAsync(Second);
        await client.PushAsync(Second with { Repository = First.Repository, Tag = First.Tag });
        using (await set.Client.DeleteAsync($"v2/{First.Repository}/manifests/gone", Stop))
            await set.StopAsync();
        var served = await set.ServedAsync();
        await set.LoseDatabaseAsync();
        File.Move(older, database);

        // Started before it has them, it says so, and adds nothing to the journal that would count as newer.
        var files = Directory.GetFiles(Path.Combine(set.DataFolder, "journal"));
        await set.StartAsync();
        await Assert.ThrowsAsync<InvalidDataException>(
            () => set.Services.GetRequiredService<JournalWriter>().WriteAsync(Stop));
        Assert.Contains("berth rebuild", await set.Client.GetStringAsync("readyz", Stop));
        Assert.Equal(0, await set.Services.GetRequiredService<GarbageCollector>().FindOrphansAsync(Stop));
        await set.StopAsync();
        Assert.Equal(files, Directory.GetFiles(Path.Combine(set.DataFolder, "journal")));
        Assert.Contains(
            "Rebuilt 2 manifests, 2 tags and 3 moves of tags", (await set.RunAsync("rebuild", "--yes")).Is(0).Output);
        var rebuilt = await set.ServedAsync();
        Assert.Empty(served.Except(rebuilt));
        Assert.Equal([$"{First.Repository}:gone {TestBlob.DigestOf(First.Manifest)}"], rebuilt.Except(served));
        (await set.RunAsync("verify")).Is(0);
        Assert.Contains(
            "Rebuilt 0 manifests, 0 tags and 0 moves", (await set.RunAsync("rebuild", "--yes")).Is(0).Output);
    }

    /// <summary>The moves since have the numbers that the journal has given to others.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_older_database_that_was_used_before_the_rebuild_gets_the_whole_history(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        var client = new ImageClient(set.Client, new Random(1));
        await client.PushAsync(First with { Tag = "one" });
        await client.PushAsync(First with { Tag = "two" });
        await client.PushAsync(First with { Tag = "three" });
        await set.StopAsync();
        await set.QueryAsync(async session =>
            await session.RunAsync("DELETE FROM tag WHERE name IN ('two', 'three')")
            + await session.RunAsync("UPDATE journal_writer SET last_number = 0")
            + await session.RunAsync("UPDATE tag SET name = 'own' WHERE name = 'one'")
            + await session.RunAsync("UPDATE tag_history SET name = 'own' WHERE id = 2")
            + await session.RunAsync("UPDATE tag_history SET name = 'later' WHERE id = 3"));
        Assert.Contains("3 tags and 2 moves", (await set.RunAsync("rebuild", "--yes")).Is(0).Output);
        Assert.Equal(["1 one", "2 two", "3 three", "4 own", "5 later"], await MovesAsync(set));
        Assert.Contains("0 tags and 0 moves", (await set.RunAsync("rebuild", "--yes")).Is(0).Output);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(First with { Tag = "new" });
        await set.Services.GetRequiredService<JournalWriter>().WriteAsync(Stop);
        await set.StopAsync();
        var moves = await MovesAsync(set);
        Assert.Equal("6 new", moves[^1]);
        await set.LoseDatabaseAsync();
        (await set.RunAsync("rebuild", "--yes")).Is(0);
        Assert.Equal(moves, await MovesAsync(set));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_database_that_knows_less_than_the_journal_counts_when_it_is_told_to(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(First);
        await set.StopAsync();
        await set.QueryAsync(session => session.RunAsync("UPDATE journal_writer SET last_number = 0"));
        Assert.Contains("1 file", (await set.RunAsync("rebuild", "--forget", "--dry-run")).Is(0).Output);
        Assert.Contains("give --yes", (await set.RunAsync("rebuild", "--forget")).Is(2).Errors);
        await set.StartAsync();
        var writer = set.Services.GetRequiredService<JournalWriter>();
        await Assert.ThrowsAsync<InvalidDataException>(() => writer.WriteAsync(Stop));
        (await set.RunAsync("rebuild", "--forget", "--yes")).Is(2);
        await set.StopAsync();
        (await set.RunAsync("rebuild", "--forget", "--yes")).Is(0);
        Assert.Contains("there is no journal", (await set.RunAsync("rebuild", "--forget", "--yes")).Is(2).Errors);
        await set.StartAsync();
        await set.StopAsync();
        var served = await set.ServedAsync();
        await set.LoseDatabaseAsync();
        (await set.RunAsync("rebuild", "--yes")).Is(0);
        Assert.Equal(served, await set.ServedAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Snapshots_keep_the_journal_short_and_complete(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(First);
        var writer = set.Services.GetRequiredService<JournalWriter>();
        var database = set.Services.GetRequiredService<Database>();
        var folder = new JournalFolder(set.Services.GetRequiredService<IBlobStore>().Files);
        await writer.WriteAsync(Stop);
        for (var i = 0; i < 510; i++)
        {
            await database.WriteAsync(
                async session => await session.RunAsync("UPDATE tag SET is_pinned = 1 - is_pinned"),
                isDurable: false, Stop);
            await writer.WriteAsync(Stop);
        }

        var segments = await folder.ListAsync(Stop);
        Assert.InRange(segments.Count, 2, 50);
        Assert.Single(segments, segment => segment.SnapshotFrom is not null);
        Assert.InRange(segments[0].Number, 500, 510);
        await set.StopAsync();
        var (served, marked) = (await set.ServedAsync(), await MarkedAsync(set));
        await set.LoseDatabaseAsync();
        (await set.RunAsync("rebuild", "--yes")).Is(0);
        Assert.Equal(served, await set.ServedAsync());
        Assert.Equal(marked, await MarkedAsync(set));
    }

    /// <summary>What a repository names without having it would be everybody's after a rebuild.</summary>
    [Fact]
    public async Task A_repository_gets_no_blobs_that_it_only_names_and_stays_private()
    {
        await using var set = await EngineSet.CreateAsync(isShared: false);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(First);
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(
            $$"""{"mediaType":"application/vnd.odd+json","secret":"{{First.Layers[0].Digest}}"}"""));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/vnd.odd+json");
        using (var put = await set.Client.PutAsync("v2/odd/app/manifests/1", content, Stop))
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        await set.StopAsync();
        await set.LoseDatabaseAsync();
        (await set.RunAsync("rebuild", "--yes")).Is(0);
        Assert.Equal(0, await set.QueryAsync(session => session.NumberAsync("SELECT sum(is_public) FROM repository")));
        await set.StartAsync();
        using var blob = await set.Client.GetAsync($"v2/odd/app/blobs/{First.Layers[0].Digest}", Stop);
        Assert.Equal(HttpStatusCode.NotFound, blob.StatusCode);
        using var odd = await set.Client.GetAsync("v2/odd/app/manifests/1", Stop);
        Assert.Equal(HttpStatusCode.OK, odd.StatusCode);
    }

    /// <summary>Whoever has a name after somebody else gets nothing of them, after a loss neither.</summary>
    [Fact]
    public async Task The_history_of_a_repository_that_was_purged_does_not_come_back()
    {
        await using var set = await EngineSet.CreateAsync(isShared: false);
        await set.StartAsync();
        var client = new ImageClient(set.Client, new Random(1));
        await client.PushAsync(First);
        await set.Services.GetRequiredService<JournalWriter>().WriteAsync(Stop);
        await set.StopAsync();
        (await set.RunAsync("repo", "delete", First.Repository, "--yes")).Is(0);
        (await set.RunAsync("trash", "empty", "--repository", First.Repository, "--yes")).Is(0);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(Second with { Repository = First.Repository });
        await set.StopAsync();
        var served = await set.ServedAsync();
        await set.LoseDatabaseAsync();
        (await set.RunAsync("rebuild", "--yes")).Is(0);
        Assert.Equal(served, await set.ServedAsync());
    }

    /// <summary>The older database would purge it, and with it what the live one needs.</summary>
    [Fact]
    public async Task What_an_older_database_has_in_its_trash_is_not_purged_once_it_is_back()
    {
        await using var set = await EngineSet.CreateAsync(isShared: false);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(First);
        var digest = TestBlob.DigestOf(First.Manifest);
        using (await set.Client.DeleteAsync($"v2/{First.Repository}/manifests/{digest}", Stop)) await set.StopAsync();
        var (database, older) = (Path.Combine(set.DataFolder, "berth.db"), Path.Combine(set.DataFolder, "older"));
        File.Copy(database, older);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(First);
        await set.StopAsync();
        await set.LoseDatabaseAsync();
        File.Move(older, database);
        (await set.RunAsync("rebuild", "--yes")).Is(0);
        (await set.RunAsync("gc", "--grace", "0s", "--empty-trash", "--yes")).Is(0);
        (await set.RunAsync("verify")).Is(0);
        await set.StartAsync();
        Assert.True(await new ImageClient(set.Client, new Random(1)).IsWholeAsync(First));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_damaged_or_missing_is_told_and_the_rest_comes_back(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        var client = new ImageClient(set.Client, new Random(1));
        await client.PushAsync(First);
        var writer = set.Services.GetRequiredService<JournalWriter>();
        await writer.WriteAsync(Stop);
        await set.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync("UPDATE tag SET is_pinned = 1"), isDurable: false, Stop);
        await writer.WriteAsync(Stop);
        await client.PushAsync(Second);
        if (!isShared)
            Assert.Contains("a Berth uses the data folder", Refused(await set.RunAsync("rebuild", "--yes")));
        await set.StopAsync();
        var files = await set.FilesAsync(set.StoreRoot + "/journal");
        Assert.Equal(3, files.Count);
        await set.WriteFileAsync(files[1], (await set.ReadFileAsync(files[1]))[..^12]);
        await set.WriteFileAsync(files[0] + ".txt", Encoding.UTF8.GetBytes("somebody's"));
        await set.WriteFileAsync(await set.FileOfAsync(set.StoreRoot, First.Layers[0].Digest), null);
        await set.LoseDatabaseAsync();
        var said = await set.RunAsync("rebuild", "--yes");
        Assert.Equal(1, said.ExitCode);
        Assert.Contains($"needs {First.Layers[0].Digest}, which is not in the store", said.Output);
        Assert.Contains($"{Path.GetFileName(files[1])} is damaged", said.Output);
        await set.StartAsync();
        client = new ImageClient(set.Client, new Random(1));
        Assert.True(await client.IsWholeAsync(Second));
        await client.PushWhatIsMissingAsync(First);
        Assert.True(await client.IsWholeAsync(First));
    }

    [Fact]
    public async Task Nothing_is_rebuilt_without_a_journal_or_beside_other_blobs()
    {
        await using var set = await EngineSet.CreateAsync(isShared: false);
        await using var other = await EngineSet.CreateAsync(isShared: false);
        Assert.Contains("there is no journal", (await set.RunAsync("rebuild", "--yes")).Is(2).Errors);
        foreach (var one in new[] { set, other })
        {
            await one.StartAsync();
            await new ImageClient(one.Client, new Random(1)).PushAsync(First);
            await one.StopAsync();
        }

        var own = Path.Combine(set.DataFolder, "berth.store");
        var mark = await File.ReadAllTextAsync(own, Stop);
        File.Copy(Path.Combine(other.DataFolder, "berth.store"), own, overwrite: true);
        Assert.Contains("belongs to other blobs", (await set.RunAsync("rebuild", "--yes")).Is(2).Errors);
        await File.WriteAllTextAsync(own, mark, Stop);
        (await set.RunAsync("rebuild", "--yes")).Is(0);
    }

    private static string Refused(Cli.CommandResult result) => result.Is(2).Errors.Replace("another Berth", "a Berth");

    /// <summary>A tag that moved, one that was deleted, a manifest that was, an index, a referrer, a pin, an expiry.
    /// </summary>
    private static async Task PushVariouslyAsync(EngineSet set, ImageClient client)
    {
        await client.PushAsync(First with { Tag = "moved" });
        await client.PushAsync(First);
        var journal = set.Services.GetRequiredService<JournalWriter>();
        await journal.WriteAsync(Stop);
        await client.PushAsync(Second);
        await client.PushAsync(First with { Tag = "stable" });
        await client.PushAnnotatedAsync(First.Repository, TestBlob.DigestOf(First.Manifest), 10);
        var index = await PutIndexAsync(set, First.Repository, "moved", TestBlob.DigestOf(First.Manifest));
        Assert.Equal(HttpStatusCode.Created, index);
        await client.PushAsync(Second with { Tag = "deleted", Layers = [new TestBlob(6, 100)] });
        await journal.WriteAsync(Stop);
        var gone = Second with { Tag = "gone", Layers = [new TestBlob(7, 100)] };
        await client.PushAsync(gone);
        using var one = await set.Client.DeleteAsync($"v2/{Second.Repository}/manifests/deleted", Stop);
        using var two = await set.Client.DeleteAsync(
            $"v2/{Second.Repository}/manifests/{TestBlob.DigestOf(gone.Manifest)}", Stop);
        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.Accepted), (one.StatusCode, two.StatusCode));
        await set.Services.GetRequiredService<Database>().WriteAsync(
            async session => await session.RunAsync("UPDATE tag SET is_pinned = 1 WHERE name = 'stable'")
                + await session.RunAsync("UPDATE tag SET expires_at = 4000000000000 WHERE name = 'moved'"),
            isDurable: false, Stop);
    }

    private static async Task<HttpStatusCode> PutIndexAsync(EngineSet set, string repository, string tag, string child)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(
            $$"""
            {"schemaVersion":2,"mediaType":"{{IndexType}}","manifests":[
            {"mediaType":"{{TestImage.MediaType}}","digest":"{{child}}","size":2}]}
            """));
        content.Headers.ContentType = new MediaTypeHeaderValue(IndexType);
        using var answer = await set.Client.PutAsync($"v2/{repository}/manifests/{tag}", content, Stop);
        return answer.StatusCode;
    }

    private static Task<List<string>> MovesAsync(EngineSet set) => set.QueryAsync(session => session.AllAsync(
        "SELECT id, name FROM tag_history ORDER BY id", row => $"{row.GetInt64(0)} {row.GetString(1)}"));

    /// <summary>What rows have beside what is served.</summary>
    private static async Task<string> MarkedAsync(EngineSet set) => string.Join('\n', await set.QueryAsync(
        async session => (await session.AllAsync(
            "SELECT name, moved_at, is_pinned, expires_at FROM tag ORDER BY repository_id, name",
            row => $"{row.GetValue(0)} {row.GetValue(1)} {row.GetValue(2)} {row.GetValue(3)}")).Concat(
        await session.AllAsync(
            "SELECT digest, pushed_at, pushed_by FROM manifest ORDER BY digest, repository_id",
            row => $"{row.GetValue(0)} {row.GetValue(1)} {row.GetValue(2)}")).Concat(
        await session.AllAsync(
            "SELECT id, address, action FROM tag_history ORDER BY id",
            row => $"{row.GetValue(0)} {row.GetValue(1)} {row.GetValue(2)}")).ToList()));
}
