using Berth.Settings;
using Berth.Tests.Distribution;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>Limits on how many requests somebody may send.</summary>
[Inside]
[Once]
public sealed class RateLimitTests
{
    [Fact]
    public async Task Requests_with_wrong_credentials_count_as_those_without_any()
    {
        await using var registry = await StartAsync(settings: s => s with
        {
            RateLimits = [new() { Requests = 2, Window = TimeSpan.FromHours(1), For = RateLimitFor.Anonymous }],
        });
        var script = new Script(registry)
        {
            ["junk"] = Basic("ann", "berth_pat_junk"),
            ["admin"] = Basic("admin", AdminPassword),
        };
        await script.PlayAsync(
            """
            GET /v2/
              Authorization: {junk}
              401
            GET /token
              Authorization: {junk}
              401
            GET /v2/
              Authorization: {junk}
              429
            GET /token
              Authorization: {junk}
              429
            GET /api/v1/me
              Authorization: {junk}
              429
            GET /v2/
              Authorization: {admin}
              200
            """);
    }

    [Fact]
    public async Task Pulls_are_counted_by_user_or_address_and_the_answer_tells_what_is_left()
    {
        await using var registry = await StartAsync(settings: s => s with
        {
            RateLimits =
            [
                new() { Kind = RateLimitKind.Pull, Requests = 2, Window = TimeSpan.FromHours(1) },
                new() { Kind = RateLimitKind.List, For = RateLimitFor.Users, Requests = 1, ByAddress = true },
            ],
        });
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("ann", "of green gables");
        var script = new Script(registry)
        {
            ["ann"] = Basic("ann", "of green gables"),
            ["admin"] = Basic("admin", AdminPassword),
        };
        await LocalUserTests.PushImageAsync(script, "open/app");
        await accounts.MakePublicAsync("open/app");
        await script.PlayAsync(
            """
            GET /v2/open/app/manifests/1
              Authorization: {ann}
              200
              RateLimit-Limit: 2;w=3600
              RateLimit-Remaining: 1;w=3600
              Docker-RateLimit-Source: -
            HEAD /v2/open/app/manifests/1
              Authorization: {ann}
              200
              RateLimit-Remaining: 1;w=3600
            GET /v2/open/app/manifests/1
              Authorization: {ann}
              200
              RateLimit-Remaining: 0;w=3600
            GET /v2/open/app/manifests/1
              Authorization: {ann}
              429 TOOMANYREQUESTS
              RateLimit-Remaining: 0;w=3600
            GET /v2/open/app/manifests/1
              200
              RateLimit-Remaining: 1;w=3600
              Docker-RateLimit-Source: 127.0.0.1
            GET /v2/open/app/manifests/1
              Authorization: {admin}
              200
            GET /v2/open/app/tags/list
              Authorization: {ann}
              200
            GET /v2/open/app/tags/list
              Authorization: {admin}
              429 TOOMANYREQUESTS
            GET /v2/open/app/tags/list
              200
              RateLimit-Limit: -
            """);
    }

    [Fact]
    public async Task After_the_window_there_are_as_many_again()
    {
        await using var registry = await StartAsync(settings: s => s with
        {
            RateLimits = [new() { Kind = RateLimitKind.Token, Requests = 1, Window = TimeSpan.FromSeconds(1) }],
        });
        var script = new Script(registry) { ["admin"] = Basic("admin", AdminPassword) };
        const string Ask = "GET /token\n Authorization: {admin}\n ";
        await script.PlayAsync(Ask + "200");
        await script.PlayAsync(Ask + "429 TOOMANYREQUESTS\n Retry-After: 1");
        await Task.Delay(TimeSpan.FromSeconds(1.1), TestContext.Current.CancellationToken);
        await script.PlayAsync(Ask + "200");
    }
}
