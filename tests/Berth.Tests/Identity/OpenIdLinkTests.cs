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
    [InlineData(LinkRule.None, "alice.there", "mallory.there", "carol.there", "dave.there", null, null)]
    [InlineData(LinkRule.VerifiedEmail, "owner", "mallory.there", null, null, null, null)]
    [InlineData(LinkRule.Name, "alice.there", "mallory.there", "carol.there", "dave.there", "bob.there", null)]
    public async Task An_existing_account_is_linked_by_its_address_or_by_the_claim_with_the_name_if_the_rule_says_so(
        LinkRule link, string? alice, string? mallory, string? carol, string? dave, string? bob, string? erin)
    {
        var server = await OidcServer.SharedAsync();
        await using var registry = await AccountsOf.StartAsync(
            auth => auth with { Oidc = [server.Settings with { NameClaim = "nickname" }], Link = link });
        var accounts = new AccountsOf(registry);
        foreach (var (name, email, role) in new[]
        {
            ("owner", "alice", null), ("waiting", "mallory", null), ("chief", "carol", "administrator"),
            ("reviewer", "dave", "auditor"), ("bob.there", null, null), ("erin.there", null, "auditor"),
        })
        {
            await accounts.AddUserAsync(name, "a local password");
            await accounts.SetAsync(name, account => account with
            {
                Email = email is null ? null : $"{email}@example.org",
                IsEmailVerified = email is not null,
                Role = role,
            });
        }

        foreach (var (user, expected) in new[]
        {
            ("alice", alice), ("mallory", mallory), ("carol", carol), ("dave", dave), ("bob", bob), ("erin", erin),
        })
        {
            using var browser = new TestBrowser(registry);
            var callback = await browser.BeginAsync(user);
            if (expected is null)
            {
                await OpenIdSignInTests.AssertRefusedAsync(browser, callback, HttpStatusCode.Forbidden);
                continue;
            }

            using var answer = await browser.GetAsync(callback);
            Assert.Equal(expected, await browser.WhoAsync());
        }

        if (link == LinkRule.None) return;
        var staff = link == LinkRule.Name ? "erin.there is auditor" : "chief is administrator";
        Assert.Contains(registry.Log, line => line.Contains(
            $"{staff} of the registry, and such accounts are not linked", StringComparison.Ordinal));
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
