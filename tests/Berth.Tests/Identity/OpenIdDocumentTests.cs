using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using Berth.Tests.Cli;
using Berth.Tests.Distribution;
using Berth.Tests.Servers;
using Berth.Tests.Settings;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>The examples of docs/sign-in-oidc.md, with a provider as the page describes it.</summary>
public sealed partial class OpenIdDocumentTests : IDisposable
{
    private readonly PageSettings page = new("sign-in-oidc");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => page.Dispose();

    [Theory]
    [InlineData("keycloak", "registry-users", "kate", "kate", "karl")]
    [InlineData("entra", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "eric", "eric", "erna")]
    [InlineData("google", null, "george", "g.mail", null)]
    public async Task Users_of_an_OpenID_provider_sign_in_if_they_are_in_the_group_of_the_example(
        string name, string? group, string user, string account, string? other)
    {
        Assert.Equal(5, page.Examples.Count);
        var server = await OidcServer.SharedAsync();
        if (group is not null) await server.SetGroupsAsync(user, "staff", group);
        var example = page.With($"name: {name}\n");
        Assert.Equal(group is not null, example.Contains($"requiredgroup: {group}", StringComparison.Ordinal));
        await using var registry = await StartAsync(example, server.Issuer, "registry", "registry-secret");
        using var browser = new TestBrowser(registry);
        await browser.SignInAsync(user, name);
        Assert.Equal(account, await browser.WhoAsync());
        if (other is null) return;
        browser.ForgetCookies();
        await OpenIdSignInTests.AssertRefusedAsync(
            browser, await browser.BeginAsync(other, name), HttpStatusCode.Forbidden);
    }

    [Theory]
    [InlineData("acme", HttpStatusCode.SeeOther)]
    [InlineData("other", HttpStatusCode.Forbidden)]
    public async Task Users_of_GitHub_sign_in_if_they_are_in_the_organization_of_the_example(
        string organization, HttpStatusCode status)
    {
        await using var server = await TestIssuer.StartAsync();
        server.Misbehaviour = new GitHubSignInTests.Hub { Organizations = ["first", organization] }.AnswerAsync;

        // The page leaves out the address of the public GitHub; it is said as for a server of one's own.
        var example = page.With("name: github\n").Replace(
            "      kind: github\n", "      kind: github\n      issuer: https://github.example.com\n");
        await using var registry = await StartAsync(example, server.Url, "id", "secret");
        using var browser = new TestBrowser(registry);
        var state = (await GitHubSignInTests.BeginAsync(browser))["state"];
        using var answer = await browser.GetAsync($"auth/github/callback?code=good&state={state}");
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal(status == HttpStatusCode.SeeOther ? "mona-lisa" : null, await browser.WhoAsync());
    }

    [Fact]
    public async Task Users_of_GitLab_sign_in()
    {
        await using var server = await TestIssuer.StartAsync();
        var lab = new GitLabSignInTests.Lab(server);
        server.Misbehaviour = lab.AnswerAsync;
        await using var registry = await StartAsync(page.With("name: gitlab\n"), server.Url, "id", "secret");
        using var browser = new TestBrowser(registry);
        var state = (await GitLabSignInTests.BeginAsync(browser, lab))["state"];
        await OpenIdSignInTests.AssertRefusedAsync(
            browser, new Uri(registry.BaseAddress, $"auth/gitlab/callback?code=bad&state={state}"),
            HttpStatusCode.Forbidden);
        state = (await GitLabSignInTests.BeginAsync(browser, lab))["state"];
        using var answer = await browser.GetAsync($"auth/gitlab/callback?code=good&state={state}");
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal("tanuki", await browser.WhoAsync());
    }

    [Fact]
    public async Task A_login_in_a_terminal_gets_a_token_from_whoever_signed_in_and_a_logout_revokes_it()
    {
        var server = await OidcServer.SharedAsync();
        await server.SetGroupsAsync("klara", "registry-users");
        await using var registry = await StartAsync(
            page.With("name: keycloak\n"), server.Issuer, "registry", "registry-secret");
        using var browser = new TestBrowser(registry);
        await browser.SignInAsync("klara", "keycloak");
        var home = Directory.CreateTempSubdirectory("berth-login-");
        using (var login = await LoginCommand.StartAsync(Shell(Command("berth login"), registry, home)))
        {
            using var allowed = await DeviceSignInTests.DecideAsync(browser, login.Code, "allow", browser.Origin);
            Assert.Equal(HttpStatusCode.OK, allowed.StatusCode);
            var output = await login.FinishAsync();
            var token = Token().Match(output).Value;
            Assert.Contains("docker login", output, StringComparison.Ordinal);
            var script = new Script(registry) { ["klara"] = Basic("klara", token) };
            await script.PlayAsync("POST /v2/klara/app/blobs/uploads/\n Authorization: {klara}\n 202");
            Assert.Contains(
                token, await File.ReadAllTextAsync(Path.Combine(home.FullName, ".config/berth/credentials.json"), Stop),
                StringComparison.Ordinal);

            using var logout = Process.Start(Shell(Command("berth logout"), registry, home))!;
            var errors = await logout.StandardError.ReadToEndAsync(Stop);
            await logout.WaitForExitAsync(Stop);
            Assert.True(logout.ExitCode == 0, errors);
            await script.PlayAsync("GET /v2/\n Authorization: {klara}\n 401");
        }

        home.Delete(recursive: true);
    }

    private Task<RegistryFixture> StartAsync(string example, string issuer, string client, string secret)
    {
        example = Line("issuer").Replace(example, "${1}" + issuer);
        example = Line("clientid").Replace(example, "${1}" + client);
        example = Line("clientsecretfile").Replace(example, "${1}" + page.Write("secret", secret + "\n"));
        return PageSettings.StartAsync(page.Read(example));
    }

    private static Regex Line(string key) => new($"^( +{key}: ).*", RegexOptions.Multiline);

    /// <summary>A command with the address of the registry, as it stands on the page.</summary>
    private static string Command(string name)
    {
        var text = string.Join('\n', SourceTree.Files.Single(f => f.Path == "docs/sign-in-oidc.md").Lines);
        var command = $"{name} https://registry.example.com";
        Assert.Contains(command, text, StringComparison.Ordinal);
        return command;
    }

    /// <summary>A shell that runs a command of the page.</summary>
    private static ProcessStartInfo Shell(string command, RegistryFixture registry, DirectoryInfo home)
    {
        var script = $$"""
            berth() { {{string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path))}} "$@"; }
            {{command.Replace("https://registry.example.com", registry.BaseAddress.ToString().TrimEnd('/'))}}
            """;
        var start = new ProcessStartInfo("bash", ["-ec", script])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["HOME"] = home.FullName;
        start.Environment.Remove("XDG_CONFIG_HOME");
        return start;
    }

    [GeneratedRegex("berth_pat_[A-Za-z0-9_]+")]
    private static partial Regex Token();
}
