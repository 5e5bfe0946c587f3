using Berth.Settings;
using Berth.Tests.Clients;
using Berth.Tests.Distribution;
using Berth.Tests.Settings;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>The example and the command of docs/rate-limits.md.</summary>
[Inside]
[Once]
public sealed class RateLimitDocumentTests : IDisposable
{
    private readonly PageSettings page = new("rate-limits");

    public void Dispose() => page.Dispose();

    [Fact]
    public async Task The_limits_of_the_page_are_shown_to_its_command()
    {
        var read = page.Read(Assert.Single(page.Examples));
        await using var registry = await StartAsync(settings: s => s with { RateLimits = read.RateLimits });
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("alice", "of wonderland");
        var script = new Script(registry)
        {
            ["admin"] = Basic("admin", AdminPassword),
            ["alice"] = Basic("alice", "of wonderland"),
        };
        await LocalUserTests.PushImageAsync(script, "alice/app");
        await accounts.MakePublicAsync("alice/app");
        await script.PlayAsync(
            """
            GET /v2/alice/app/manifests/1
              200
              RateLimit-Limit: 100;w=21600
              RateLimit-Remaining: 99;w=21600
              Docker-RateLimit-Source: 127.0.0.1
            GET /v2/alice/app/manifests/1
              Authorization: {alice}
              200
              RateLimit-Limit: 5000;w=3600
              RateLimit-Remaining: 4999;w=3600
              Docker-RateLimit-Source: -
            GET /token
              Authorization: {alice}
              200
              RateLimit-Limit: 3000;w=3600
              Docker-RateLimit-Source: 127.0.0.1
            """);
        var command = Assert.Single(
            SourceTree.Files.Single(file => file.Path == "docs/rate-limits.md").BlocksOf("sh"))
            .Replace("https://registry.example.com/", registry.BaseAddress.ToString())
            .Replace("alice:PASSWORD", "'alice:of wonderland'").Replace("manifests/1.0", "manifests/1");
        var run = await ProgramRun.StartAsync(
            "bash", ["-ec", command], new Dictionary<string, string>(), "/", TimeSpan.FromMinutes(1));
        Assert.Contains("RateLimit-Remaining: 4999;w=3600", run.OutputOfSuccess(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Beyond_a_limit_the_answer_says_for_how_long()
    {
        RateLimitSettings limit = new() { Kind = RateLimitKind.Api, Requests = 1, Window = TimeSpan.FromHours(1) };
        await using var registry = await StartAsync(settings: s => s with { RateLimits = [limit] });
        using var first = await registry.Client.GetAsync("api/v1/me", TestContext.Current.CancellationToken);
        using var second = await registry.Client.GetAsync("api/v1/me", TestContext.Current.CancellationToken);
        Assert.Equal(429, (int)second.StatusCode);
        Assert.Contains(
            $"try again in {second.Headers.RetryAfter!.Delta!.Value.TotalSeconds} seconds",
            await second.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
