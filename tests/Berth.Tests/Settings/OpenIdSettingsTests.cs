using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class OpenIdSettingsTests : IDisposable
{
    private const string System = "name: corp, issuer: 'https://sso.example.com', clientid: registry";

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_system_to_sign_in_at_is_enough_to_have_users_with_accounts()
    {
        var result = _folder.Load(
            $"auth: {{oidc: [{{{System}}}], sessions: {{idle: 1h}}}}", "REGISTRY_AUTH_OIDC_0_CLIENTSECRET=secret");
        Assert.Empty(result.Faults);
        var auth = result.Settings!.Auth!;
        Assert.True(auth.HasAccounts);
        Assert.Equal(AnonymousAccess.Public, auth.AnonymousOrDefault);
        Assert.Equal((TimeSpan.FromHours(12), TimeSpan.FromHours(1)), (auth.Sessions.Lifetime, auth.Sessions.Idle));
        var system = Assert.Single(auth.Oidc);
        Assert.Equal("secret", system.ClientSecret);
        Assert.Equal("openid profile email", system.ScopeOrDefault);
        Assert.Equal(("oidc:corp", "corp"), (system.Source, system.Title));
    }

    [Theory]
    [InlineData("name: A_b, clientid: a, issuer: 'https://a.example.com'", "name", "short name")]
    [InlineData("clientid: a, issuer: 'https://a.example.com'", "name", "short name")]
    [InlineData("name: a, clientid: a", "issuer", "set this to the issuer's URL")]
    [InlineData("name: a, clientid: a, issuer: 'http://sso.example.com'", "issuer", "only on this machine")]
    [InlineData("name: a, clientid: a, issuer: 'https://sso.example.com/?a=b'", "issuer", "must be a URL")]
    [InlineData("name: a, issuer: 'https://sso.example.com'", "clientid", "set this to the id")]
    [InlineData(System + ", scopes: [profile]", "scopes", "must hold openid")]
    [InlineData(System + ", clientsecretfile: /nowhere/s", "clientsecretfile", "there is no file")]
    [InlineData(System + ", ca: /nowhere/ca", "ca", "there is no file")]
    [InlineData(System + ", kind: saml", "kind", "must be one of oidc, github, gitlab")]
    [InlineData("name: a, clientid: a, kind: github, requiredgroup: g", "clientsecret", "GitHub wants a secret")]
    public void Each_fault_is_told_with_its_key(string system, string key, string message)
    {
        var fault = Assert.Single(_folder.Load($"auth: {{oidc: [{{{system}}}]}}").Faults);
        Assert.Equal("auth.oidc.0." + key, fault.Key);
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.Equal(Severity.Error, fault.Severity);
    }

    [Fact]
    public void Two_systems_have_two_names()
    {
        var fault = Assert.Single(_folder.Load($"auth: {{oidc: [{{{System}}}, {{{System}}}]}}").Faults);
        Assert.Equal("auth.oidc.1.name", fault.Key);
    }

    [Theory]
    [InlineData("name", true, false)]
    [InlineData("name", false, true)]
    [InlineData("verifiedemail", true, true)]
    public void Accounts_that_anyone_makes_are_linked_to_nobody_by_name(string link, bool isOpen, bool isGood)
    {
        var open = isOpen ? "true" : "false";
        var faults = _folder.Load(
            $"auth: {{oidc: [{{{System}}}], link: {link}, local: {{enabled: true, openregistration: {open}}}}}").Faults;
        Assert.Equal(isGood ? [] : ["auth.link"], faults.Select(fault => fault.Key));
    }

    [Theory]
    [InlineData("kind: github, clientsecret: s")]
    [InlineData("kind: gitlab")]
    [InlineData("issuer: 'https://accounts.google.com'")]
    public void Where_everyone_can_have_an_account_a_required_group_is_advised(string system)
    {
        var fault = Assert.Single(_folder.Load($"auth: {{oidc: [{{name: a, clientid: a, {system}}}]}}").Faults);
        Assert.Equal(("auth.oidc.0.requiredgroup", Severity.Notice), (fault.Key, fault.Severity));
    }
}
