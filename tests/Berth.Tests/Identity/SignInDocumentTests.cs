using System.Net.Http.Headers;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Distribution;
using Berth.Tests.Servers;
using Berth.Tests.Settings;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>The examples of docs/sign-in.md, each in a registry that users sign in to.</summary>
[Inside]
public sealed class SignInDocumentTests : IDisposable
{
    private readonly PageSettings page = new("sign-in");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => page.Dispose();

    [Fact]
    public async Task Users_in_the_database_sign_in_with_their_passwords()
    {
        Assert.Equal(4, page.Examples.Count);
        await using var registry = await PageSettings.StartAsync(page.Read(page.Examples[0]), WithAdmin);
        await new AccountsOf(registry).AddUserAsync("ann", "of green gables");
        await PlayAsync(registry, ("admin", AdminPassword), "ann/app", 202);
        await PlayAsync(registry, ("ann", "of green gables"), "ann/app", 202);
        await PlayAsync(registry, ("ann", "of green gables"), "other/app", 403);
        await PlayAsync(registry, ("ann", "of red gables"), "ann/app", 401);
    }

    [Fact]
    public async Task Users_of_a_file_sign_in_and_may_do_everything()
    {
        await using var registry = await PageSettings.StartAsync(
            page.Read(page.With("htpasswd").Replace("/etc/berth/htpasswd", WriteUsers())));
        await PlayAsync(registry, ("alice", "alice-secret"), "any/app", 202);
        await PlayAsync(registry, ("alice", "bob-secret"), "any/app", 401);
        await PlayAsync(registry, ("nobody", "alice-secret"), "any/app", 401);
    }

    [Fact]
    public async Task Rules_say_what_users_groups_and_everybody_may_do()
    {
        // Alice is in the file, bob and carol in the directory, where bob is in the rule's group.
        var file = page.With("htpasswd").Replace("/etc/berth/htpasswd", WriteUsers());
        var example = $"{file}\n{page.With("group:dev").Replace("group:dev]", "group:developers]")}";
        var read = page.Read(example);
        var directory = await SlapdServer.SharedAsync();
        IReadOnlyList<AccessRuleSettings> rules = [];
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = read.Auth! with { Ldap = directory.Settings with { GroupBase = SlapdServer.GroupBase } },
            Access = rules,
        });
        foreach (var name in new[] { "dev/app", "public/x", "secret/x" }) await PushAsync(registry, name);
        rules = read.Access;
        await registry.RestartAsync();
        var (alice, bob) = (Basic("alice", "alice-secret"), Basic("bob", "bob-secret"));
        var carol = Basic("carol", "carol-secret");
        foreach (var (who, repository, pull, push) in new[]
        {
            (alice, "dev/app", 200, 202), (alice, "dev", 404, 202), (alice, "dev/a/b", 404, 202),
            (alice, "secret/x", 200, 403), (bob, "dev/app", 200, 202), (bob, "public/x", 200, 403),
            (carol, "dev/app", 200, 403), (carol, "secret/x", 200, 403), (null, "public/x", 200, 401),
            (null, "dev/app", 401, 401), (null, "secret/x", 401, 401),
        })
        {
            var script = new Script(registry);
            var header = who is null ? "" : $"Authorization: {who}";
            await script.PlayAsync(
                $"""
                GET /v2/{repository}/manifests/1
                  {header}
                  {pull}
                POST /v2/{repository}/blobs/uploads/
                  {header}
                  {push}
                """);
        }

        var explained = await AccountCommand.RunAsync(
            new Dictionary<string, string>(registry.DatabaseVariables)
            {
                ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = registry.DataFolder,
            },
            "", "access", "explain", "alice", "dev/app", "--config", page.Write("explained.yml", example));
        Assert.Contains("push", explained.Is(0).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_with_a_certificate_is_the_user_of_its_name_unless_it_sends_a_password()
    {
        using var certificates = new CertificateFolder();
        await using var registry = await PageSettings.StartAsync(
            page.Read(page.With("clientcertificate")
                .Replace("/etc/berth/tls/fullchain.pem", certificates.Certificate)
                .Replace("/etc/berth/tls/privkey.pem", certificates.Key)
                .Replace("/etc/berth/tls/clients.pem", certificates.ClientIssuer)),
            WithAdmin);
        await new AccountsOf(registry).AddUserAsync("jane", "never used here");
        using (var client = certificates.Connect(registry.BaseAddress, shown: null))
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync("v2/", Stop));
        using (var client = certificates.Connect(registry.BaseAddress, certificates.CreateClient(isKnown: false)))
            await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync("v2/", Stop));

        using (var client = certificates.Connect(registry.BaseAddress, certificates.CreateClient(isKnown: true)))
        {
            Assert.Equal(202, await PostAsync(client, "jane/app"));
            Assert.Equal(403, await PostAsync(client, "other/app"));
            client.DefaultRequestHeaders.Authorization =
                AuthenticationHeaderValue.Parse(Basic("admin", AdminPassword));
            Assert.Equal(202, await PostAsync(client, "other/app"));
        }

        using var john = certificates.CreateClient("john", email: null, dns: "jane");
        using var stranger = certificates.Connect(registry.BaseAddress, john);
        Assert.Equal(401, await PostAsync(stranger, "jane/app"));

        static async Task<int> PostAsync(HttpClient client, string repository)
        {
            using var answer = await client.PostAsync($"v2/{repository}/blobs/uploads/", null, Stop);
            return (int)answer.StatusCode;
        }
    }

    /// <summary>The page's registry prints the password; this one is given it.</summary>
    private static AuthSettings WithAdmin(AuthSettings auth) =>
        auth with { Local = auth.Local with { AdminPassword = AdminPassword, BcryptCost = 4 } };

    private string WriteUsers() =>
        page.Write("htpasswd", $"alice:{BCrypt.Net.BCrypt.HashPassword("alice-secret", workFactor: 4)}\n");

    private static Task PushAsync(RegistryFixture registry, string repository) =>
        new Script(registry) { ["alice"] = Basic("alice", "alice-secret") }.PlayAsync(
            $$"""
            PUT /v2/{{repository}}/manifests/1
              Authorization: {alice}
              Content-Type: application/vnd.oci.image.index.v1+json
              > {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}
              201
            """);

    private static Task PlayAsync(
        RegistryFixture registry, (string Name, string Password) user, string repository, int push) =>
        new Script(registry) { ["user"] = Basic(user.Name, user.Password) }.PlayAsync(
            $$"""
            GET /v2/
              Authorization: {user}
              {{(push == 401 ? 401 : 200)}}
            POST /v2/{{repository}}/blobs/uploads/
              Authorization: {user}
              {{push}}
            """);
}
