using System.Diagnostics;
using System.Text.Json;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Distribution;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary><c>berth gc</c>, and what it asks the API for.</summary>
public sealed class GcCommandTests : IAsyncLifetime
{
    private RegistryFixture registry = null!;
    private Script script = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync(settings: s => s.CollectedByHand());
        script = new Script(registry)
        {
            ["admin"] = Basic("admin", AdminPassword),
            ["config"] = "{}",
            ["layer"] = new string('x', 1000),
        };
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_collection_beside_the_server_removes_what_nothing_needs()
    {
        await PushAsync("kept");
        await PushAsync("gone");
        await DeleteAsync("gone");
        var none = "0 manifests and 0 blobs, which frees 0 bytes";
        Assert.Equal(
            $"A collection would remove {none}.", (await RunAsync("--dry-run")).Is(0).Output.Trim());
        const string All = "0 manifests and 1 blob, which frees 1,000 bytes";
        Assert.Equal(
            $"A collection would remove {All}.",
            (await RunAsync("--dry-run", "--grace", "0s")).Is(0).Output.Trim());
        Assert.Contains(
            $"This removes {All}, for good. Nobody can be asked: give --yes",
            (await RunAsync("--grace", "0s")).Is(2).Errors);
        await script.PlayAsync("GET /v2/gone/blobs/{sha256 gone}\n Authorization: {admin}\n 200");
        Assert.EndsWith($"Removed {none}.", (await RunAsync("--yes")).Is(0).Output.Trim());
        Assert.EndsWith($"Removed {All}.", (await RunAsync("--yes", "--grace", "0s")).Is(0).Output.Trim());
        Assert.Equal(2, (await registry.StoredAsync("blobs")).Count);
        await script.PlayAsync(
            """
            GET /v2/gone/blobs/{sha256 gone}
              Authorization: {admin}
              404
            GET /v2/kept/blobs/{sha256 kept}
              Authorization: {admin}
              200
            """);
    }

    [Fact]
    public async Task Without_a_server_the_command_does_the_work_itself()
    {
        await PushAsync("gone");
        await DeleteAsync("gone");
        await registry.StopAsync();
        var done = JsonDocument.Parse((await RunAsync("--yes", "--grace", "0s", "--json")).Is(0).Output).RootElement;
        Assert.Equal("done", done.GetProperty("state").GetString());
        Assert.Equal("operator", done.GetProperty("requestedBy").GetString());
        Assert.Equal(2, done.GetProperty("removed").GetProperty("blobs").GetInt64());
        Assert.Empty(await registry.StoredAsync("blobs"));
    }

    /// <summary>What is told now and then, every ten seconds, goes to the errors.</summary>
    [Fact]
    public async Task Only_JSON_is_printed_however_long_it_takes()
    {
        var since = Stopwatch.StartNew();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var slow = builder.Build();
        slow.Run(http =>
        {
            var state = since.Elapsed < TimeSpan.FromSeconds(12) ? "running" : "done";
            http.Response.ContentType = "application/json";
            return http.Response.WriteAsync(
                $$$"""{"id":1,"state":"{{{state}}}","removed":{"manifests":0,"blobs":1,"bytes":2,"trashed":0}}""",
                Stop);
        });
        await slow.StartAsync(Stop);
        var said = (await AccountCommand.RunAsync(
            new Dictionary<string, string> { ["BERTH_TOKEN"] = "any" }, "",
            "gc", "--yes", "--json", "--server", slow.Urls.Single())).Is(0);
        Assert.Equal("done", JsonDocument.Parse(said.Output).RootElement.GetProperty("state").GetString());
        Assert.Contains("1 blob, which frees 2 bytes so far", said.Errors);
    }

