using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Tests.Access;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Api;

/// <summary>What is said of a token: whose it is, whether it is good, and why.</summary>
[Inside]
public sealed class SentTokenTests(KeylessRegistry api) : IClassFixture<KeylessRegistry>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private AccountsOf Accounts => new(api.Registry);

    [Fact]
    public async Task A_personal_token_is_known_with_its_owner_and_limits_until_it_ends()
    {
        var id = await Accounts.AddUserAsync("pia", ApiRegistry.Password);
        var end = Now.AddDays(1);
        var (number, secret) = await Accounts.AddTokenAsync(id, actions: "pull", patterns: "acme/**", expiresAt: end);
        var good = await ExplainAsync(secret);
        Assert.Equal(("personal", "True", "pia"), (good.Of("kind"), good.Of("isAccepted"), good.Of("user")));
        Assert.Equal((number.ToString(), """["pull"]"""), (good.Of("secret.id"), good.Of("secret.actions")));
        Assert.Equal(end.ToUnixTimeMilliseconds(), good.Json.GetProperty("expiresAt").GetDateTimeOffset()
            .ToUnixTimeMilliseconds());
        Assert.False(good.Json.TryGetProperty("reason", out _));
        Assert.False(good.Json.GetProperty("secret").TryGetProperty("usedAt", out _));

        await Accounts.SetAsync("pia", account => account with { IsDisabled = true });
        await RefusedAsync(secret, "the account pia is disabled");
        await Accounts.SetAsync("pia", account => account with { IsDisabled = false, ExpiresAt = Now.AddDays(-1) });
        await RefusedAsync(secret, "the account pia expired at ");
        await Accounts.RevokeAsync(number);
        await RefusedAsync(secret, "it was revoked or replaced");
        await RefusedAsync(secret[..^1], "its checksum is wrong");
        await RefusedAsync("berth_", "its checksum is wrong");
        await RefusedAsync(TokenSecret.Make(TokenKinds.Invitation).Text, "the link of an invitation");
        var (_, old) = await Accounts.AddTokenAsync(id, expiresAt: Now.AddDays(-2));
        await RefusedAsync(old, "it expired at ");
    }

    [Fact]
    public async Task Robots_secrets_and_refresh_tokens_are_told_apart()
    {
        var robot = await Accounts.AddRobotAsync("robot.explained");
        var (_, secret) = await Accounts.AddTokenAsync(robot, TokenKinds.Robot);
        var known = await ExplainAsync(secret);
        Assert.Equal(("robot", "robot.explained"), (known.Of("kind"), known.Of("user")));
        Assert.False(known.Json.TryGetProperty("expiresAt", out _));
        var (_, refresh) = await Accounts.AddTokenAsync(robot, TokenKinds.Refresh);
        Assert.Equal("refresh", (await ExplainAsync(refresh)).Of("kind"));
    }

    [Fact]
    public async Task An_access_token_of_the_registry_is_known_until_its_user_is_kept_out()
    {
        await Accounts.AddUserAsync("rex", ApiRegistry.Password);
        var bearer = await Accounts.BearerAsync(
            AccountsOf.Basic("rex", ApiRegistry.Password), "repository:rex/app:pull,push");
        var token = bearer["Bearer ".Length..];
        var good = await ExplainAsync(token);
        Assert.Equal(("registry", "True", "rex"), (good.Of("kind"), good.Of("isAccepted"), good.Of("user")));
        Assert.Equal("""["repository:rex/app:pull,push"]""", good.Of("scopes"));
        await Accounts.SetAsync("rex", account => account with { IsDisabled = true });
        await RefusedAsync(token, "rex is gone, disabled or expired");
        var parts = token.Split('.');
        await RefusedAsync(
            $"{parts[0]}.{parts[1]}.{new string('A', parts[2].Length)}", "no key that this registry has");
        var other = JsonNode.Parse(Convert.FromBase64String(Padded(parts[1])))!;
        other["aud"] = "elsewhere";
        await RefusedAsync($"{parts[0]}.{Encoded(other)}.{parts[2]}", "not for this registry, which is called berth");
        other["exp"] = Now.AddMinutes(-1).ToUnixTimeSeconds();
        await RefusedAsync($"{parts[0]}.{Encoded(other)}.{parts[2]}", "it expired at ");
    }

    [Fact]
    public async Task A_token_of_an_issuer_shows_which_rule_matches_and_why_the_others_do_not()
    {
        var good = await ExplainAsync(api.Token("acme/tools"));
        Assert.Equal(("issuer", "True"), (good.Of("kind"), good.Of("isAccepted")));
        Assert.StartsWith("ci:", good.Of("user"), StringComparison.Ordinal);
        Assert.Equal("keyless rule ci.1", good.Json.GetProperty("grants")[0].GetProperty("through").GetString());

        var refused = await RefusedAsync(api.Token("acme/app"), "no rule for issuer ci matches");
        var rule = refused.Json.GetProperty("issuers")[0].GetProperty("rules")[0];
        Assert.False(rule.GetProperty("matches").GetBoolean());
        Assert.Contains("acme/app", rule.GetProperty("reasons")[0].GetString(), StringComparison.Ordinal);

        await RefusedAsync(
            api.Token("acme/tools", ("aud", "other")), "request it for the audience registry.example.com");
        await RefusedAsync(
            api.Token("acme/tools", ("iat", Now.AddHours(-2).ToUnixTimeSeconds()),
                ("exp", Now.AddHours(-1).ToUnixTimeSeconds())),
            "the token expired at ");
        var foreign = await RefusedAsync(api.Token("acme/tools", ("iss", "https://x.example.com")), "not trusted here");
        Assert.Contains("iss is not", foreign.Json.GetProperty("issuers")[0].GetProperty("fault").GetString());
        Assert.Contains("https://x.example.com", foreign.Of("facts"), StringComparison.Ordinal);
        await RefusedAsync("hunter2", "this is not a token: those of this registry begin with berth_pat_");
        await RefusedAsync("eyJ", "no JSON Web Token");
        await RefusedAsync(new string('a', 20_000), "too long");
        (await api.AskAsync("admin", "POST", "/access/explain", """{"token":" "}""")).Is(400, "token is empty");
    }

    [Fact]
    public async Task Only_staff_asks_and_the_token_stands_in_no_log()
    {
        var token = api.Token("acme/tools");
        var body = new JsonObject { ["token"] = token }.ToJsonString();
        (await api.AskAsync("ann", "POST", "/access/explain", body)).Is(403);
        (await api.AskAsync(null, "POST", "/access/explain", body)).Is(401);
        (await api.AskAsync($"ci:{token}", "POST", "/access/explain", body)).Is(403);
        (await api.AskAsync("aud", "POST", "/access/explain", body)).Is(200);
        var log = api.Registry.Services.GetRequiredService<AuditLog>();
        ApiResult? audit = null;
        await Eventually.TrueAsync(async () =>
        {
            await log.WriteWaitingAsync(Stop);
            audit = await api.AskAsync("admin", "GET", "/audit?actor=aud&action=POST%20/api/v1/access/explain");
            return audit.Is(200).All("id").Count > 0;
        });
        var signature = token.Split('.')[2];
        Assert.DoesNotContain(signature, audit!.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(api.Registry.Log, line => line.Contains(signature, StringComparison.Ordinal));
    }

    private async Task<ApiResult> ExplainAsync(string token)
    {
        var answer = await api.AskAsync(
            "aud", "POST", "/access/explain", new JsonObject { ["token"] = token }.ToJsonString());
        Assert.DoesNotContain(token.Split('.')[^1], answer.Is(200).Text, StringComparison.Ordinal);
        return answer;
    }

    private async Task<ApiResult> RefusedAsync(string token, string words)
    {
        var answer = await ExplainAsync(token);
        Assert.Equal("False", answer.Of("isAccepted"));
        Assert.Contains(words, answer.Of("reason"), StringComparison.Ordinal);
        return answer;
    }

    private static string Padded(string base64) =>
        base64.Replace('-', '+').Replace('_', '/').PadRight((base64.Length + 3) / 4 * 4, '=');

    private static string Encoded(JsonNode json) =>
        Identity.TestKey.Encode(JsonSerializer.SerializeToUtf8Bytes(json));
}
