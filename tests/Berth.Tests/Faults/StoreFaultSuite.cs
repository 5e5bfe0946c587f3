using System.Diagnostics;
using System.Net;
using Berth.Blobs;
using Berth.Settings;
using Berth.Tests.Blobs;
using Berth.Tests.Distribution;
using Berth.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Faults;

/// <summary>A store that fails while images are pushed and pulled.</summary>
public abstract class StoreFaultSuite(string kind) : IAsyncLifetime
{
    private protected const int Part = 5 << 20;

    private RegistryFixture registry = null!;
    private StoreBucket bucket = null!;
    private FaultProxy proxy = null!;

    public static TheoryData<string> Faults =>
        ["slow down", "internal error", "dropped", "answers lost", "cut short", "late", "all at once"];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        bucket = await TestEngines.CreateBucketAsync(kind);
        proxy = FaultProxy.StartHttp(bucket.Address);
        var options = new StoreOptions(Part, Timeout: TimeSpan.FromSeconds(2), Proxy: proxy.Address);
        registry = await RegistryFixture.StartOnFilesAsync(s => s with
        {
            Storage = Configure(bucket.In(s.Storage, options)) with
            {
                Redirect = new RedirectSettings { Disable = true },
            },
        });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var line in registry.Log.Where(l => l.Contains("The store failed to", StringComparison.Ordinal)))
        {
            TestContext.Current.TestOutputHelper?.WriteLine(line);
        }

        await registry.DisposeAsync();
        await proxy.DisposeAsync();
        await bucket.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Images_are_pushed_and_pulled_without_an_error_while_the_store_fails_now_and_then(string fault)
    {
        var injected = Inject(fault);
        await Parallel.ForEachAsync(Enumerable.Range(0, 4), Stop, async (number, _) =>
        {
            using var http = new HttpClient { BaseAddress = registry.BaseAddress };
            var client = new ImageClient(http, new Random(number));
            var image = new TestImage(
                $"r{number}", "v1", new(number, 500),
                [new TestBlob(number + 10, 70_000), new TestBlob(number + 20, (2 * Part) + 1000)], MountedFrom: null);
            await client.PushAsync(image);
            Assert.True(await client.IsWholeAsync(image));
        });
        Assert.All(injected, series => Assert.NotEqual(0, series.Hits));
        foreach (var series in injected) series.Dispose();

        // A call whose answer is lost or too late may have taken effect: what it began at a blob's own key is removed
        // once no request can be using it any more.
        proxy.Delay = TimeSpan.Zero;
        await registry.Services.GetRequiredService<IBlobStore>().RemoveOrphansAsync(
            TimeProvider.System.GetUtcNow().AddHours(1), _ => ValueTask.FromResult(false), Stop);
        Assert.Empty(await bucket.LengthsAsync("uploads/"));
        var left = await bucket.UploadsAsync();
        if (fault is "answers lost" or "all at once" or "late")
            Assert.All(left, u => Assert.StartsWith(PlaceOfLateParts, u.Key));
        else Assert.Empty(left);
    }

    [Fact]
    public async Task While_the_store_is_away_requests_fail_fast_and_afterwards_everything_works_again()
    {
        var content = StoreUse.Bytes(1, (2 * Part) + 300);
        var digest = StoreUse.DigestOf(content);
        var script = new Script(registry);
        script.Give("start", content[..(Part + 100)]);
        script.Give("rest", content[(Part + 100)..]);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            PATCH {upload}
              > {start}
              202
            """);
        using (proxy.Inject(new Fault.Answer(503)))
        {
            var clock = Stopwatch.StartNew();
            await script.PlayAsync(
                $$"""
                PATCH {upload}
                  > {rest}
                  503 UNAVAILABLE
                  Retry-After: 5
                POST /v2/a/blobs/uploads/?digest={sha256 other}
                  > other
                  503 UNAVAILABLE
                GET /readyz
                  503
                """);
            Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30));
        }

        await Task.Delay(1100, Stop);
        await script.PlayAsync(
            $$"""
            GET /readyz
              200
            GET {upload}
              204
              Range: 0-{{Part + 99}}
            PATCH {upload}
              > {rest}
              202
            PUT {upload}?digest={{digest}}
              201
            POST /v2/a/blobs/uploads/?digest={sha256 other}
              > other
              201
            """);
        using var http = new HttpClient { BaseAddress = registry.BaseAddress };
        Assert.Equal(content, await http.GetByteArrayAsync($"v2/a/blobs/{digest}", Stop));
    }

    [Fact]
    public async Task A_blob_whose_reads_always_break_is_cut_off_and_never_taken_for_complete()
    {
        var content = StoreUse.Bytes(1, 2_000_000);
        var path = await PushAsync(content);
        using var fault = proxy.Inject(new Fault.Truncate(0), requests: IsRead);
        using var answer = await registry.Client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, Stop);
        Assert.NotEqual(HttpStatusCode.OK, answer.StatusCode);
        Assert.Null(answer.Headers.ETag);
        Assert.DoesNotContain("immutable", answer.Headers.CacheControl?.ToString() ?? "", StringComparison.Ordinal);
        fault.Dispose();

        using var first = proxy.Inject(new Fault.Truncate(700_000), count: 1, requests: IsRead);
        using var broken = await registry.Client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, Stop);
        using var rest = proxy.Inject(new Fault.Truncate(0), requests: IsRead);
        Assert.Equal(HttpStatusCode.OK, broken.StatusCode);
        await Assert.ThrowsAnyAsync<Exception>(() => broken.Content.ReadAsByteArrayAsync(Stop));
    }

    [Fact]
    public async Task A_pull_that_breaks_repeatedly_resumes_where_it_broke()
    {
        var content = StoreUse.Bytes(1, 3_000_000);
        var path = await PushAsync(content);
        using var fault = proxy.Inject(new Fault.Truncate(100_000), count: 20, requests: IsRead);
        Assert.Equal(content, await registry.Client.GetByteArrayAsync(path, Stop));
        Assert.Equal(20, fault.Hits);
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Range = new(1_000_000, 1_999_999);
        using var again = proxy.Inject(new Fault.Truncate(300_000), count: 2, requests: IsRead);
        using var part = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(content[1_000_000..2_000_000], await part.Content.ReadAsByteArrayAsync(Stop));
    }

    [Fact]
    public async Task A_store_that_hangs_delays_an_answer_and_does_not_hold_it_for_ever()
    {
        var path = await PushAsync(StoreUse.Bytes(1, 100_000));
        proxy.IsBlackHole = true;
        var pulling = registry.Client.GetAsync(path, Stop);
        await Task.Delay(3000, Stop);
        proxy.IsBlackHole = false;
        using var answer = await pulling;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    /// <summary>Where what was heard too late, or whose answer was lost, may stay until the store drops it.</summary>
    private protected abstract string PlaceOfLateParts { get; }

    private protected virtual StorageSettings Configure(StorageSettings storage) => storage;

    private static bool IsRead(string request) =>
        request.StartsWith("GET ", StringComparison.Ordinal) && request.Contains("/blobs/", StringComparison.Ordinal);

    /// <summary>Rare enough that no call meets a failure in each of its seven attempts by chance.</summary>
    private FaultSeries[] Inject(string fault)
    {
        switch (fault)
        {
            case "slow down":
                return [proxy.Inject(new Fault.Answer(503), every: 5)];
            case "internal error":
                return [proxy.Inject(new Fault.Answer(500), every: 5)];
            case "dropped":
                return [proxy.Inject(new Fault.Drop(), every: 5)];
            case "answers lost":
                return [proxy.Inject(new Fault.DropAnswer(), every: 5)];
            case "cut short":
                return [proxy.Inject(new Fault.Truncate(50_000), every: 2, requests: IsRead)];
            case "late":
                proxy.Delay = TimeSpan.FromMilliseconds(1);
                return [proxy.Inject(new Fault.Wait(TimeSpan.FromSeconds(3)), count: 5, every: 7)];
            default:
                return
                [
                    proxy.Inject(new Fault.Answer(503), every: 15), proxy.Inject(new Fault.Drop(), every: 17),
                    proxy.Inject(new Fault.DropAnswer(), every: 16),
                    proxy.Inject(new Fault.Truncate(90_000), every: 3, requests: IsRead),
                ];
        }
    }

    private async Task<string> PushAsync(byte[] content)
    {
        using var body = new ByteArrayContent(content);
        using var answer = await registry.Client.PostAsync(
            $"v2/a/blobs/uploads/?digest={StoreUse.DigestOf(content)}", body, Stop);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return $"v2/a/blobs/{StoreUse.DigestOf(content)}";
    }
}

[Collection(FaultTests.Name)]
public sealed class S3FaultTests() : StoreFaultSuite("s3")
{
    private protected override string PlaceOfLateParts => "blobs/";

    private protected override StorageSettings Configure(StorageSettings storage) => storage with
    {
        S3 = storage.S3! with { MultipartCopyThresholdSize = 6 << 20, MultipartCopyChunkSize = Part },
    };
}

[Collection(FaultTests.Name)]
public sealed class AzureFaultTests() : StoreFaultSuite("azure")
{
    private protected override string PlaceOfLateParts => "uploads/";
}
