using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Distribution;
using Berth.Tests.Identity;
using Berth.Tests.Servers;
using static Berth.Tests.Access.AccountsOf;
using TokenKinds = Berth.Metadata.TokenKinds;

namespace Berth.Tests.Cluster;

/// <summary>Three nodes with accounts, which share a PostgreSQL database and a bucket.</summary>
public sealed class SharedRights : IAsyncLifetime
{
    private readonly List<RegistryFixture> nodes = [];
    private PostgresDatabase database = null!;
    private StoreBucket bucket = null!;

    internal IReadOnlyList<RegistryFixture> Nodes => nodes;

    /// <summary>An issuer whose tokens the nodes accept, as far as rules in the database say so.</summary>
    internal TestIssuer Issuer { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        database = await PostgresServer.CreateDatabaseAsync();
        bucket = await TestEngines.CreateBucketAsync(TestEngines.Store ?? "s3");
        Issuer = await TestIssuer.StartAsync();
        var trusted = new KeylessIssuerSettings { Name = "ci", Url = Issuer.Url, Audience = [TestIssuer.Audience] };
        for (var i = 0; i < 3; i++)
        {
            nodes.Add(await StartAsync(
                auth => auth with { Keyless = new KeylessSettings { Issuers = [trusted] } },
                s => s with
                {
                    Database = TestEngines.SettingsOf(database),
                    Storage = bucket.In(s.Storage) with { Redirect = new RedirectSettings { Disable = true } },
                }));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes) await node.DisposeAsync();
        await Issuer.DisposeAsync();
        await bucket.DisposeAsync();
        await database.DisposeAsync();
    }
}

/// <summary>Rights that change on one of three nodes.</summary>
[Inside]
public sealed class SharedRightsTests(SharedRights shared) : IClassFixture<SharedRights>
{
    private const string Password = "of green gables";

    private static readonly TimeSpan Stated = TimeSpan.FromSeconds(1.1);

    private readonly IReadOnlyList<RegistryFixture> nodes = shared.Nodes;
    private readonly TestIssuer issuer = shared.Issuer;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_grant_that_is_taken_away_on_one_node_is_gone_on_the_others_within_a_second()
    {
        var accounts = new AccountsOf(nodes[0]);
        var ann = await accounts.AddUserAsync("ann", Password);
        await accounts.GrantAsync(ann, "team/**", "pull,push");
        await Task.Delay(Stated, Stop);
        var bearer = await accounts.BearerAsync(Basic("ann", Password), "repository:team/a:pull,push");
        foreach (var node in nodes) await PostAsync(node, bearer, 202);
        await accounts.RevokeAllAsync(ann);
        await PostAsync(nodes[0], bearer, 403);
        await Task.Delay(Stated, Stop);
        foreach (var node in nodes) await PostAsync(node, bearer, 403);

        // On a node that has just given out a token, too.
        await new AccountsOf(nodes[1]).GrantAsync(ann, "team/**", "pull,push");
        await PostAsync(nodes[1], bearer, 202);
        await Task.Delay(Stated, Stop);
        foreach (var node in nodes) await PostAsync(node, bearer, 202);
    }

    [Fact]
    public async Task A_user_who_is_disabled_on_one_node_is_out_of_the_others_within_a_second_amid_an_upload()
    {
        var accounts = new AccountsOf(nodes[0]);
        await accounts.AddUserAsync("bob", Password);
        var bearer = await accounts.BearerAsync(Basic("bob", Password), "repository:bob/a:pull,push");
        var upload = await PostAsync(nodes[0], bearer, 202, "bob/a");
        foreach (var node in nodes) upload = await PatchAsync(node, bearer, upload, 202);
        await accounts.SetAsync("bob", account => account with { IsDisabled = true });
        await Task.Delay(Stated, Stop);
        foreach (var node in nodes) await PatchAsync(node, bearer, upload, 401);
    }

    [Fact]
    public async Task What_somebody_signs_in_with_is_worth_nothing_on_any_node_a_second_after_it_is_taken_away()
    {
        var accounts = new AccountsOf(nodes[0]);
        var all = new List<Credentials>
        {
            await OfPersonalTokenAsync(accounts), await OfRobotAsync(accounts), await OfRefreshTokenAsync(accounts),
            await OfPasswordAsync(accounts), await OfSessionAsync(accounts), await OfAccountThatExpiresAsync(accounts),
        };
        foreach (var one in all) await one.CheckAsync(nodes, 200);
        foreach (var one in all) await one.TakeAsync();
        foreach (var one in all) await one.CheckAsync([nodes[0]], 401);
        await Task.Delay(Stated, Stop);
        foreach (var one in all) await one.CheckAsync(nodes, 401);
        foreach (var node in nodes) Assert.Equal(200, await PingAsync(node, Basic("typist", "of blue gables")));
    }

