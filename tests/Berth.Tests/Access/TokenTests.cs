using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Distribution;
using Berth.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.TokenRegistry;

namespace Berth.Tests.Access;

/// <summary>Tokens, for clients that need one to pull without a password.</summary>
public sealed class TokenTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Accounts]
    [Fact]
    public async Task A_logged_out_client_gets_a_token_for_pulls_and_is_asked_to_sign_in_for_a_push()
    {
        await using var registry = await StartAsync();
        var script = new Script(registry) { ["right"] = Basic("ann", Password), ["asks"] = ChallengeOf(registry) };
        await script.PlayAsync(
            """
            GET /v2/
              401 UNAUTHORIZED
              WWW-Authenticate: {asks}
            POST /v2/a/blobs/uploads/?digest={sha256 abcd}
              Authorization: {right}
              > abcd
              201
            """);
        script["token"] = await TokenAsync(registry, null, "repository:a:pull,push");
        await script.PlayAsync(
            """
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: Bearer {token}
              200
              < abcd
            GET /v2/other/blobs/{sha256 abcd}
              Authorization: Bearer {token}
              404 BLOB_UNKNOWN
            POST /v2/a/blobs/uploads/
              Authorization: Bearer {token}
              401 UNAUTHORIZED
              WWW-Authenticate: {asks},scope="repository:a:pull,push",error="insufficient_scope"
            POST /v2/a/blobs/uploads/
              401 UNAUTHORIZED
              WWW-Authenticate: {asks},scope="repository:a:pull,push"
            DELETE /v2/a/blobs/{sha256 abcd}
              Authorization: Bearer meant-for-another-registry
              401 UNAUTHORIZED
              WWW-Authenticate: {asks},scope="repository:a:delete",error="invalid_token"
            """);
    }

    [Theory]
    [InlineData("repository:a:pull", false, false, false)]
    [InlineData("repository:a:push,pull", true, false, false)]
    [InlineData("repository:a:delete", false, true, false)]
    [InlineData("repository:a:*", true, true, false)]
    [InlineData("repository(plugin):a:push", true, false, false)]
    [InlineData("registry:catalog:*", false, false, true)]
    [InlineData("repository:b:push,delete", false, false, false)]
    [InlineData("repository:A:push", false, false, false)]
    [InlineData("repository:localhost:5000/a:push", false, false, false)]
    [InlineData("repository:a:PUSH,bake", false, false, false)]
    [InlineData("repository:a", false, false, false)]
    [InlineData(":::: * repository::push,", false, false, false)]
    [InlineData("", false, false, false)]
    public async Task A_users_token_is_good_for_what_was_asked_and_for_nothing_else(
        string scope, bool pushes, bool deletes, bool lists)
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var script = new Script(registry)
        {
            ["token"] = await TokenAsync(registry, Basic("ann", Password), scope),
            ["push"] = pushes ? "202" : "401",
            ["delete"] = deletes ? "404" : "401",
            ["list"] = lists ? "200" : "401",
        };
        await script.PlayAsync(script.Filled(
            """
            GET /v2/
              Authorization: Bearer {token}
              200
            POST /v2/a/blobs/uploads/
              Authorization: Bearer {token}
              {push}
            DELETE /v2/a/manifests/1
              Authorization: Bearer {token}
              {delete}
            GET /v2/_catalog
              Authorization: Bearer {token}
              {list}
            POST /v2/c/blobs/uploads/
              Authorization: Bearer {token}
              401
            """));
    }

    [Fact]
    public async Task Several_scopes_come_as_several_parameters_or_in_one()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var script = new Script(registry)
        {
            ["one"] = await TokenAsync(
                registry, Basic("ann", Password), "repository:a:push repository:b:pull repository:c:pull,push"),
            ["many"] = await TokenAsync(
                registry, Basic("ann", Password), "repository:a:push", "repository:c:pull,push"),
        };
        foreach (var token in new[] { "one", "many" })
        {
            await script.PlayAsync(
                $$"""
                POST /v2/a/blobs/uploads/
                  Authorization: Bearer {{{token}}}
                  202
                POST /v2/c/blobs/uploads/
                  Authorization: bearer {{{token}}}
                  202
                POST /v2/b/blobs/uploads/
                  Authorization: Bearer {{{token}}}
                  401
                """);
        }
    }

    [Accounts]
    [Fact]
    public async Task A_mount_takes_only_from_what_the_token_may_pull()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var script = new Script(registry) { ["right"] = Basic("ann", Password) };
        script["both"] = await TokenAsync(registry, script["right"], "repository:b:pull,push repository:a:pull");
        script["one"] = await TokenAsync(registry, script["right"], "repository:b:pull,push");
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 abcd}
              Authorization: {right}
              > abcd
              201
            POST /v2/b/blobs/uploads/?mount={sha256 abcd}&from=a
              Authorization: Bearer {one}
              202
            POST /v2/b/blobs/uploads/?mount={sha256 abcd}
              Authorization: Bearer {one}
              202
            POST /v2/b/blobs/uploads/?mount={sha256 abcd}&from=a
              Authorization: Bearer {both}
              201
            """);
    }

    [Fact]
    public async Task Only_a_right_password_or_a_scope_gets_a_token()
    {
        await using var registry = await StartAsync();
        var script = new Script(registry) { ["right"] = Basic("ann", Password), ["wrong"] = Basic("ann", "mistyped") };
        script["token"] = await TokenAsync(registry, script["right"], "repository:a:push");
        await script.PlayAsync(
            """
            GET /token
              401 UNAUTHORIZED
            GET /token?service=berth&account=ann
              Authorization: Basic Og==
              401 UNAUTHORIZED
            GET /token?service=berth&scope=repository:a:push
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /token?service=berth&account=ann&client_id=docker&offline_token=true
              Authorization: {right}
              200
            GET /token
              Authorization: Bearer {token}
              401 UNAUTHORIZED
            DELETE /token
              405 UNSUPPORTED
              Allow: GET, POST
            """);
        await using var withoutUsers = await RegistryFixture.StartAsync();
        await new Script(withoutUsers).PlayAsync("GET /token?scope=repository:a:pull\n 404");
    }

    [Theory]
    [InlineData("grant_type=password&username=ann&password=correct%20horse&service=berth&client_id=c", 200)]
    [InlineData("grant_type=password&username=ann&password=mistyped&service=berth&client_id=c", 401)]
    [InlineData("grant_type=password&username=&password=&scope=repository:a:pull", 200)]
    [InlineData("grant_type=password&username=&password=", 401)]
    [InlineData("grant_type=refresh_token&refresh_token=abc&service=berth&client_id=c", 401)]
    [InlineData("grant_type=implicit", 400)]
    [InlineData("", 400)]
    public async Task A_form_gets_the_same_tokens(string form, int status)
    {
        await using var registry = await StartAsync();
        using var content = new StringContent(form, Encoding.ASCII, "application/x-www-form-urlencoded");
        using var answer = await registry.Client.PostAsync("token", content, Stop);
        Assert.Equal(status, (int)answer.StatusCode);
        using var json = new StringContent(form, Encoding.ASCII, "application/json");
        using var refused = await registry.Client.PostAsync("token", json, Stop);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    [Fact]
    public async Task A_form_larger_than_any_client_sends_is_refused()
    {
        await using var registry = await StartAsync();
        using var content = new StringContent(
            "grant_type=password&password=" + new string('x', 1 << 20), Encoding.ASCII,
            "application/x-www-form-urlencoded");
        using var answer = await registry.Client.PostAsync("token", content, Stop);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task A_token_says_what_it_is_good_for_and_how_long()
    {
        await using var registry = await StartAsync(lifetime: TimeSpan.FromMinutes(2));
        using var form = new StringContent(
            "grant_type=password&username=ann&password=correct+horse&scope=repository:a:push,pull+repository:b:bake",
            Encoding.ASCII, "application/x-www-form-urlencoded");
        using var answer = await registry.Client.PostAsync("token", form, Stop);
        Assert.Contains("no-store", answer.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        var json = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop))!;
        Assert.Equal("repository:a:pull,push", (string?)json["scope"]);
        Assert.Equal(120, (int)json["expires_in"]!);
        Assert.Equal((string?)json["token"], (string?)json["access_token"]);
        Assert.True(DateTimeOffset.TryParse((string?)json["issued_at"], out _));
    }

    [Fact]
    public async Task A_token_for_very_much_is_good_for_the_first_of_it_and_says_so()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var scopes = string.Join(
            '+', Enumerable.Range(10, 90).Select(n => $"repository:{new string('a', 253)}{n}:pull,push,delete"));
        using var form = new StringContent(
            "grant_type=password&username=ann&password=correct+horse&scope=repository:a:push+" + scopes,
            Encoding.ASCII, "application/x-www-form-urlencoded");
        using var answer = await registry.Client.PostAsync("token", form, Stop);
        var json = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop))!;
        using var push = await PushAsync(registry, (string)json["token"]!);
        Assert.Equal(HttpStatusCode.Accepted, push.StatusCode);
        var granted = ((string)json["scope"]!).Split(' ');
        Assert.Equal("repository:a:push", granted[0]);
        Assert.InRange(granted.Length, 30, 89);
        var token = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(((string)json["token"]!).Split('.')[1]));
        Assert.Equal(granted.Length, JsonNode.Parse(token)!["access"]!.AsArray().Count);
    }

    [Accounts]
    [Fact]
    public async Task A_token_outlives_a_restart()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var token = await TokenAsync(registry, Basic("ann", Password), "repository:a:push");
        await registry.RestartAsync();
        using var answer = await PushAsync(registry, token);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    [Fact]
    public async Task A_token_of_one_node_is_valid_on_another()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var bucket = await TestEngines.CreateBucketAsync(TestEngines.Store ?? "s3");
        var settings = TestEngines.SettingsOf(database);
        await using var first = await StartAsync(AnonymousAccess.None, database: settings, bucket: bucket);
        await using var second = await StartAsync(AnonymousAccess.None, database: settings, bucket: bucket);
        foreach (var (issuer, other) in new[] { (first, second), (second, first) })
        {
            var token = await TokenAsync(issuer, Basic("ann", Password), "repository:a:push");
            using var answer = await PushAsync(other, token);
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        }
    }

    [Fact]
    public async Task The_challenge_names_the_address_that_the_client_used()
    {
        await using var proxied = await StartAsync(
            http: h => h with { TrustedProxies = [new IPNetwork(IPAddress.Loopback, 32)] });
        await new Script(proxied).PlayAsync(
            """
            GET /v2/
              X-Forwarded-Proto: https
              X-Forwarded-Host: hub.example
              X-Forwarded-For: 203.0.113.9
              401
              WWW-Authenticate: Bearer realm="https://hub.example/token",service="berth"
            """);
        await using var named = await StartAsync(http: h => h with { Host = "https://hub.example" });
        await new Script(named).PlayAsync(
            "GET /v2/\n 401\n WWW-Authenticate: Bearer realm=\"https://hub.example/token\",service=\"berth\"");
    }
}
