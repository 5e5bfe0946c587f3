using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Distribution;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>Passwords, tokens and what is left of them once they are taken away.</summary>
[Accounts]
[Inside]
public sealed class CredentialTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_disabled_user_and_a_revoked_token_are_out_at_once_whatever_they_hold()
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        var (tokenId, secret) = await accounts.AddTokenAsync(ann);
        var script = new Script(registry)
        {
            ["password"] = Basic("ann", "of green gables"),
            ["secret"] = Basic("ann", secret),
            ["wrong name"] = Basic("admin", secret),
            ["typo"] = Basic("ann", secret[..^1] + (secret[^1] == 'a' ? 'b' : 'a')),
        };
        script["of password"] = await accounts.BearerAsync(script["password"], "repository:ann/a:pull,push");
        script["of secret"] = await accounts.BearerAsync(script["secret"], "repository:ann/a:pull,push");
        script["as bearer"] = "Bearer " + secret;
        string[] all = ["password", "secret", "of password", "of secret", "as bearer"];
        foreach (var credentials in all) await PostAsync(credentials, 202);
        await PostAsync("wrong name", 401);
        await PostAsync("typo", 401);
        await accounts.RevokeAsync(tokenId);
        foreach (var credentials in all) await PostAsync(credentials, credentials.Contains("password") ? 202 : 401);
        await accounts.SetAsync("ann", account => account with { IsDisabled = true });
        foreach (var credentials in all) await PostAsync(credentials, 401);
        await accounts.SetAsync("ann", account => account with { IsDisabled = false });
        await PostAsync("password", 202);
        await PostAsync("of password", 202);
        await accounts.SetAsync("ann", account => account with { ExpiresAt = TimeProvider.System.GetUtcNow() });
        await PostAsync("password", 401);
        await PostAsync("of password", 401);

        Task PostAsync(string credentials, int status) => script.PlayAsync(
            $"POST /v2/ann/a/blobs/uploads/\n Authorization: {{{credentials}}}\n {status}");
    }

    [Fact]
    public async Task A_token_is_good_for_what_it_says_and_never_for_more_than_its_account()
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        var robot = await accounts.AddRobotAsync("robot.ci");
        await accounts.GrantAsync(robot, "ann/app", "pull,push");
        var (_, reading) = await accounts.AddTokenAsync(ann, actions: "pull", patterns: "ann/app other/**");
        var (_, over) = await accounts.AddTokenAsync(ann, expiresAt: TimeProvider.System.GetUtcNow());
        var (_, ci) = await accounts.AddTokenAsync(robot, TokenKinds.Robot);
        var script = new Script(registry)
        {
            ["ann"] = Basic("ann", "of green gables"),
            ["admin"] = Basic("admin", AdminPassword),
            ["reading"] = Basic("ann", reading),
            ["over"] = Basic("ann", over),
            ["ci"] = Basic("robot.ci", ci),
        };
        foreach (var name in new[] { "ann/app", "ann/private", "other/app" })
            await LocalUserTests.PushAsync(script, name, "admin");
        script["bearer"] = await accounts.BearerAsync(script["reading"], "repository:ann/app:pull,push,delete");
        await script.PlayAsync(
            """
            GET /v2/ann/app/blobs/{sha256 abcd}
              Authorization: {reading}
              200
            POST /v2/ann/app/blobs/uploads/
              Authorization: {reading}
              403
            POST /v2/ann/app/blobs/uploads/
              Authorization: {bearer}
              403
            GET /v2/ann/private/blobs/{sha256 abcd}
              Authorization: {reading}
              404 NAME_UNKNOWN
            GET /v2/other/app/blobs/{sha256 abcd}
              Authorization: {reading}
              404 NAME_UNKNOWN
            GET /v2/ann/app/blobs/{sha256 abcd}
              Authorization: {over}
              401
            POST /v2/ann/app/blobs/uploads/
              Authorization: {ci}
              202
            DELETE /v2/ann/app/manifests/1
              Authorization: {ci}
              403
            GET /v2/ann/private/blobs/{sha256 abcd}
              Authorization: {ci}
              404 NAME_UNKNOWN
            """);
    }

    [Fact]
    public async Task Docker_keeps_a_refresh_token_until_it_is_revoked()
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("ann", "of green gables");
        var script = new Script(registry) { ["ann"] = Basic("ann", "of green gables") };
        await script.PlayAsync(
            "GET /token?offline_token=true&client_id=docker&service=berth&account=ann\n Authorization: {ann}\n 200");
        var refresh = (string)JsonNode.Parse(script.LastBody)!["refresh_token"]!;
        Assert.StartsWith("berth_ref_", refresh, StringComparison.Ordinal);
        var first = await RefreshAsync(refresh, HttpStatusCode.OK);
        Assert.Equal(refresh, (string?)first!["refresh_token"]);
        Assert.Equal("repository:ann/a:pull,push", (string?)first["scope"]);
        script["bearer"] = $"Bearer {first["access_token"]}";
        await script.PlayAsync("POST /v2/ann/a/blobs/uploads/\n Authorization: {bearer}\n 202");
        await accounts.SetAsync("ann", account => account with { IsDisabled = true });
        await RefreshAsync(refresh, HttpStatusCode.Unauthorized);
        await accounts.SetAsync("ann", account => account with { IsDisabled = false });
        await RefreshAsync(refresh, HttpStatusCode.OK);

        // It is no password, and no access token.
        script["as password"] = Basic("ann", refresh);
        script["as bearer"] = "Bearer " + refresh;
        await script.PlayAsync(
            """
            GET /v2/
              Authorization: {as password}
              401
            GET /v2/
              Authorization: {as bearer}
              401
            """);

        async Task<JsonNode?> RefreshAsync(string token, HttpStatusCode expected)
        {
            using var form = new StringContent(
                $"grant_type=refresh_token&service=berth&client_id=docker&scope=repository:ann/a:pull,push"
                + $"&refresh_token={token}",
                Encoding.ASCII, "application/x-www-form-urlencoded");
            using var answer = await registry.Client.PostAsync("token", form, Stop);
            Assert.Equal(expected, answer.StatusCode);
            return JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop));
        }
    }

    [Fact]
    public async Task An_upload_goes_on_with_the_token_that_began_it_and_nothing_new_begins_with_it()
    {
        await using var registry = await StartAsync(auth => auth with { TokenLifetime = TimeSpan.FromSeconds(4) });
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("ann", "of green gables");
        var script = new Script(registry);
        script["token"] = await accounts.BearerAsync(Basic("ann", "of green gables"), "repository:ann/a:pull,push");
        await script.PlayAsync(
            "POST /v2/ann/a/blobs/uploads/\n Authorization: {token}\n 202\n Location: {upload}");
        await Task.Delay(TimeSpan.FromSeconds(4.2), Stop);
        await script.PlayAsync(
            """
            POST /v2/ann/a/blobs/uploads/
              Authorization: {token}
              401
            PATCH {upload}
              Authorization: {token}
              > abcd
              202
            PUT {upload}?digest={sha256 abcd}
              Authorization: {token}
              201
            GET /v2/ann/a/blobs/{sha256 abcd}
              Authorization: {token}
              401
            """);
    }

    [Fact]
    public async Task The_first_start_makes_one_administrator_and_later_ones_make_none()
    {
        await using var registry = await StartAsync();
        var script = new Script(registry)
        {
            ["admin"] = Basic("admin", AdminPassword),
            ["other"] = Basic("admin", "something else"),
        };
        await registry.RestartAsync();
        await script.PlayAsync(
            """
            POST /v2/any/where/blobs/uploads/
              Authorization: {admin}
              202
            GET /v2/
              Authorization: {other}
              401
            """);
    }
}
