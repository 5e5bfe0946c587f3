using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.AspNetCore.Http;

namespace Berth.Tests.Identity;

/// <summary>What an OpenID provider, or somebody in its name, may say that must not be believed.</summary>
[Inside]
public sealed class LyingIssuerTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_code_is_redeemed_with_the_proof_key_and_the_secret()
    {
        await using var issuer = await LyingIssuer.StartAsync();
        await using var registry = await StartAsync(issuer.Settings);
        using var browser = new TestBrowser(registry);
        var sent = await issuer.BeginAsync(browser);
        Assert.Equal("S256", sent["code_challenge_method"]);
        Assert.Equal("openid profile email", sent["scope"]);
        Assert.Equal(HttpStatusCode.SeeOther, await FinishAsync(browser, sent));
        Assert.Equal("alice", await browser.WhoAsync());
        Assert.Equal(
            sent["code_challenge"],
            Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(issuer.Form["code_verifier"]))));
        Assert.Equal(sent["redirect_uri"], issuer.Form["redirect_uri"]);
        Assert.Equal("a code", issuer.Form["code"]);
        Assert.Equal(AccountsOf.Basic("the%3Aid", "the%20secret%25"), issuer.Authorization);
        Assert.DoesNotContain(sent.Values, value => value.Contains(issuer.Form["code_verifier"]));
        Assert.DoesNotContain(registry.Log, line => line.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_secret_is_sent_as_the_provider_wants_it()
    {
        await using var issuer = await LyingIssuer.StartAsync();
        issuer.Discovery["token_endpoint_auth_methods_supported"] = new JsonArray("client_secret_post");
        await using var registry = await StartAsync(issuer.Settings);
        using var browser = new TestBrowser(registry);
        await FinishAsync(browser, await issuer.BeginAsync(browser));
        Assert.Equal("alice", await browser.WhoAsync());
        Assert.Null(issuer.Authorization);
        Assert.Equal(("the:id", "the secret%"), (issuer.Form["client_id"], issuer.Form["client_secret"]));
    }

    [Theory]
    [InlineData("a signature by another key", "signature is not by this issuer")]
    [InlineData("changed claims", "signature is not by this issuer")]
    [InlineData("no signature", "no JSON Web Token")]
    [InlineData("the public key as a secret", "signed in a way that is not accepted")]
    [InlineData("another nonce", "another sign-in (nonce)")]
    [InlineData("no nonce", "another sign-in (nonce)")]
    [InlineData("another issuer", "by another issuer")]
    [InlineData("another audience", "meant for others")]
    [InlineData("several audiences", "another client (azp)")]
    [InlineData("another party", "another client (azp)")]
    [InlineData("an old token", "expired")]
    [InlineData("no end", "never expires")]
    [InlineData("no subject", "no subject")]
    [InlineData("no name", "no claim preferred_username")]
    [InlineData("userinfo of another", "userinfo is of another user")]
    [InlineData("no token", "no ID token")]
    [InlineData("an error", "answered 400 invalid_grant")]
    [InlineData("no JSON", "and no JSON")]
    [InlineData("a redirect", "answered 307")]
    public async Task A_lie_signs_nobody_in(string lie, string reason)
    {
        await using var issuer = await LyingIssuer.StartAsync();
        await using var registry = await StartAsync(issuer.Settings);
        using var browser = new TestBrowser(registry);
        var sent = await issuer.BeginAsync(browser);
        Tell(issuer, lie);
        Assert.Equal(HttpStatusCode.Forbidden, await FinishAsync(browser, sent));
        Assert.Null(await browser.WhoAsync());
        Assert.Contains(registry.Log, line => line.Contains("Sign-in failed: oidc:test: ", StringComparison.Ordinal)
            && line.Contains(reason, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("silence")]
    [InlineData("too much")]
    [InlineData("a failure")]
    [InlineData("nobody")]
    public async Task A_provider_that_does_not_answer_is_told_from_a_lie(string fault)
    {
        var issuer = await LyingIssuer.StartAsync();
        await using var registry = await StartAsync(issuer.Settings with { ResponseBytes = 64 << 10 });
        using var browser = new TestBrowser(registry);
        var sent = await issuer.BeginAsync(browser);
        issuer.Token = fault switch
        {
            "silence" => http => Task.Delay(Timeout.Infinite, http.RequestAborted),
            "too much" => http => http.Response.WriteAsync(new string(' ', 70_000) + "{}"),
            _ => http =>
            {
                http.Response.StatusCode = 500;
                return Task.CompletedTask;
            }
            ,
        };
        if (fault == "nobody") await issuer.DisposeAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await FinishAsync(browser, sent));
        Assert.Null(await browser.WhoAsync());
        if (fault != "nobody") await issuer.DisposeAsync();
    }

    [Fact]
    public async Task A_provider_that_calls_itself_something_else_signs_nobody_in()
    {
        await using var issuer = await LyingIssuer.StartAsync();
        issuer.Discovery["issuer"] = "https://another.example.com";
        await using var registry = await StartAsync(issuer.Settings);
        using var browser = new TestBrowser(registry);
        using var answer = await browser.GetAsync("auth/test/start");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains(
            registry.Log, line => line.Contains("it says that it is https://another", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, null, true)]
    [InlineData(false, "", true)]
    [InlineData(false, "https://evil.example.com", false)]
    [InlineData(true, null, false)]
    [InlineData(true, "", true)]
    public async Task An_answer_that_names_its_issuer_must_be_by_the_right_one(
        bool isAnnounced, string? named, bool isBelieved)
    {
        await using var issuer = await LyingIssuer.StartAsync();
        issuer.Discovery["authorization_response_iss_parameter_supported"] = isAnnounced;
        await using var registry = await StartAsync(issuer.Settings);
        using var browser = new TestBrowser(registry);
        var more = named is null ? "" : "&iss=" + Uri.EscapeDataString(named.Length == 0 ? issuer.Url : named);
        await FinishAsync(browser, await issuer.BeginAsync(browser), more);
        Assert.Equal(isBelieved ? "alice" : null, await browser.WhoAsync());
    }

    [Fact]
    public async Task Groups_may_be_deep_in_the_token_and_the_name_an_address()
    {
        await using var issuer = await LyingIssuer.StartAsync();
        issuer.Claims = claims =>
        {
            claims.Remove("groups");
            claims["realm_access"] = new JsonObject { ["roles"] = new JsonArray("team-a", 7) };
        };
        await using var registry = await StartAsync(issuer.Settings with
        {
            NameClaim = "email",
            GroupsClaim = "realm_access.roles",
            RequiredGroup = "team-a",
        });
        using var browser = new TestBrowser(registry);
        await FinishAsync(browser, await issuer.BeginAsync(browser));
        Assert.Equal("alice", await browser.WhoAsync());
    }

    private static void Tell(LyingIssuer issuer, string lie)
    {
        switch (lie)
        {
            case "a signature by another key":
                issuer.Sign = claims => TestIssuer.Token(claims, TestKey.Second.As(TestKey.First.Id));
                break;
            case "changed claims":
                issuer.Sign = claims =>
                {
                    var parts = TestIssuer.Token(claims).Split('.');
                    claims["preferred_username"] = "admin";
                    return $"{parts[0]}.{TestKey.Encode(Encoding.UTF8.GetBytes(claims.ToJsonString()))}.{parts[2]}";
                };
                break;
            case "no signature":
                issuer.Sign = claims => TestIssuer.Token("""{"alg":"none"}""", claims.ToJsonString(), _ => []);
                break;
            case "the public key as a secret":
                issuer.Sign = claims => TestIssuer.Token(
                    """{"alg":"HS256","kid":"first"}""", claims.ToJsonString(),
                    data => HMACSHA256.HashData(Encoding.ASCII.GetBytes(TestKey.First.PublicPem), data));
                break;
            case "userinfo of another":
                issuer.Claims = claims => claims.Remove("email");
                issuer.UserInfo = new JsonObject { ["sub"] = "2", ["email"] = "alice@example.org" };
                break;
            case "no token":
                issuer.Token = http => http.Response.WriteAsync("""{"access_token":"a"}""");
                break;
            case "an error":
                issuer.Token = http =>
                {
                    http.Response.StatusCode = 400;
                    return http.Response.WriteAsync("""{"error":"invalid_grant"}""");
                };
                break;
            case "no JSON":
                issuer.Token = http => http.Response.WriteAsync("<html>");
                break;
            case "a redirect":
                issuer.Token = http =>
                {
                    http.Response.Redirect("/elsewhere", permanent: false, preserveMethod: true);
                    return Task.CompletedTask;
                };
                break;
            default:
                var (name, value) = lie switch
                {
                    "another nonce" => ("nonce", (JsonNode?)"another"),
                    "no nonce" => ("nonce", null),
                    "another issuer" => ("iss", issuer.Url + "/"),
                    "another audience" => ("aud", "another"),
                    "several audiences" => ("aud", new JsonArray("the:id", "another")),
                    "another party" => ("azp", "another"),
                    "an old token" => ("exp", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - 120),
                    "no end" => ("exp", null),
                    "no subject" => ("sub", null),
                    _ => ("preferred_username", null),
                };
                issuer.Claims = claims =>
                {
                    if (value is null) claims.Remove(name);
                    else claims[name] = value.DeepClone();
                };
                break;
        }
    }

    private static Task<RegistryFixture> StartAsync(OpenIdSettings system) =>
        AccountsOf.StartAsync(auth => auth with { Oidc = [system] });

    private static async Task<HttpStatusCode> FinishAsync(
        TestBrowser browser, Dictionary<string, string> sent, string more = "")
    {
        using var answer = await browser.GetAsync($"auth/test/callback?code=a%20code&state={sent["state"]}{more}");
        var text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
        return answer.StatusCode;
    }
}
