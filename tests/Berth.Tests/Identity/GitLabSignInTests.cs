using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Web;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.AspNetCore.Http;

namespace Berth.Tests.Identity;

/// <summary>Sign-in at a GitLab of the tests' own: its documents, paths and claims are those of GitLab 17.</summary>
[Inside]
public sealed class GitLabSignInTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Accounts]
    [Fact]
    public async Task A_user_of_GitLab_has_its_groups_with_their_full_path()
    {
        await using var server = await TestIssuer.StartAsync();
        var lab = new Lab(server);
        server.Misbehaviour = lab.AnswerAsync;
        await using var registry = await StartAsync(server.Url);
        using var browser = new TestBrowser(registry);
        var sent = await BeginAsync(browser, lab);
        Assert.Equal(("code", "openid profile email", "S256"),
            (sent["response_type"], sent["scope"], sent["code_challenge_method"]));
        Assert.Equal($"{registry.BaseAddress}auth/gitlab/callback", sent["redirect_uri"]);
        using var answer = await browser.GetAsync($"auth/gitlab/callback?code=good&state={sent["state"]}");
        Assert.True(answer.StatusCode == HttpStatusCode.SeeOther, string.Join('\n', registry.Log));
        Assert.Equal("tanuki", await browser.WhoAsync());
        using var me = await browser.GetAsync("api/v1/me");
        var json = await me.Content.ReadFromJsonAsync<JsonElement>(Stop);
        Assert.Equal("Tanuki Raccoon", json.GetProperty("fullName").GetString());
        Assert.Equal("tanuki@example.org", json.GetProperty("email").GetString());
        Assert.Equal(
            ["acme", "acme/backend/release"],
            json.GetProperty("groups").EnumerateArray().Select(group => group.GetString()));
    }

    [Theory]
    [InlineData("bad", null)]
    [InlineData("", null)]
    [InlineData("good", "acme/frontend")]
    public async Task Nobody_is_signed_in_by_a_wrong_code_or_without_the_required_group(string code, string? required)
    {
        await using var server = await TestIssuer.StartAsync();
        var lab = new Lab(server);
        server.Misbehaviour = lab.AnswerAsync;
        await using var registry = await StartAsync(server.Url, required);
        using var browser = new TestBrowser(registry);
        var state = (await BeginAsync(browser, lab))["state"];
        await OpenIdSignInTests.AssertRefusedAsync(
            browser, new Uri(registry.BaseAddress, $"auth/gitlab/callback?code={code}&state={state}"),
            HttpStatusCode.Forbidden);
    }

    private static Task<RegistryFixture> StartAsync(string url, string? required = null) =>
        AccountsOf.StartAsync(auth => auth with
        {
            Oidc =
            [
                new OpenIdSettings
                {
                    Name = "gitlab", Kind = OpenIdKind.GitLab, Issuer = url, ClientId = "id", ClientSecret = "secret",
                    RequiredGroup = required,
                },
            ],
        });

    internal static async Task<Dictionary<string, string>> BeginAsync(TestBrowser browser, Lab lab)
    {
        using var answer = await browser.GetAsync("auth/gitlab/start");
        Assert.EndsWith("/oauth/authorize", answer.Headers.Location!.AbsolutePath);
        var query = HttpUtility.ParseQueryString(answer.Headers.Location.Query);
        lab.Nonce = query["nonce"];
        return query.AllKeys.ToDictionary(key => key!, key => query[key]!);
    }

    /// <summary>
    /// As GitLab answers: the ID token has only the groups that somebody is in directly, under another name, and
    /// userinfo has all of them.
    /// </summary>
    internal sealed class Lab(TestIssuer server)
    {
        public string? Nonce { get; set; }

        public async Task AnswerAsync(HttpContext http)
        {
            http.Response.ContentType = "application/json";
            await http.Response.WriteAsync(http.Request.Path.Value switch
            {
                "/.well-known/openid-configuration" => Document(),
                "/oauth/discovery/keys" => TestIssuer.KeySet(server.Keys),
                "/oauth/token" => Redeem(http),
                "/oauth/userinfo" when http.Request.Headers.Authorization == "Bearer access" =>
                    """
                    {"sub":"42","name":"Tanuki Raccoon","nickname":"Tanuki","preferred_username":"Tanuki",
                     "email":"tanuki@example.org","email_verified":true,"groups":["acme","acme/backend/release"]}
                    """,
                _ => "{}",
            });
        }

        private string Document() => new JsonObject
        {
            ["issuer"] = server.Url,
            ["authorization_endpoint"] = server.Url + "/oauth/authorize",
            ["token_endpoint"] = server.Url + "/oauth/token",
            ["userinfo_endpoint"] = server.Url + "/oauth/userinfo",
            ["jwks_uri"] = server.Url + "/oauth/discovery/keys",
            ["response_types_supported"] = new JsonArray("code"),
            ["subject_types_supported"] = new JsonArray("public"),
            ["id_token_signing_alg_values_supported"] = new JsonArray("RS256"),
            ["token_endpoint_auth_methods_supported"] = new JsonArray("client_secret_basic", "client_secret_post"),
        }.ToJsonString();

        private string Redeem(HttpContext http)
        {
            var form = http.Request.Form;
            var isGood = form["code"] == "good" && form["code_verifier"].ToString().Length == 43
                && http.Request.Headers.Authorization
                    == "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("id:secret"));
            if (!isGood)
            {
                http.Response.StatusCode = StatusCodes.Status400BadRequest;
                return """{"error":"invalid_grant","error_description":"The authorization grant is invalid."}""";
            }

            var token = TestIssuer.Token(server.Claims(
                TimeProvider.System, ("sub", "42"), ("aud", "id"), ("nonce", Nonce),
                ("groups_direct", new JsonArray("acme/backend/release"))));
            return new JsonObject
            {
                ["access_token"] = "access",
                ["token_type"] = "Bearer",
                ["id_token"] = token,
            }.ToJsonString();
        }
    }
}
