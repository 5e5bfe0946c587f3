using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;

namespace Berth.Tests.Faults;

/// <summary>On a small machine a stranger can neither end nor starve the process.</summary>
[Collection(FaultTests.Name)]
[Slow]
public class SiegeTests(ITestOutputHelper output)
{
    private const int MiB = 1024 * 1024;

    private static readonly TimeSpan Duration =
        TimeSpan.FromSeconds(Environment.GetEnvironmentVariable("BERTH_TEST_LONG") == "1" ? 60 : 5);

    private static readonly TestImage Image = new(
        "library/app", "v1", new TestBlob(1, 10_000), [new TestBlob(2, 300_000)], MountedFrom: null);

    private static readonly TestBlob Large = new(3, 8 * MiB);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(SiegeKind.HalfHeaders)]
    [InlineData(SiegeKind.IdleConnections)]
    [InlineData(SiegeKind.BadChunks)]
    [InlineData(SiegeKind.ReadersThatNeverRead)]
    [InlineData(SiegeKind.SlowUploads)]
    [InlineData(SiegeKind.WrongPasswords)]
    [InlineData(SiegeKind.ManifestsThatNeverCome)]
    [InlineData(SiegeKind.ManifestsThatNobodyReads)]
    [InlineData(SiegeKind.ReferrersThatNobodyReads)]
    [InlineData(SiegeKind.CompressedHeaders)]
    [InlineData(SiegeKind.PipelinedRequests)]
    public async Task A_good_client_is_served_as_usual_in_256_MiB_and_1024_descriptors(SiegeKind kind)
    {
        using var machine = new Confinement();
        using var users = new UsersFile();
        using var files = new CertificateFolder();
        await using var berth = await BerthProcess.StartAsync(
            settings =>
            {
                machine.Apply(settings);
                Configure(kind, settings, users, files);
            },
            Cancellation);
        using var http = berth.CreateClient();
        if (kind == SiegeKind.WrongPasswords) http.DefaultRequestHeaders.Authorization = users.Login;
        var client = new ImageClient(http, new Random(1));
        await client.PushAsync(Image);
        await client.PushWholeAsync("library/app", Large);
        List<double> calm = [];
        for (var i = 0; i < 100; i++) calm.Add(await MeasureAsync(() => client.IsWholeAsync(Image)));
        var process = new ProcessView(berth.ProcessId);
        var before = process.ResidentBytes;
        List<double> pulls = [];
        List<double> health = [];
        var pushes = 0;
        using (var siege = new Siege(berth.BaseAddress, await PathsAsync(kind, client)))
        {
            await siege.BeginAsync(kind);
            await Eventually.TrueAsync(async () => await MeasureAsync(() => AskHealthAsync(berth)) < 50);
            for (var lasted = Stopwatch.StartNew(); lasted.Elapsed < Duration;)
            {
                for (var i = 0; i < 10; i++)
                {
                    pulls.Add(await MeasureAsync(() => client.IsWholeAsync(Image)));
                    health.Add(await MeasureAsync(() => AskHealthAsync(berth)));
                }

                pushes++;
                var config = new TestBlob(100 + pushes, 5000);
                await client.PushAsync(Image with { Tag = $"push-{pushes}", Config = config });
            }

            output.WriteLine($"{siege.Opened} connections were opened, in {machine.Description}");
        }

        output.WriteLine(
            $"{pulls.Count} pulls: {Describe(pulls)}; in calm: {Describe(calm)}; {pushes} pushes; health: "
            + $"{Describe(health)}; memory: {before / MiB} MiB, then {process.ResidentBytes / MiB} MiB");
        Assert.Equal(0, machine.KillCount);

        // A busy machine is slow without an attack too. The slowest request of a short run says little.
        var part = TestRounds.IsLong ? 0.99 : 0.9;
        Assert.InRange(At(pulls, part), 0, Math.Max(200, 4 * At(calm, 0.99)));

        // Requests sent ahead are work like any other: they keep every core busy, and all share what there is.
        var mostHealth = kind == SiegeKind.PipelinedRequests ? 200 : 100;
        Assert.InRange(At(health, part), 0, Math.Max(mostHealth, 4 * At(calm, 0.99)));
        await Eventually.TrueAsync(
            TimeSpan.FromMinutes(1), async () =>
            {
                await Task.Delay(500, Cancellation);
                await client.IsWholeAsync(Image);
                return process.ResidentBytes < before + (48 * MiB);
            });
        Assert.Equal(0, await berth.TerminateAsync(Cancellation));
        Assert.DoesNotContain(" error ", berth.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Three_thousand_uploads_that_rest_take_little_and_can_all_be_resumed()
    {
        using var machine = new Confinement();
        await using var berth = await BerthProcess.StartAsync(machine.Apply, Cancellation);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(1));
        var clients = new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation };
        var process = new ProcessView(berth.ProcessId);
        var before = process.ResidentBytes;
        ConcurrentBag<Uri> begun = [];
        await Parallel.ForAsync(0, 3000, clients, async (_, stop) =>
        {
            var location = await client.StartAsync("library/app", "");
            using var answer = await http.PatchAsync(location, new ByteArrayContent([1]), stop);
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            begun.Add(answer.Headers.Location!);
        });
        output.WriteLine($"memory: {before / MiB} MiB, then {process.ResidentBytes / MiB} MiB");
        await client.PushAsync(Image);
        Assert.True(await client.IsWholeAsync(Image));
        var digest = TestBlob.DigestOf([1, 2]);
        await Parallel.ForEachAsync(begun, clients, async (location, stop) =>
        {
            using var answer = await http.PutAsync(
                $"{location.OriginalString}?digest={digest}", new ByteArrayContent([2]), stop);
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        });
        Assert.Equal(0, machine.KillCount);
        Assert.Equal(0, await berth.TerminateAsync(Cancellation));
        Assert.DoesNotContain(" error ", berth.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("reading it again", berth.Output, StringComparison.Ordinal);
    }

    private static void Configure(
        SiegeKind kind, IDictionary<string, string> settings, UsersFile users, CertificateFolder files)
    {
        if (kind == SiegeKind.WrongPasswords) settings["REGISTRY_AUTH_HTPASSWD_PATH"] = users.Path;

        // The tests read the log: they would be slowed down by their own flood.
        if (kind == SiegeKind.PipelinedRequests) settings["REGISTRY_LOG_ACCESSLOG_DISABLED"] = "true";
        if (kind != SiegeKind.CompressedHeaders) return;
        settings["REGISTRY_HTTP_TLS_CERTIFICATE"] = files.Certificate;
        settings["REGISTRY_HTTP_TLS_KEY"] = files.Key;
    }

    /// <summary>What those ask for who don't read.</summary>
    private static async Task<List<string>> PathsAsync(SiegeKind kind, ImageClient client)
    {
        if (kind is not (SiegeKind.ManifestsThatNobodyReads or SiegeKind.ReferrersThatNobodyReads))
        {
            return [$"/v2/library/app/blobs/{Large.Digest}"];
        }

        List<string> paths = [];
        for (var i = 0; i < 12; i++)
        {
            var subject = TestBlob.DigestOf(BitConverter.GetBytes(i));
            var manifest = await client.PushAnnotatedAsync("library/app", subject, (4 * MiB) - 500);
            paths.Add(kind is SiegeKind.ManifestsThatNobodyReads
                ? $"/v2/library/app/manifests/{manifest}"
                : $"/v2/library/app/referrers/{subject}");
        }

        return paths;
    }

    /// <summary>On a connection of its own, as whatever watches over a service asks.</summary>
    private static async Task AskHealthAsync(BerthProcess berth)
    {
        using var http = berth.CreateClient();
        using var answer = await http.GetAsync(new Uri("healthz", UriKind.Relative), Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private sealed class UsersFile : IDisposable
    {
        public UsersFile() => File.WriteAllText(Path, "good:" + BCrypt.Net.BCrypt.HashPassword("right", 12) + "\n");

        public string Path { get; } = System.IO.Path.GetTempFileName();

        public AuthenticationHeaderValue Login { get; } = new("Basic", Convert.ToBase64String("good:right"u8));

        public void Dispose() => File.Delete(Path);
    }

    private static async Task<double> MeasureAsync(Func<Task> act)
    {
        var watch = Stopwatch.StartNew();
        await act();
        return watch.Elapsed.TotalMilliseconds;
    }

    private static string Describe(List<double> values) =>
        $"median {At(values, 0.5):f1} ms, p99 {At(values, 0.99):f1} ms, most {values.Max():f1} ms";

    private static double At(List<double> values, double part)
    {
        var sorted = values.Order().ToList();
        return sorted[(int)Math.Min(sorted.Count - 1, part * sorted.Count)];
    }
}
