using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Distribution;
using Berth.Tests.Identity;
using Berth.Tests.Servers;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Cluster;

/// <summary>Rights that change on one of three nodes, which share a PostgreSQL database and a bucket.</summary>
[Inside]
public sealed class SharedRightsTests : IAsyncLifetime
{
    private static readonly TimeSpan Stated = TimeSpan.FromSeconds(1.1);

    private readonly List<RegistryFixture> nodes = [];
    private PostgresDatabase database = null!;
    private StoreBucket bucket = null!;
    private TestIssuer issuer = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await PostgresServer.CreateDatabaseAsync();
        bucket = await TestEngines.CreateBucketAsync(TestEngines.Store ?? "s3");
        issuer = await TestIssuer.StartAsync();
        var trusted = new KeylessIssuerSettings { Name = "ci", Url = issuer.Url, Audience = [TestIssuer.Audience] };
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
        await issuer.DisposeAsync();
        await bucket.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task A_grant_that_is_taken_away_on_one_node_is_gone_on_the_others_within_a_second()
    {
        var accounts = new AccountsOf(nodes[0]);
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        await accounts.GrantAsync(ann, "team/**", "pull,push");
        await Task.Delay(Stated, Stop);
        var bearer = await accounts.BearerAsync(Basic("ann", "of green gables"), "repository:team/a:pull,push");
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
        await accounts.AddUserAsync("ann", "of green gables");
        var bearer = await accounts.BearerAsync(Basic("ann", "of green gables"), "repository:ann/a:pull,push");
        var upload = await PostAsync(nodes[0], bearer, 202, "ann/a");
        foreach (var node in nodes) upload = await PatchAsync(node, bearer, upload, 202);
        await accounts.SetAsync("ann", account => account with { IsDisabled = true });
        await Task.Delay(Stated, Stop);
        foreach (var node in nodes) await PatchAsync(node, bearer, upload, 401);
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
}
