using Berth.Blobs;
using Berth.Journal;
using Berth.Metadata;
using Berth.Tests.Backups;
using Berth.Tests.Faults;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Journal;

/// <summary>The journal is written beside pushes, by one node, and misses nothing when the store fails.</summary>
[Inside]
public sealed class JournalWriterTests
{
    private static readonly TestImage Image = new(
        "library/app", "v1", new(1, 500), [new TestBlob(2, 7_000)], MountedFrom: null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_pushed_is_in_the_journal_a_moment_later(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared, s => s with
        {
            Storage = s.Storage with
            {
                Maintenance = s.Storage.Maintenance with
                {
                    Journal = s.Storage.Maintenance.Journal with { Interval = TimeSpan.FromMilliseconds(100) },
                },
            },
        });
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image);
        await Eventually.TrueAsync(async () => (await LinesAsync(set)).Exists(
            line => line.Manifest?.Digest == TestBlob.DigestOf(Image.Manifest)));
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image with { Tag = "later" });
        await Eventually.TrueAsync(async () => (await LinesAsync(set)).Exists(line => line.Tag?.Name == "later"));
        await Eventually.TrueAsync(async () => !await HasChangesAsync(set));
    }

    [Fact]
    public async Task What_could_not_be_written_is_written_later()
    {
        await using var set = await EngineSet.CreateAsync(isShared: false);
        await set.StartAsync();
        var writer = set.Services.GetRequiredService<JournalWriter>();
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image);
        var obstacle = Path.Combine(set.DataFolder, "journal");
        await File.WriteAllTextAsync(obstacle, "in the way", Stop);
        await Assert.ThrowsAnyAsync<IOException>(() => writer.WriteAsync(Stop));
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image with { Tag = "later" });
        await Assert.ThrowsAnyAsync<IOException>(() => writer.WriteAsync(Stop));
        Assert.True(await HasChangesAsync(set));
        File.Delete(obstacle);
        await writer.WriteAsync(Stop);
        Assert.False(await HasChangesAsync(set));
        var lines = await LinesAsync(set);
        Assert.Contains(lines, line => line.Tag?.Name == "later");
        Assert.Contains(lines, line => line.Manifest?.Digest == TestBlob.DigestOf(Image.Manifest));
    }

    [Fact]
    public async Task The_age_of_the_journal_grows_while_it_lacks_something()
    {
        await using var set = await EngineSet.CreateAsync(isShared: false);
        var clock = new SteppingClock();
        await set.StartAsync(clock);
        var writer = set.Services.GetRequiredService<JournalWriter>();
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image);
        await writer.WriteAsync(Stop);
        Assert.Equal(0, writer.AgeSeconds);
        var journal = Path.Combine(set.DataFolder, "journal");
        Directory.Delete(journal, recursive: true);
        await File.WriteAllTextAsync(journal, "in the way", Stop);
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image with { Tag = "later" });
        clock.Advance(TimeSpan.FromSeconds(100));
        await Assert.ThrowsAnyAsync<IOException>(() => writer.WriteAsync(Stop));
        Assert.Equal(100, writer.AgeSeconds);
        File.Delete(journal);
        await writer.WriteAsync(Stop);
        Assert.Equal(0, writer.AgeSeconds);

        // Another node says how old it is while that one writes it.
        clock.Advance(TimeSpan.FromSeconds(100));
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.True(await set.Services.GetRequiredService<Database>().WriteAsync(
            session => JournalTable.TakeTurnAsync(session, "another", now, now + 90_000), isDurable: false, Stop));
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image with { Tag = "last" });
        await writer.WriteAsync(Stop);
        Assert.Equal(-1, writer.AgeSeconds);
        clock.Advance(TimeSpan.FromSeconds(91));
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image with { Tag = "very-last" });
        await writer.WriteAsync(Stop);
        Assert.Equal(0, writer.AgeSeconds);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_node_writes_until_its_turn_is_over(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        var database = set.Services.GetRequiredService<Database>();
        Task<bool> MayAsync(string node, long now) => database.WriteAsync(
            session => JournalTable.TakeTurnAsync(session, node, now, now + 1000), isDurable: false, Stop);
        var start = DateTimeOffset.UtcNow.AddDays(1).ToUnixTimeMilliseconds();
        Assert.True(await MayAsync("a", start));
        Assert.False(await MayAsync("b", start + 999));
        Assert.True(await MayAsync("a", start + 999));
        Assert.False(await MayAsync("b", start + 1500));
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image);
        await set.Services.GetRequiredService<JournalWriter>().WriteAsync(Stop);
        Assert.True(await HasChangesAsync(set));
        Assert.True(await MayAsync("b", start + 2000));
    }

    [Fact]
    public async Task A_command_beside_no_server_leaves_its_changes_to_the_next_one()
    {
        await using var set = await EngineSet.CreateAsync(isShared: false);
        await set.StartAsync();
        await new ImageClient(set.Client, new Random(1)).PushAsync(Image);
        await set.StopAsync();
        Assert.False(await set.QueryAsync(JournalTable.HasChangesAsync));
        (await set.RunAsync("tag", "delete", $"{Image.Repository}:{Image.Tag}", "--yes")).Is(0);
        Assert.True(await set.QueryAsync(JournalTable.HasChangesAsync));
        await set.StartAsync();
        await set.StopAsync();
        Assert.False(await set.QueryAsync(JournalTable.HasChangesAsync));
        await set.LoseDatabaseAsync();
        (await set.RunAsync("rebuild", "--yes")).Is(0);
        var served = await set.ServedAsync();
        Assert.DoesNotContain(served, row => row.StartsWith($"{Image.Repository}:", StringComparison.Ordinal));
    }

    private static ValueTask<bool> HasChangesAsync(EngineSet set) =>
        set.Services.GetRequiredService<Database>().ReadAsync(JournalTable.HasChangesAsync, Stop);

    private static async Task<List<JournalLine>> LinesAsync(EngineSet set)
    {
        var folder = new JournalFolder(set.Services.GetRequiredService<IBlobStore>().Files);
        var lines = new List<JournalLine>();
        try
        {
            foreach (var segment in await folder.ListAsync(Stop))
            {
                await foreach (var line in folder.ReadAsync(segment, Stop)) lines.Add(line);
            }
        }
        catch (InvalidDataException e) when (e.Message.EndsWith("is gone", StringComparison.Ordinal))
        {
            // The writer has put another in its place since they were listed: whoever asks, asks again.
        }

        return lines;
    }
}
