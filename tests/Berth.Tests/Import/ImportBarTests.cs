using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;

namespace Berth.Tests.Import;

/// <summary>What a terminal shows while images come over the network.</summary>
[Once]
public sealed class ImportBarTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>How many bytes are to come, only the last manifest tells; how many tags, the list of them.</summary>
    [Fact]
    public async Task The_bar_has_the_tags_as_its_total_and_tells_the_bytes_so_far()
    {
        await using var registry = await AccountsOf.StartAsync(auth => auth with { Anonymous = AnonymousAccess.Full });
        await using var source = await ScriptedRegistry.StartAsync();
        source.On("/v2/_catalog", """{"repositories":["x/fast","x/slow"]}""");
        source.AddImage("x/fast", "1", "fast"u8.ToArray());
        var layer = new byte[2 << 20];
        var slow = source.AddImage("x/slow", "1", layer).Layer;
        source.On($"/v2/x/slow/blobs/{slow}", async http =>
        {
            http.Response.ContentLength = layer.Length;
            await http.Response.Body.WriteAsync(layer.AsMemory(0, 1 << 20), http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
            await Eventually.TrueAsync(async () => await IsHereAsync(registry, "x/fast"));
            await Task.Delay(TimeSpan.FromSeconds(1), http.RequestAborted);
            await http.Response.Body.WriteAsync(layer.AsMemory(1 << 20), http.RequestAborted);
        });
        var said = (await TerminalRun.RunAsync(
            new Dictionary<string, string> { ["BERTH_PASSWORD"] = AccountsOf.AdminPassword }, "", "import",
            $"http://{source.Authority}/x/", "--yes", "--server", registry.BaseAddress.ToString(), "--user", "admin"))
            .Is(0).Output;
        Assert.Matches("1 of 2 tags, [0-9,]+ KiB so far.* 50%", said);
        Assert.Contains("2 of 2 tags, 2,0", said);
        Assert.Contains("Imported 2 manifests of 2, 2 tags of 2", said);
        Assert.DoesNotContain("2.0/", said);
        Assert.True(await IsHereAsync(registry, "x/slow"));
    }

    private static async Task<bool> IsHereAsync(RegistryFixture registry, string repository)
    {
        using var answer = await registry.Client.GetAsync($"v2/{repository}/manifests/1", Stop);
        return answer.IsSuccessStatusCode;
    }
}
