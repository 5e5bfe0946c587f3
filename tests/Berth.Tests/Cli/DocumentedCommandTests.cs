using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Berth.Tests.Api;
using Berth.Tests.Identity;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Cli;

/// <summary>
/// The commands of docs/accounts.md, docs/api-v1.md, docs/audit.md and of pages on signing in, in a real shell, in the
/// order of the pages.
/// </summary>
public sealed partial class DocumentedCommandTests
{
    private const string AnyHash = AccountCommandTests.BcryptHash;
    private const string Pods =
        """
        {"items":[{"status":{"containerStatuses":[{"imageID":
        "registry.example.com/a@sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}}]}
        """;

    private const string Address = "https://registry.example.com";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_commands_of_the_page_on_accounts_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var blocks = BlocksOf("docs/accounts.md");
        Assert.True(blocks.Count >= 5);

        // The repository that a command shows to all was pushed before.
        var script = string.Join('\n', blocks).Replace(
            "berth repo visibility", "make_repository acme/web\nberth repo visibility", StringComparison.Ordinal);
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        await RunAsync(
            registry,
            $$"""
            berth() { {{berth}} "$@" <<<'battery staple'; }
            make_repository() {
              curl -sf -u 'root:battery staple' -H 'Content-Type: application/json' \
                -d "{\"name\":\"$1\"}" {{registry.BaseAddress}}api/v1/repositories
            }
            {{script}}
            """);
    }

    [Fact]
    public async Task The_requests_of_the_page_on_the_api_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        foreach (var user in new[] { "ann", "bob" }) await AddUserAsync(registry, user);
        var token = await new AccountCommand(registry).RunAsync("token", "add", "ann", "shell");
        var script = string.Join('\n', BlocksOf("docs/api-v1.md"))
            .Replace(Address, registry.BaseAddress.ToString().TrimEnd('/'), StringComparison.Ordinal)
            .Replace("PASSWORD", $"'{ApiRegistry.Password}'", StringComparison.Ordinal);
        await RunAsync(
            registry,
            $$"""
            curl() { command curl --fail-with-body -sS "$@"; }
            kiota() { :; } # GeneratedClientTests runs it.
            BERTH_TOKEN={{token.Is(0).Secret}}
            {{script}}
            """);
    }

    [Fact]
    public async Task The_commands_of_the_page_on_the_audit_log_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var block = Assert.Single(BlocksOf("docs/audit.md"));
        await RunAsync(
            registry,
            $$"""
            cd "$(mktemp -d)"
            trap 'rm -r "$PWD"' EXIT
            berth() { {{berth}} "$@"; }
            {{block}}
            """);
    }

    [Fact]
    public async Task The_commands_of_the_page_on_garbage_collection_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with { Auth = ApiRegistry.Auth });
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var block = Assert.Single(BlocksOf("docs/garbage-collection.md"));
        await RunAsync(registry, $"berth() {{ {berth} \"$@\"; }}\n{block}");
    }

    [Fact]
    public async Task The_commands_of_the_page_on_searches_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with { Auth = ApiRegistry.Auth });
        var images = new ImagePusher(registry, "admin") { Secret = ApiRegistry.Password };
        foreach (var name in new[] { "acme/nginx", "acme/web-app" }) await images.PushAsync(name, "1.25.3");
        await images.ApiAsync("PATCH", "/repositories/acme/nginx", """{"description":"A reverse proxy"}""", 200);
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        List<string> blocks = [.. BlocksOf("docs/search.md")];
        Assert.Equal(5, blocks.Count);
        var script = string.Join('\n', blocks)
            .Replace(Address, registry.BaseAddress.ToString().TrimEnd('/'), StringComparison.Ordinal)
            .Replace("-u ann", $"-u 'admin:{ApiRegistry.Password}'", StringComparison.Ordinal);
        await RunAsync(
            registry,
            $$"""
            berth() { {{berth}} "$@"; }
            curl() { command curl --fail-with-body -sS "$@"; }
            {{script}}
            [ "$(berth search '"reverse proxy"' --json | jq -r '.items[].name')" = acme/nginx ]
            [ "$(berth search web 1.25 --json | jq -r '.items[].name')" = acme/web-app ]
            berth search ngnix | grep -q "Searched for 'nginx' instead"
            """);
    }

    [Fact]
    public async Task The_commands_of_the_page_on_the_trash_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with { Auth = ApiRegistry.Auth });
        var images = new ImagePusher(registry, "admin") { Secret = ApiRegistry.Password };
        foreach (var tag in new[] { "old", "1.0", "latest" }) await images.PushAsync("acme/app", tag, tag);
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        List<string> blocks = [.. BlocksOf("docs/trash.md")];
        Assert.Equal(5, blocks.Count);
        await RunAsync(
            registry, $"berth() {{ {berth} \"$@\"; }}\n{string.Join('\n', [.. blocks[3..], .. blocks[..3]])}");
    }

    [Fact]
    public async Task The_commands_of_the_page_on_repositories_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var images = new ImagePusher(registry, "admin") { Secret = ApiRegistry.Password };
        foreach (var tag in new[] { "1.0", "latest" }) await images.PushAsync("acme/app", tag, tag);
        await images.ApiAsync("PATCH", "/repositories/acme/app", """{"isPublic":true}""", 200);
        await AddUserAsync(registry, "ann");
        var token = (await new AccountCommand(registry).RunAsync("token", "add", "ann", "shell")).Is(0).Secret;
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var script = string.Join('\n', BlocksOf("docs/repositories.md"))
            .Replace(Address, registry.BaseAddress.ToString().TrimEnd('/'), StringComparison.Ordinal);
        await RunAsync(
            registry,
            $$"""
            cd "$(mktemp -d)"
            trap 'rm -r "$PWD"' EXIT
            export BERTH_TOKEN={{token}}
            berth() { {{berth}} "$@"; }
            {{script}}
            """);
    }

    [Fact]
    public async Task The_commands_of_the_page_on_retention_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with { Auth = ApiRegistry.Auth });
        var images = new ImagePusher(registry, "admin") { Secret = ApiRegistry.Password };
        foreach (var tag in new[] { "pr-7", "v1.0", "nightly" }) await images.PushAsync("acme/app", tag, tag);
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        await RunAsync(
            registry,
            $$"""
            berth() { {{berth}} "$@"; }
            kubectl() { echo '{{Pods}}'; }
            {{string.Join('\n', BlocksOf("docs/retention.md"))}}
            """);
    }

    [Fact]
    public async Task The_commands_of_the_page_on_backups_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with { Auth = ApiRegistry.Auth });
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var blocks = BlocksOf("docs/backup.md");
        Assert.Equal(6, blocks.Count);
        blocks = blocks.ConvertAll(block => block.Replace("/var/backups/berth", "backups", StringComparison.Ordinal)
            .Replace("20261126T030000Z", "\"$(ls backups/backups | head -n 1)\"", StringComparison.Ordinal));
        await RunAsync(
            registry,
            $$"""
            cd "$(mktemp -d)"
            trap 'rm -r "$PWD"' EXIT
            berth() { {{berth}} "$@"; }
            {{blocks[0]}}
            {{blocks[^1]}}
            unset ${!REGISTRY_@}
            printf 'version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: new\n' > new.yml
            {{string.Join('\n', blocks[1..^1])}}
            """);
    }

    [Fact]
    public async Task The_commands_of_the_page_on_rebuilding_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with { Auth = ApiRegistry.Auth });
        await new ImagePusher(registry, "admin") { Secret = ApiRegistry.Password }.PushAsync("acme/app", "1", "layer");
        await registry.StopAsync();
        foreach (var file in Directory.GetFiles(registry.DataFolder, "berth.db*")) File.Delete(file);
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var said = await RunAsync(
            registry, $"berth() {{ {berth} \"$@\"; }}\n{string.Join('\n', BlocksOf("docs/rebuilding.md"))}");
        Assert.Contains("Rebuilt 1 manifest, 1 tag and 1 move of tags", said);
    }

    [Fact]
    public async Task The_commands_of_the_page_on_usage_and_quotas_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with { Auth = ApiRegistry.Auth });
        var images = new ImagePusher(registry, "admin") { Secret = ApiRegistry.Password };
        foreach (var tag in new[] { "old", "pr-1" }) await images.PushAsync("acme/app", tag, tag);
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var blocks = BlocksOf("docs/quotas.md");
        Assert.Equal(3, blocks.Count);
        var said = await RunAsync(registry, $"berth() {{ {berth} \"$@\"; }}\n{string.Join('\n', blocks)}");
        Assert.Contains("Would free 3 B: 1 manifest and 1 blob", said);
        Assert.Contains("acme uses 9 B of 10 GiB", said);
    }

    [Fact]
    public async Task The_commands_of_the_page_on_pages_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(s => s with { Auth = ApiRegistry.Auth });
        await new ImagePusher(registry, "admin") { Secret = ApiRegistry.Password }.PushConfigAsync(
            "acme/app", "1.0", """{"os":"linux","architecture":"amd64","config":{"Cmd":["serve"]}}""");
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var said = await RunAsync(
            registry, $"berth() {{ {berth} \"$@\"; }}\n{Assert.Single(BlocksOf("docs/pages.md"))}");
        Assert.Matches("size +[0-9]+ bytes", said);
        Assert.Matches("platforms +linux/amd64", said);
        Assert.Matches("command +serve", said);
        Assert.Contains("\"schemaVersion\":2", said);
        Assert.Contains("\"Cmd\":[\"serve\"]", said);
        Assert.Contains("KIND", said);
    }

    [Fact]
    public async Task The_commands_of_the_page_on_sign_in_without_passwords_work_as_they_stand()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var blocks = BlocksOf("docs/sign-in-keyless.md").FindAll(
            block => block.Contains("berth ", StringComparison.Ordinal));
        Assert.Equal(2, blocks.Count);
        await RunAsync(
            registry,
            $$"""
            export REGISTRY_AUTH_KEYLESS_ISSUERS_0_NAME=github
            export REGISTRY_AUTH_KEYLESS_ISSUERS_0_URL=https://token.actions.githubusercontent.com
            export REGISTRY_AUTH_KEYLESS_ISSUERS_0_AUDIENCE=registry.example.com
            TOKEN=eyJhbGciOiJSUzI1NiJ9.e30.e30
            berth() { {{berth}} "$@"; }
            {{string.Join('\n', blocks)}}
            """);
    }

    [Fact]
    public async Task The_command_of_the_page_on_tokens_of_another_server_works_as_it_stands()
    {
        using var server = new TokenServerFiles();
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var block = Assert.Single(
            BlocksOf("docs/sign-in-token.md"), block => block.Contains("berth access", StringComparison.Ordinal));
        await RunAsync(
            registry,
            $$"""
            export REGISTRY_AUTH_TOKEN_REALM={{TokenServerFiles.Realm}}
            export REGISTRY_AUTH_TOKEN_SERVICE={{TokenServerFiles.Service}}
            export REGISTRY_AUTH_TOKEN_ISSUER={{TokenServerFiles.Issuer}}
            export REGISTRY_AUTH_TOKEN_JWKS={{server.Jwks}}
            TOKEN={{TokenServerFiles.Token("repository:team/app:pull")}}
            berth() { {{berth}} "$@"; }
            {{block}}
            """);
    }

    [Theory]
    [InlineData("docs/second-factors.md", "berth user ")]
    [InlineData("docs/sign-in-oidc.md", "berth user identity ")]
    public async Task The_commands_for_users_of_a_page_on_signing_in_work_as_they_stand(string page, string command)
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        await AddUserAsync(registry, "ann");
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var block = Assert.Single(
            BlocksOf(page), block => block.Contains(command, StringComparison.Ordinal));
        await RunAsync(
            registry,
            $$"""
            for part in NAME=corp ISSUER=https://id.example.com CLIENTID=registry CLIENTSECRET=secret; do
              export "REGISTRY_AUTH_OIDC_0_$part"
            done
            berth() { {{berth}} "$@"; }
            {{block}}
            """);
    }

    [Theory]
    [InlineData("docs/sign-in-ldap.md", "alice")]
    [InlineData("docs/sign-in-oidc.md", "ann")]
    public async Task The_first_administrator_is_made_as_a_page_on_another_directory_says(string page, string user)
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        await AddUserAsync(registry, user);
        var block = Assert.Single(
            BlocksOf(page), block => block.Contains("berth user change", StringComparison.Ordinal));
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        await RunAsync(
            registry,
            $$"""
            settings=$(mktemp)
            trap 'rm "$settings"' EXIT
            echo 'version: 0.1' > "$settings"
            berth() { {{berth}} "$@"; }
            {{block.Replace("/etc/berth/config.yml", "$settings", StringComparison.Ordinal)}}
            """);
        var listed = (await new AccountCommand(registry).RunAsync("user", "list")).Is(0).Output;
        foreach (var name in new[] { user, "root" }) Assert.Matches($"\n{name} +administrator ", listed);
    }

    /// <summary>As the page has it, the file decides until the last line but one.</summary>
    [Fact]
    public async Task Users_of_a_file_are_moved_to_the_database_with_the_commands_of_the_page()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        var block = Assert.Single(
            BlocksOf("docs/sign-in.md"), block => block.Contains("sed -i", StringComparison.Ordinal));
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file, string.Concat("alice bob carol dave".Split(' ').Select(name => $"{name}:{AnyHash}\n")), Stop);
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        var said = await RunAsync(
            registry,
            $$"""
            export REGISTRY_AUTH_HTPASSWD_PATH={{file}}
            berth() { {{berth}} "$@"; }
            {{block.Replace("/etc/berth/htpasswd", file, StringComparison.Ordinal)}}
            """);
        Assert.Contains("bob is in the users file too", said, StringComparison.Ordinal);
        Assert.Matches("\npush +yes +bob is writer of the organization team\ndelete +no\n", said);
        Assert.StartsWith("dave:", await File.ReadAllTextAsync(file, Stop), StringComparison.Ordinal);
        File.Delete(file);
    }

    [Fact]
    public async Task A_project_of_Harbor_is_made_with_the_commands_of_the_page()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = ApiRegistry.Auth });
        foreach (var user in new[] { "alice", "bob" }) await AddUserAsync(registry, user);
        var block = Assert.Single(
            BlocksOf("docs/sign-in.md"), block => block.Contains("berth robot add", StringComparison.Ordinal));
        var berth = string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path));
        await RunAsync(
            registry,
            $$"""
            for part in SERVERS_0=ldaps://ldap.example.com USERBASE=dc=example,dc=com; do
              export "REGISTRY_AUTH_LDAP_$part"
            done
            berth() { {{berth}} "$@"; }
            {{block}}
            """);
        async Task<string> MayAsync(string who) =>
            (await new AccountCommand(registry).RunAsync("access", "explain", who, "project/app")).Is(0).Output;
        Assert.Matches("\npush +yes .*\ndelete +yes .*\nmanage +yes .*\nown +no\n", await MayAsync("bob"));
        Assert.Matches("\npull +yes .*\npush +yes .*\ndelete +no\n", await MayAsync("robot.project.ci"));
        Assert.Matches("\npull +yes .*\npush +no\n", await MayAsync("robot.scanner"));
    }

    internal static List<string> BlocksOf(string page) =>
        [.. Block().Matches(string.Join('\n', SourceTree.Files.Single(f => f.Path == page).Lines))
            .Select(match => match.Groups[1].Value)];

    private static async Task AddUserAsync(RegistryFixture registry, string name) => (await new AccountCommand(registry)
        .TellAsync(ApiRegistry.Password + "\n", "user", "add", name, "--password-stdin")).Is(0);

    internal static async Task<string> RunAsync(RegistryFixture registry, string script)
    {
        var start = new ProcessStartInfo("bash", ["-ec", script + "\n"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in registry.DatabaseVariables) start.Environment[name] = value;
        start.Environment["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = registry.DataFolder;
        start.Environment["REGISTRY_AUTH_LOCAL_ENABLED"] = "true";
        start.Environment["REGISTRY_AUTH_LOCAL_BCRYPTCOST"] = "4";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(Stop);
        var errors = process.StandardError.ReadToEndAsync(Stop);
        await process.WaitForExitAsync(Stop);
        var said = new StringBuilder(await output).Append(await errors).ToString();
        Assert.True(process.ExitCode == 0, $"{said}\nfrom:\n{script}");
        return said;
    }

    [GeneratedRegex("```sh\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
