using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Web;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.AspNetCore.Http;

namespace Berth.Tests.Identity;

/// <summary>Sign-in at a GitHub of the tests' own.</summary>
[Inside]
public sealed class GitHubSignInTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Accounts]
    [Fact]
    public async Task A_user_of_GitHub_has_its_organizations_and_teams_as_groups()
    {
        await using var server = await TestIssuer.StartAsync();
        var hub = new Hub();
        server.Misbehaviour = hub.AnswerAsync;
        await using var registry = await StartAsync(server.Url);
        using var browser = new TestBrowser(registry);
        var sent = await BeginAsync(browser);
        Assert.Equal("read:user user:email read:org", sent["scope"]);
        using var answer = await browser.GetAsync($"auth/github/callback?code=good&state={sent["state"]}");
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal("mona-lisa", await browser.WhoAsync());
        using var me = await browser.GetAsync("api/v1/me");
        var json = await me.Content.ReadFromJsonAsync<JsonElement>(Stop);
        Assert.Equal("mona@example.org", json.GetProperty("email").GetString());
        var groups = json.GetProperty("groups").EnumerateArray().Select(group => group.GetString()).ToList();
        Assert.Equal(1 + hub.Organizations.Count, groups.Count);
        Assert.Contains("org-1/release-crew", groups);
        Assert.Contains("org-130", groups);
        Assert.All(hub.Asked, request => Assert.Equal("Bearer gho_token", request.Authorization));
        Assert.All(hub.Asked, request => Assert.Equal("berth", request.Agent));
    }

    [Theory]
    [InlineData("bad")]
    [InlineData("")]
    public async Task A_code_that_GitHub_does_not_know_signs_nobody_in(string code)
    {
        await using var server = await TestIssuer.StartAsync();
        server.Misbehaviour = new Hub().AnswerAsync;
        await using var registry = await StartAsync(server.Url);
        using var browser = new TestBrowser(registry);
        var state = (await BeginAsync(browser))["state"];
        await OpenIdSignInTests.AssertRefusedAsync(
            browser, new Uri(registry.BaseAddress, $"auth/github/callback?code={code}&state={state}"),
            HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Only_members_of_the_required_team_sign_in()
    {
        await using var server = await TestIssuer.StartAsync();
        server.Misbehaviour = new Hub().AnswerAsync;
        await using var registry = await StartAsync(server.Url, required: "org-2/release-crew");
        using var browser = new TestBrowser(registry);
        var state = (await BeginAsync(browser))["state"];
        await OpenIdSignInTests.AssertRefusedAsync(
            browser, new Uri(registry.BaseAddress, $"auth/github/callback?code=good&state={state}"),
            HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Only_as_many_sign_ins_as_the_settings_allow_ask_other_systems_at_once()
    {
        await using var server = await TestIssuer.StartAsync();
        var hub = new Hub { Waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        server.Misbehaviour = hub.AnswerAsync;
        await using var registry = await StartAsync(server.Url, concurrent: 2);
        var browsers = Enumerable.Range(0, 3).Select(_ => new TestBrowser(registry)).ToList();
        var running = new List<Task<HttpResponseMessage>>();
        foreach (var browser in browsers[..2]) running.Add(FinishAsync(browser));
        await Eventually.TrueAsync(() => hub.Waiting == 2);
        using (var refused = await FinishAsync(browsers[2]))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(5), refused.Headers.RetryAfter!.Delta);
            Assert.Contains("Too many people", await refused.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        }

        hub.Waits.SetResult();
        foreach (var each in running)
        {
            using var answer = await each;
            Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        }

        using (var later = await FinishAsync(browsers[2])) Assert.Equal(HttpStatusCode.SeeOther, later.StatusCode);
        foreach (var browser in browsers) browser.Dispose();

        async Task<HttpResponseMessage> FinishAsync(TestBrowser browser)
        {
            var state = (await BeginAsync(browser))["state"];
            return await browser.GetAsync($"auth/github/callback?code=good&state={state}");
        }
    }

    private static Task<RegistryFixture> StartAsync(string url, string? required = null, int concurrent = 32) =>
        AccountsOf.StartAsync(auth => auth with
        {
            Sessions = new SessionSettings { ConcurrentSignIns = concurrent },
            Oidc =
            [
                new OpenIdSettings
                {
                    Name = "github", Kind = OpenIdKind.GitHub, Issuer = url, ClientId = "id", ClientSecret = "secret",
                    RequiredGroup = required,
                },
            ],
        });

    internal static async Task<Dictionary<string, string>> BeginAsync(TestBrowser browser)
    {
        using var answer = await browser.GetAsync("auth/github/start");
        Assert.EndsWith("/login/oauth/authorize", answer.Headers.Location!.AbsolutePath);
        var query = HttpUtility.ParseQueryString(answer.Headers.Location.Query);
        return query.AllKeys.ToDictionary(key => key!, key => query[key]!);
    }

    /// <summary>As GitHub answers, where an error has the status 200.</summary>
    internal sealed class Hub
    {
        private int waiting;

        /// <summary>Those of the user: more than a page of the answer has.</summary>
        public IReadOnlyList<string> Organizations { get; init; } =
            [.. Enumerable.Range(1, 130).Select(n => $"org-{n}")];

        public List<(string? Authorization, string? Agent)> Asked { get; } = [];

        /// <summary>What it waits for before it answers; null: nothing.</summary>
        public TaskCompletionSource? Waits { get; init; }

        /// <summary>How many requests have come.</summary>
        public int Waiting => waiting;

        public async Task AnswerAsync(HttpContext http)
        {
            Interlocked.Increment(ref waiting);
            if (Waits is not null) await Waits.Task.WaitAsync(http.RequestAborted);
            if (http.Request.Path == "/login/oauth/access_token")
            {
                var form = http.Request.Form;
                var isGood = form["code"] == "good" && form["client_secret"] == "secret"
                    && form["code_verifier"].ToString().Length == 43
                    && http.Request.Headers.Accept == "application/json";
                await http.Response.WriteAsync(isGood
                    ? """{"access_token":"gho_token","token_type":"bearer","scope":"read:org"}"""
                    : """{"error":"bad_verification_code","error_description":"The code is incorrect."}""");
                return;
            }

            Asked.Add((http.Request.Headers.Authorization, http.Request.Headers.UserAgent));
            var page = int.TryParse(http.Request.Query["page"], out var number) ? number : 1;
            await http.Response.WriteAsync(http.Request.Path.Value switch
            {
                "/api/v3/user" => """{"login":"Mona-Lisa","id":42,"name":"Mona","email":"shown@example.org"}""",
                "/api/v3/user/emails" =>
                    """
                    [{"email":"unverified@example.org","primary":false,"verified":false},
                     {"email":"second@example.org","primary":false,"verified":true},
                     {"email":"mona@example.org","primary":true,"verified":true}]
                    """,
                "/api/v3/user/orgs" => $"[{string.Join(',', Organizations
                    .Skip((page - 1) * 100).Take(100).Select(name => $$"""{"login":"{{name}}"}"""))}]",
                "/api/v3/user/teams" => """[{"slug":"release-crew","organization":{"login":"org-1"}}]""",
                _ => "{}",
            });
        }
    }
}
