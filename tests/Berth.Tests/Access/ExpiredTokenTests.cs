using Berth.Identity;
using Berth.Jobs;
using Berth.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Access;

/// <summary>Tokens that have ended.</summary>
[Accounts]
[Inside]
public sealed class ExpiredTokenTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tokens_are_shown_for_a_while_after_their_end_and_then_deleted()
    {
        await using var registry = await AccountsOf.StartAsync();
        var (accounts, clock) = (new AccountsOf(registry), new SetClock());
        var ann = await accounts.AddUserAsync("ann", "a long password");
        var robot = await accounts.AddRobotAsync("robot.ci");
        var now = clock.GetUtcNow();
        await accounts.AddTokenAsync(ann);
        await accounts.AddTokenAsync(ann, expiresAt: now.AddDays(1));
        await accounts.AddTokenAsync(ann, expiresAt: now.AddDays(-1));
        foreach (var kind in new[] { TokenKinds.Personal, TokenKinds.Refresh })
            await accounts.AddTokenAsync(ann, kind, expiresAt: now.AddDays(-31));
        await accounts.AddTokenAsync(robot, TokenKinds.Robot, expiresAt: now.AddDays(-31));
        var database = registry.Services.GetRequiredService<Database>();
        var job = new TrimJob("trim-tokens", database, TimeSpan.FromDays(30), TokenTable.TrimAsync, clock);
        await job.RunAsync("", Stop);
        Assert.Equal(3, await CountAsync());
        clock.Advance(TimeSpan.FromDays(30));
        await job.RunAsync("", Stop);
        Assert.Equal(2, await CountAsync());

        Task<long?> CountAsync() => database.ReadAsync(s => s.NumberAsync("SELECT count(*) FROM token"), Stop).AsTask();
    }
}
