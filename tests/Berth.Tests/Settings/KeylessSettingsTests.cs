using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class KeylessSettingsTests : IDisposable
{
    private const string Issuer = "name: ci, url: 'https://ci.example.com', audience: registry.example.com";

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Issuers_are_read_with_their_rules_and_are_enough_to_let_somebody_in()
    {
        var result = _folder.Load(
            """
            auth:
              keyless:
                maximumlifetime: 1h
                issuers:
                  - name: github
                    url: https://token.actions.githubusercontent.com
                    audience: [registry.example.com]
                    rules:
                      - if: 'repository == "acme/*"'
                        actions: [pull, push]
                        names: acme/**
            """,
            "REGISTRY_AUTH_KEYLESS_ISSUERS_0_RULES_0_USER='{repository}'", "REGISTRY_AUTH_KEYLESS_TIMEOUT=3s");
        Assert.Empty(result.Faults);
        var keyless = result.Settings!.Auth!.Keyless!;
        Assert.Equal((TimeSpan.FromHours(1), TimeSpan.FromSeconds(3)), (keyless.MaximumLifetime, keyless.Timeout));
        var rule = Assert.Single(Assert.Single(keyless.Issuers).Rules);
        Assert.Equal("repository == \"acme/*\"", rule.If);
        Assert.Equal(["pull", "push"], rule.Actions);
        Assert.Equal(["acme/**"], rule.Names);
        Assert.Equal("{repository}", rule.User);
    }

    [Theory]
    [InlineData("issuers: []", "auth.keyless")]
    [InlineData("issuers: [{name: Git Hub, url: 'https://x', audience: a}]", "auth.keyless.issuers.0.name")]
    [InlineData("issuers: [{url: 'https://x', audience: a}]", "auth.keyless.issuers.0.name")]
    [InlineData("issuers: [{name: a, audience: a}]", "auth.keyless.issuers.0.url")]
    [InlineData("issuers: [{name: a, url: 'http://x.example.com', audience: a}]", "auth.keyless.issuers.0.url")]
    [InlineData("issuers: [{name: a, url: 'https://x?y', audience: a}]", "auth.keyless.issuers.0.url")]
    [InlineData("issuers: [{name: a, url: 'https://u:p@x', audience: a}]", "auth.keyless.issuers.0.url")]
    [InlineData("issuers: [{name: a, url: 'https://x'}]", "auth.keyless.issuers.0.audience")]
    [InlineData("issuers: [{name: a, url: 'https://x', audience: []}]", "auth.keyless.issuers.0.audience")]
    [InlineData("issuers: [{" + Issuer + ", jwks: absent}]", "auth.keyless.issuers.0.jwks")]
    [InlineData("issuers: [{" + Issuer + ", ca: absent}]", "auth.keyless.issuers.0.ca")]
    [InlineData("issuers: [{" + Issuer + ", tokenfile: absent}]", "auth.keyless.issuers.0.tokenfile")]
    [InlineData("issuers: [{" + Issuer + ", jwks: FILE, ca: FILE}]", "auth.keyless.issuers.0.ca")]
    [InlineData("issuers: [{" + Issuer + ", jwks: FILE, tokenfile: FILE}]", "auth.keyless.issuers.0.tokenfile")]
    [InlineData("issuers: [{" + Issuer + "}, {name: ci, url: 'https://y', audience: a}]",
        "auth.keyless.issuers.1.name")]
    [InlineData("issuers: [{" + Issuer + "}, {name: b, url: 'https://ci.example.com', audience: a}]",
        "auth.keyless.issuers.1.url")]
    [InlineData("issuers: [{" + Issuer + "}], refetchinterval: 1s", "auth.keyless.refetchinterval")]
    [InlineData("issuers: [{" + Issuer + "}], maximumkeyage: 30m", "auth.keyless.maximumkeyage")]
    [InlineData("issuers: [{" + Issuer + "}], clockskew: 1h", "auth.keyless.clockskew")]
    [InlineData("issuers: [{" + Issuer + ", rules: [{unless: x}]}]", "auth.keyless.issuers.0.rules.0.unless")]
    [InlineData("issuers: [{" + Issuer + ", rules: [{actions: pull, names: a}]}]",
        "auth.keyless.issuers.0.rules.0.if")]
    [InlineData("issuers: [{" + Issuer + ", rules: [{if: x, names: a}]}]", "auth.keyless.issuers.0.rules.0.actions")]
    [InlineData("issuers: [{" + Issuer + ", rules: [{if: x, actions: fetch, names: a}]}]",
        "auth.keyless.issuers.0.rules.0.actions")]
    [InlineData("issuers: [{" + Issuer + ", rules: [{if: x, actions: pull, names: A/b}]}]",
        "auth.keyless.issuers.0.rules.0.names")]
    public void Settings_that_cannot_work_are_reported(string yaml, string key)
    {
        var file = _folder.Write("file", "x");
        var result = _folder.Load($"auth: {{keyless: {{{yaml.Replace("FILE", file, StringComparison.Ordinal)}}}}}");
        var fault = Assert.Single(result.Faults);
        Assert.Equal((key, Severity.Error), (fault.Key, fault.Severity));
    }
}
