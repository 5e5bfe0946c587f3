using Berth.Identity;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Identity;

/// <summary>
/// Names that users bring from other systems, where they may choose them: none of them gives what is others' here.
/// </summary>
[Accounts]
[Inside]
public sealed class ExternalNameTests
{
    private static readonly (string Name, bool IsGiven)[] Names =
    [
        ("library", false), ("Library@elsewhere", false), ("robot.x", false), ("admin", false), ("dev", false),
        ("granted", false), ("listed", false), ("alice", true), ("own", true), ("somebody", true),
    ];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_user_of_another_system_gets_no_name_that_stands_for_others_here()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("berth-users-").FullName, "users");
        await File.WriteAllTextAsync(file, $"listed:{BCrypt.Net.BCrypt.HashPassword("a password", 4)}\n", Stop);
        await using var registry = await AccountsOf.StartAsync(
            auth => auth with { Htpasswd = new HtpasswdSettings { Path = file } },
            s => s with
            {
                Access =
                [
                    new AccessRuleSettings { Allow = ["group:dev"], Actions = ["pull"], Names = ["dev/**"] },
                    new AccessRuleSettings { Allow = ["user:alice"], Actions = ["push"], Names = ["shared/**"] },
                    new AccessRuleSettings { Allow = ["user:own"], Actions = ["push"], Names = ["own/**"] },
                ],
            });
        var accounts = new AccountsOf(registry);
        await accounts.GrantAsync(await accounts.FindAsync("admin"), "granted/**", "pull");
        foreach (var (name, isGiven) in Names)
        {
            var (account, reason) = await registry.Services.GetRequiredService<ExternalAccounts>().FindOrAddAsync(
                new ExternalUser("oidc:hub", name, name, null, null, IsEmailVerified: false, []), Stop);
            Assert.True(isGiven == (account is not null), $"{name}: {reason}");
            Assert.Equal(isGiven, reason is null);
        }
    }
}
