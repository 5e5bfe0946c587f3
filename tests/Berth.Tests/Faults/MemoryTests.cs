using System.Net;

namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class MemoryTests(ITestOutputHelper output)
{
    private const int MiB = 1024 * 1024;
    private const int BlobMebibytes = 100;

    [Fact]
    public async Task Thirty_two_uploads_of_100_MiB_at_once_add_less_than_256_MiB_of_memory()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
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
        await using var berth = await BerthProcess.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        using var http = berth.CreateClient();
        var digest = await PushAsync(http, number: 1, BlobMebibytes, isChunked: false);
        var growth = await PeakGrowthAsync(berth, () => Task.WhenAll(Enumerable.Range(0, 64)
            .Select(number => PullAsync(http, digest, isSlow: number % 2 == 0))));
        output.WriteLine($"64 pulls added {growth / MiB} MiB");
        Assert.InRange(growth, 0, 128L * MiB);
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
        using var started = await http.PostAsync("v2/library/big/blobs/uploads/", null, TestContext.Current.CancellationToken);
        var location = started.Headers.Location!.OriginalString;
        using var content = new BigContent(number, mebibytes);
        if (isChunked)
        {
            using var patched = await http.PatchAsync(location, content, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Accepted, patched.StatusCode);
        }

        using var pushed = await http.PutAsync(
            $"{location}?digest={digest}", isChunked ? null : content, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Created, pushed.StatusCode);
        return digest;
    }

    private static async Task PullAsync(HttpClient http, string digest, bool isSlow)
    {
        using var answer = await http.GetAsync(
            $"v2/library/big/blobs/{digest}", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        await using var stream = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var buffer = new byte[256 * 1024];
        long length = 0;
        while (await stream.ReadAsync(buffer, TestContext.Current.CancellationToken) is > 0 and var read)
        {
            if (isSlow && length < MiB) await Task.Delay(100, TestContext.Current.CancellationToken);
            length += read;
        }

        Assert.Equal(sizeof(int) + (long)BlobMebibytes * MiB, length);
    }
}
