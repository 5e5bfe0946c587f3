using Berth.Settings;

namespace Berth.Tests.Clients;

/// <summary>docker search and podman search, logged out and logged in, with their filters.</summary>
public sealed class SearchClientTests(OldestDockerFixture fixture) : IClassFixture<OldestDockerFixture>
{
    [Fact]
    public async Task Docker_finds_what_its_login_may_pull_and_podman_what_is_public()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings { Local = SignInAccounts.Settings, Anonymous = AnonymousAccess.Public },
        });
        var (address, client) = (registry.BaseAddress.Authority, fixture.Client);
        var owner = SignInCase.At(client, address, "administrator", $"admin:{SignInAccounts.Password}", true, true);
        var image = OciLayout.Write(client.NewPath("layout"), "searched");
        foreach (var name in new[] { "acme/web", "acme/website", "secret/web" })
        {
            await client.RunAsync(
                "env", $"DOCKER_CONFIG={owner.ConfigFolder}", client.Tools.Crane, "push", image.Folder,
                $"{address}/{name}:1");
        }

        await AskAsync(HttpMethod.Patch, "repositories/acme/web", """{"isPublic":true,"isOfficial":true}""");
        await AskAsync(
            HttpMethod.Patch, "repositories/acme/website", """{"isPublic":true,"description":"Pages and pictures"}""");
        await AskAsync(HttpMethod.Put, "stars/acme/website", null);

        // Over plain HTTP, docker searches with the token that a login leaves, and never with a password.
        var login = client.NewPath("config");
        (await fixture.Docker.TryRunAsync(
            "--config", login, "login", "--username", "admin", "--password", SignInAccounts.Password, address))
            .OutputOfSuccess();
        var nobody = SignInCase.At(client, address, "logged out", null, false, false);
        foreach (var (options, loggedOut, loggedIn) in new (string[], string[], string[])[]
        {
            ([], ["acme/web 0 [OK] ", "acme/website 1  Pages and pictures"], ["secret/web 0  "]),
            (["--filter", "is-official=true"], ["acme/web 0 [OK] "], []),
            (["--filter", "is-official=false"], ["acme/website 1  Pages and pictures"], ["secret/web 0  "]),
            (["--filter", "stars=1"], ["acme/website 1  Pages and pictures"], []),
            (["--limit", "1"], ["acme/web 0 [OK] "], []),
        })
        {
            foreach (var (one, found) in new[] { (nobody, loggedOut), (owner, [.. loggedOut, .. loggedIn]) })
            {
                var docker = await fixture.Docker.TryRunAsync(
                    ["--config", one == owner ? login : one.ConfigFolder, "search", "--no-trunc", "--format",
                        "{{.Name}} {{.StarCount}} {{.IsOfficial}} {{.Description}}", .. options, $"{address}/web"]);
                var podman = await client.RunAsync(
                    "podman", ["search", "--tls-verify=false", "--authfile", one.ConfigFile, "--no-trunc", "--format",
                        "{{.Name}} {{.Stars}} {{.Official}} {{.Description}}", .. options, $"{address}/web"]);
                var what = $"{one.Name} {string.Join(' ', options)}";
                Assert.Equal(
                    $"docker {what}\n{Sorted(found)}",
                    $"docker {what}\n{Sorted(docker.OutputOfSuccess().Split('\n'))}");

                // Podman asks this without its login, whoever is logged in.
                Assert.Equal(
                    $"podman {what}\n{Sorted(loggedOut)}",
                    $"podman {what}\n{Sorted(podman.Replace(address + "/", "").Split('\n'))}");
            }
        }

        Task<string> AskAsync(HttpMethod method, string path, string? body) =>
            SignInAccounts.AskAsync(registry, method, path, body);
    }

    private static string Sorted(IEnumerable<string> lines) => string.Join(
        '\n', lines.Select(line => line.Trim()).Where(line => line.Length > 0).Order(StringComparer.Ordinal));
}
