using System.Net;

namespace Berth.Tests.Servers;

/// <summary>That requests are distributed in turn, and that nothing is retried or buffered.</summary>
public sealed class RoundRobinProxyTests
{
    [Fact]
    public async Task Each_request_goes_to_the_next_node()
    {
        await using var first = await BerthProcess.StartAsync(null, TestContext.Current.CancellationToken);
        await using var second = await BerthProcess.StartAsync(null, TestContext.Current.CancellationToken);
        await using var third = await BerthProcess.StartAsync(null, TestContext.Current.CancellationToken);
        await using var proxy = await RoundRobinProxy.StartAsync([first.Address, second.Address, third.Address]);
        using var client = new HttpClient { BaseAddress = proxy.BaseAddress };
        for (var i = 0; i < 6; i++) Assert.Equal(HttpStatusCode.OK, await StatusAsync(client));
        // nginx writes the line of a request after its answer.
        await Eventually.TrueAsync(async () => (await proxy.CallsAsync()).Count >= 6);
        var servers = (await proxy.CallsAsync()).Select(call => call.Split(' ')[3]).ToList();
        Assert.Equal(
            [.. new[] { first.Address, second.Address, third.Address }.Order(StringComparer.Ordinal)],
            servers[..3].Order(StringComparer.Ordinal));
        Assert.Equal(servers[..3], servers[3..]);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 3)]
    public async Task A_dead_nodes_requests_fail_instead_of_going_elsewhere(bool leavesOutDead, int failures)
    {
        await using var node = await BerthProcess.StartAsync(null, TestContext.Current.CancellationToken);
        var dead = $"127.0.0.1:{LoopbackPorts.Free()}";
        await using var proxy = await RoundRobinProxy.StartAsync([node.Address, dead], leavesOutDead);
        using var client = new HttpClient { BaseAddress = proxy.BaseAddress };
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 6; i++) statuses.Add(await StatusAsync(client));
        Assert.Equal(failures, statuses.Count(s => s == HttpStatusCode.BadGateway));
        Assert.Equal(6 - failures, statuses.Count(s => s == HttpStatusCode.OK));
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client)
    {
        using var answer = await client.GetAsync(
            new Uri("v2/", UriKind.Relative), TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
