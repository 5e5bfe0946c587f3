using Berth.Identity;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Identity;

/// <summary>Sign-ins by a real directory.</summary>
public sealed class LdapSignInTests : IAsyncLifetime
{
    private readonly DirectoryLog log = new();
    private SlapdServer server = null!;

    public async ValueTask InitializeAsync() => server = await SlapdServer.SharedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_user_with_the_right_password_is_described_as_the_directory_does()
    {
        var answer = await CheckAsync(server.Settings, "alice", "alice-secret");
        Assert.Equal((LdapOutcome.Right, null), (answer.Outcome, answer.Reason));
        var user = answer.User!;
        Assert.Equal(
            ("ldap", "alice", "Alice Liddell (shared)", "alice@example.org"),
            (user.Source, user.Name, user.DisplayName, user.Email));
        Assert.False(user.IsEmailVerified);
        Assert.Empty(user.Groups);
        // The bytes 00 to 0f in the order that Windows shows them in.
        Assert.Equal("03020100-0504-0706-0809-0a0b0c0d0e0f", user.Subject);
    }

    [Fact]
    public async Task Without_an_objectGUID_the_entryUUID_identifies_the_user()
    {
        var first = (await CheckAsync(server.Settings, "bob", "bob-secret")).User!;
        var again = (await CheckAsync(server.Settings, "bob", "bob-secret")).User!;
        Assert.True(Guid.TryParseExact(first.Subject, "D", out _));
        Assert.Equal(first.Subject, again.Subject);
        Assert.Equal(("Bob Builder", null), (first.DisplayName, first.Email));
    }

