using System.Net;
using System.Net.Http.Json;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Servers;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>Which account here whoever signs in at an OpenID provider gets at the first sign-in.</summary>
[Accounts]
[Inside]
public sealed class OpenIdLinkTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(LinkRule.None, "alice", null, false)]
    [InlineData(LinkRule.VerifiedEmail, "alice", null, true)]
    [InlineData(LinkRule.VerifiedEmail, "mallory", null, false)]
    [InlineData(LinkRule.VerifiedEmail, "alice", "administrator", false)]
    [InlineData(LinkRule.VerifiedEmail, "alice", "auditor", false)]
    public async Task An_existing_account_is_linked_by_its_address_if_the_rule_says_so(
        LinkRule link, string user, string? role, bool isLinked)
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await AccountsOf.StartAsync(
            auth => auth with { Oidc = [server.Settings], Link = link });
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("owner", "a local password");
        await accounts.SetAsync("owner", account => account with
        {
            Email = $"{user}@example.org",
            IsEmailVerified = true,
            Role = role,
        });
        using var browser = new TestBrowser(registry);
        using var answer = await browser.SignInAsync(user);
        Assert.Equal(isLinked ? "owner" : role is null ? user : null, await browser.WhoAsync());
        if (role is null) return;
        Assert.Contains(registry.Log, line => line.Contains(
            $"owner is {role} of the registry, and such accounts are not linked", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(LinkRule.Name, null, true)]
    [InlineData(LinkRule.Name, "auditor", false)]
    [InlineData(LinkRule.None, null, false)]
    [InlineData(LinkRule.VerifiedEmail, null, false)]
    public async Task An_existing_account_is_linked_by_the_claim_with_the_name_if_the_rule_says_so(
        LinkRule link, string? role, bool isLinked)
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await AccountsOf.StartAsync(
            auth => auth with { Oidc = [server.Settings with { NameClaim = "nickname" }], Link = link });
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("alice", "a local password");
        await accounts.AddUserAsync("alice.there", "a local password");
        await accounts.SetAsync("alice.there", account => account with { Role = role });
        using var browser = new TestBrowser(registry);
        var callback = await browser.BeginAsync("alice");
        if (isLinked)
        {
            using var answer = await browser.GetAsync(callback);
            Assert.Equal("alice.there", await browser.WhoAsync());
        }
        else
        {
            await OpenIdSignInTests.AssertRefusedAsync(browser, callback, HttpStatusCode.Forbidden);
        }

        // Whoever has no account there gets one of that name, too.
        browser.ForgetCookies();
        await browser.SignInAsync("bob");
        Assert.Equal("bob.there", await browser.WhoAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_address_that_a_user_wrote_catches_nobody_and_one_by_an_administrator_counts(bool isByAdmin)
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await AccountsOf.StartAsync(
            auth => auth with { Oidc = [server.Settings], Link = LinkRule.VerifiedEmail });
        await new AccountsOf(registry).AddUserAsync("waiting", "a local password");
        using var request = new HttpRequestMessage(
            HttpMethod.Patch, new Uri(registry.BaseAddress, isByAdmin ? "api/v1/users/waiting" : "api/v1/me"));
        request.Headers.TryAddWithoutValidation(
            "Authorization", isByAdmin ? Basic("admin", AdminPassword) : Basic("waiting", "a local password"));
        request.Content = JsonContent.Create(new { email = "alice@example.org" });
        using var changed = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.OK, changed.StatusCode);
        using var browser = new TestBrowser(registry);
        await browser.SignInAsync("alice");
        Assert.Equal(isByAdmin ? "waiting" : "alice", await browser.WhoAsync());
    }
}
