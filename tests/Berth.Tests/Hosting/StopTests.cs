using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Berth.Tests.Hosting;

/// <summary>What an operator sees of a stop.</summary>
public sealed class StopTests : IDisposable
{
    private static readonly string Hello = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("hello")));

    private readonly string folder = Directory.CreateTempSubdirectory("berth-stop-").FullName;

    [Fact]
    public async Task Each_step_of_a_stop_is_a_line_in_the_log()
    {
        using var berth = new ServeProcess(folder, "127.0.0.1:0", "data");
        using var push = await BeginPushAsync(await berth.ReadAddressAsync());
        berth.Terminate();
        Assert.Matches(@"SIGTERM received: .* 1 requests? ", await berth.ReadLineAsync());
        Assert.Contains(
            "The port closes: waiting for 1 request", await berth.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Contains("Still waiting for 1 request", await berth.ReadLineAsync(), StringComparison.Ordinal);
        await push.SendAsync("lo");
        Assert.Equal(201, (await push.ReadAnswerAsync()).Status);
        Assert.Equal(0, await berth.WaitForExitAsync());
        Assert.Contains(" Stopped after ", await berth.Output.ReadToEndAsync(Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_whose_requests_do_not_end_in_time_is_in_order_and_keeps_what_rests()
    {
        string upload;
        using (var berth = new ServeProcess(folder, "127.0.0.1:0", "data", ("REGISTRY_HTTP_DRAINTIMEOUT", "1s")))
        {
            var address = await berth.ReadAddressAsync();
            using var http = new HttpClient { BaseAddress = address };
            using var begun = await http.PostAsync("v2/a/blobs/uploads/", null, Stop);
            upload = begun.Headers.Location!.OriginalString;
            using var patched = await http.PatchAsync(upload, new StringContent("hel"), Stop);
            Assert.Equal(HttpStatusCode.Accepted, patched.StatusCode);
            using var push = await BeginPushAsync(address);
            berth.Terminate();
            Assert.Equal(0, await berth.WaitForExitAsync());
            var output = await berth.Output.ReadToEndAsync(Stop);
            Assert.DoesNotContain(" error ", output, StringComparison.Ordinal);
            Assert.Contains(" Stopped after ", output, StringComparison.Ordinal);
            Assert.Empty(await berth.Error.ReadToEndAsync(Stop));
        }

        using var again = new ServeProcess(folder, "127.0.0.1:0", "data");
        using var client = new HttpClient { BaseAddress = await again.ReadAddressAsync() };
        using var finished = await client.PutAsync(
            $"{upload}?digest=sha256:{Hello}", new StringContent("lo"), Stop);
        Assert.Equal(HttpStatusCode.Created, finished.StatusCode);
        again.Terminate();
        Assert.Equal(0, await again.WaitForExitAsync());
        Assert.DoesNotContain(
            "reading it again", await again.Output.ReadToEndAsync(Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_signal_ends_at_once()
    {
        using var berth = new ServeProcess(folder, "127.0.0.1:0", "data");
        using var push = await BeginPushAsync(await berth.ReadAddressAsync());
        berth.Terminate();
        await berth.ReadLineAsync();
        berth.Terminate();
        Assert.NotEqual(0, await berth.WaitForExitAsync());
        Assert.Contains("A second signal", await berth.Output.ReadToEndAsync(Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hang_up_without_a_terminal_ends_nothing()
    {
        using var berth = new ServeProcess(folder, "127.0.0.1:0", "data");
        using var push = await BeginPushAsync(await berth.ReadAddressAsync());
        berth.HangUp();
        await push.SendAsync("lo");
        Assert.Equal(201, (await push.ReadAnswerAsync()).Status);
        berth.Terminate();
        Assert.Equal(0, await berth.WaitForExitAsync());
    }

    [Fact]
    public async Task A_load_balancer_has_the_time_of_the_setting_to_notice()
    {
        using var berth = new ServeProcess(
            folder, "127.0.0.1:0", "data", ("REGISTRY_HTTP_SHUTDOWNDELAY", "3s"));
        var address = await berth.ReadAddressAsync();
        Assert.Equal(200, await StatusOfAsync("readyz"));
        berth.Terminate();

        // The lines of the requests before it may still be on their way.
        for (var line = "-"; !line.Contains("Connections are still accepted", StringComparison.Ordinal);)
        {
            Assert.NotEmpty(line);
            line = await berth.ReadLineAsync();
        }

        Assert.Equal(503, await StatusOfAsync("readyz"));
        Assert.Equal(200, await StatusOfAsync("v2/"));
        Assert.Equal(200, await StatusOfAsync("healthz"));
        Assert.Equal(0, await berth.WaitForExitAsync());

        // Each on a connection of its own.
        async Task<int> StatusOfAsync(string path)
        {
            using var connection = await RawConnection.OpenAsync(address);
            await connection.SendAsync($"GET /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            return (await connection.ReadAnswerAsync()).Status;
        }
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>A push whose last two bytes are missing, once the server has begun with it.</summary>
    private static async Task<RawConnection> BeginPushAsync(Uri address)
    {
        var push = await RawConnection.OpenAsync(address);
        await push.SendAsync(
            $"POST /v2/a/blobs/uploads/?digest=sha256:{Hello} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            + "Content-Length: 5\r\n\r\n");
        await push.ReadUntilAsync("100 Continue\r\n\r\n");
        await push.SendAsync("hel");
        return push;
    }
}