    [Theory]
    [InlineData("ALICE", "alice-secret", "alice")]
    [InlineData("Robert", "bob-secret", "robert")]
    [InlineData("jane", "jane-secret", "jane")]
    [InlineData(@"o*d(d)\", @"o*d(d)\-secret", @"o*d(d)\")]
    public async Task The_name_is_the_one_that_was_typed_in_the_spelling_of_the_directory(
        string typed, string password, string name)
    {
        var answer = await CheckAsync(server.Settings, typed, password);
        Assert.Equal((LdapOutcome.Right, name), (answer.Outcome, answer.User?.Name));
    }

    [Theory]
    [InlineData("alice", "wrong")]
    [InlineData("alice", "bob-secret")]
    [InlineData("alice", "")]
    [InlineData("alice", "alice-secret\0")]
    [InlineData("alice", "\0")]
    [InlineData("", "alice-secret")]
    [InlineData("", "")]
    [InlineData("nobody", "alice-secret")]
    [InlineData("nopassword", "x")]
    [InlineData("registry", "registry-secret")] // not under the base of users
    public async Task Whatever_does_not_match_is_wrong(string user, string password)
    {
        var answer = await CheckAsync(server.Settings, user, password);
        Assert.Equal((LdapOutcome.Wrong, null), (answer.Outcome, answer.User));
        Assert.NotEmpty(answer.Reason!);
        Assert.Empty(log.Lines);
    }

    [Theory]
    [InlineData("*")]
    [InlineData("al*")]
    [InlineData("alice)(uid=*")]
    [InlineData("*)(uid=alice")]
    [InlineData("alice)(|(uid=*")]
    [InlineData("alice)(objectClass=*))(&(uid=alice")]
    [InlineData(@"\61lice")]
    [InlineData(@"\2a")]
    [InlineData("alice\0")]
    [InlineData("\0")]
    [InlineData(@"alice\")]
    [InlineData("(")]
    [InlineData(")")]
    [InlineData("{dn}")]
    [InlineData("{user}")]
    [InlineData("\ud800")]
    public async Task No_name_changes_the_filter(string user)
    {
        var answer = await CheckAsync(server.Settings, user, "alice-secret");
        Assert.Equal((LdapOutcome.Wrong, "there is no such user"), (answer.Outcome, answer.Reason));
        answer = await CheckAsync(
            server.Settings with { UserFilter = "(&(objectClass=person)(|(uid={user})(mail={user}@example.org)))" },
            user, "alice-secret");
        Assert.Equal((LdapOutcome.Wrong, "there is no such user"), (answer.Outcome, answer.Reason));
    }

    [Fact]
    public async Task A_filter_may_use_the_name_several_times_and_with_other_text()
    {
        var settings = server.Settings with { UserFilter = "(|(uid={user})(mail={user}@example.org)(mail=*-{user}))" };
        Assert.Equal(LdapOutcome.Right, (await CheckAsync(settings, "carol", "carol-secret")).Outcome);
        settings = server.Settings with { UserFilter = "(mail={user})" };
        var answer = await CheckAsync(settings, "carol@example.org", "carol-secret");
        Assert.Equal("carol", answer.User?.Name);
    }

    [Fact]
    public async Task Two_users_with_the_same_name_cannot_sign_in_and_it_is_logged()
    {
        Assert.Equal(LdapOutcome.Wrong, (await CheckAsync(server.Settings, "twin", "twin-1-secret")).Outcome);
        Assert.Equal(LdapOutcome.Right, (await CheckAsync(server.Settings, "twin-2", "twin-2-secret")).Outcome);
        var two = server.Settings with { UserFilter = "(&(uid={user})(!(uid=twin-3)))" };
        Assert.Equal(LdapOutcome.Wrong, (await CheckAsync(two, "twin", "twin-1-secret")).Outcome);
        Assert.Equal(2, log.Lines.Count);
        Assert.All(log.Lines, line => Assert.EndsWith("several users, so none of them can sign in: user=twin", line));
    }

    [Fact]
    public async Task A_user_without_the_attribute_of_names_cannot_sign_in_and_it_is_logged()
    {
        var settings = server.Settings with { NameAttribute = "sAMAccountName" };
        Assert.Equal("alice.l", (await CheckAsync(settings, "alice", "alice-secret")).User?.Name);
        Assert.Equal(LdapOutcome.Wrong, (await CheckAsync(settings, "bob", "bob-secret")).Outcome);
        Assert.Contains("has no sAMAccountName", Assert.Single(log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_password_of_Berths_account_may_be_in_a_file_that_changes()
    {
        using var folder = new SettingsFolderOfFile("registry-secret\n");
        var settings = server.Settings with { BindPassword = null, BindPasswordFile = folder.File };
        using var directory = new LdapDirectory(settings, TimeProvider.System, log);
        Assert.Equal(LdapOutcome.Right, (await directory.CheckAsync("alice", "alice-secret", Stop)).Outcome);
        File.WriteAllText(folder.File, "wrong");
        Assert.Equal(LdapOutcome.Unavailable, (await directory.CheckAsync("alice", "alice-secret", Stop)).Outcome);
        File.WriteAllText(folder.File, "\n");
        Assert.Equal(LdapOutcome.Unavailable, (await directory.CheckAsync("alice", "alice-secret", Stop)).Outcome);
        File.WriteAllText(folder.File, "registry-secret");
        Assert.Equal(LdapOutcome.Right, (await directory.CheckAsync("alice", "alice-secret", Stop)).Outcome);
    }

    [Theory]
    [InlineData("uid=registry,ou=services,dc=example,dc=org", "invalid credentials (49)")]
    [InlineData("uid=nobody,dc=example,dc=org", "invalid credentials (49)")]
    [InlineData("no DN", "invalid DN (34)")]
    public async Task When_Berths_account_is_refused_nobody_can_sign_in(string dn, string reason)
    {
        var settings = server.Settings with { BindDn = dn, BindPassword = "wrong-secret" };
        var answer = await CheckAsync(settings, "alice", "alice-secret");
        Assert.Equal(LdapOutcome.Unavailable, answer.Outcome);
        Assert.Contains($"refuses the account of auth.ldap.binddn: {reason}", answer.Reason, StringComparison.Ordinal);
        Assert.Contains(reason, Assert.Single(log.Lines), StringComparison.Ordinal);
        Assert.DoesNotContain("-secret", answer.Reason + log.Lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_lets_nobody_search_anonymously_needs_an_account()
    {
        var answer = await CheckAsync(
            server.Settings with { BindDn = null, BindPassword = null }, "alice", "alice-secret");
        Assert.NotEqual(LdapOutcome.Right, answer.Outcome);
    }

    [Theory]
    [InlineData("ou=nowhere,dc=example,dc=org", "no such object (32)")]
    [InlineData("no DN", "invalid DN (34)")]
    public async Task A_wrong_base_is_no_wrong_password(string userBase, string reason)
    {
        var answer = await CheckAsync(server.Settings with { UserBase = userBase }, "alice", "alice-secret");
        Assert.Equal(LdapOutcome.Unavailable, answer.Outcome);
        Assert.Contains(reason, answer.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TLS_is_verified_against_the_CA_of_the_settings(bool startTls)
    {
        var settings = server.Settings with
        {
            Servers = [startTls ? server.Url : server.TlsUrl],
            StartTls = startTls,
            Ca = server.CaFile,
        };
        Assert.Equal(LdapOutcome.Right, (await CheckAsync(settings, "alice", "alice-secret")).Outcome);
        var byName = settings with { Servers = [settings.Servers[0].Replace("127.0.0.1", "localhost")] };
        Assert.Equal(LdapOutcome.Right, (await CheckAsync(byName, "alice", "alice-secret")).Outcome);

        // The certificate is for 127.0.0.1.
        var otherName = settings with { Servers = [settings.Servers[0].Replace("127.0.0.1", "[::ffff:127.0.0.1]")] };
        await AssertUntrustedAsync(otherName);
        await AssertUntrustedAsync(settings with { Ca = null });
        using var others = new CertificateFolder();
        await AssertUntrustedAsync(settings with { Ca = others.ClientIssuer });
    }

    [Fact]
    public async Task A_server_without_StartTLS_hears_no_password()
    {
        // A refusal of the extended operation: protocol error (2).
        await using var refusing = new ScriptedDirectory("300c02010178070a010204000400");
        var settings = server.Settings with { Servers = [refusing.Url], StartTls = true };
        var answer = await CheckAsync(settings, "alice", "alice-secret");
        Assert.Equal(LdapOutcome.Unavailable, answer.Outcome);
        Assert.Contains("does not turn on TLS: protocol error (2)", answer.Reason, StringComparison.Ordinal);
        Assert.False(refusing.Heard("-secret"));

        await using var plain = new ScriptedDirectory(ScriptedDirectory.BindSucceeds);
        await CheckAsync(
            settings with { Servers = [plain.Url], StartTls = false, Timeout = TimeSpan.FromSeconds(1) }, "alice", "x");
        Assert.True(plain.Heard("registry-secret"));
    }

    [Fact]
    public async Task What_is_sent_before_TLS_begins_is_not_believed()
    {
        await using var injecting = new ScriptedDirectory(
            "300c02010178070a010004000400" + "300c02010261070a010004000400");
        var settings = server.Settings with { Servers = [injecting.Url], StartTls = true };
        var answer = await CheckAsync(settings, "alice", "alice-secret");
        Assert.Equal(LdapOutcome.Unavailable, answer.Outcome);
        Assert.Contains("more before TLS began", answer.Reason, StringComparison.Ordinal);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private async Task AssertUntrustedAsync(LdapSettings settings)
    {
        var answer = await CheckAsync(settings, "alice", "alice-secret");
        Assert.Equal(LdapOutcome.Unavailable, answer.Outcome);
        Assert.Contains("certificate", answer.Reason, StringComparison.Ordinal);
    }

    private async Task<LdapAnswer> CheckAsync(LdapSettings settings, string user, string password)
    {
        using var directory = new LdapDirectory(settings, TimeProvider.System, log);
        return await directory.CheckAsync(user, password, Stop);
    }

    /// <summary>A file with a password.</summary>
    private sealed class SettingsFolderOfFile : IDisposable
    {
        private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("berth-ldap-");

        public SettingsFolderOfFile(string text) =>
            System.IO.File.WriteAllText(File = Path.Combine(folder.FullName, "password"), text);

        public string File { get; }

        public void Dispose() => folder.Delete(recursive: true);
    }
}
