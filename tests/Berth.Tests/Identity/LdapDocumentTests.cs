using System.Text.RegularExpressions;
using Berth.Settings;
using Berth.Tests.Clients;
using Berth.Tests.Distribution;
using Berth.Tests.Servers;
using Berth.Tests.Settings;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>Each example of docs/sign-in-ldap.md, with a real directory.</summary>
public sealed partial class LdapDocumentTests : IDisposable
{
    private readonly PageSettings page = new("sign-in-ldap");

    public void Dispose() => page.Dispose();

    [Fact]
    public async Task Users_of_OpenLDAP_sign_in_and_have_the_groups_that_list_them()
    {
        Assert.Equal(4, page.Examples.Count);
        await CheckAsync(
            page.With("groupOfNames"), member: ("alice", "alice-secret"), other: ("bob", "bob-secret"), "admins");
    }

    [Fact]
    public Task Users_of_OpenLDAP_sign_in_with_their_address_and_have_the_groups_that_list_their_names() => CheckAsync(
        page.With("posixGroup"), member: ("bob", "bob-secret"), other: ("carol@example.org", "carol-secret"), "unix");

    [Theory]
    [InlineData("sAMAccountName", "dave.b", "alice.l")]
    [InlineData("userPrincipalName", "dave.b@example.org", null)]
    public Task Users_of_Active_Directory_sign_in_with_the_name_that_the_attribute_says(
        string attribute, string member, string? other) => CheckAsync(
        page.With("groupattribute: memberOf").Replace("sAMAccountName", attribute),
        (member, "dave-secret"), other is null ? null : (other, "alice-secret"), "Build");

    [Fact]
    public Task Only_who_is_in_the_required_group_of_Active_Directory_signs_in_though_by_another_group()
    {
        // OpenLDAP has no rule that follows groups in groups. Here it is distinguishedNameMatch, named by its number in
        // the same way, and Berth follows them itself.
        const string Rule = "member:1.2.840.113556.1.4.1941:={dn}))";
        var example = page.With(Rule);
        return CheckAsync(
            example.Replace(Rule, "member:2.5.13.1:={dn}))\n    nestedgroups: 1"),
            ("dave.b", "dave-secret"), other: null, "Registry Users", refused: ("alice.l", "alice-secret"));
    }

    [Fact]
    public async Task The_search_of_the_page_shows_what_Berth_should_find()
    {
        // The option asks for the password in a terminal, which the tests do not have.
        var server = await SlapdServer.SharedAsync();
        var search = SourceTree.Files.Single(f => f.Path == "docs/sign-in-ldap.md").BlocksOf("sh")
            .Single(block => block.Contains("ldapsearch", StringComparison.Ordinal))
            .Replace("/etc/berth/directory-ca.pem", server.CaFile)
            .Replace(" -W ", $" -w {server.Settings.BindPassword} ")
            .Replace("-D uid=berth,ou=services,dc=example,dc=com", $"-D {server.Settings.BindDn}")
            .Replace("ldaps://ldap.example.com", server.TlsUrl)
            .Replace("dc=example,dc=com", "dc=example,dc=org");
        var run = await ProgramRun.StartAsync(
            "bash", ["-ec", search], new Dictionary<string, string>(), "/", TimeSpan.FromMinutes(1));
        var found = run.OutputOfSuccess();
        foreach (var line in new[] { "uid: alice", "mail: alice@example.org", "memberOf: cn=admins,", "entryUUID: " })
            Assert.Contains("\n" + line, found, StringComparison.Ordinal);
    }

    /// <summary>An example with this server's addresses, DNs and password.</summary>
    private async Task<RegistrySettings> SettingsAsync(string example)
    {
        var server = await SlapdServer.SharedAsync();
        example = TlsUrl().Replace(PlainUrl().Replace(example, server.Url), server.TlsUrl);
        return page.Read(BindDn().Replace(example, "$1" + server.Settings.BindDn)
            .Replace("/etc/berth/directory-ca.pem", server.CaFile)
            .Replace("/etc/berth/directory-password", page.Write("password", server.Settings.BindPassword!))
            .Replace("dc=example,dc=com", "dc=example,dc=org"));
    }

    /// <param name="example">An example of the page.</param>
    /// <param name="member">Signs in, and is in the group.</param>
    /// <param name="other">Signs in, and is not.</param>
    /// <param name="group">A group.</param>
    /// <param name="refused">Has the right password and does not sign in.</param>
    private async Task CheckAsync(
        string example, (string Name, string Password) member, (string Name, string Password)? other, string group,
        (string Name, string Password)? refused = null)
    {
        await using var registry = await PageSettings.StartAsync(
            await SettingsAsync(example), auth: null,
            new AccessRuleSettings { Allow = [$"group:{group}"], Actions = ["pull", "push"], Names = ["ops/**"] });
        await PlayAsync(member.Name, member.Password, 200, 202);
        await PlayAsync(member.Name, member.Password + "x", 401, 401);
        await PlayAsync(member.Name, "", 401, 401);
        if (other is var (name, password)) await PlayAsync(name, password, 200, 403);
        if (refused is var (stranger, secret)) await PlayAsync(stranger, secret, 401, 401);

        Task PlayAsync(string user, string password, int status, int push) =>
            new Script(registry) { ["user"] = Basic(user, password) }.PlayAsync(
                $$"""
                GET /v2/
                  Authorization: {user}
                  {{status}}
                POST /v2/ops/app/blobs/uploads/
                  Authorization: {user}
                  {{push}}
                """);
    }

    [GeneratedRegex(@"ldap://[a-z0-9.]+")]
    private static partial Regex PlainUrl();

    [GeneratedRegex(@"ldaps://[a-z0-9.]+")]
    private static partial Regex TlsUrl();

    [GeneratedRegex(@"^( +binddn: ).*", RegexOptions.Multiline)]
    private static partial Regex BindDn();
}
