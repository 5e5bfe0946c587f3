using System.Text.Json.Nodes;
using Berth.Tests.Cli;
using Berth.Tests.Identity;
using static Berth.Tests.Identity.TokenServerFiles;

namespace Berth.Tests.Api;

/// <summary>What is said of tokens of a server that is trusted in the registry's place (<c>auth.token</c>).</summary>
public sealed class TrustedTokenExplanationTests : IAsyncLifetime
{
    private const string Scope = "repository:team/app:pull,push";

    private readonly TokenServerFiles server = new();
    private readonly ApiRegistry api = new();

    private static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    public async ValueTask InitializeAsync() => await api.StartAsync(auth => auth with { Token = server.Settings });

    public async ValueTask DisposeAsync()
    {
        await api.DisposeAsync();
        server.Dispose();
    }

    [Fact]
    public async Task A_token_of_the_trusted_server_is_known_with_what_it_allows_or_why_it_is_refused()
    {
        var good = await ExplainAsync(Token(Scope));
        Assert.Equal(("issuer", "True", "ann"), (good.Of("kind"), good.Of("isAccepted"), good.Of("user")));
        Assert.Equal($"""["{Scope}"]""", good.Of("scopes"));
        Assert.Contains(Issuer, good.Of("facts"), StringComparison.Ordinal);
        Assert.False(good.Json.TryGetProperty("reason", out _));
        Assert.True(good.Json.TryGetProperty("expiresAt", out _));

        using var stranger = Curve();
        var unknown = new JsonObject { ["alg"] = "ES256", ["kid"] = "of somebody" };
        var signed = Token(Scope);
        foreach (var (token, words) in new[]
        {
            (Token(Scope, ("iss", "berth")), "its issuer (iss) is not auth.example.com"),
            (Token(Scope, ("aud", "other")), "its aud is not registry.example.com"),
            (Token(Scope, ("exp", Now - 600)), "it expired at 20"),
            (Token(Scope, ("exp", null)), "does not say when it ends"),
            (Token(Scope, ("nbf", Now + 600)), "it begins at 20"),
            (Token(Scope, ("access", "everything")), "no list of rights"),
            (TokenOf(unknown, stranger, Scope), "the key that it names"),
            (TestIssuer.Token(Claims(Scope), TestKey.First.As("first", "HS256")), "not one of RS256"),
            ($"{signed[..signed.LastIndexOf('.')]}.{new string('A', 342)}", "its signature is not by a key"),
        })
        {
            var refused = await ExplainAsync(token);
            Assert.Equal(("issuer", "False"), (refused.Of("kind"), refused.Of("isAccepted")));
            Assert.Contains(words, refused.Of("reason"), StringComparison.Ordinal);
            Assert.False(refused.Json.TryGetProperty("scopes", out _));
        }
    }

    [Fact]
    public async Task The_command_says_the_same_with_the_settings_of_the_server_and_by_asking_it()
    {
        var settings = new Dictionary<string, string>(api.Registry.DatabaseVariables)
        {
            ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = api.Registry.DataFolder,
            ["REGISTRY_AUTH_LOCAL_ENABLED"] = "true",
            ["REGISTRY_AUTH_TOKEN_REALM"] = Realm,
            ["REGISTRY_AUTH_TOKEN_SERVICE"] = Service,
            ["REGISTRY_AUTH_TOKEN_ISSUER"] = Issuer,
            ["REGISTRY_AUTH_TOKEN_JWKS"] = server.Jwks,
        };
        var here = (await AccountCommand.RunAsync(settings, Token(Scope) + "\n", "access", "explain", "-")).Is(0);
        Assert.StartsWith("It is accepted.\n", here.Output);
        Assert.Contains($"Allows     {Scope}\n", here.Output, StringComparison.Ordinal);
        var late = await new AccountCommand(api.Registry).AskAsync(
            "aud", ApiRegistry.Password, "access", "explain", Token(Scope, ("exp", Now - 600)));
        Assert.StartsWith("It is refused: it expired at 20", late.Is(0).Output);
    }

    private async Task<ApiResult> ExplainAsync(string token)
    {
        var answer = await api.AskAsync(
            "aud", "POST", "/access/explain", new JsonObject { ["token"] = token }.ToJsonString());
        Assert.DoesNotContain(token.Split('.')[^1], answer.Is(200).Text, StringComparison.Ordinal);
        return answer;
    }
}
