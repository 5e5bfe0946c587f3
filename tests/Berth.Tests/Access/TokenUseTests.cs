using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>What the registry keeps of passwords and tokens.</summary>
[Accounts]
[Inside]
public sealed class TokenUseTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lists_show_when_a_personal_token_and_a_robots_were_last_used_and_from_where()
    {
        var clock = new SteppingClock();
        await using var registry = await StartAsync(4, clock);
        var (token, robot) = (
            await AddAsync("users/admin/tokens", """{"name":"laptop"}"""),
            await AddAsync("robots", """{"name":"robot.ci","grants":[{"names":"**","actions":["pull"]}]}"""));
        Assert.Null(await UseAsync("users/admin/tokens", "usedAt"));
        Assert.Null(await UseAsync("robots/robot.ci", "usedAt"));
        foreach (var _ in Enumerable.Range(0, 2))
        {
            clock.Advance(TimeSpan.FromHours(1));
            var at = clock.GetUtcNow();
            Assert.Equal(200, await PullAsync("admin", token));
            Assert.Equal(200, await PullAsync("robot.ci", robot));

            // They are written once a minute.
            await Eventually.TrueAsync(async () =>
            {
                clock.Advance(TimeSpan.FromSeconds(61));
                return await UseAsync("users/admin/tokens", "usedAt") == at
                    && await UseAsync("robots/robot.ci", "usedAt") == at;
            });
        }

        var list = await AskAsync(HttpMethod.Get, "users/admin/tokens", null);
        Assert.Contains("\"usedFrom\":\"127.0.0.1\"", list, StringComparison.Ordinal);

        async Task<string> AddAsync(string path, string body) =>
            (string)JsonNode.Parse(await AskAsync(HttpMethod.Post, path, body))!["secret"]!;

        async Task<int> PullAsync(string user, string secret)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
            request.Headers.Authorization = AuthenticationHeaderValue.Parse(Basic(user, secret));
            using var answer = await registry.Client.SendAsync(request, Stop);
            return (int)answer.StatusCode;
        }

        async Task<DateTimeOffset?> UseAsync(string path, string member)
        {
            var json = JsonNode.Parse(await AskAsync(HttpMethod.Get, path, null))!;
            var token = (json["items"] ?? json["secrets"] ?? json["tokens"])!.AsArray().Single()!;
            return (DateTimeOffset?)token[member];
        }

        async Task<string> AskAsync(HttpMethod method, string path, string? body)
        {
            using var request = new HttpRequestMessage(method, "api/v1/" + path);
            request.Headers.Authorization = AuthenticationHeaderValue.Parse(Basic("admin", AdminPassword));
            if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await registry.Client.SendAsync(request, Stop);
            var text = await answer.Content.ReadAsStringAsync(Stop);
            Assert.True(answer.IsSuccessStatusCode, text);
            return text;
        }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public async Task Passwords_are_kept_as_bcrypt_of_the_cost_that_the_settings_say(int cost)
    {
        await using var registry = await StartAsync(cost);
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/users");
        request.Content = new StringContent(
            """{"name":"ann","password":"of green gables"}""", Encoding.UTF8, "application/json");
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(Basic("admin", AdminPassword));
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(201, (int)answer.StatusCode);
        foreach (var name in new[] { "admin", "ann" })
        {
            var account = await registry.Services.GetRequiredService<Database>().ReadAsync(
                session => AccountTable.FindAsync(session, name), Stop);
            Assert.Matches($@"^\$2[aby]\$0{cost}\$[./A-Za-z0-9]{{53}}$", account!.PasswordHash);
        }
    }

    private static Task<RegistryFixture> StartAsync(int cost, TimeProvider? clock = null) => RegistryFixture.StartAsync(
        s => s with
        {
            Auth = new AuthSettings
            {
                Local = new LocalSettings { Enabled = true, AdminPassword = AdminPassword, BcryptCost = cost },
            },
        },
        clock);
}
