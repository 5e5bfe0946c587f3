using System.Net;
using System.Text;
using System.Text.Json;
using Berth.Access;
using Berth.Identity;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Identity;

/// <summary>What a client keeps in place of a password is good for as long as the password is.</summary>
[Accounts]
[Inside]
public sealed class RefreshTokenTests
{
    private const string Password = "of green gables";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_leaves_the_directory_is_let_in_no_longer()
    {
        await using var server = await SlapdServer.StartAsync("leaving");
        await using var registry = await StartAsync(auth => auth with
        {
            Ldap = server.Settings with { Timeout = TimeSpan.FromSeconds(2), RememberFor = TimeSpan.Zero },
        });
        var (alice, bob) = (await SignInAsync(registry, "alice", "alice-secret"),
            await SignInAsync(registry, "bob", "bob-secret"));
        Assert.Equal(HttpStatusCode.OK, await RefreshAsync(registry, alice));
        await server.ModifyAsync($"dn: uid=alice,{SlapdServer.UserBase}\nchangetype: delete\n\n");
        Assert.Equal(HttpStatusCode.Unauthorized, await RefreshAsync(registry, alice));
        Assert.Equal(HttpStatusCode.OK, await RefreshAsync(registry, bob));
        await server.StopAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await RefreshAsync(registry, bob));
        var admin = await SignInAsync(registry, "admin", AdminPassword);
        Assert.Equal(HttpStatusCode.OK, await RefreshAsync(registry, admin));
        await server.StartAgainAsync();
        await Eventually.TrueAsync(async () => await RefreshAsync(registry, bob) == HttpStatusCode.OK);
    }

    /// <summary>Each kind of directory writes it in its own way.</summary>
    [Theory]
    [InlineData("userAccountControl", "512", true, null)]
    [InlineData("userAccountControl", "514", false, null)]
    [InlineData("USERACCOUNTCONTROL", "66050", false, null)]
    [InlineData("nsAccountLock", "true", false, null)]
    [InlineData("nsAccountLock", "FALSE", true, null)]
    [InlineData("pwdAccountLockedTime", "000001010000Z", false, null)]
    [InlineData("pwdLastSet", "134063424000000000", true, "2025-10-31T00:00:00Z")]
    [InlineData("pwdLastSet", "0", true, null)]
    [InlineData("pwdLastSet", "9223372036854775807", true, null)]
    [InlineData("pwdChangedTime", "20251101120000Z", true, "2025-11-01T12:00:00Z")]
    [InlineData("krbLastPwdChange", "20251101120000.5Z", true, "2025-11-01T12:00:00.5Z")]
    [InlineData("pwdChangedTime", "yesterday", true, null)]
    public void An_entry_tells_whether_its_account_is_in_force_and_how_old_the_password_is(
        string attribute, string value, bool isInForce, string? setAt)
    {
        var entry = new LdapEntry("uid=x", [(attribute, Encoding.UTF8.GetBytes(value))]);
        Assert.Equal(isInForce, LdapStanding.FindFault(entry) is null);
        Assert.Equal(
            setAt is null ? null : DateTimeOffset.Parse(setAt, System.Globalization.CultureInfo.InvariantCulture),
            LdapStanding.PasswordSetAt(entry));
    }

    /// <summary>What another node remembers of a password may be a second old.</summary>
    [Fact]
    public async Task None_is_made_for_a_password_that_was_changed_during_the_sign_in()
    {
        await using var registry = await StartAsync(auth => auth);
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", Password);
        var tokens = registry.Services.GetRequiredService<RefreshTokens>();
        var caller = new Caller(ann, CallerKind.User, "ann", SignInMethod.Password) { CheckedVersion = 1 };
        Assert.NotNull(await tokens.IssueAsync(caller, "docker", Stop));
        await accounts.SetAsync("ann", account => account with { PasswordHash = "another" });
        Assert.Null(await tokens.IssueAsync(caller, "docker", Stop));
        Assert.NotNull(await tokens.IssueAsync(caller with { CheckedVersion = 2 }, "docker", Stop));
    }

    [Fact]
    public async Task Jobs_that_sign_in_do_not_end_those_of_other_jobs()
    {
        await using var registry = await StartAsync(auth => auth);
        await new AccountsOf(registry).AddUserAsync("ann", Password);
        var first = await SignInAsync(registry, "ann", Password);
        for (var i = 0; i < 100; i++) await SignInAsync(registry, "ann", Password);
        Assert.Equal(HttpStatusCode.OK, await RefreshAsync(registry, first));
    }

    private static async Task<string> SignInAsync(RegistryFixture registry, string name, string password)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "token?service=berth&offline_token=true");
        request.Headers.TryAddWithoutValidation("Authorization", Basic(name, password));
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement
            .GetProperty("refresh_token").GetString()!;
    }

    private static async Task<HttpStatusCode> RefreshAsync(RegistryFixture registry, string token)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "refresh_token",
            ["refresh_token"] = token,
            ["service"] = "berth",
        });
        using var answer = await registry.Client.PostAsync("token", form, Stop);
        return answer.StatusCode;
    }
}