    /// <summary>Whoever was asked has seen the estimate, which says how much there is.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task On_a_terminal_a_bar_tells_how_much_of_the_estimate_is_removed(bool isAsked)
    {
        const string Found = """{"manifests":2,"links":3,"blobs":3,"bytes":9,"trashed":0,"trashEntries":0}""";
        const string Half = """{"manifests":1,"links":2,"blobs":1,"bytes":4,"trashed":0}""";
        var since = Stopwatch.StartNew();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var slow = builder.Build();
        slow.Run(http =>
        {
            var isEstimate = http.Request.Path.Value!.EndsWith("/estimate", StringComparison.Ordinal);
            if (http.Request.Method == "POST") since.Restart();
            var (state, removed) = since.Elapsed > TimeSpan.FromSeconds(1) ? ("done", Found) : ("running", Half);
            http.Response.ContentType = "application/json";
            return http.Response.WriteAsync(
                isEstimate ? Found : $$"""{"id":1,"state":"{{state}}","removed":{{removed}}}""", Stop);
        });
        await slow.StartAsync(Stop);
        string[] arguments = ["gc", "--server", slow.Urls.Single(), .. isAsked ? (string[])[] : ["--yes"]];
        var said = (await TerminalRun.RunAsync(
            new Dictionary<string, string> { ["BERTH_TOKEN"] = "any" }, isAsked ? "y\n" : "", arguments)).Is(0).Output;
        Assert.Contains("Removed 2 manifests and 3 blobs", said);
        Assert.Equal(isAsked, said.Contains("50%", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_is_asked_by_its_administrator_and_lists_what_it_did()
    {
        await PushAsync("gone");
        await DeleteAsync("gone");
        Task<CommandResult> AskAsync(params string[] arguments) =>
            new AccountCommand(registry).AskAsync("admin", AdminPassword, ["gc", .. arguments]);
        Assert.Contains("2 blobs", (await AskAsync("--dry-run", "--grace", "0s")).Is(0).Output);
        Assert.Contains("Removed 0 manifests and 2 blobs", (await AskAsync("--yes", "--grace", "0s")).Is(0).Output);
        script["newest"] = "2";
        await script.PlayAsync(
            """
            GET /api/v1/garbage-collections
              Authorization: {admin}
              200
            GET /api/v1/garbage-collections/9
              Authorization: {admin}
              404
            GET /api/v1/garbage-collections/estimate?graceSeconds=-1
              Authorization: {admin}
              400
            GET /api/v1/garbage-collections/estimate?graceSeconds=NaN
              Authorization: {admin}
              400
            """);
        await new AccountsOf(registry).AddUserAsync("ann", "of green gables");
        var refused = await new AccountCommand(registry).AskAsync("ann", "of green gables", "gc", "--yes");
        Assert.Contains("administrators", refused.Is(1).Errors);
        Assert.Contains("'soon' is no", (await AskAsync("--grace", "soon")).Is(2).Errors);
    }

    /// <summary>What the estimate says is what a collection does, also of manifests that share blobs.</summary>
    [Fact]
    public async Task The_estimate_counts_what_would_go_and_nothing_that_stays()
    {
        await PushAsync("one", "shared", "own");
        await PushAsync("two", "shared");
        await script.PlayAsync(
            """
            POST /v2/other/blobs/uploads/?mount={sha256 own}&from=one
              Authorization: {admin}
              201
            POST /v2/one/blobs/uploads/?digest={sha256 loose}
              Authorization: {admin}
              > loose
              201
            """);
        await DeleteAsync("one");
        var said = (await RunAsync("--dry-run", "--grace", "0s")).Is(0).Output;
        var done = (await RunAsync("--yes", "--grace", "0s")).Is(0).Output;
        Assert.Contains("0 manifests and 2 blobs, which frees 1,005 bytes", said);
        Assert.Contains("Removed 0 manifests and 2 blobs, which frees 1,005 bytes", done);
    }

    private Task<CommandResult> RunAsync(params string[] arguments) =>
        new AccountCommand(registry).RunAsync(["gc", .. arguments]);

    /// <summary>An image whose layers are called by these names; the first is of its own name.</summary>
    private async Task PushAsync(string repository, params string[] layers)
    {
        if (layers.Length == 0) layers = [repository];
        foreach (var layer in layers) script[layer] = layer.PadRight(1000, '.');
        foreach (var blob in layers.Append("config"))
        {
            await script.PlayAsync(
                $$"""
                POST /v2/{{repository}}/blobs/uploads/?digest={sha256 {{blob}}}
                  Authorization: {admin}
                  > {{{blob}}}
                  201
                """);
        }

        var items = layers.Select(layer =>
            $"{{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"{{sha256 {layer}}}\","
            + "\"size\":1000}");
        script[$"image{repository}"] = script.Filled(
            $$"""
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":
            {"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{sha256 config}","size":2},
            "layers":[{{string.Join(',', items)}}]}
            """);
        await script.PlayAsync(
            $$"""
            PUT /v2/{{repository}}/manifests/1
              Authorization: {admin}
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image{{repository}}}
              201
            """);
    }

    private Task DeleteAsync(string repository) => script.PlayAsync(
        $$"""
        DELETE /v2/{{repository}}/manifests/{sha256 image{{repository}}}
          Authorization: {admin}
          202
        """);
}
