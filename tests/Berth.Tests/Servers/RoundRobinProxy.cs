namespace Berth.Tests.Servers;

/// <summary>
/// A real nginx on loopback that sends requests to several servers in turn, regardless of the client. It neither
/// buffers bodies nor tries a request again elsewhere: what a server refuses or breaks off reaches the client.
/// </summary>
internal sealed class RoundRobinProxy : IAsyncDisposable
{
    private readonly ServerScript script;

    private RoundRobinProxy(ServerScript script, int port)
    {
        this.script = script;
        Address = $"127.0.0.1:{port}";
    }

    /// <summary>Host and port without a scheme, as it stands in an image's name.</summary>
    public string Address { get; }

    /// <summary>The root, with a slash at the end.</summary>
    public Uri BaseAddress => new($"http://{Address}/");

    /// <param name="servers">Host and port of each server.</param>
    /// <param name="leavesOutDead">
    /// After a failed connection, a server gets no request for ten seconds, as is nginx's default. Otherwise a dead
    /// server gets its share all the same, and every such request fails.
    /// </param>
    public static async Task<RoundRobinProxy> StartAsync(IEnumerable<string> servers, bool leavesOutDead = true)
    {
        var port = LoopbackPorts.Free();
        var script = await ServerScript.StartAsync("nginx.sh", [$"{port}", leavesOutDead ? "1" : "0", .. servers]);
        return new RoundRobinProxy(script, port);
    }

    /// <summary>An nginx with this server block alone, in which <c>PORT</c> stands for its port.</summary>
    public static async Task<RoundRobinProxy> StartAsync(string block)
    {
        var port = LoopbackPorts.Free();
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, block.Replace("PORT", $"{port}", StringComparison.Ordinal));
            return new RoundRobinProxy(await ServerScript.StartAsync("nginx.sh", [$"{port}", "-", file]), port);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>A line for each request so far: <c>METHOD target status server</c>.</summary>
    public async Task<IReadOnlyList<string>> CallsAsync() =>
        await File.ReadAllLinesAsync(Path.Combine(script.Folder, "access.log"));

    public ValueTask DisposeAsync() => script.DisposeAsync();
}
