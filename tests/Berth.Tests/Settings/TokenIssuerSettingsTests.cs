using Berth.Identity;
using Berth.Settings;

namespace Berth.Tests.Settings;

/// <summary>The settings of a registry that trusts another token server.</summary>
public sealed class TokenIssuerSettingsTests : IDisposable
{
    private const string Whole =
        "realm: 'https://auth.example.com/token', service: registry.example.com, issuer: auth.example.com";

    private readonly SettingsFolder _folder = new();
    private readonly CertificateFolder _certificates = new();

    public void Dispose()
    {
        _folder.Dispose();
        _certificates.Dispose();
    }

    [Fact]
    public void The_keys_of_distribution_are_read()
    {
        var result = Load($"{Whole}, rootcertbundle: BUNDLE, autoredirect: true, autoredirectpath: /v2/token, "
            + "signingalgorithms: [RS256, ES256]");
        Assert.Empty(result.Faults);
        var token = result.Settings!.Auth!.Token!;
        Assert.Equal(
            ("https://auth.example.com/token", "registry.example.com", "auth.example.com"),
            (token.Realm, token.Service, token.Issuer));
        Assert.Equal((true, "/v2/token"), (token.AutoRedirect, token.AutoRedirectPath));
        Assert.Equal(["RS256", "ES256"], token.SigningAlgorithms);
        Assert.Empty(TrustedTokens.Check(result.Settings.Auth));
    }

    [Theory]
    [InlineData("realm: 'https://a/token'", "auth.token", "service")]
    [InlineData(Whole, "auth.token", "rootcertbundle or jwks")]
    [InlineData("service: a, issuer: b, rootcertbundle: BUNDLE", "auth.token", "realm")]
    [InlineData("realm: token, service: a, issuer: b, rootcertbundle: BUNDLE", "auth.token.realm", "URL")]
    [InlineData("realm: 'ftp://a/b', service: a, issuer: b, rootcertbundle: BUNDLE", "auth.token.realm", "URL")]
    [InlineData(Whole + ", rootcertbundle: /nowhere", "auth.token.rootcertbundle", "no file")]
    [InlineData(Whole + ", jwks: /nowhere", "auth.token.jwks", "no file")]
    [InlineData(Whole + ", rootcertbundle: BUNDLE, autoredirectpath: token", "auth.token.autoredirectpath", "path")]
    [InlineData(
        Whole + ", rootcertbundle: BUNDLE, signingalgorithms: [RS256, EdDSA]", "auth.token.signingalgorithms", "EdDSA")]
    [InlineData(
        Whole + ", rootcertbundle: BUNDLE, signingalgorithms: [HS256]", "auth.token.signingalgorithms", "HS256")]
    public void What_is_missing_or_wrong_is_named(string keys, string key, string reason)
    {
        var fault = Assert.Single(Load(keys).Faults);
        Assert.Equal(key, fault.Key);
        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("htpasswd: {path: USERS}", "auth.htpasswd")]
    [InlineData(
        "keyless: {issuers: [{name: a, url: 'https://a', audience: a, rules: "
        + "[{if: 'x == \"y\"', actions: pull, names: a}]}]}", "auth.keyless")]
    [InlineData("otherservices: [a]", "auth.otherservices")]
    public void Nothing_else_that_clients_could_show_goes_with_it(string more, string key)
    {
        var users = _folder.Write("users", "ann:$2y$05$abcdefghijklmnopqrstuu5Lz8eWjQq0xkYvD6y4v1l0eJq7rYb2K\n");
        var result = Load($"{Whole}, rootcertbundle: BUNDLE", more.Replace("USERS", users));
        Assert.Equal(key, Assert.Single(result.Faults, fault => fault.Severity == Severity.Error).Key);
    }

    [Theory]
    [InlineData("jwks", "", "no JSON Web Key Set")]
    [InlineData("jwks", "{\"keys\":[]}", "has no key")]
    [InlineData("jwks", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "has no key")]
    [InlineData("rootcertbundle", "", "holds no certificate")]
    [InlineData("rootcertbundle", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "can't be read")]
    public void Files_without_a_key_are_found_before_the_start(string key, string content, string reason)
    {
        var file = _folder.Write("keys", content);
        var auth = Load($"{Whole}, {key}: {file}").Settings!.Auth!;
        var fault = Assert.Single(TrustedTokens.Check(auth));
        Assert.Equal((file, $"auth.token.{key}"), (fault.Source, fault.Key));
        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
    }

    private SettingsResult Load(string token, string more = "") => _folder.Load(
        $"auth: {{token: {{{token}}}{(more.Length > 0 ? ", " : "")}{more}}}"
            .Replace("BUNDLE", _certificates.ClientIssuer));
}