    [Fact]
    public async Task A_keyless_rule_that_is_made_or_changed_on_one_node_holds_on_the_others_within_a_second()
    {
        var token = Basic("ci", TestIssuer.Token(issuer.Claims(TimeProvider.System, ("repository", "team/app"))));
        foreach (var node in nodes) await PostAsync(node, token, 401);
        var id = await SendAsync(nodes[0], HttpMethod.Post, "", "pull", "push");
        await PostAsync(nodes[0], token, 202);
        await Task.Delay(Stated, Stop);
        foreach (var node in nodes) await PostAsync(node, token, 202);

        await SendAsync(nodes[1], HttpMethod.Put, id, "pull");
        await PostAsync(nodes[1], token, 403);
        await Task.Delay(Stated, Stop);
        foreach (var node in nodes) await PostAsync(node, token, 403);

        await SendAsync(nodes[2], HttpMethod.Delete, id);
        await PostAsync(nodes[2], token, 401);
        await Task.Delay(Stated, Stop);
        foreach (var node in nodes) await PostAsync(node, token, 401);
    }

    /// <returns>The rule's number.</returns>
    private static async Task<string> SendAsync(
        RegistryFixture node, HttpMethod method, string id, params string[] actions)
    {
        using var request = new HttpRequestMessage(method, $"api/v1/keyless-rules/{id}".TrimEnd('/'));
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(Basic("admin", AdminPassword));
        var rule = new Dictionary<string, object>
        {
            ["issuer"] = "ci",
            ["if"] = "repository == \"team/*\"",
            ["actions"] = actions,
            ["names"] = new[] { "team/**" },
        };
        if (actions.Length > 0) request.Content = JsonContent.Create(rule);
        using var answer = await node.Client.SendAsync(request, Stop);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.True(answer.IsSuccessStatusCode, text);
        return text.Length > 0 ? JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()! : id;
    }

    /// <returns>Where an upload that was begun is.</returns>
    private static async Task<string> PostAsync(
        RegistryFixture node, string bearer, int status, string repository = "team/a")
    {
        var script = new Script(node) { ["ann"] = bearer };
        var captured = status == 202 ? "\n Location: {upload}" : "";
        await script.PlayAsync($"POST /v2/{repository}/blobs/uploads/\n Authorization: {{ann}}\n {status}{captured}");
        return status == 202 ? script["upload"] : "";
    }

    private static async Task<string> PatchAsync(RegistryFixture node, string bearer, string upload, int status)
    {
        var script = new Script(node) { ["ann"] = bearer, ["upload"] = upload };
        var captured = status == 202 ? "\n Location: {next}" : "";
        await script.PlayAsync($"PATCH {{upload}}\n Authorization: {{ann}}\n > more\n {status}{captured}");
        return status == 202 ? script["next"] : "";
    }

    private static async Task<Credentials> OfPersonalTokenAsync(AccountsOf accounts)
    {
        var (id, secret) = await accounts.AddTokenAsync(await accounts.AddUserAsync("laptop", Password));
        var own = Basic("laptop", secret);
        var bearer = await accounts.BearerAsync(own, "repository:laptop/a:pull");
        return new Credentials(
            "a personal token", [node => PingAsync(node, own), node => PingAsync(node, bearer)],
            () => accounts.RevokeAsync(id));
    }

    private async Task<Credentials> OfRobotAsync(AccountsOf accounts)
    {
        var (_, secret) = await accounts.AddTokenAsync(await accounts.AddRobotAsync("robot.ci"), TokenKinds.Robot);
        var own = Basic("robot.ci", secret);
        var bearer = await accounts.BearerAsync(own, "repository:team/a:pull");
        return new Credentials(
            "a robot's secret", [node => PingAsync(node, own), node => PingAsync(node, bearer)],
            () => ChangeAsync(HttpMethod.Post, "robots/robot.ci/rotate", Basic("admin", AdminPassword), "{}"));
    }

