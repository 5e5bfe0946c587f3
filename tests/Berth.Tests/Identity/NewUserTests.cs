using System.Net;
using System.Text.Json;
using Berth.Tests.Cli;
using static Berth.Tests.Identity.SecondFactorRegistry;

namespace Berth.Tests.Identity;

/// <summary>Accounts that people make for themselves: with an invitation, and where everyone may.</summary>
[Accounts]
[Collection(SecondFactorTestsOfOneRegistry.Name)]
public sealed class NewUserTests(SecondFactorRegistry factors)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_is_invited_by_a_command_is_not_told_of_an_operator()
    {
        // The registry's clock is ahead of the command's.
        var link = (await new AccountCommand(factors.Registry).RunAsync(
            "invitation", "add", "--expires", "300d", "--json")).Is(0).Output;
        var url = JsonDocument.Parse(link).RootElement.GetProperty("url").GetString()!;
        using var browser = new TestBrowser(factors.Registry);
        using var page = await browser.GetAsync(new Uri(url).AbsolutePath);
        Assert.Contains("<p>You are invited.</p>", await page.Content.ReadAsStringAsync(Stop));
    }

    [Fact]
    public async Task Whoever_has_the_link_makes_one_account()
    {
        var name = $"invited{Guid.NewGuid():N}"[..20];
        var organization = $"o{name}";
        using var admin = await factors.SignInAsync("admin");
        Assert.Equal(201, (await PostAsync(admin, "api/v1/organizations", new { name = organization })).Status);
        var (status, made) = await PostAsync(
            admin, "api/v1/invitations", new { name, email = "ann@example.com", organization, role = "writer" });
        Assert.Equal(201, status);
        var path = new Uri(made.GetProperty("url").GetString()!).AbsolutePath;
        using var list = await admin.GetAsync("api/v1/invitations");
        var listed = await list.Content.ReadAsStringAsync(Stop);
        Assert.Contains(organization, listed, StringComparison.Ordinal);
        Assert.DoesNotContain(path.Split('/')[^1], listed, StringComparison.Ordinal);

        using var browser = new TestBrowser(factors.Registry);
        using var page = await browser.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        var form = await page.Content.ReadAsStringAsync(Stop);
        Assert.Contains($"admin invites you to join {organization}", form, StringComparison.Ordinal);
        Assert.Contains("At least 8 characters.", form, StringComparison.Ordinal);
        Assert.Equal(400, (await PostAsync(browser, path, new { password = "short" })).Status);
        (status, _) = await PostAsync(browser, path, new { name = "somebody", password = Password, email = "x@y" });
        Assert.Equal(200, status);
        Assert.Equal(name, await browser.WhoAsync());
        using var me = await browser.GetAsync("api/v1/me");
        var shown = JsonDocument.Parse(await me.Content.ReadAsStringAsync(Stop)).RootElement;
        Assert.Equal("ann@example.com", shown.GetProperty("email").GetString());
        Assert.Equal("writer", shown.GetProperty("organizations")[0].GetProperty("role").GetString());

        using var second = new TestBrowser(factors.Registry);
        using var gone = await second.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        var words = await gone.Content.ReadAsStringAsync(Stop);
        Assert.Contains("This invitation was used already", words, StringComparison.Ordinal);
        Assert.Contains("<a class=\"button\" href=\"/auth/sign-in\">Sign in</a>", words, StringComparison.Ordinal);
        Assert.Equal(404, (await PostAsync(second, path, new { name = "two", password = Password })).Status);

        // Whoever reads the log must not be faster than whoever was invited.
        var secret = path.Split('/')[^1];
        await Eventually.TrueAsync(
            () => factors.Registry.Output.Contains("/auth/join/", StringComparison.Ordinal));
        Assert.DoesNotContain(secret, factors.Registry.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_invitation_that_was_withdrawn_or_made_up_is_good_for_nothing()
    {
        using var admin = await factors.SignInAsync("admin");
        var (_, made) = await PostAsync(admin, "api/v1/invitations", new { });
        var path = new Uri(made.GetProperty("url").GetString()!).AbsolutePath;
        var id = made.GetProperty("invitation").GetProperty("id").GetInt64();
        using var browser = new TestBrowser(factors.Registry);
        foreach (var forged in new[] { path[..^1] + "x", "auth/join/x", "auth/join/berth_inv_" })
        {
            var (answer, _) = await PostAsync(browser, forged, new { name = "forged", password = Password });
            Assert.Equal(404, answer);
        }

        var (status, _) = await PostAsync(admin, $"api/v1/invitations/{id}", new { }, HttpMethod.Delete);
        Assert.Equal(204, status);
        Assert.Equal(404, (await PostAsync(browser, path, new { name = "late", password = Password })).Status);
        (status, _) = await PostAsync(admin, $"api/v1/invitations/{id}", new { }, HttpMethod.Delete);
        Assert.Equal(404, status);
        Assert.Equal(401, await factors.AskAsync("late", HttpMethod.Get, "me"));
    }

    [Fact]
    public async Task Of_many_who_open_a_link_at_once_one_gets_an_account()
    {
        using var admin = await factors.SignInAsync("admin");
        var (_, made) = await PostAsync(admin, "api/v1/invitations", new { });
        var path = new Uri(made.GetProperty("url").GetString()!).AbsolutePath;
        var tag = Guid.NewGuid().ToString("N")[..10];
        var all = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            using var browser = new TestBrowser(factors.Registry);
            return (await PostAsync(browser, path, new { name = $"r{i}-{tag}", password = Password })).Status;
        }));
        Assert.Single(all, status => status == 200);
    }

    [Theory]
    [InlineData("""{"name":"ROBOT.x"}""", 400)]
    [InlineData("""{"name":"a/b"}""", 400)]
    [InlineData("""{"name":"admin"}""", 409)]
    [InlineData("""{"email":"nobody"}""", 400)]
    [InlineData("""{"organization":"no-such"}""", 404)]
    [InlineData("""{"role":"owner"}""", 400)]
    [InlineData("""{"expiresAt":"2001-01-01T00:00:00Z"}""", 400)]
    [InlineData("""{"expiresAt":"2901-01-01T00:00:00Z"}""", 400)]
    public async Task An_invitation_that_makes_no_sense_is_refused(string body, int status)
    {
        using var admin = await factors.SignInAsync("admin");
        var (answer, _) = await PostAsync(
            admin, "api/v1/invitations", System.Text.Json.Nodes.JsonNode.Parse(body)!);
        Assert.Equal(status, answer);
    }

    [Fact]
    public async Task Only_administrators_invite()
    {
        var user = await factors.UserAsync();
        Assert.Equal(403, await factors.AskAsync(user, HttpMethod.Post, "invitations", new { }));
        Assert.Equal(403, await factors.AskAsync(user, HttpMethod.Get, "invitations"));
        Assert.Equal(403, await factors.AskAsync(user, HttpMethod.Delete, "invitations/1"));
    }

    [Fact]
    public async Task Where_registration_is_open_anyone_makes_an_account()
    {
        using var browser = new TestBrowser(factors.Registry);
        using var page = await browser.GetAsync("auth/register");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        var name = $"new{Guid.NewGuid():N}"[..20];
        using var form = new FormUrlEncodedContent([new("name", name), new("password", Password), new("fullName", "")]);
        using var answer = await browser.SendAsync("auth/register", form, browser.Origin);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal(name, await browser.WhoAsync());
        Assert.Equal(200, await factors.AskAsync(name, HttpMethod.Get, "me"));
        using var other = new FormUrlEncodedContent([new("name", name + "2"), new("password", Password)]);
        using var foreign = await browser.SendAsync("auth/register", other, "https://evil.example.com");
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
    }

    /// <summary>Whoever gets a name owns its namespace, and is the user for whom a rule was written.</summary>
    [Theory]
    [InlineData("admin")]
    [InlineData("library")]
    [InlineData("robot.x")]
    [InlineData("ruled")]
    [InlineData("dev")]
    [InlineData("granted")]
    [InlineData("pushed")]
    [InlineData("invited")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("")]
    public async Task Nobody_takes_a_name_that_stands_for_something(string name)
    {
        if (name == "granted")
        {
            await factors.AskAsync(
                "admin", HttpMethod.Post, "grants", new { user = "admin", names = "granted/**", role = "reader" });
        }

        if (name == "invited") await factors.AskAsync("admin", HttpMethod.Post, "invitations", new { name });
        if (name == "pushed")
            await factors.AskAsync("admin", HttpMethod.Post, "repositories", new { name = "pushed/app" });
        using var browser = new TestBrowser(factors.Registry);
        var (status, problem) = await PostAsync(browser, "auth/register", new { name, password = Password });
        Assert.Equal(400, status);
        if (name is not ("a/b" or ".." or "" or "robot.x"))
        {
            Assert.Equal(
                $"the name {name} is taken or reserved: choose another", problem.GetProperty("detail").GetString());
        }
    }

    [Fact]
    public async Task Registration_is_closed_unless_the_settings_open_it()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = Api.ApiRegistry.Auth });
        using var browser = new TestBrowser(registry);
        using var page = await browser.GetAsync("auth/register");
        Assert.Equal(HttpStatusCode.NotFound, page.StatusCode);
        var (status, _) = await PostAsync(browser, "auth/register", new { name = "eve", password = Password });
        Assert.Equal(404, status);
    }

    [Fact]
    public async Task A_network_makes_only_so_many_accounts()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = Api.ApiRegistry.Auth with
            {
                Local = Api.ApiRegistry.Auth.Local with { OpenRegistration = true, RegistrationsPerNetwork = 2 },
            },
        });
        for (var i = 0; i < 3; i++)
        {
            using var browser = new TestBrowser(registry);
            var (status, _) = await PostAsync(browser, "auth/register", new { name = $"e{i}", password = Password });
            Assert.Equal(i < 2 ? 200 : 429, status);
        }
    }

    [Fact]
    public async Task A_network_makes_no_more_accounts_at_the_same_moment_either()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = Api.ApiRegistry.Auth with
            {
                Local = Api.ApiRegistry.Auth.Local with { OpenRegistration = true, RegistrationsPerNetwork = 2 },
            },
        });
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(async i =>
        {
            using var browser = new TestBrowser(registry);
            return (await PostAsync(browser, "auth/register", new { name = $"e{i}", password = Password })).Status;
        }));
        Assert.Equal(2, answers.Count(status => status == 200));
        Assert.Equal(10, answers.Count(status => status == 429));
    }
}
