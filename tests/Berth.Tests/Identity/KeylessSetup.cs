using System.Text.Json.Nodes;
using Berth.Identity;
using Berth.Settings;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Identity;

/// <summary>An issuer, and a Berth that accepts its tokens.</summary>
internal sealed class KeylessSetup : IAsyncDisposable
{
    private KeylessSetup(TestIssuer issuer, KeylessTokens tokens, SteppingClock clock) =>
        (Issuer, Tokens, Clock) = (issuer, tokens, clock);

    public TestIssuer Issuer { get; }

    public KeylessTokens Tokens { get; }

    public SteppingClock Clock { get; }

    /// <param name="change">Changes the settings, whose only rule accepts everything.</param>
    /// <param name="changeIssuer">Changes those of the issuer.</param>
    public static async Task<KeylessSetup> StartAsync(
        Func<KeylessSettings, KeylessSettings>? change = null,
        Func<KeylessIssuerSettings, KeylessIssuerSettings>? changeIssuer = null)
    {
        var issuer = await TestIssuer.StartAsync();
        var of = new KeylessIssuerSettings
        {
            Name = "test",
            Url = issuer.Url,
            Audience = [TestIssuer.Audience],
            Rules = [Rule("sub == \"**\"", "pull", "**")],
        };
        var settings = new KeylessSettings { Issuers = [changeIssuer?.Invoke(of) ?? of] };
        var clock = new SteppingClock();
        return new KeylessSetup(
            issuer,
            new KeylessTokens(change?.Invoke(settings) ?? settings, clock, NullLogger<KeylessTokens>.Instance), clock);
    }

    public static KeylessRuleSettings Rule(string condition, string actions, string names, string? user = null) =>
        new() { If = condition, Actions = actions.Split(' '), Names = names.Split(' '), User = user };

    /// <summary>A valid token with these claims besides or in place of the usual ones.</summary>
    public string Token(TestKey? key = null, params (string Name, JsonNode? Value)[] claims) =>
        TestIssuer.Token(Issuer.Claims(Clock, claims), key);

    public async Task<KeylessAnswer> CheckAsync(string token) =>
        await Tokens.CheckAsync(token, TestContext.Current.CancellationToken);

    public async Task<KeylessIdentity> AcceptAsync(string token)
    {
        var answer = await CheckAsync(token);
        Assert.True(answer.Outcome == KeylessOutcome.Accepted, answer.Reason);
        return answer.Identity!;
    }

    /// <returns>The reason.</returns>
    public async Task<string> RefuseAsync(string token)
    {
        var answer = await CheckAsync(token);
        Assert.Equal(KeylessOutcome.Refused, answer.Outcome);
        Assert.Null(answer.Identity);
        return answer.Reason!;
    }

    public async Task AssertAwayAsync(string token) =>
        Assert.Equal(KeylessOutcome.Unavailable, (await CheckAsync(token)).Outcome);

    public ValueTask DisposeAsync() => Issuer.DisposeAsync();
}
