using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;

namespace Berth.Tests.Distribution;

/// <summary>
/// Requests run on the threads that receive them. One that blocks on the disk must not hold up others.
/// </summary>
public sealed class SlowDiskTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_blob_on_a_hanging_disk_holds_up_no_other_client()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        using var stuck = await StuckPull.StartAsync(registry);
        for (var i = 0; i < 50; i++)
        {
            using var other = new HttpClient(new SocketsHttpHandler { UseProxy = false })
            {
                BaseAddress = registry.BaseAddress,
                Timeout = TimeSpan.FromSeconds(10),
            };
            for (var again = 0; again < 4; again++) Assert.Equal("{}", await other.GetStringAsync("v2/", Stop));
        }

        Assert.False(stuck.Answer.IsCompleted);
        stuck.LetGo();
        using var answer = await stuck.Answer;
        Assert.False(answer.IsSuccessStatusCode);
    }

    /// <summary>A pull that blocks in open(2): the blob's file is replaced by a pipe that nobody writes to.</summary>
    private sealed class StuckPull(string file, Task<HttpResponseMessage> answer) : IDisposable
    {
        private FileStream? writer;

        public Task<HttpResponseMessage> Answer => answer;

        public static async Task<StuckPull> StartAsync(RegistryFixture registry)
        {
            var content = RandomNumberGenerator.GetBytes(2 * 1024 * 1024);
            var hex = Convert.ToHexStringLower(SHA256.HashData(content));
            using var body = new ByteArrayContent(content);
            using var pushed = await registry.Client.PostAsync($"v2/a/blobs/uploads/?digest=sha256:{hex}", body, Stop);
            Assert.Equal(HttpStatusCode.Created, pushed.StatusCode);
            var file = Path.Combine(registry.DataFolder, "blobs", "sha256", hex[..2], hex);
            while (!File.Exists(file)) await Task.Delay(10, Stop);
            File.Delete(file);
            using (var made = Process.Start("mkfifo", [file])) await made.WaitForExitAsync(Stop);
            var answer = registry.Client.GetAsync($"v2/a/blobs/sha256:{hex}", Stop);
            await Task.Delay(200, Stop);
            return new StuckPull(file, answer);
        }

        public void LetGo() => writer ??= new FileStream(file, FileMode.Open, FileAccess.Write);

        public void Dispose()
        {
            LetGo();
            writer?.Dispose();
        }
    }
}
