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

namespace Berth.Tests.Access;

/// <summary>Tokens, for clients that need one to pull without a password.</summary>
public sealed class TokenTests : IDisposable
{
    private const string Password = "correct horse";
    private readonly string folder = Directory.CreateTempSubdirectory("berth-users-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

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
            GET /token?service=berth&scope=repository:a:pull
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

    [Fact]
    public async Task A_token_that_was_altered_or_not_issued_here_is_worth_nothing()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var token = await TokenAsync(registry, Basic("ann", Password), "repository:a:push");
        var parts = token.Split('.');
        var (header, claims) = (Decoded(parts[0]), Decoded(parts[1]));
        using var strange = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = strange.ExportParameters(false).Q;
        var ownKey = $$$"""{"kty":"EC","crv":"P-256","x":"{{{Encoded(point.X!)}}}","y":"{{{Encoded(point.Y!)}}}"}""";
        string Signed(string text) =>
            $"{text}.{Encoded(strange.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256))}";
        string[] headers =
        [
            """{"alg":"none","typ":"JWT"}""", header.Replace("ES256", "none"), header.Replace("ES256", "HS256"),
            header.Replace("ES256", "es256"), header.Replace("\"kid\":\"", "\"kid\":\"../"),
            Regex.Replace(header, "\"kid\":\"[^\"]*\"", "\"kid\":\"\""), header.Replace("kid", "dik"),
            Regex.Replace(header, "\"kid\":\"[^\"]*\"", "\"kid\":\"' OR 1=1 --\""),
            header[..^1] + $",\"jwk\":{ownKey}}}", header[..^1] + ",\"jku\":\"http://127.0.0.1:1/keys\"}",
            """{"alg":"ES256","typ":"JWT"}""",
        ];
        await IsRefusedAsync(registry, headers.SelectMany(other => new[]
        {
            $"{Encoded(other)}.{parts[1]}.{parts[2]}", $"{Encoded(other)}.{parts[1]}.",
            Signed($"{Encoded(other)}.{parts[1]}"),
        }));
        var publicKey = (await registry.Client.GetStringAsync(".well-known/jwks.json", Stop)).Trim();
        var confused = $"{Encoded(header.Replace("ES256", "HS256"))}.{parts[1]}";
        await IsRefusedAsync(registry,
            $"{confused}.{Encoded(HMACSHA256.HashData(Encoding.UTF8.GetBytes(publicKey), Encoding.ASCII.GetBytes(confused)))}",
            $"{parts[0]}.{Encoded(claims.Replace("\"a\"", "\"b\""))}.{parts[2]}", Signed($"{parts[0]}.{parts[1]}"),
            $"{parts[0]}.{parts[1]}.", $"{parts[0]}.{parts[1]}", $"{parts[0]}..", $"{parts[0]}.", parts[0], token[..^1],
            token + "A", token + ".", token + "=", $"{token}.{parts[2]}", token.ToUpperInvariant(), "", ".", "..",
            "....", $"{parts[0]}.!.!", $"!.{parts[1]}.{parts[2]}", new string('a', 20_000), new string('.', 5000));
        using var right = await PushAsync(registry, token);
        Assert.Equal(HttpStatusCode.Accepted, right.StatusCode);
    }

    [Fact]
    public async Task A_token_for_another_registry_or_of_another_issuer_is_worth_nothing_here()
    {
        await using var registry = await StartAsync(AnonymousAccess.None, others: ["other"]);
        var elsewhere = await TokenAsync(registry, Basic("ann", Password), "repository:a:push&service=other");
        Assert.Contains("\"aud\":\"other\"", Decoded(elsewhere.Split('.')[1]), StringComparison.Ordinal);
        var unknown = await TokenAsync(registry, Basic("ann", Password), "repository:a:push&service=unknown");
        var issuer = new AccessTokens(
            registry.Services.GetRequiredService<TokenKeys>(), new AuthSettings { Issuer = "somebody" },
            TimeProvider.System);
        var ann = Caller.WithPassword("ann");
        var foreign = await issuer.IssueAsync(
            ann, "berth", [AccessScope.Parse("repository:a:push")!], TimeProvider.System.GetUtcNow(), Stop);
        await IsRefusedAsync(registry, elsewhere, foreign.Text);
        using var right = await PushAsync(registry, unknown);
        Assert.Equal(HttpStatusCode.Accepted, right.StatusCode);
    }

    [Fact]
    public async Task A_token_expires_on_time_even_if_it_was_seen_before()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var (keys, clock) = (registry.Services.GetRequiredService<TokenKeys>(), new SetClock());
        var tokens = new AccessTokens(keys, new AuthSettings(), clock);
        var ann = Caller.WithPassword("ann");
        var token = (await tokens.IssueAsync(ann, "berth", [], clock.GetUtcNow(), Stop)).Text;
        Assert.Equal("ann", (await tokens.FindAsync(token, TimeSpan.Zero, Stop))!.Name);
        clock.Advance(TimeSpan.FromMinutes(4));
        Assert.NotNull(await tokens.FindAsync(token, TimeSpan.Zero, Stop));

        // Setting the clock back does not extend it.
        clock.SetBack(TimeSpan.FromDays(1));
        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Null(await tokens.FindAsync(token, TimeSpan.Zero, Stop));
        Assert.NotNull(await tokens.FindAsync(token, TimeSpan.FromMinutes(2), Stop));

        var issuer = registry.Services.GetRequiredService<AccessTokens>();
        var yesterday = TimeProvider.System.GetUtcNow() - TimeSpan.FromDays(1);
        AccessScope[] scopes = [AccessScope.Parse("repository:a:push")!];
        await IsRefusedAsync(registry, (await issuer.IssueAsync(ann, "berth", scopes, yesterday, Stop)).Text);
        using var fresh = await PushAsync(
            registry, (await issuer.IssueAsync(ann, "berth", scopes, TimeProvider.System.GetUtcNow(), Stop)).Text);
        Assert.Equal(HttpStatusCode.Accepted, fresh.StatusCode);
    }

    [Fact]
    public async Task A_new_key_is_published_before_it_signs_and_an_old_one_is_kept_until_its_tokens_are_over()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var database = registry.Services.GetRequiredService<Database>();
        var clock = new SetClock();
        TokenKeys Node() => new(database, TimeSpan.FromDays(90), TimeSpan.FromMinutes(5), clock);
        using var node = Node();
        var first = (await node.AllAsync(Stop))[0];
        clock.Advance(TimeSpan.FromDays(91));
        var rotated = await node.AllAsync(Stop);
        Assert.Equal(2, rotated.Count);
        Assert.Equal(first.Id, rotated[0].Id);
        using var other = Node();
        Assert.Equal(rotated.Select(k => k.Id), (await other.AllAsync(Stop)).Select(k => k.Id));
        clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(rotated[1].Id, (await node.AllAsync(Stop))[0].Id);
        Assert.NotNull(await node.FindAsync(first.Id, Stop));
        clock.Advance(TimeSpan.FromDays(91));
        Assert.Equal(2, (await node.AllAsync(Stop)).Count);
        Assert.Null(await node.FindAsync(first.Id, Stop));
    }

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
        await using var first = await StartAsync(AnonymousAccess.None, database: TestEngines.SettingsOf(database));
        await using var second = await StartAsync(AnonymousAccess.None, database: TestEngines.SettingsOf(database));
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

    private async Task<RegistryFixture> StartAsync(
        AnonymousAccess anonymous = AnonymousAccess.Pull, TimeSpan? lifetime = null, DatabaseSettings? database = null,
        Func<HttpSettings, HttpSettings>? http = null, string[]? others = null)
    {
        var path = Path.Combine(folder, "users");
        await File.WriteAllTextAsync(
            path, $"ann:{BCrypt.Net.BCrypt.HashPassword(Password, workFactor: 4)}\n", Stop);
        var auth = new AuthSettings
        {
            Anonymous = anonymous,
            Htpasswd = new HtpasswdSettings { Path = path },
            OtherServices = others ?? [],
        };
        if (lifetime is { } set) auth = auth with { TokenLifetime = set };
        return await RegistryFixture.StartAsync(s => s with
        {
            Auth = auth,
            Database = database ?? s.Database,
            Http = http?.Invoke(s.Http) ?? s.Http,
        });
    }

    private static string ChallengeOf(RegistryFixture registry) =>
        $"Bearer realm=\"{registry.BaseAddress}token\",service=\"berth\"";

    private static async Task<string> TokenAsync(
        RegistryFixture registry, string? authorization, params IEnumerable<string> scopes)
    {
        // A scope may be followed by more of the query.
        var query = string.Concat(scopes.Select(s => s.Split('&')).Select(
            s => string.Join('&', s[1..].Prepend("&scope=" + Uri.EscapeDataString(s[0])))));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"token?client_id=test{query}");
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (string)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop))!["token"]!;
    }

    private static async Task<HttpResponseMessage> PushAsync(RegistryFixture registry, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "v2/a/blobs/uploads/");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await registry.Client.SendAsync(request, Stop);
    }

    private static async Task IsRefusedAsync(RegistryFixture registry, params IEnumerable<string> tokens)
    {
        foreach (var token in tokens)
        {
            using var answer = await PushAsync(registry, token);
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{answer.StatusCode} for {token}");
        }
    }

    private static string Decoded(string part) => Encoding.UTF8.GetString(Base64Url.DecodeFromChars(part));

    private static string Encoded(string text) => Encoded(Encoding.UTF8.GetBytes(text));

    private static string Encoded(byte[] bytes) => Base64Url.EncodeToString(bytes);

    private static string Basic(string user, string password) =>
        "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
}
