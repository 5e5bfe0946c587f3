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
    public async Task A_limit_is_for_pulls_or_pushes_and_may_be_for_those_alone_who_do_not_sign_in()
    {
        await using var registry = await StartAsync(settings: s => s with
        {
            RateLimits =
            [
                new() { Kind = RateLimitKind.Pull, For = RateLimitFor.Anonymous, Requests = 1 },
                new() { Kind = RateLimitKind.Push, Requests = 2 },
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
        script["nobody"] = await accounts.BearerAsync(null, "repository:open/app:pull");
        await script.PlayAsync(
            """
            GET /v2/open/app/manifests/1
              200
              RateLimit-Limit: 1;w=21600
              RateLimit-Remaining: 0;w=21600
              Docker-RateLimit-Source: 127.0.0.1
            GET /v2/open/app/manifests/1
              Authorization: {nobody}
              429 TOOMANYREQUESTS
              Docker-RateLimit-Source: 127.0.0.1
            GET /v2/open/app/manifests/1
              Authorization: {ann}
              200
              RateLimit-Limit: -
            GET /v2/open/app/manifests/1
              Authorization: {ann}
              200
              RateLimit-Limit: -
            PUT /v2/open/app/manifests/2
              Authorization: {admin}
              Content-Type: application/vnd.oci.image.index.v1+json
              > {image}
              201
              RateLimit-Limit: 2;w=21600
              RateLimit-Remaining: 0;w=21600
            PUT /v2/open/app/manifests/3
              Authorization: {admin}
              Content-Type: application/vnd.oci.image.index.v1+json
              > {image}
              429 TOOMANYREQUESTS
            POST /v2/open/app/blobs/uploads/
              Authorization: {admin}
              202
              RateLimit-Limit: -
            PUT /v2/ann/app/manifests/1
              Authorization: {ann}
              Content-Type: application/vnd.oci.image.index.v1+json
              > {image}
              201
              RateLimit-Remaining: 1;w=21600
            GET /v2/open/app/manifests/3
              Authorization: {ann}
              404 MANIFEST_UNKNOWN
            """);
    }

    [Fact]
    public async Task A_limit_on_the_API_counts_its_requests_and_no_others()
    {
        await using var registry = await StartAsync(settings: s => s with
        {
            RateLimits = [new() { Kind = RateLimitKind.Api, Requests = 2, Window = TimeSpan.FromMinutes(1) }],
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
            GET /api/v1/me
              Authorization: {ann}
              200
              RateLimit-Limit: 2;w=60
              RateLimit-Remaining: 1;w=60
              Docker-RateLimit-Source: -
            PATCH /api/v1/me
              Authorization: {ann}
              Content-Type: application/json
              > {}
              200
              RateLimit-Remaining: 0;w=60
            GET /api/v1/me
              Authorization: {ann}
              429
              Content-Type: application/problem+json
              RateLimit-Remaining: 0;w=60
            GET /v2/open/app/manifests/1
              Authorization: {ann}
              200
              RateLimit-Limit: -
            GET /api/v1/me
              Authorization: {admin}
              200
              RateLimit-Remaining: 1;w=60
            GET /api/v1/repositories/open/app
              200
              RateLimit-Remaining: 1;w=60
              Docker-RateLimit-Source: 127.0.0.1
            """);
    }

    [Fact]
    public async Task After_the_window_there_are_as_many_again()
    {
        var clock = new SetClock();
        await using var registry = await RegistryFixture.StartAsync(
            s => s with
            {
                Auth = new AuthSettings
                {
                    Local = new LocalSettings { Enabled = true, AdminPassword = AdminPassword, BcryptCost = 4 },
                },
                RateLimits = [new() { Kind = RateLimitKind.Token, Requests = 1, Window = TimeSpan.FromSeconds(1) }],
            },
            clock);
        var script = new Script(registry) { ["admin"] = Basic("admin", AdminPassword) };
        const string Ask = "GET /token\n Authorization: {admin}\n ";
        await script.PlayAsync(Ask + "200");
        await script.PlayAsync(Ask + "429 TOOMANYREQUESTS\n Retry-After: 1");
        clock.Advance(TimeSpan.FromSeconds(1));
        await script.PlayAsync(Ask + "200");
    }
}
