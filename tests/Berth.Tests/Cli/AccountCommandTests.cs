using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Berth.Settings;
using Berth.Tests.Api;

namespace Berth.Tests.Cli;

/// <summary>The commands that speak the API, on the database and to the server.</summary>
public sealed class AccountCommandTests
{
    private const string Password = ApiRegistry.Password;

    /// <summary>Nobody signs in with it.</summary>
    internal const string BcryptHash = "$2y$05$abcdefghijklmnopqrstuuAHmOzlXzvNnkqvW0zO9YzQpJtOtC0yK";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Accounts]
    [Fact]
    public async Task A_command_does_the_same_on_the_database_and_through_the_server()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var berth = new AccountCommand(registry);
        (await berth.TellAsync(Password + "\n", "user", "add", "ann", "--full-name", "Ann", "--password-stdin")).Is(0);
        var made = (await berth.AskAsync("admin", Password, "user", "add", "bob")).Is(0);
        Assert.StartsWith("The user bob was made.\nThe password, which is shown only this once: ", made.Output);
        (await berth.AskAsync("bob", made.Secret, "user", "list")).Is(1);

        await berth.RunAsync("org", "add", "acme", "--owner", "ann");
        (await berth.AskAsync("ann", Password, "org", "member", "add", "acme", "bob")).Is(0);
        (await berth.AskAsync("ann", Password, "team", "add", "acme/dev", "--description", "All of us")).Is(0);
        (await berth.AskAsync("ann", Password, "team", "member", "add", "acme/dev", "bob")).Is(0);
        (await berth.RunAsync("team", "group", "add", "acme/dev", "ldap", "cn=dev,dc=x")).Is(0);
        var grant = (await berth.AskAsync("ann", Password, "grant", "add", "acme/dev", "acme/**", "--role", "writer"))
            .Is(0);
        Assert.StartsWith("acme/dev may pull, push in acme/** now", grant.Output);
        var token = (await berth.AskAsync(
            "ann", Password, "token", "add", "ann", "laptop", "--actions", "pull", "--expires", "90d")).Is(0);
        var robot = (await berth.AskAsync(
            "ann", Password, "robot", "add", "robot.ci", "--namespace", "acme", "--grant", "acme/ci/*=writer",
            "--grant", "acme/app=pull,delete")).Is(0);

        var both = new[]
        {
            "user list", "user list --json", "org show acme", "org member list acme", "team member list acme/dev",
            "team group list acme/dev", "grant list --namespace acme", "token list ann", "robot list --namespace acme",
            "repo list", "access explain bob acme/app --json",
        };
        await Parallel.ForEachAsync(both, Stop, async (command, _) =>
        {
            var here = (await berth.RunAsync(command.Split(' '))).Is(0);
            var there = (await berth.AskAsync("admin", Password, command.Split(' '))).Is(0);
            Assert.Equal(here.Output, there.Output);
        });
        // Only now: a use would show in one list and not yet in the other.
        Assert.Equal("robot.ci", await NameOfAsync(registry, robot.Secret));
        (await berth.AskAsync(null, token.Secret, "token", "list", "ann")).Is(1);
        var rotated = await berth.AskAsync("ann", Password, "token", "rotate", "ann", "1", "--overlap", "1h");
        Assert.Equal("ann", await NameOfAsync(registry, rotated.Is(0).Secret));
        Assert.Equal("ann", await NameOfAsync(registry, token.Secret));
        (await berth.RunAsync("token", "rotate", "ann", "1")).Is(0);
        (await berth.AskAsync(null, token.Secret, "user", "list")).Is(1);
        var explained = (await berth.RunAsync("access", "explain", "bob", "acme/app")).Output;
        Assert.Matches("\npush    yes      team acme/dev may pull,push in acme/\\*\\*\ndelete  no\n", explained);
        var shown = (await berth.RunAsync("robot", "show", "robot.ci")).Output;
        Assert.Contains("acme/app=pull,delete acme/ci/*=writer", shown);
    }

    /// <summary>They have no accounts, and rules of the settings say what they may do.</summary>
    [Fact]
    public async Task What_users_of_a_file_may_do_is_explained_too()
    {
        var folder = Directory.CreateTempSubdirectory("berth-explain-").FullName;
        var (users, settings) = (Path.Combine(folder, "users"), Path.Combine(folder, "berth.yml"));
        await File.WriteAllTextAsync(users, $"alice:{BcryptHash}\nBob:{BcryptHash}\n", Stop);
        async Task<string> ExplainAsync(string rules, string user, int exitCode = 0)
        {
            await File.WriteAllTextAsync(
                settings, $"auth:\n  htpasswd:\n    path: {users}\nstorage:\n  filesystem:\n    rootdirectory: "
                    + $"{folder}/data\n{rules}", Stop);
            var told = await AccountCommand.RunAsync(
                new Dictionary<string, string>(), input: "",
                "access", "explain", user, "dev/app", "--config", settings);
            told.Is(exitCode);
            return exitCode == 0 ? told.Output : told.Errors;
        }

        (await AccountCommand.RunAsync(
            new Dictionary<string, string> { ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = $"{folder}/data" },
            input: "", "user", "add", "carol")).Is(0);
        const string Rules = "access:\n- allow: [user:alice]\n  actions: [pull, push]\n  names: [dev/**]\n";
        var alice = await ExplainAsync(Rules, "alice");
        Assert.Matches("\npush    yes      rule 1 of the settings allows pull,push in dev/\\*\\*\ndelete  no\n", alice);
        Assert.Matches("\npull    no\n", await ExplainAsync(Rules, "Bob"));
        Assert.Contains("users of the htpasswd file may do everything", await ExplainAsync("", "Bob"));
        foreach (var nobody in new[] { "bob", "Carl", "A B" })
            Assert.Contains("no such user", await ExplainAsync(Rules, nobody, exitCode: 1));
        Assert.Matches("\npull    no\n", await ExplainAsync(Rules, "carol"));
        Assert.Matches("\npull    no\n", await ExplainAsync(Rules, "anonymous"));
        const string Open = "access:\n- allow: [anyone]\n  actions: [pull]\n  names: [dev/**]\n";
        var open = await ExplainAsync(Open, "anonymous");
        Assert.Matches("\npull    yes      rule 1 of the settings allows pull in dev/\\*\\*\npush    no\n", open);
        var both = await AccountCommand.RunAsync(
            new Dictionary<string, string>(), input: "", "user", "add", "alice", "--config", settings);
        Assert.Contains("alice is in the users file too (auth.htpasswd)", both.Is(0).Output);
        Directory.Delete(folder, recursive: true);
    }

    [Accounts]
    [Fact]
    public async Task A_locked_out_operator_gets_in_again_beside_a_running_server()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var berth = new AccountCommand(registry);
        var set = (await berth.RunAsync("user", "password", "admin")).Is(0);
        await Eventually.TrueAsync(async () => await NameOfAsync(registry, $"admin:{set.Secret}") == "admin");
        Assert.Null(await NameOfAsync(registry, "admin"));
        (await berth.TellAsync("battery staple\n", "user", "password", "admin", "--password-stdin")).Is(0);
        await Eventually.TrueAsync(async () => await NameOfAsync(registry, "admin:battery staple") == "admin");
    }

    [Fact]
    public async Task The_rest_of_the_commands_do_what_they_say()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var berth = new AccountCommand(registry);
        async Task<string> Do(string command) => (await berth.RunAsync(command.Split(' '))).Is(0).Output;
        await Do("user add ann --auditor");
        Assert.Equal("ann is now disabled.\n", await Do("user disable ann"));
        Assert.Matches("Disabled +yes", await Do("user show ann"));
        await Do("user enable ann");
        Assert.Equal(
            "ann has now: role administrator, ann@example.com, Ann.\n",
            await Do("user change ann --role administrator --email ann@example.com --full-name Ann"));
        Assert.Equal(
            "ann has now: role none, ann@example.com, Ann.\n", await Do("user change ann --role none"));
        Assert.Equal("ann had no second factor, and was only signed out of all browsers.\n",
            await Do("user reset-factors ann"));
        Assert.Equal("The account of ann ends: 2099-01-02 00:00 UTC.\n", await Do("user expire ann 2099-01-02"));
        Assert.Equal("The account of ann ends: never.\n", await Do("user expire ann never"));
        Assert.Equal("New repositories of ann are public now.\n", await Do("user visibility ann public"));
        Assert.Matches("Makes public +yes", await Do("user show ann"));
        await Do("org add acme --public");
        Assert.Equal("New repositories of acme are private now.\n", await Do("org visibility acme private"));
        Assert.Matches("Makes public +no", await Do("org show acme"));
        await Do("org member add acme ann --role owner");
        await Do("team add acme/dev");
        await Do("team member add acme/dev ann");
        await Do("team member remove acme/dev ann");
        await Do("team group add acme/dev ldap cn=a/b");
        await Do("team group remove acme/dev ldap cn=a/b");
        await Do("team delete acme/dev");
        var ownerless = (await berth.RunAsync("org", "member", "add", "acme", "ann", "--role", "reader")).Is(0);
        Assert.Contains("acme has no owner now", ownerless.Errors);
        await Do("org member add acme ann --role owner");
        ownerless = (await berth.RunAsync("org", "member", "remove", "acme", "ann")).Is(0);
        Assert.Contains("acme has no owner now", ownerless.Errors);
        await Do("grant add ann acme/app --actions pull,push");
        var grants = JsonDocument.Parse(await Do("grant list --of ann --json")).RootElement.GetProperty("items");
        await Do($"grant remove {grants[0].GetProperty("id")}");
        await Do("token add ann ci");
        var tokens = JsonDocument.Parse(await Do("token list ann --json")).RootElement.GetProperty("items");
        await Do($"token revoke ann {tokens[0].GetProperty("id")}");
        Assert.DoesNotContain("ci", await Do("token list ann"));
        var secret = (await berth.RunAsync("robot", "add", "robot.ci", "--namespace", "acme")).Is(0).Secret;
        var next = (await berth.RunAsync("robot", "rotate", "robot.ci", "--overlap", "10m")).Is(0).Secret;
        foreach (var one in new[] { secret, next })
            await Eventually.TrueAsync(async () => await NameOfAsync(registry, one) == "robot.ci");
        Assert.Equal(
            "robot.ci has now: acme/a=writer acme/b=delete. It ends: 2099-01-02 00:00 UTC.\n",
            await Do("robot change robot.ci --grant acme/a=writer --grant acme/b=delete --expires 2099-01-02"));
        Assert.Equal(
            "robot.ci has now: acme/a=writer acme/b=delete. It ends: never. It is disabled.\n",
            await Do("robot change robot.ci --expires never --disabled true"));
        await Do("robot delete robot.ci");
        Assert.Matches(
            @"The user name is robot\.web\.[a-z0-9]{10}\.",
            await Do("robot add robot.web --repository acme/web --grant acme/web=writer"));
        Assert.Matches(@"robot\.web\.\S+ +acme +acme/web=writer", await Do("robot list --repository acme/web"));
        await Do("org delete acme");
        await Do("user delete ann");
        Assert.DoesNotContain("ann", await Do("user list"));
    }

    [Fact]
    public async Task The_first_user_makes_the_database()
    {
        var folder = Directory.CreateTempSubdirectory("berth-test-");
        var settings = new Dictionary<string, string>
        {
            ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = Path.Combine(folder.FullName, "data"),
            ["REGISTRY_AUTH_LOCAL_ENABLED"] = "true",
            ["REGISTRY_AUTH_LOCAL_BCRYPTCOST"] = "4",
        };
        try
        {
            var before = (await AccountCommand.RunAsync(settings, "", "user", "list")).Is(2);
            Assert.Contains("berth user list: there is no database at", before.Errors);
            Assert.Contains("--config", before.Errors);
            (await AccountCommand.RunAsync(settings, "", "user", "add", "ann", "--admin")).Is(0);
            var listed = (await AccountCommand.RunAsync(settings, "", "user", "list")).Is(0);
            Assert.Matches(@"^NAME +ROLE .* +SINCE \(UTC\)\nann +administrator +no +20", listed.Output);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task What_goes_wrong_is_said_in_words()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var berth = new AccountCommand(registry);
        async Task Fails(int exitCode, string words, string command)
        {
            var result = (await berth.RunAsync(command.Split(' '))).Is(exitCode);
            Assert.Contains(words, result.Errors);
            Assert.Single(result.Errors.TrimEnd().Split('\n'));
        }

        await Fails(1, "berth user add: the name admin is taken", "user add admin");
        await Fails(1, "berth user show: there is no such user", "user show nobody");
        await Fails(1, "the last administrator", "user disable admin");
        await Fails(2, "give either --namespace or --of", "grant list");
        await Fails(2, "give either --role or --actions", "grant add admin acme/**");
        await Fails(1, "is not a valid pattern: write acme/app", "token add admin ci --names acme/[x]");
        await Fails(2, "say what to change: --role, --email or --full-name", "user change admin");
        await Fails(1, "the last administrator", "user change admin --role none");
        await Fails(2, "say what to change: --grant, --expires", "robot change robot.ci");
        await Fails(2, "'2001-01-01' is in the past", "token add admin ci --expires 2001-01-01");
        await Fails(2, "there is no token in the standard input", "access explain -");
        await Fails(2, "is not an address: write http://localhost:5000\n", "user list --server localhost:5000");
        await Fails(2, "is not an address: write https://r.example.com\n", "user list --server r.example.com");
        await Fails(2, "--key is for a --cert", "user list --server https://localhost:1 --user x --key k");
        await Fails(2, "/nowhere has no certificates", "user list --server https://localhost:1 --cert /nowhere");
        await Fails(2, "is not a duration", "token add admin ci --expires soon");
        await Fails(2, "or a date: 2099-12-31", "audit list --since soon");
        await Fails(1, "grant remove: there is no such id: it is a number", "grant remove x");
        await Fails(1, "role must be member, reader, writer, maintainer or owner", "org member add a b --role admin");
        await Fails(1, "invalid repository name", "access explain admin A/b");
        await Fails(1, "there is no such user", "user visibility nobody public");
        await Fails(2, "write the team as organization/team", "team delete dev");
        await Fails(2, "no password in the standard input", "user password admin --password-stdin");
        await Fails(2, "without TLS others could read the password", "user list --server http://203.0.113.7 --user x");
        await Fails(2, "name who signs in with --user", "user list --server https://localhost:1");
        await Fails(2, "--user, --ca, --cert and --key are for a --server", "user list --user admin");
        var address = registry.BaseAddress.ToString().Replace("http:", "https:", StringComparison.Ordinal);
        var token = new Dictionary<string, string> { ["BERTH_TOKEN"] = "berth_pat_x" };
        var plain = (await AccountCommand.RunAsync(token, "", "user", "list", "--server", address)).Is(2);
        Assert.Equal(
            "berth user list: the server does not speak TLS: is it http://, or another port?\n", plain.Errors);
        var who = (await berth.RunAsync("access", "explain", "admin")).Is(0);
        Assert.Contains("berth access explain admin acme/app", who.Output);
        var wrong = (await berth.AskAsync("admin", "nonsense", "user", "list")).Is(1);
        Assert.Equal("berth user list: wrong user name or password\n", wrong.Errors);
    }

    [Fact]
    public async Task A_server_with_a_certificate_of_its_own_is_reached_with_ca()
    {
        var folder = Directory.CreateTempSubdirectory("berth-test-");
        var (certificate, key) = (Path.Combine(folder.FullName, "cert.pem"), Path.Combine(folder.FullName, "key.pem"));
        try
        {
            using var one = IssueToLoopback();
            using var other = IssueToLoopback();
            await File.WriteAllTextAsync(certificate, one.ExportCertificatePem(), Stop);
            await File.WriteAllTextAsync(key, one.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(), Stop);
            await File.WriteAllTextAsync(certificate + ".other", other.ExportCertificatePem(), Stop);
            await using var registry = await RegistryFixture.StartAsync(s => s with
            {
                Auth = ApiRegistry.Auth,
                Http = s.Http with { Tls = new TlsSettings { Certificate = certificate, Key = key } },
            });
            var berth = new AccountCommand(registry);
            (await berth.AskAsync("admin", Password, "user", "list", "--ca", certificate)).Is(0);
            var unknown = (await berth.AskAsync("admin", Password, "user", "list")).Is(2);
            Assert.Contains("name the CA's certificate with --ca", unknown.Errors);
            (await berth.AskAsync("admin", Password, "user", "list", "--ca", certificate + ".other")).Is(2);
            (await berth.AskAsync("admin", Password, "user", "list", "--ca", key)).Is(2);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_server_that_asks_for_certificates_gets_that_of_cert_and_key()
    {
        using var files = new CertificateFolder();
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = ApiRegistry.Auth with { ClientCertificate = CertificateName.CommonName },
            Http = s.Http with
            {
                Tls = new TlsSettings
                {
                    Certificate = files.Certificate,
                    Key = files.Key,
                    ClientCas = [files.ClientIssuer],
                },
            },
        });
        var (certificate, key, authority) =
            (Path.Combine(files.Root, "jane.pem"), Path.Combine(files.Root, "jane.key"), files.WriteRoot());
        using var jane = files.CreateClient(isKnown: true);
        await File.WriteAllTextAsync(certificate, jane.ExportCertificatePem(), Stop);
        await File.WriteAllTextAsync(key, jane.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(), Stop);
        var berth = new AccountCommand(registry);
        (await berth.RunAsync("user", "add", "jane", "--auditor")).Is(0);
        var without = (await berth.AskAsync("admin", Password, "user", "list", "--ca", authority)).Is(2);
        Assert.Contains("if it asks for certificates of clients, give yours with --cert and --key", without.Errors);
        string[] shown = ["user", "list", "--ca", authority, "--cert", certificate];
        Assert.Contains("Give its file with --key", (await berth.AskAsync("admin", Password, shown)).Is(2).Errors);
        (await berth.AskAsync("admin", Password, [.. shown, "--key", key])).Is(0);

        // Nobody else signs in, so it is the user whom the certificate names.
        string[] there = [.. shown, "--key", key, "--server", registry.BaseAddress.ToString()];
        (await AccountCommand.RunAsync(new Dictionary<string, string>(), "", there)).Is(0);
    }

    /// <summary>A certificate of its own for 127.0.0.1.</summary>
    internal static X509Certificate2 IssueToLoopback()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=berth", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddHours(-1), now.AddHours(1));
    }

    /// <summary>Who signs in with credentials, as the server sees it; null for nobody.</summary>
    private static async Task<string?> NameOfAsync(RegistryFixture registry, string who)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/me");
        request.Headers.Authorization = ApiRegistry.HeaderOf(who);
        using var answer = await registry.Client.SendAsync(request, Stop);
        if (!answer.IsSuccessStatusCode) return null;
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        return json.RootElement.GetProperty("name").GetString();
    }
}
