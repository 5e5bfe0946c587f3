using System.Net;

namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class MemoryTests(ITestOutputHelper output)
{
    private const int MiB = 1024 * 1024;
    private const int BlobMebibytes = 100;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Thirty_two_uploads_of_100_MiB_at_once_add_less_than_256_MiB_of_memory()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: Cancellation);
        using var http = berth.CreateClient();
        await PushAsync(http, number: 1000, mebibytes: 1, isChunked: false);
        var growth = await PeakGrowthAsync(berth, () => Task.WhenAll(Enumerable.Range(0, 32)
            .Select(number => PushAsync(http, number, BlobMebibytes, isChunked: number % 2 == 0))));
        output.WriteLine($"32 uploads added {growth / MiB} MiB");
        Assert.InRange(growth, 0, 256L * MiB);
    }

    [Fact]
    public async Task Sixty_four_pulls_of_a_big_blob_at_once_add_less_than_128_MiB_of_memory()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: Cancellation);
        using var http = berth.CreateClient();
        var digest = await PushAsync(http, number: 1, BlobMebibytes, isChunked: false);
        var growth = await PeakGrowthAsync(berth, () => Task.WhenAll(Enumerable.Range(0, 64)
            .Select(number => PullAsync(http, digest, isSlow: number % 2 == 0))));
        output.WriteLine($"64 pulls added {growth / MiB} MiB");
        Assert.InRange(growth, 0, 128L * MiB);
    }

    [Theory]
    [InlineData("s3")]
    [InlineData("azure")]
    public async Task Uploads_to_a_bucket_and_pulls_from_it_take_no_more_memory_than_the_settings_give(string kind)
    {
        await using var bucket = await TestEngines.CreateBucketAsync(kind);
        await using var berth = await BerthProcess.StartAsync(
            settings =>
            {
                foreach (var (name, value) in bucket.Variables) settings[name] = value;
                settings[$"REGISTRY_STORAGE_{kind.ToUpperInvariant()}_UPLOADMEMORYBYTES"] = "64MiB";
                settings["REGISTRY_STORAGE_REDIRECT_DISABLE"] = "true";
            },
            Cancellation);
        using var http = berth.CreateClient();
        http.Timeout = TimeSpan.FromMinutes(5);
        var digest = await PushAsync(http, number: 1000, mebibytes: BlobMebibytes, isChunked: false);
        var pushed = await PeakGrowthAsync(berth, () => Task.WhenAll(Enumerable.Range(0, 16)
            .Select(number => PushAsync(http, number, mebibytes: 40, isChunked: number % 2 == 0))));
        var pulled = await PeakGrowthAsync(berth, () => Task.WhenAll(Enumerable.Range(0, 16)
            .Select(number => PullAsync(http, digest, isSlow: number % 2 == 0))));
        output.WriteLine($"16 uploads added {pushed / MiB} MiB, 16 pulls {pulled / MiB} MiB");
        Assert.InRange(pushed, 0, 192L * MiB);
        Assert.InRange(pulled, 0, 96L * MiB);
    }

    private static async Task<long> PeakGrowthAsync(BerthProcess berth, Func<Task> load)
    {
        var process = new ProcessView(berth.ProcessId);
        process.ForgetPeak();
        var before = process.ResidentBytes;
        await load();
        return Math.Max(0, process.PeakResidentBytes - before);
    }

    private static async Task<string> PushAsync(HttpClient http, int number, int mebibytes, bool isChunked)
    {
        var digest = new BigContent(number, mebibytes).Digest();
        using var started = await http.PostAsync("v2/library/big/blobs/uploads/", null, Cancellation);
        var location = started.Headers.Location!.OriginalString;
        using var content = new BigContent(number, mebibytes);
        if (isChunked)
        {
            using var patched = await http.PatchAsync(location, content, Cancellation);
            Assert.Equal(HttpStatusCode.Accepted, patched.StatusCode);
        }

        using var pushed = await http.PutAsync(
            $"{location}?digest={digest}", isChunked ? null : content, Cancellation);
        Assert.Equal(HttpStatusCode.Created, pushed.StatusCode);
        return digest;
    }

    private static async Task PullAsync(HttpClient http, string digest, bool isSlow)
    {
        using var answer = await http.GetAsync(
            $"v2/library/big/blobs/{digest}", HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await using var stream = await answer.Content.ReadAsStreamAsync(Cancellation);
        var buffer = new byte[256 * 1024];
        long length = 0;
        while (await stream.ReadAsync(buffer, Cancellation) is > 0 and var read)
        {
            if (isSlow && length < MiB) await Task.Delay(100, Cancellation);
            length += read;
        }

        Assert.Equal(sizeof(int) + (long)BlobMebibytes * MiB, length);
    }
}
