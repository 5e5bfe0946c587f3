using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Identity.SecondFactorRegistry;

namespace Berth.Tests.Identity;

/// <summary>
/// A database that fails while somebody signs in: nothing is half done, and the same works afterwards.
/// </summary>
[Inside]
public sealed class FailingDatabaseTests(FailingDatabaseTests.Broken broken)
    : IClassFixture<FailingDatabaseTests.Broken>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_recovery_code_is_not_spent_without_a_sign_in()
    {
        var user = await broken.Factors.UserAsync();
        using var browser = await broken.Factors.SignInAsync(user);
        var (secret, recovery) = await broken.Factors.AddAppAsync(browser);
        using var other = new TestBrowser(broken.Factors.Registry);
        var (_, step) = await PostAsync(other, "auth/password", new { name = user, password = Password });
        var ticket = step.GetProperty("ticket").GetString();
        var code = broken.Factors.CodeOf(secret);
        await broken.WithoutSessionsAsync(async () =>
        {
            // More often than somebody may type a wrong code: whoever could not be answered guessed nothing.
            for (var i = 0; i < 6; i++) Assert.NotEqual(200, await TryAsync(i % 2 == 0 ? recovery[0] : code));
        });
        Assert.Equal(200, await TryAsync(code));
        Assert.Equal(200, await TryAsync(recovery[0]));
        Assert.Equal(401, await TryAsync(recovery[0]));
        using var left = await browser.GetAsync("api/v1/me/second-factors");
        Assert.Contains("\"recoveryCodesLeft\":9", await left.Content.ReadAsStringAsync(Stop));

        async Task<int> TryAsync(string typed) =>
            (await PostAsync(other, "auth/second-factor", new { ticket, code = typed })).Status;
    }

    [Fact]
    public async Task An_invitation_is_not_used_up_without_a_sign_in()
    {
        using var admin = await broken.Factors.SignInAsync("admin");
        var (_, made) = await PostAsync(admin, "api/v1/invitations", new { });
        var path = new Uri(made.GetProperty("url").GetString()!).AbsolutePath;
        var name = $"i{Guid.NewGuid():N}"[..20];
        using var browser = new TestBrowser(broken.Factors.Registry);
        await broken.WithoutSessionsAsync(async () =>
            Assert.NotEqual(200, (await PostAsync(browser, path, new { name, password = Password })).Status));
        Assert.Equal(401, await broken.Factors.AskAsync(name, HttpMethod.Get, "me"));
        Assert.Equal(200, (await PostAsync(browser, path, new { name, password = Password })).Status);
        Assert.Equal(name, await browser.WhoAsync());
    }

    [Fact]
    [Once]
    public async Task While_the_database_is_locked_known_callers_go_on_and_others_are_told_to_come_again()
    {
        if (TestEngines.IsPostgres) return;
        var registry = broken.Factors.Registry;
        var user = await broken.Factors.UserAsync();
        using var admin = await broken.Factors.SignInAsync("admin");
        Assert.Equal(200, await broken.Factors.AskAsync(user, HttpMethod.Get, "me"));

        // The first token of all makes the key.
        using var first = await GetTokenAsync(user, "token?service=berth");
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        using (var locked = new SqliteConnection($"Data Source={registry.DataFolder}/berth.db;Pooling=False"))
        {
            locked.Open();
            using var begin = locked.CreateCommand();
            begin.CommandText = "BEGIN IMMEDIATE";
            begin.ExecuteNonQuery();
            using var browser = new TestBrowser(registry);
            var all = new[]
            {
                PostAsync(browser, "auth/password", new { name = user, password = Password }),
                PostAsync(admin, "api/v1/me/tokens", new { name = "late" }),
                PostAsync(admin, "api/v1/invitations", new { }),
                PostAsync(browser, "auth/register", new { name = $"l{user}", password = Password }),
            };
            using var device = new FormUrlEncodedContent([new("name", "x")]);
            var asked = registry.Client.PostAsync("auth/device", device, Stop);
            var offline = GetTokenAsync(user, "token?service=berth&offline_token=true");

            // They only read, and what they read is known.
            Assert.Equal(200, await broken.Factors.AskAsync(user, HttpMethod.Get, "me"));
            using var token = await GetTokenAsync(user, "token?service=berth&scope=repository:a/b:pull");
            Assert.Equal(HttpStatusCode.OK, token.StatusCode);
            Assert.Equal("admin", await admin.WhoAsync());

            foreach (var each in all)
            {
                var (status, json) = await each;
                Assert.Equal(503, status);
                Assert.Contains("nothing was changed", json.GetProperty("detail").GetString());
            }

            foreach (var each in new[] { asked, offline })
            {
                using var answer = await each;
                Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
                Assert.NotNull(answer.Headers.RetryAfter);
            }
        }

        Assert.Equal(401, await broken.Factors.AskAsync($"l{user}", HttpMethod.Get, "me"));
        using var tokens = await admin.GetAsync("api/v1/me/tokens");
        Assert.DoesNotContain("late", await tokens.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        using var again = await broken.Factors.SignInAsync(user);
    }

    private async Task<HttpResponseMessage> GetTokenAsync(string user, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{Password}")));
        return await broken.Factors.Registry.Client.SendAsync(request, Stop);
    }

    /// <summary>A registry whose sessions can be made to fail.</summary>
    public sealed class Broken : IAsyncLifetime
    {
        internal SecondFactorRegistry Factors { get; } = new();

        public ValueTask InitializeAsync() => Factors.InitializeAsync();

        public ValueTask DisposeAsync() => Factors.DisposeAsync();

        /// <summary>Fails what is written last in a sign-in, as a disk can that has just become full.</summary>
        internal async Task WithoutSessionsAsync(Func<Task> act)
        {
            await RunAsync("ALTER TABLE session RENAME TO session_away");
            try
            {
                await act();
            }
            finally
            {
                await RunAsync("ALTER TABLE session_away RENAME TO session");
            }
        }

        private async Task RunAsync(string sql)
        {
            var database = Factors.Registry.Services.GetRequiredService<Database>();
            await database.WriteAsync(session => session.RunAsync(sql), isDurable: false, Stop);
        }
    }
}
