using System.Net;
using System.Text.Json;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Identity.SecondFactorRegistry;

namespace Berth.Tests.Identity;

/// <summary>Users who give their account another way to sign in, and take it back.</summary>
[Accounts]
[Inside]
public sealed class LinkedIdentityTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_user_links_an_account_of_a_provider_and_unlinks_it()
    {
        await using var registry = await StartAsync();
        using var ann = await SignInAsync(registry, "ann");
        using var page = await ann.GetAsync("auth/account");
        Assert.Contains("auth/corp/link", await page.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.SeeOther, await LinkAsync(ann, "alice"));

        using var other = new TestBrowser(registry);
        await other.SignInAsync("alice");
        Assert.Equal("ann", await other.WhoAsync());
        using var list = await ann.GetAsync("api/v1/me/identities");
        var identity = JsonDocument.Parse(await list.Content.ReadAsStringAsync(Stop)).RootElement
            .GetProperty("items")[0];
        Assert.Equal("oidc:corp", identity.GetProperty("source").GetString());

        // Nobody else can have it, and the same user may link it twice.
        using var bob = await SignInAsync(registry, "bob");
        Assert.Equal(HttpStatusCode.Conflict, await LinkAsync(bob, "alice"));
        Assert.Equal(HttpStatusCode.SeeOther, await LinkAsync(ann, "alice"));

        using var form = new FormUrlEncodedContent(
        [
            new("action", "unlink"), new("source", "oidc:corp"),
            new("subject", identity.GetProperty("subject").GetString()),
        ]);
        using var unlinked = await ann.SendAsync("auth/account", form, ann.Origin);
        Assert.Equal(HttpStatusCode.OK, unlinked.StatusCode);
        using var third = new TestBrowser(registry);
        await third.SignInAsync("alice");
        Assert.Equal("alice", await third.WhoAsync());
    }

    [Fact]
    public async Task Nothing_is_linked_for_another_page_or_user_or_an_old_session()
    {
        await using var registry = await StartAsync();
        using var ann = await SignInAsync(registry, "ann");
        using var nobody = new TestBrowser(registry);
        foreach (var (browser, origin) in new[]
        {
            (ann, "https://evil.example.com"), (ann, null), (nobody, nobody.Origin),
        })
        {
            using var refused = await browser.SendAsync("auth/corp/link", null, origin);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }

        // Another user signs in to the same browser while the first is at the provider's page.
        using var begun = await ann.SendAsync("auth/corp/link", null, ann.Origin);
        var callback = await ann.FollowAsync("alice", begun.Headers.Location!);
        await PostAsync(ann, "auth/password", new { name = "bob", password = Password });
        using var late = await ann.GetAsync(callback);
        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);

        // A browser that has been open for a while.
        using var old = await SignInAsync(registry, "ann");
        await registry.Services.GetRequiredService<Berth.Access.AccessChanges>().RunAsync(
            session => session.RunAsync("UPDATE session SET created_at = created_at - 1000000"), Stop);
        using var stale = await old.SendAsync("auth/corp/link", null, old.Origin);
        Assert.Equal(HttpStatusCode.Forbidden, stale.StatusCode);
        Assert.Equal(403, (await PostAsync(old, "api/v1/me/authenticator", new { })).Status);
        using var form = new FormUrlEncodedContent([new("action", "begin")]);
        using var page = await old.SendAsync("auth/account", form, old.Origin);
        Assert.Equal(HttpStatusCode.Forbidden, page.StatusCode);
    }

    [Fact]
    public async Task An_administrator_links_by_hand()
    {
        await using var registry = await StartAsync();
        using var admin = await SignInAsync(registry, "admin");
        var body = new { source = "oidc:corp", subject = "alice", name = "Alice" };
        var (status, _) = await PostAsync(admin, "api/v1/users/ann/identities", body);
        Assert.Equal(201, status);
        Assert.Equal(409, (await PostAsync(admin, "api/v1/users/bob/identities", body)).Status);
        Assert.Equal(404, (await PostAsync(admin, "api/v1/users/nobody/identities", body)).Status);
        var empty = new { source = "", subject = "", name = "" };
        Assert.Equal(400, (await PostAsync(admin, "api/v1/users/ann/identities", empty)).Status);
        foreach (var source in new[] { "ldap", "oidc:crop", "corp", "OIDC:CORP" })
        {
            var unknown = new { source, subject = "bob", name = "Bob" };
            (status, var problem) = await PostAsync(admin, "api/v1/users/bob/identities", unknown);
            Assert.Equal(400, status);
            Assert.Equal(
                $"source: '{source}' is not in the settings, which have oidc:corp",
                problem.GetProperty("detail").GetString());
        }

        using var list = await admin.GetAsync("api/v1/users/bob/identities");
        Assert.Contains("\"items\":[]", await list.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        (status, _) = await PostAsync(
            admin, "api/v1/users/bob/identities/oidc%3Acorp/alice", new { }, HttpMethod.Delete);
        Assert.Equal(404, status);
        (status, _) = await PostAsync(
            admin, "api/v1/users/ann/identities/oidc%3Acorp/alice", new { }, HttpMethod.Delete);
        Assert.Equal(204, status);
    }

    [Fact]
    public async Task Browsers_are_listed_and_signed_out_one_by_one()
    {
        await using var registry = await StartAsync();
        using var first = await SignInAsync(registry, "ann");
        using var second = await SignInAsync(registry, "ann");
        using var bob = await SignInAsync(registry, "bob");
        using var list = await first.GetAsync("api/v1/me/sessions");
        var items = JsonDocument.Parse(await list.Content.ReadAsStringAsync(Stop)).RootElement.GetProperty("items");
        Assert.Equal(2, items.GetArrayLength());
        Assert.All(items.EnumerateArray(), item => Assert.Equal("browser", item.GetProperty("kind").GetString()));

        // The newest first.
        var id = items[0].GetProperty("id").GetString();
        Assert.Equal(404, await RemoveAsync(bob, id!));
        Assert.Equal(404, await RemoveAsync(first, "b0123456789abcdef"));
        Assert.Equal(204, await RemoveAsync(first, id!));
        Assert.Null(await second.WhoAsync());
        Assert.Equal("ann", await first.WhoAsync());
    }

    private static async Task<int> RemoveAsync(TestBrowser browser, string id) =>
        (await PostAsync(browser, $"api/v1/me/sessions/{id}", new { }, HttpMethod.Delete)).Status;

    private static async Task<HttpStatusCode> LinkAsync(TestBrowser browser, string user)
    {
        using var begun = await browser.SendAsync("auth/corp/link", null, browser.Origin);
        Assert.Equal(HttpStatusCode.SeeOther, begun.StatusCode);
        using var answer = await browser.GetAsync(await browser.FollowAsync(user, begun.Headers.Location!));
        return answer.StatusCode;
    }

    private static async Task<RegistryFixture> StartAsync()
    {
        var server = await OidcServer.SharedAsync();
        var registry = await AccountsOf.StartAsync(auth => auth with { Oidc = [server.Settings] });
        var accounts = new AccountsOf(registry);
        foreach (var name in new[] { "ann", "bob" }) await accounts.AddUserAsync(name, Password);
        await accounts.AddUserAsync("boss", Password, Berth.Access.RegistryRole.Administrator);
        return registry;
    }

    private static async Task<TestBrowser> SignInAsync(RegistryFixture registry, string name)
    {
        var browser = new TestBrowser(registry);
        var who = name == "admin" ? "boss" : name;
        Assert.Equal(200, (await PostAsync(browser, "auth/password", new { name = who, password = Password })).Status);
        return browser;
    }
}
