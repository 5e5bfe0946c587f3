using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Identity;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Cli;

/// <summary>What commands do with the token that <c>berth login</c> got.</summary>
[Inside]
public sealed class SavedTokenTests : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("berth-home-");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string CredentialsFile => Path.Combine(_home.FullName, "berth", "credentials.json");

    public void Dispose() => _home.Delete(recursive: true);

    [Accounts]
    [Fact]
    public async Task A_command_uses_the_token_for_its_server_unless_other_credentials_are_named()
    {
        await using var registry = await StartAsync();
        var server = registry.BaseAddress.ToString();
        await SaveAsync(server, await TokenAsync(registry), DateTimeOffset.MaxValue);
        Assert.Contains(
            "\"name\":\"test\"", (await RunAsync("token", "list", "ann", "--server", server, "--json")).Is(0).Output);
        (await RunAsync("user", "list", "--server", server)).Is(1);
        (await RunWithAsync(
            $"BERTH_PASSWORD={AccountsOf.AdminPassword}", "user", "list", "--server", server, "--user",
            "admin")).Is(0);
        var wrong = (await RunWithAsync(
            "BERTH_TOKEN=berth_pat_nonsense", "token", "list", "ann", "--server", server)).Is(1);
        Assert.DoesNotContain("berth login", wrong.Errors);
        var elsewhere = (await RunAsync("user", "list", "--server", "https://other.example.com")).Is(2);
        Assert.Contains(
            "name who signs in with --user, set BERTH_TOKEN, or run `berth login https://other.example.com`",
            elsewhere.Errors);
    }

    [Fact]
    public async Task A_token_that_is_over_or_refused_is_said_to_need_another_login()
    {
        await using var registry = await StartAsync();
        var server = registry.BaseAddress.ToString();
        await SaveAsync(server, "berth_pat_nonsense", DateTimeOffset.MaxValue);
        var refused = (await RunAsync("token", "list", "ann", "--server", server)).Is(1);
        Assert.EndsWith($": run `berth login {server.TrimEnd('/')}` again\n", refused.Errors);
        await SaveAsync(server, await TokenAsync(registry), new DateTimeOffset(2001, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var over = (await RunAsync("token", "list", "ann", "--server", server)).Is(1);
        Assert.Equal(
            $"berth token list: the token for {server.TrimEnd('/')} ended at 2001-01-01 00:00 UTC: "
            + $"run `berth login {server.TrimEnd('/')}` again\n",
            over.Errors);
        await File.WriteAllTextAsync(CredentialsFile, "no JSON", Stop);
        var broken = (await RunAsync("token", "list", "ann", "--server", server)).Is(2);
        Assert.Contains("remove it, and run `berth login` again", broken.Errors);
    }

    [Accounts]
    [Fact]
    public async Task A_logout_revokes_the_token_and_forgets_it()
    {
        await using var registry = await StartAsync();
        var (server, token) = (registry.BaseAddress.ToString(), await TokenAsync(registry));
        await SaveAsync(server, token, DateTimeOffset.MaxValue);
        await SaveAsync("https://other.example.com", "berth_pat_other", DateTimeOffset.MaxValue);
        Assert.StartsWith("Signed out of", (await RunAsync("logout", server)).Is(0).Output);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(CredentialsFile));
        var left = JsonNode.Parse(await File.ReadAllTextAsync(CredentialsFile, Stop))!.AsObject();
        Assert.Equal(["https://other.example.com"], left.Select(pair => pair.Key));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/me");
        request.Headers.Authorization = ApiRegistry.HeaderOf(token);
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(401, (int)answer.StatusCode);
        Assert.Contains("has no token for", (await RunAsync("logout", server)).Is(0).Output);

        // One that is refused has ended already; one whose server is away may not have.
        await SaveAsync(server, token, DateTimeOffset.MaxValue);
        (await RunAsync("logout", server)).Is(0);
        await SaveAsync("http://127.0.0.1:1", token, DateTimeOffset.MaxValue);
        var away = (await RunAsync("logout", "http://127.0.0.1:1/")).Is(1);
        Assert.Contains("forgotten here, but could not be revoked", away.Errors);
        Assert.DoesNotContain("127.0.0.1:1", await File.ReadAllTextAsync(CredentialsFile, Stop));
    }

    [Fact]
    public async Task A_login_with_certificates_of_its_own_is_remembered_with_them()
    {
        var (certificate, key) = (Path.Combine(_home.FullName, "cert.pem"), Path.Combine(_home.FullName, "key.pem"));
        using var issued = AccountCommandTests.IssueToLoopback();
        await File.WriteAllTextAsync(certificate, issued.ExportCertificatePem(), Stop);
        await File.WriteAllTextAsync(key, issued.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(), Stop);
        await using var registry = await AccountsOf.StartAsync(settings: s => s with
        {
            Http = s.Http with { Tls = new TlsSettings { Certificate = certificate, Key = key } },
        });
        var ann = await new AccountsOf(registry).AddUserAsync("ann", "a long password");
        var server = registry.BaseAddress.ToString();
        var unknown = (await RunAsync("login", server)).Is(2);
        Assert.Contains("certificate is not trusted", unknown.Errors, StringComparison.Ordinal);

        var start = BerthProgram.Prepare("login", server, "--ca", certificate);
        start.Environment["XDG_CONFIG_HOME"] = _home.FullName;
        using var login = await LoginCommand.StartAsync(start);
        var devices = registry.Services.GetRequiredService<DeviceSignIn>();
        await devices.DecideAsync((await devices.FindAsync(login.Code, Stop))!, ann, isAllowed: true, Stop);
        await login.FinishAsync();

        (await RunAsync("token", "list", "ann", "--server", server)).Is(0);
        (await RunAsync("token", "list", "ann", "--server", server, "--ca", key)).Is(2);
        (await RunAsync("logout", server)).Is(0);
    }

    [Theory]
    [InlineData("no JSON")]
    [InlineData("{\"a\":{},\"a\":{}}")]
    [InlineData("[]")]
    [InlineData(null)]
    public async Task A_login_that_could_not_keep_its_token_asks_nobody(string? content)
    {
        await using var registry = await StartAsync();
        var folder = Directory.CreateDirectory(Path.GetDirectoryName(CredentialsFile)!);
        if (content is not null) await File.WriteAllTextAsync(CredentialsFile, content, Stop);
        else Directory.CreateDirectory(CredentialsFile);
        var refused = (await RunAsync("login", registry.BaseAddress.ToString())).Is(2);
        Assert.Contains(CredentialsFile, refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Open this page", refused.Output, StringComparison.Ordinal);
        Assert.Single(folder.EnumerateFileSystemInfos());
        var list = (await RunAsync("token", "list", "ann", "--server", registry.BaseAddress.ToString())).Is(2);
        Assert.DoesNotContain(" at Berth.", list.Errors, StringComparison.Ordinal);
    }

    /// <summary>Others may read the file, or what the link leads to; a command that was killed left its own.</summary>
    [Fact]
    public async Task Tokens_are_only_for_their_owner_whatever_lay_there()
    {
        await using var registry = await StartAsync();
        var server = registry.BaseAddress.ToString();
        await SaveAsync(server, await TokenAsync(registry), DateTimeOffset.MaxValue);
        await SaveAsync("https://other.example.com", "berth_pat_other", DateTimeOffset.MaxValue);
        var shared = Path.Combine(_home.FullName, "shared.json");
        File.Move(CredentialsFile, shared);
        File.SetUnixFileMode(shared, (UnixFileMode)0b110_110_110);
        File.CreateSymbolicLink(CredentialsFile, shared);
        (await RunAsync("logout", server)).Is(0);
        Assert.Null(new FileInfo(CredentialsFile).LinkTarget);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(CredentialsFile));
        Assert.Equal(
            ["https://other.example.com"],
            JsonNode.Parse(await File.ReadAllTextAsync(CredentialsFile, Stop))!.AsObject().Select(pair => pair.Key));
    }

    [Fact]
    public async Task A_list_goes_on_at_the_same_server_whatever_its_link_says()
    {
        await using var thief = await LinkingServer.StartAsync(_ => null);
        await using var server = await LinkingServer.StartAsync(
            path => path.Contains("more", StringComparison.Ordinal) ? null
                : $"<http://127.0.0.1//{thief.Authority}/more?n=1>; rel=\"next\"");
        var address = $"http://{server.Authority}";
        await SaveAsync(address, "berth_pat_secret", DateTimeOffset.MaxValue);
        (await RunAsync("user", "list", "--server", address)).Is(0);
        Assert.Equal(["/api/v1/users", $"//{thief.Authority}/more?n=1"], server.Asked);
        Assert.Empty(thief.Asked);
    }

    [Fact]
    public async Task Only_a_request_with_a_token_of_its_own_revokes_it()
    {
        await using var registry = await StartAsync();
        var token = await TokenAsync(registry);
        foreach (var (who, status) in new[] { ("ann:a long password", 409), (token, 204), (token, 401) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Delete, "/api/v1/me/tokens/current");
            request.Headers.Authorization = ApiRegistry.HeaderOf(who);
            using var answer = await registry.Client.SendAsync(request, Stop);
            Assert.Equal(status, (int)answer.StatusCode);
        }
    }

    private static async Task<RegistryFixture> StartAsync()
    {
        var registry = await AccountsOf.StartAsync();
        await new AccountsOf(registry).AddUserAsync("ann", "a long password");
        return registry;
    }

    private static async Task<string> TokenAsync(RegistryFixture registry)
    {
        var accounts = new AccountsOf(registry);
        return (await accounts.AddTokenAsync(await accounts.FindAsync("ann"))).Secret;
    }

    private async Task SaveAsync(string server, string token, DateTimeOffset expiresAt)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(CredentialsFile)!);
        var all = File.Exists(CredentialsFile)
            ? JsonNode.Parse(await File.ReadAllTextAsync(CredentialsFile, Stop))!.AsObject()
            : [];
        all[server.TrimEnd('/')] = new JsonObject
        {
            ["name"] = "ann",
            ["token"] = token,
            ["expiresAt"] = expiresAt.ToString("O", CultureInfo.InvariantCulture),
        };
        await File.WriteAllTextAsync(CredentialsFile, JsonSerializer.Serialize(all), Stop);
    }

    private Task<CommandResult> RunAsync(params string[] arguments) => RunWithAsync(null, arguments);

    private Task<CommandResult> RunWithAsync(string? variable, params string[] arguments)
    {
        var environment = new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = _home.FullName };
        if (variable?.Split('=') is [var name, var value]) environment[name] = value;
        return AccountCommand.RunAsync(environment, "", arguments);
    }
}
