using System.Text.Json.Nodes;
using System.Web;
using Berth.Settings;
using Microsoft.AspNetCore.Http;

namespace Berth.Tests.Identity;

/// <summary>An OpenID provider of the tests' own, whose every answer a test can change.</summary>
internal sealed class LyingIssuer : IAsyncDisposable
{
    private readonly TestIssuer issuer;

    private LyingIssuer(TestIssuer issuer) => this.issuer = issuer;

    public string Url => issuer.Url;

    /// <summary>What it says of itself.</summary>
    public JsonObject Discovery { get; private set; } = [];

    /// <summary>Changes the claims of the next ID tokens.</summary>
    public Action<JsonObject> Claims { get; set; } = _ => { };

    /// <summary>Makes a token of its claims.</summary>
    public Func<JsonObject, string> Sign { get; set; } = claims => TestIssuer.Token(claims);

    /// <summary>Answers in place of the endpoint for tokens, if it is set.</summary>
    public Func<HttpContext, Task>? Token { get; set; }

    /// <summary>What userinfo answers.</summary>
    public JsonObject UserInfo { get; set; } = new() { ["sub"] = "1" };

    /// <summary>The last form that was sent to the endpoint for tokens, and its credentials.</summary>
    public Dictionary<string, string> Form { get; private set; } = [];

    public string? Authorization { get; private set; }

    public OpenIdSettings Settings => new()
    {
        Name = "test",
        Issuer = Url,
        ClientId = "the:id",
        ClientSecret = "the secret%",
        Timeout = TimeSpan.FromSeconds(2),
    };

    /// <summary>The nonce that the attempt sent to the page.</summary>
    public string Nonce { get; set; } = "";

    public static async Task<LyingIssuer> StartAsync()
    {
        var lying = new LyingIssuer(await TestIssuer.StartAsync());
        lying.issuer.Misbehaviour = lying.AnswerAsync;
        lying.Discovery = (JsonObject)JsonNode.Parse(lying.issuer.Discovery())!;
        lying.Discovery["authorization_endpoint"] = lying.Url + "/authorize";
        lying.Discovery["token_endpoint"] = lying.Url + "/token";
        lying.Discovery["userinfo_endpoint"] = lying.Url + "/userinfo";
        return lying;
    }

    /// <summary>Begins a sign-in, and returns what the page was told.</summary>
    public async Task<Dictionary<string, string>> BeginAsync(TestBrowser browser)
    {
        using var answer = await browser.GetAsync("auth/test/start");
        Assert.True(answer.Headers.Location is not null, answer.ToString());
        var query = HttpUtility.ParseQueryString(answer.Headers.Location!.Query);
        var sent = query.AllKeys.ToDictionary(key => key!, key => query[key]!);
        Nonce = sent.GetValueOrDefault("nonce") ?? "";
        return sent;
    }

    public ValueTask DisposeAsync() => issuer.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        switch (http.Request.Path)
        {
            case "/.well-known/openid-configuration":
                await http.Response.WriteAsync(Discovery.ToJsonString());
                return;
            case "/keys":
                await http.Response.WriteAsync(TestIssuer.KeySet(issuer.Keys));
                return;
            case "/userinfo":
                await http.Response.WriteAsync(UserInfo.ToJsonString());
                return;
            case "/token" when Token is { } lie:
                await lie(http);
                return;
            case "/token":
                Authorization = http.Request.Headers.Authorization;
                Form = http.Request.Form.ToDictionary(field => field.Key, field => field.Value.ToString());
                var claims = issuer.Claims(
                    TimeProvider.System, ("sub", "1"), ("aud", "the:id"), ("nonce", Nonce),
                    ("preferred_username", "alice"), ("email", "alice@example.org"), ("groups", new JsonArray("dev")));
                Claims(claims);
                await http.Response.WriteAsync(new JsonObject
                {
                    ["access_token"] = "secret-access",
                    ["token_type"] = "Bearer",
                    ["id_token"] = Sign(claims),
                }.ToJsonString());
                return;
            default:
                http.Response.StatusCode = 404;
                return;
        }
    }
}
