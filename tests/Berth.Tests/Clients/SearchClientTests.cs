using Berth.Settings;

namespace Berth.Tests.Clients;

/// <summary>docker search and podman search, logged out and logged in.</summary>
public sealed class SearchClientTests(OldestDockerFixture fixture) : IClassFixture<OldestDockerFixture>
{
    [Fact]
    public async Task Docker_and_podman_find_what_their_login_may_pull()
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
                    ["--config", one.ConfigFolder, "search", "--no-trunc", "--format",
                        "{{.Name}} {{.StarCount}} {{.IsOfficial}} {{.Description}}", .. options, $"{address}/web"]);
                var podman = await client.RunAsync(
                    "podman", ["search", "--tls-verify=false", "--authfile", one.ConfigFile, "--no-trunc", "--format",
                        "{{.Name}} {{.Stars}} {{.Official}} {{.Description}}", .. options, $"{address}/web"]);
                var what = $"{one.Name} {string.Join(' ', options)}";
                Assert.Equal((what, Sorted(found)), (what, Sorted(docker.OutputOfSuccess().Split('\n'))));
                Assert.Equal((what, Sorted(found)), (what, Sorted(podman.Replace(address + "/", "").Split('\n'))));
            }
        }

        Task<string> AskAsync(HttpMethod method, string path, string? body) =>
            SignInAccounts.AskAsync(registry, method, path, body);
    }

    private static string Sorted(IEnumerable<string> lines) => string.Join(
        '\n', lines.Select(line => line.Trim()).Where(line => line.Length > 0).Order(StringComparer.Ordinal));
}
