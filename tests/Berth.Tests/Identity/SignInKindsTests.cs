using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Distribution;
using Berth.Tests.Servers;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>
/// A sign-in of each kind, by the published program too. Tokens of another server are among the TrustedTokenTests.
/// </summary>
[Accounts]
public sealed class SignInKindsTests
{
    private const string Password = "of green gables";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Users_of_the_database_a_file_a_directory_and_a_provider_sign_in_to_one_registry_and_jobs_do()
    {
        var (directory, provider) = (await SlapdServer.SharedAsync(), await OidcServer.SharedAsync());
        await using var issuer = await TestIssuer.StartAsync();
        await using var registry = await StartAsync(directory, provider, issuer);
        var script = new Script(registry)
        {
            ["admin"] = Basic("admin", AdminPassword),
            ["local"] = Basic("ann", Password),
            ["filed"] = Basic("filed", Password),
            ["directory"] = Basic("alice", "alice-secret"),
            ["wrong"] = Basic("alice", "bob-secret"),
            ["job"] = Basic(
                "ci", TestIssuer.Token(issuer.Claims(TimeProvider.System, ("repository", "team/app")))),
            ["other job"] = Basic(
                "ci", TestIssuer.Token(issuer.Claims(TimeProvider.System, ("repository", "else/app")))),
        };
        await script.PlayAsync(
            $$"""
            POST /api/v1/users
              Authorization: {admin}
              Content-Type: application/json
              > {"name":"ann","password":"{{Password}}"}
              201
            POST /api/v1/me/tokens
              Authorization: {local}
              Content-Type: application/json
              > {"name":"laptop"}
              201
            """);
        script["personal"] = Basic("ann", (string)JsonNode.Parse(script.LastBody)!["secret"]!);
        await script.PlayAsync(
            """
            POST /api/v1/robots
              Authorization: {admin}
              Content-Type: application/json
              > {"name":"robot.ci","grants":[{"names":"team/*","actions":["pull","push"]}]}
              201
            """);
        script["robot"] = Basic("robot.ci", (string)JsonNode.Parse(script.LastBody)!["secret"]!);
        foreach (var (who, place) in new[]
        {
            ("local", "ann/app"), ("personal", "ann/app"), ("robot", "team/app"), ("job", "team/app"),
            ("filed", "files/app"), ("directory", "ops/app"), ("directory", "alice/app"),
        })
        {
            script["bearer"] = "Bearer "
                + await TokenRegistry.TokenAsync(registry, script[who], $"repository:{place}:pull,push");
            foreach (var way in new[] { who, "bearer" })
            {
                await script.PlayAsync(
                    $"POST /v2/{place}/blobs/uploads/\n Authorization: {{{way}}}\n 202");
            }

            await script.PlayAsync($"POST /v2/other/app/blobs/uploads/\n Authorization: {{{who}}}\n 403");
        }

        foreach (var who in new[] { "wrong", "other job" })
            await script.PlayAsync($"GET /v2/\n Authorization: {{{who}}}\n 401");
        using var browser = new TestBrowser(registry);
        await browser.SignInAsync("bob");
        Assert.Equal("bob", await browser.WhoAsync());
        using var me = await browser.GetAsync("api/v1/me");
        Assert.Equal("bob@example.org", (string?)(await me.Content.ReadFromJsonAsync<JsonNode>(Stop))!["email"]);
    }

    [Fact]
    public async Task The_name_in_a_certificate_signs_in()
    {
        using var files = new CertificateFolder();
        files.WriteServer();
        await using var registry = await AccountsOf.StartAsync(
            auth => auth with { ClientCertificate = CertificateName.CommonName },
            settings => settings with
            {
                Http = settings.Http with
                {
                    Tls = new TlsSettings
                    {
                        Certificate = files.Certificate,
                        Key = files.Key,
                        ClientCas = [files.ClientIssuer],
                    },
                },
            });
        using var certificate = files.CreateClient(isKnown: true);
        using var client = files.Connect(registry.BaseAddress, certificate);
        Assert.Equal(401, await PostAsync("v2/jane/app/blobs/uploads/", null));
        Assert.Equal(201, await PostAsync("api/v1/users", new { name = "jane", password = Password }));
        Assert.Equal(202, await PostAsync("v2/jane/app/blobs/uploads/", null));
        Assert.Equal(403, await PostAsync("v2/john/app/blobs/uploads/", null));

        async Task<int> PostAsync(string path, object? body)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path);
            if (body is not null)
            {
                request.Content = JsonContent.Create(body);
                request.Headers.TryAddWithoutValidation("Authorization", Basic("admin", AdminPassword));
            }

            using var answer = await client.SendAsync(request, Stop);
            return (int)answer.StatusCode;
        }
    }

    private static async Task<RegistryFixture> StartAsync(
        SlapdServer directory, OidcServer provider, TestIssuer issuer)
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("berth-users-").FullName, "users");
        await File.WriteAllTextAsync(file, $"filed:{BCrypt.Net.BCrypt.HashPassword(Password, workFactor: 4)}\n", Stop);
        var trusted = new KeylessIssuerSettings
        {
            Name = "ci",
            Url = issuer.Url,
            Audience = [TestIssuer.Audience],
            Rules = [KeylessSetup.Rule("""repository == "team/*" """, "pull push", "team/**")],
        };
        return await AccountsOf.StartAsync(
            auth => auth with
            {
                Htpasswd = new HtpasswdSettings { Path = file },
                Ldap = directory.Settings with
                {
                    Servers = [directory.TlsUrl],
                    Ca = directory.CaFile,
                    GroupBase = SlapdServer.GroupBase,
                },
                Oidc = [provider.Settings],
                Keyless = new KeylessSettings { Issuers = [trusted] },
            },
            settings => settings with
            {
                Access =
                [
                    new() { Allow = ["group:admins"], Actions = ["pull", "push"], Names = ["ops/**"] },
                    new() { Allow = ["user:filed"], Actions = ["pull", "push"], Names = ["files/**"] },
                ],
            });
    }
}
