using System.Diagnostics;
using System.Security.Cryptography;
using Berth.Distribution;
using Berth.Registry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Berth.Tests.Hosting;

[Inside]
public sealed class DrainTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-drain-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_push_that_runs_when_SIGTERM_comes_ends_well_and_is_on_the_disk()
    {
        using var berth = new ServeProcess(folder, "127.0.0.1:0", "data");
        var address = await berth.ReadAddressAsync();
        using var push = await RawConnection.OpenAsync(address);
        await push.SendAsync(BeginPush("hello"));
        await Task.Delay(200, Stop);
        berth.Terminate();
        await AssertRefusesConnectionsAsync(address);
        await Task.Delay(2500, Stop);
        await push.SendAsync("lo");
        Assert.StartsWith("HTTP/1.1 201 ", await push.ReadUntilAsync("\r\n\r\n"), StringComparison.Ordinal);
        Assert.Equal(0, await berth.WaitForExitAsync());
        AssertDurable(Path.Combine(folder, "data"), "hello");
    }

    [Fact]
    public async Task A_request_that_does_not_end_is_cut_after_the_drain_time_and_nothing_else_is_lost()
    {
        using var berth = new ServeProcess(
            folder, "127.0.0.1:0", "data", ("REGISTRY_HTTP_DRAINTIMEOUT", "1s"));
        var address = await berth.ReadAddressAsync();
        using var hanging = await RawConnection.OpenAsync(address);
        await hanging.SendAsync(BeginPush("hello"));
        await Task.Delay(200, Stop);
        using var push = await RawConnection.OpenAsync(address);
        await push.SendAsync(BeginPush("other"));
        await Task.Delay(200, Stop);
        var watch = Stopwatch.StartNew();
        berth.Terminate();
        await AssertRefusesConnectionsAsync(address);
        await push.SendAsync("er");
        Assert.StartsWith("HTTP/1.1 201 ", await push.ReadUntilAsync("\r\n\r\n"), StringComparison.Ordinal);
        Assert.Equal(0, await berth.WaitForExitAsync());
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(10));
        AssertDurable(Path.Combine(folder, "data"), "other");
        Assert.Equal("", await berth.Error.ReadToEndAsync(Stop));
        Assert.DoesNotContain(" error ", await berth.Output.ReadToEndAsync(Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_pushed_blob_is_on_the_disk_even_if_the_time_to_stop_is_over()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var contents = Enumerable.Range(0, 300).Select(i => $"blob {i}").ToArray();
        await Parallel.ForEachAsync(contents, Stop, async (content, stop) =>
        {
            using var answer = await registry.Client.PostAsync(
                $"v2/a/blobs/uploads/?digest=sha256:{DigestOf(content)}", new StringContent(content), stop);
            Assert.Equal(System.Net.HttpStatusCode.Created, answer.StatusCode);
        });
        var settling = registry.Services.GetServices<IHostedService>().OfType<BlobSettling>().Single();
        await settling.StopAsync(new CancellationToken(canceled: true));
        Assert.All(contents, c => AssertDurable(registry.DataFolder, c));
    }

    [Fact]
    public async Task While_it_drains_it_is_not_ready()
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var push = await RawConnection.OpenAsync(registry.BaseAddress);
        await push.SendAsync(BeginPush("hello"));
        using var health = await RawConnection.OpenAsync(registry.BaseAddress);
        await health.SendAsync("GET /readyz HTTP/1.1\r\nHost: x\r\n");
        await Task.Delay(200, Stop);
        var stopping = registry.Services.GetRequiredService<IHost>().StopAsync(Stop);
        await Task.Delay(200, Stop);
        await health.SendAsync("\r\n");
        var answer = await health.ReadUntilAsync("}");
        Assert.StartsWith("HTTP/1.1 503 ", answer, StringComparison.Ordinal);
        Assert.EndsWith(
            """{"status":"unavailable","reason":"the registry is stopping"}""", answer, StringComparison.Ordinal);
        await push.SendAsync("lo");
        await push.ReadUntilAsync("\r\n\r\n");
        await stopping;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>A push of a whole blob, without its last two bytes.</summary>
    private static string BeginPush(string content) =>
        $"POST /v2/a/blobs/uploads/?digest=sha256:{DigestOf(content)} HTTP/1.1\r\nHost: x\r\n"
        + $"Content-Length: {content.Length}\r\n\r\n{content[..^2]}";

    private static string DigestOf(string content) =>
        Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(content)));

    private static async Task AssertRefusesConnectionsAsync(Uri address)
    {
        for (var tries = 0; tries < 100; tries++)
        {
            try
            {
                using var connection = await RawConnection.OpenAsync(address);
                await Task.Delay(10, Stop);
            }
            catch (System.Net.Sockets.SocketException)
            {
                return;
            }
        }

        Assert.Fail("it still takes connections");
    }

    private static void AssertDurable(string data, string content)
    {
        var digest = DigestOf(content);
        var file = Path.Combine(data, "blobs", "sha256", digest[..2], digest);
        Assert.Equal(content, File.ReadAllText(file));
    }
}
