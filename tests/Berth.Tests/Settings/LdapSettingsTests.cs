using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class LdapSettingsTests : IDisposable
{
    private const string Place = "servers: 'ldaps://ldap.example.com', userbase: 'ou=people,dc=example,dc=com'";

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Place)]
    [InlineData(Place + ", binddn: 'cn=berth', bindpassword: secret")]
    [InlineData(Place + ", userfilter: '(&(objectClass=person)(|(uid={user})(mail={user})))'")]
    [InlineData(Place + ", userfilter: '(sAMAccountName={user})', nameattribute: sAMAccountName")]
    [InlineData(Place + ", groupattribute: memberOf, requiredgroup: staff, nestedgroups: 3")]
    [InlineData(Place + ", groupbase: 'ou=groups', groupfilter: '(memberUid={user})'")]
    [InlineData("servers: ['ldap://a.example.com', 'ldap://b.example.com:3389/'], starttls: true, userbase: b")]
    [InlineData("servers: ['ldap://localhost', 'ldap://127.0.0.1:1389', 'ldap://[::1]:389'], userbase: b")]
    public void What_can_work_is_fine(string yaml) => Assert.Equal("", SettingsFolder.Print(Load(yaml)));

    [Theory]
    [InlineData("userbase: b", "servers", "one or more URLs")]
    [InlineData("servers: ['https://a'], userbase: b", "servers.0", "'https://a' is not a URL")]
    [InlineData("servers: ['ldap://a/dc=b'], starttls: true, userbase: b", "servers.0", "scheme, host and port only")]
    [InlineData("servers: [ldap.example.com], userbase: b", "servers.0", "write ldaps://")]
    [InlineData("servers: ['ldap://u:p@a'], userbase: b", "servers.0", "scheme, host and port only")]
    [InlineData("servers: ['ldaps://'], userbase: b", "servers.0", "scheme, host and port only")]
    [InlineData(Place + ", starttls: true", "servers.0", "begins with TLS")]
    [InlineData(Place + ", ca: /nowhere/ca.pem", "ca", "there is no file")]
    [InlineData("servers: 'ldaps://a'", "userbase", "entry above all users")]
    [InlineData(Place + ", userfilter: '(uid=alice)'", "userfilter", "must hold {user}")]
    [InlineData(Place + ", userfilter: '(uid={user}'", "userfilter", "is not an LDAP filter")]
    [InlineData(Place + ", groupbase: g, groupfilter: '(member=x)'", "groupfilter", "must hold {dn}")]
    [InlineData(Place + ", groupbase: g, groupfilter: 'member={dn}'", "groupfilter", "is not an LDAP filter")]
    [InlineData(
        Place + ", groupbase: g, groupfilter: '(memberUid={user})', nestedgroups: 1", "nestedgroups", "needs {dn}")]
    [InlineData(Place + ", binddn: 'cn=berth'", "binddn", "needs its password")]
    [InlineData(Place + ", bindpassword: p", "binddn", "needs the name of its account")]
    [InlineData(Place + ", binddn: 'cn=b', bindpasswordfile: /nowhere/p", "bindpasswordfile", "there is no file")]
    [InlineData(Place + ", requiredgroup: staff", "requiredgroup", "nobody could sign in")]
    [InlineData(Place + ", timeout: 0.5s", "timeout", "must be from 1s")]
    [InlineData(Place + ", connections: 0", "connections", "must be from 1")]
    public void What_cannot_work_is_said(string yaml, string key, string message)
    {
        var fault = Assert.Single(Load(yaml).Faults);
        Assert.Equal(($"auth.ldap.{key}", Severity.Error), (fault.Key, fault.Severity));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("servers: ['ldaps://a', 'ldap://b'], userbase: b", "servers.1", "without encryption")]
    [InlineData(Place + ", userfilter: '(sAMAccountName={user})'", "userfilter", "by their uid")]
    [InlineData(Place + ", nestedgroups: 2", "nestedgroups", "has no effect")]
    [InlineData(Place + ", groupfilter: '(member={dn})'", "groupfilter", "has no effect")]
    public void What_is_less_than_it_seems_is_noticed(string yaml, string key, string message)
    {
        var result = Load(yaml);
        var fault = Assert.Single(result.Faults);
        Assert.Equal(($"auth.ldap.{key}", Severity.Notice), (fault.Key, fault.Severity));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.NotNull(result.Settings);
    }

    [Fact]
    public void A_password_is_given_once()
    {
        var file = _folder.Write("password", "secret");
        var fault = Assert.Single(
            Load($"{Place}, binddn: 'cn=b', bindpassword: p, bindpasswordfile: '{file}'").Faults);
        Assert.Equal("auth.ldap.bindpassword", fault.Key);
        Assert.Empty(Load($"{Place}, binddn: 'cn=b', bindpasswordfile: '{file}'").Faults);
    }

    [Fact]
    public void A_CA_is_a_certificate()
    {
        using var certificates = new CertificateFolder();
        Assert.Empty(Load($"{Place}, ca: '{certificates.ClientIssuer}'").Faults);
        var fault = Assert.Single(Load($"{Place}, ca: '{_folder.Write("ca.pem", "nothing")}'").Faults);
        Assert.Contains("holds no certificate", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Variables_may_name_the_servers()
    {
        var ldap = SettingsFolder.LoadVariables(
            "REGISTRY_AUTH_LDAP_SERVERS=[ldaps://a, ldaps://b]", "REGISTRY_AUTH_LDAP_USERBASE=ou=people",
            "REGISTRY_AUTH_LDAP_BINDDN=cn=berth", "REGISTRY_AUTH_LDAP_BINDPASSWORD=s3cret").Settings!.Auth!.Ldap!;
        Assert.Equal(["ldaps://a", "ldaps://b"], ldap.Servers);
        Assert.Equal("s3cret", ldap.BindPassword);
        Assert.DoesNotContain("s3cret", $"{ldap} {new AuthSettings { Ldap = ldap }}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ldap://a", "a", 389, false)]
    [InlineData("ldaps://a", "a", 636, true)]
    [InlineData("LDAPS://A.Example.com:1636/", "a.example.com", 1636, true)]
    [InlineData("ldap://[::1]", "::1", 389, false)]
    public void A_URL_has_the_port_of_its_scheme(string url, string host, int port, bool isTls)
    {
        Assert.True(LdapAddress.TryParse(url, out var address));
        Assert.Equal(new LdapAddress(host, port, isTls), address);
    }

    private SettingsResult Load(string yaml) => _folder.Load($"auth: {{ldap: {{{yaml}}}}}");
}
