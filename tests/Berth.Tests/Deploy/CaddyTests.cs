using System.Net;
using Berth.Tests.Clients;
using Berth.Tests.Servers;

namespace Berth.Tests.Deploy;

/// <summary>The compose file's proxy, for real: its Caddyfile with the addresses of three running Berths.</summary>
public sealed class CaddyTests : IAsyncDisposable
{
    private const int Requests = 30;

    private readonly string folder = Directory.CreateTempSubdirectory("berth-caddy-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_go_to_the_nodes_in_turn_and_skip_a_dead_one()
    {
        await using var first = await BerthProcess.StartAsync(null, Cancellation);
        await using var second = await BerthProcess.StartAsync(null, Cancellation);
        await using var third = await BerthProcess.StartAsync(null, Cancellation);
        var proxy = $"127.0.0.1:{LoopbackPorts.Free()}";
        using var client = new HttpClient { BaseAddress = new Uri($"http://{proxy}/") };
        await using var caddy = await StartAsync(proxy, [first.Address, second.Address, third.Address], client);

        for (var i = 0; i < Requests; i++) Assert.Equal(HttpStatusCode.OK, await StatusAsync(client));
        foreach (var node in new[] { first, second, third })
        {
            // The log is written a little later, and one request more came while the proxy started.
            for (var i = 0; i < 200 && Served(node) < Requests / 3; i++) await Task.Delay(50, Cancellation);
            Assert.InRange(Served(node), Requests / 3, (Requests / 3) + 1);
        }

        await second.KillAsync();
        var failures = 0;
        for (var i = 0; i < Requests; i++) failures += await StatusAsync(client) == HttpStatusCode.OK ? 0 : 1;
        Assert.InRange(failures, 0, 1); // it finds out by the first request, which fails, unless it asked before
    }

    [Fact]
    public async Task A_body_reaches_the_node_before_its_end_is_sent()
    {
        await using var node = await BerthProcess.StartAsync(null, Cancellation);
        var proxy = $"127.0.0.1:{LoopbackPorts.Free()}";
        using var client = new HttpClient { BaseAddress = new Uri($"http://{proxy}/") };
        await using var caddy = await StartAsync(proxy, [node.Address, node.Address, node.Address], client);

        using var started = await client.PostAsync(
            new Uri("v2/a/blobs/uploads/", UriKind.Relative), null, Cancellation);
        var upload = started.Headers.Location!.OriginalString;
        using var raw = await RawConnection.OpenAsync(client.BaseAddress);
        await raw.SendAsync($"PATCH {upload} HTTP/1.1\r\nHost: {proxy}\r\nContent-Length: 2000000\r\n\r\n");
        await raw.SendAsync(new string('x', 1_000_000));
        var uploads = new DirectoryInfo(Path.Combine(node.DataFolder, "uploads"));
        for (var i = 0; i < 200 && Written() == 0; i++) await Task.Delay(50, Cancellation);
        Assert.NotEqual(0, Written());

        long Written() => uploads.EnumerateFiles().Sum(file => file.Length);
    }

    public async ValueTask DisposeAsync()
    {
        await Mounts.RemoveUnderAsync(folder);
        Directory.Delete(folder, recursive: true);
    }

    private static int Served(BerthProcess node) =>
        node.Output.Split('\n').Count(line => line.Contains("GET /v2/ 200", StringComparison.Ordinal));

    private async Task<Daemon> StartAsync(string proxy, string[] nodes, HttpClient client)
    {
        await DeployTools.RunAsync("caddy", ["version"]);
        var text = await File.ReadAllTextAsync(DeployTools.PathOf("compose/Caddyfile"), Cancellation);
        Assert.Contains("\n:80 {", text, StringComparison.Ordinal);
        text = text.Replace("\n:80 {", $"\nhttp://{proxy} {{")
            .Replace("berth-1:5000", nodes[0]).Replace("berth-2:5000", nodes[1]).Replace("berth-3:5000", nodes[2]);
        var file = Path.Combine(folder, "Caddyfile");
        await File.WriteAllTextAsync(file, "{\n  admin off\n}\n" + text, Cancellation);
        return await Daemon.StartAsync(
            folder,
            new Dictionary<string, string> { ["XDG_DATA_HOME"] = folder, ["XDG_CONFIG_HOME"] = folder },
            ["caddy", "run", "--adapter", "caddyfile", "--config", file],
            async () => await StatusAsync(client) == HttpStatusCode.OK);
    }

    private static async Task<HttpStatusCode?> StatusAsync(HttpClient client)
    {
        try
        {
            using var answer = await client.GetAsync(new Uri("v2/", UriKind.Relative), Cancellation);
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