    private async Task<Credentials> OfRefreshTokenAsync(AccountsOf accounts)
    {
        await accounts.AddUserAsync("docker", Password);
        var (_, body) = await AskAsync(
            nodes[0], HttpMethod.Get, "token?service=berth&client_id=docker&offline_token=true",
            Basic("docker", Password));
        var secret = JsonDocument.Parse(body).RootElement.GetProperty("refresh_token").GetString()!;
        var (_, issued) = await RefreshAsync(nodes[0], secret);
        var bearer = "Bearer " + JsonDocument.Parse(issued).RootElement.GetProperty("access_token").GetString();
        return new Credentials(
            "a refresh token",
            [async node => (await RefreshAsync(node, secret)).Status, node => PingAsync(node, bearer)],
            () => ChangeAsync(HttpMethod.Delete, "me/sessions", Basic("docker", Password)));
    }

    private async Task<Credentials> OfPasswordAsync(AccountsOf accounts)
    {
        await accounts.AddUserAsync("typist", Password);
        return new Credentials(
            "a password", [node => PingAsync(node, Basic("typist", Password))],
            () => ChangeAsync(
                HttpMethod.Put, "me/password", Basic("typist", Password),
                $$"""{"current":"{{Password}}","new":"of blue gables"}"""));
    }

    private async Task<Credentials> OfSessionAsync(AccountsOf accounts)
    {
        await accounts.AddUserAsync("surfer", Password);
        using var content = JsonContent.Create(new { name = "surfer", password = Password });
        using var answer = await nodes[0].Client.PostAsync("auth/password", content, Stop);
        var cookie = answer.Headers.GetValues("Set-Cookie").Single(c => c.StartsWith("berth_session=")).Split(';')[0];
        return new Credentials(
            "a browser", [async node => (await AskAsync(node, HttpMethod.Get, "api/v1/me", cookie: cookie)).Status],
            () => ChangeAsync(HttpMethod.Delete, "me/sessions", Basic("surfer", Password)));
    }

    private static async Task<Credentials> OfAccountThatExpiresAsync(AccountsOf accounts)
    {
        await accounts.AddUserAsync("guest", Password);
        var bearer = await accounts.BearerAsync(Basic("guest", Password), "repository:guest/a:pull");
        return new Credentials(
            "an account that expires",
            [node => PingAsync(node, Basic("guest", Password)), node => PingAsync(node, bearer)],
            () => accounts.SetAsync(
                "guest", account => account with { ExpiresAt = TimeProvider.System.GetUtcNow() }));
    }

    private static async Task<int> PingAsync(RegistryFixture node, string authorization) =>
        (await AskAsync(node, HttpMethod.Get, "v2/", authorization)).Status;

    private static Task<(int Status, string Body)> RefreshAsync(RegistryFixture node, string secret) => AskAsync(
        node, HttpMethod.Post, "token", content: new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "refresh_token",
            ["service"] = "berth",
            ["client_id"] = "docker",
            ["refresh_token"] = secret,
        }));

    /// <summary>Changes something by the API of the first node.</summary>
    private async Task ChangeAsync(HttpMethod method, string path, string authorization, string? json = null)
    {
        var content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json");
        var (status, body) = await AskAsync(nodes[0], method, "api/v1/" + path, authorization, content: content);
        Assert.True(status is >= 200 and < 300, $"{method} {path}: {status} {body}");
    }

    private static async Task<(int Status, string Body)> AskAsync(
        RegistryFixture node, HttpMethod method, string path, string? authorization = null, string? cookie = null,
        HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        if (cookie is not null) request.Headers.TryAddWithoutValidation("Cookie", cookie);
        using var answer = await node.Client.SendAsync(request, Stop);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Stop));
    }

    /// <summary>What somebody signs in with.</summary>
    /// <param name="What">What it is.</param>
    /// <param name="Uses">Requests with it, which answer a status.</param>
    /// <param name="TakeAsync">Takes it away, on the first node.</param>
    private sealed record Credentials(
        string What, IReadOnlyList<Func<RegistryFixture, Task<int>>> Uses, Func<Task> TakeAsync)
    {
        public async Task CheckAsync(IReadOnlyList<RegistryFixture> nodes, int status)
        {
            foreach (var (number, node) in nodes.Index())
            {
                foreach (var (way, use) in Uses.Index())
                {
                    var found = await use(node);
                    Assert.True(found == status, $"{What}, use {way} on node {number}: {found} instead of {status}");
                }
            }
        }
    }
}
