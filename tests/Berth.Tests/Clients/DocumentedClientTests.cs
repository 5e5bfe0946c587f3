using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Identity;
using Microsoft.AspNetCore.Http;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Clients;

/// <summary>
/// The commands of README, of docs/getting-started.md and of the page on keyless sign-in that run other programs than
/// Berth, in a real shell. DockerTests runs those of docker, on a daemon of its own; those of Berth are in
/// GettingStartedDocumentTests.
/// </summary>
[Inside]
public sealed class DocumentedClientTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_commands_of_the_readme_and_of_getting_started_work_as_they_stand()
    {
        var blocks = BlocksOf("README.md", "podman")
            .Concat(BlocksOf("docs/getting-started.md", "mkdir -p hello"))
            .Concat(BlocksOf("docs/getting-started.md", "podman build"))
            .Concat(BlocksOf("docs/getting-started.md", "skopeo copy"))
            .Concat(BlocksOf("docs/getting-started.md", "oras push")).ToList();
        Assert.Equal(5, blocks.Count);
        await RunAsync(
            client.Address,
            $$"""
            podman() { command podman --root "$HOME/documented" --runroot "$HOME/documented-run" "$@"; }
            oras() { "{{client.Tools.Oras}}" "$@"; }
            {{string.Join('\n', blocks)}}
            """);
        Assert.NotNull(await client.DigestAsync("hello", "1.0"));
        Assert.NotNull(await client.DigestAsync("other/app", "1.0"));
        Assert.NotNull(await client.DigestAsync("notes", "1"));
    }

    [Fact]
    public async Task The_users_file_of_getting_started_lets_its_users_in()
    {
        var file = client.NewPath("users");
        var block = Assert.Single(BlocksOf("docs/getting-started.md", "htpasswd -B")).Replace("/etc/berth/users", file);
        await RunAsync(
            "",
            $$"""
            htpasswd() { command htpasswd -i "$@" <<<'a password'; }
            mkdir() { command mkdir "${@/\/etc\/berth/{{Path.GetDirectoryName(file)}}}"; }
            {{block}}
            """);
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings { Htpasswd = new HtpasswdSettings { Path = file } },
        });
        foreach (var user in new[] { "alice", "bob" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
            request.Headers.TryAddWithoutValidation("Authorization", Basic(user, "a password"));
            using var answer = await registry.Client.SendAsync(request, Stop);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Jobs_and_pods_sign_in_with_the_commands_of_the_page_on_keyless_sign_in()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var registry = await StartAsync(auth => auth with
        {
            Keyless = new KeylessSettings
            {
                Issuers =
                [
                    new()
                    {
                        Name = "ci", Url = issuer.Url, Audience = [TestIssuer.Audience],
                        Rules = [KeylessSetup.Rule("""sub == "**" """, "pull push", "acme/**")],
                    },
                ],
            },
        });
        var token = TestIssuer.Token(issuer.Claims(TimeProvider.System));
        issuer.Misbehaviour = http => http.Response.WriteAsync(http.Request.Path.Value switch
        {
            "/.well-known/openid-configuration" => issuer.Discovery(),
            "/job" => IsOfJob(http.Request) ? new JsonObject { ["value"] = token }.ToJsonString() : "{}",
            _ => TestIssuer.KeySet(issuer.Keys),
        });
        var file = client.NewPath("token");
        await File.WriteAllTextAsync(file, token, Stop);
        var lines = LoginsOf("docs/sign-in-keyless.md");
        Assert.Equal(4, lines.Count);
        foreach (var line in lines)
        {
            // docker's own command wants a daemon; skopeo has the same options, and needs none.
            await RunAsync(
                registry.BaseAddress.Authority,
                $$"""
                set -o pipefail
                export TOKEN={{token}} REGISTRY_TOKEN={{token}}
                export ACTIONS_ID_TOKEN_REQUEST_TOKEN=runner ACTIONS_ID_TOKEN_REQUEST_URL='{{issuer.Url}}/job?v=1'
                docker() { skopeo "$@" --tls-verify=false --authfile "$PWD/auth.json"; }
                {{line.Replace("/var/run/secrets/registry/token", file)}}
                grep -q {{registry.BaseAddress.Authority}} auth.json
                """);
        }

        static bool IsOfJob(HttpRequest request) => request.Headers.Authorization == "Bearer runner"
            && request.Query["audience"] == TestIssuer.Audience;
    }

    /// <summary>The commands of a page that end with a login, with the lines before it that belong to them.</summary>
    private static List<string> LoginsOf(string page)
    {
        var (logins, command) = (new List<string>(), new StringBuilder());
        foreach (var line in SourceTree.Files.Single(file => file.Path == page).Lines)
        {
            var text = line.Trim();
            command.AppendLine(text.StartsWith("- ", StringComparison.Ordinal) ? text[2..] : text);
            if (text.EndsWith("run: |", StringComparison.Ordinal)) command.Clear();
            if (text.EndsWith('\\') || text.EndsWith('|')) continue;
            if (command.ToString().Contains("--password-stdin", StringComparison.Ordinal)) logins.Add($"{command}");
            command.Clear();
        }

        return logins;
    }

    private static List<string> BlocksOf(string page, string mark) =>
        [.. SourceTree.Files.Single(file => file.Path == page).BlocksOf("sh")
            .Where(block => block.Contains(mark, StringComparison.Ordinal))];

    /// <summary>Runs a script in an empty folder; the addresses of the pages stand for that of the registry.</summary>
    private async Task RunAsync(string address, string script)
    {
        var folder = Directory.CreateDirectory(client.NewPath("page")).FullName;
        script = script.Replace("localhost:5000", address);
        if (address.Length > 0) script = script.Replace("login registry.example.com", $"login {address}");
        var run = await client.TryRunAsync("bash", "-ec", $"cd '{folder}'\n{script}\n");
        Assert.True(run.ExitCode == 0, $"{run.Error}{run.Output}\nfrom:\n{script}");
    }
}
