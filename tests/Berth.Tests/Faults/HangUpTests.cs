using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class HangUpTests(ITestOutputHelper output)
{
    private const int Clients = 16;
    private const int HangUpsPerClient = 12;
    private const int BlobMebibytes = 6;
    private static readonly TestImage Image = new(
        "library/app", "v1", new TestBlob(1, 500), [new TestBlob(2, 3_000_000)], MountedFrom: null);

    [Fact]
    public async Task Clients_that_hang_up_under_load_leave_no_files_and_no_descriptors_behind()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        Assert.True(await client.IsWholeAsync(Image));
        var process = new ProcessView(berth.ProcessId);
        var before = process.OpenFiles();

        var sessions = new ConcurrentBag<string>();
        var hangingUp = Task.WhenAll(
            Enumerable.Range(0, Clients).Select(number => Task.Run(() => HangUpAsync(berth, sessions, number))));
        while (!hangingUp.IsCompleted) Assert.True(await client.IsWholeAsync(Image), "a sound client has to be served");
        await hangingUp;

        var live = await LiveSessionsAsync(http, sessions);
        output.WriteLine($"{live.Count} sessions are open after {Clients * HangUpsPerClient} hang-ups");
        Assert.NotEmpty(live);
        await EventuallyAsync(() => Assert.Subset(live.ToHashSet(), Uploads(berth).ToHashSet()));
        await EventuallyAsync(() => AssertNothingLeaked(before, process.OpenFiles(), live.Count));

        foreach (var id in live)
        {
            using var ended = await http.DeleteAsync(
                $"v2/library/hung/blobs/uploads/{id}", TestContext.Current.CancellationToken);

            // A whole blob in one POST that was broken off ends its own session, maybe only now.
            var isGone = ended.IsSuccessStatusCode || ended.StatusCode == HttpStatusCode.NotFound;
            Assert.True(isGone, $"ending a session was answered {ended.StatusCode}");
        }

        await EventuallyAsync(() => Assert.Empty(Uploads(berth)));
        await EventuallyAsync(() => AssertNothingLeaked(before, process.OpenFiles(), liveSessions: 0));
        await client.PushAsync(Image with { Tag = "v2", Layers = [new TestBlob(3, 100_000)] });
    }

    private static async Task HangUpAsync(BerthProcess berth, ConcurrentBag<string> sessions, int number)
    {
        var random = new Random(number);
        using var http = berth.CreateClient();
        for (var i = 0; i < HangUpsPerClient; i++)
        {
            try
            {
                await (random.Next(4) switch
                {
                    0 => BreakOffPullAsync(http, random),
                    1 => BreakOffWholeAsync(http, number * 1000 + i, random),
                    2 => BreakOffSessionAsync(http, sessions, number * 1000 + i, random, isLast: false),
                    _ => BreakOffSessionAsync(http, sessions, number * 1000 + i, random, isLast: true),
                });
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                // That is what it came for.
            }
        }
    }

    private static async Task BreakOffPullAsync(HttpClient http, Random random)
    {
        using var answer = await http.GetAsync(
            $"v2/{Image.Repository}/blobs/{Image.Layers[0].Digest}", HttpCompletionOption.ResponseHeadersRead);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        await stream.ReadExactlyAsync(new byte[random.Next(1, 100_000)]);
    }

    private static async Task BreakOffWholeAsync(HttpClient http, int number, Random random)
    {
        using var content = new BigContent(number, BlobMebibytes, random.Next(BlobMebibytes));
        using var _ = await http.PostAsync(
            $"v2/library/hung/blobs/uploads/?digest={new BigContent(number, BlobMebibytes).Digest()}", content);
    }

    private static async Task BreakOffSessionAsync(
        HttpClient http, ConcurrentBag<string> sessions, int number, Random random, bool isLast)
    {
        using var started = await http.PostAsync("v2/library/hung/blobs/uploads/", null);
        var location = started.Headers.Location!.OriginalString;
        sessions.Add(location[(location.LastIndexOf('/') + 1)..]);
        using var content = new BigContent(number, BlobMebibytes, random.Next(BlobMebibytes));
        using var _ = isLast
            ? await http.PutAsync($"{location}?digest={new BigContent(number, BlobMebibytes).Digest()}", content)
            : await http.PatchAsync(location, content);
    }

    /// <summary>A session that rests keeps its file open for a while. The database's connections are pooled.</summary>
    private static void AssertNothingLeaked(List<string> before, List<string> after, int liveSessions)
    {
        Assert.DoesNotContain(after.Except(before), file => file.Contains("(deleted)", StringComparison.Ordinal));
        Assert.DoesNotContain(after, file => file.Contains("/blobs/", StringComparison.Ordinal));
        Assert.InRange(after.Count(f => f.Contains("/uploads/", StringComparison.Ordinal)), 0, liveSessions);
        Assert.InRange(Others(after), 0, Others(before) + 4);
        Assert.InRange(after.Count(f => f.Contains("/berth.db", StringComparison.Ordinal)), 1, 3 * (Clients + 4));
    }

    /// <summary>Sockets, pipes and whatever else; the runtime loads its libraries when it first needs them.</summary>
    private static int Others(List<string> files) => files.Count(f =>
        !f.Contains("/uploads/", StringComparison.Ordinal) && !f.Contains("/berth.db", StringComparison.Ordinal)
        && !f.EndsWith(".dll", StringComparison.Ordinal));

    private static async Task<List<string>> LiveSessionsAsync(HttpClient http, IEnumerable<string> sessions)
    {
        var live = new List<string>();
        foreach (var id in sessions)
        {
            using var state = await http.GetAsync(
                $"v2/library/hung/blobs/uploads/{id}", TestContext.Current.CancellationToken);
            if (state.IsSuccessStatusCode) live.Add(id);
        }

        return live;
    }

    private static IEnumerable<string> Uploads(BerthProcess berth) =>
        Directory.EnumerateFiles(Path.Combine(berth.DataFolder, "uploads")).Select(f => Path.GetFileName(f));

    /// <summary>What a server does after a hang-up takes it a moment.</summary>
    private static async Task EventuallyAsync(Action assert)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(100, TestContext.Current.CancellationToken))
        {
            try
            {
                assert();
                return;
            }
            catch (Xunit.Sdk.XunitException) when (waited.Elapsed < TimeSpan.FromSeconds(15))
            {
            }
        }
    }
}
