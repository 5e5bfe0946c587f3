using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Audit;

/// <summary>Every way to sign in is noted, and none of them floods the log.</summary>
[Accounts]
[Inside]
public sealed class SignInNoteTests
{
    private const string Password = "of green gables";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Credentials_that_come_with_each_request_are_noted_once_an_hour_for_each_token()
    {
        var clock = new SetClock();
        await using var registry = await RegistryFixture.StartAsync(
            s => s with
            {
                Auth = new AuthSettings
                {
                    Local = new LocalSettings { Enabled = true, AdminPassword = AdminPassword, BcryptCost = 4 },
                },
            },
            clock: clock);
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", Password);
        var (first, one) = await accounts.AddTokenAsync(ann);
        var (second, two) = await accounts.AddTokenAsync(ann);
        async Task UseAllAsync()
        {
            foreach (var path in new[] { "v2/", "v2/ann/app/tags/list", "api/v1/me" })
            {
                foreach (var header in new[] { Basic("ann", Password), Basic("ann", one), $"Bearer {two}" })
                {
                    using var answer = await GetAsync(registry, path, header);
                    Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.NotFound);
                }
            }
        }

        string[] once = [$"done ann password ", $"done ann secret {first}", $"done ann secret {second}"];
        await UseAllAsync();
        Assert.Equal(once, await NotedAsync(registry));
        clock.Advance(TimeSpan.FromMinutes(59));
        await UseAllAsync();
        Assert.Equal(once, await NotedAsync(registry));
        clock.Advance(TimeSpan.FromMinutes(2));
        await UseAllAsync();
        Assert.Equal([.. once, .. once], await NotedAsync(registry));
    }

    [Fact]
    public async Task A_refresh_token_is_noted_each_time_and_junk_as_denied()
    {
        await using var registry = await StartAsync();
        await new AccountsOf(registry).AddUserAsync("ann", Password);
        using var signedIn = await GetAsync(
            registry, "token?service=berth&offline_token=true&client_id=docker", Basic("ann", Password));
        var refresh = JsonDocument.Parse(await signedIn.Content.ReadAsStringAsync(Stop)).RootElement
            .GetProperty("refresh_token").GetString()!;
        foreach (var (token, status) in new[] { (refresh, 200), (refresh, 200), ("junk", 401) })
        {
            using var form = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "refresh_token",
                ["refresh_token"] = token,
                ["client_id"] = "docker",
                ["service"] = "berth",
            });
            using var answer = await registry.Client.PostAsync("token", form, Stop);
            Assert.Equal(status, (int)answer.StatusCode);
        }

        using var junk = await GetAsync(registry, "v2/", "Bearer berth_pat_000000aaaaaaaaaaaaaaaaaaaaaaaaaa");
        Assert.Equal(HttpStatusCode.Unauthorized, junk.StatusCode);
        var noted = await NotedAsync(registry);
        Assert.Equal("done ann password ", noted[0]);
        Assert.All(noted[1..3], entry => Assert.Matches("^done ann secret [0-9]+$", entry));
        Assert.Equal(["denied  none ", "denied  none "], noted[3..]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_knows_the_password_of_an_account_that_is_over_is_noted_as_denied(bool isDisabled)
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("ann", Password);
        await accounts.SetAsync("ann", account => account with
        {
            IsDisabled = isDisabled,
            ExpiresAt = isDisabled ? null : TimeProvider.System.GetUtcNow() - TimeSpan.FromMinutes(1),
        });
        foreach (var path in new[] { "v2/", "token", "api/v1/me", "v2/" })
        {
            using var answer = await GetAsync(registry, path, Basic("ann", Password));
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        using var sent = new StringContent(
            $$"""{"name":"ann","password":"{{Password}}"}""", Encoding.UTF8, "application/json");
        using var browser = await registry.Client.PostAsync("auth/password", sent, Stop);
        Assert.Equal(HttpStatusCode.Forbidden, browser.StatusCode);
        Assert.Equal(["denied ann password "], await NotedAsync(registry));
    }

    private static async Task<HttpResponseMessage> GetAsync(RegistryFixture registry, string path, string header)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(header);
        return await registry.Client.SendAsync(request, Stop);
    }

    private static async Task<List<string>> NotedAsync(RegistryFixture registry)
    {
        await registry.Services.GetRequiredService<AuditLog>().WriteWaitingAsync(Stop);
        var entries = await registry.Services.GetRequiredService<Database>().ReadAsync(
            session => AuditTable.ListAsync(session, new AuditFilter(Action: "sign-in"), null, 1000), Stop);
        entries.Reverse();
        return entries.ConvertAll(e => $"{e.Result} {e.Actor} {e.Method} {e.SecretId}");
    }
}
