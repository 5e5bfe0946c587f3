using System.Net.Http.Headers;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Distribution;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>Whoever was known a moment ago is known without the database.</summary>
[Accounts]
[Inside]
public sealed class DatabaseReadTests
{
    private const string Blob = "v2/team/app/blobs/" + WalkedRoutes.Blob;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_pull_with_a_known_token_or_password_reads_no_database()
    {
        var clock = new SteppingClock();
        await using var registry = await RegistryFixture.StartAsync(
            s => s with
            {
                Auth = new AuthSettings
                {
                    Local = new LocalSettings { Enabled = true, AdminPassword = AdminPassword, BcryptCost = 4 },
                },
                Http = s.Http with { Debug = CountedReads.Telemetry },
            },
            clock);
        var accounts = new AccountsOf(registry);
        var script = new Script(registry) { ["admin"] = Basic("admin", AdminPassword) };
        await LocalUserTests.PushAsync(script, "team/app", "admin");
        await LocalUserTests.PushImageAsync(script, "team/app");
        var reader = await accounts.AddUserAsync("reader", "a long password");
        await accounts.GrantAsync(reader, "team/app", "pull");
        var robot = await accounts.AddRobotAsync("robot.team");
        await accounts.GrantAsync(robot, "team/*", "pull");
        var (_, secret) = await accounts.AddTokenAsync(robot, TokenKinds.Robot);
        var basic = Basic("reader", "a long password");
        using var reads = new CountedReads();
        foreach (var authorization in new[]
        {
            basic, Basic("robot.team", secret), await accounts.BearerAsync(basic, "repository:team/app:pull"),
        })
        {
            await PullAsync(authorization);
            var before = reads.Count;
            for (var i = 0; i < 20; i++) await PullAsync(authorization);
            Assert.Equal(before, reads.Count);

            // Once a second, the number of the last change of any rights is read.
            clock.Advance(TimeSpan.FromSeconds(1.1));
            for (var i = 0; i < 20; i++) await PullAsync(authorization);
            Assert.Equal(before + 1, reads.Count);
        }

        async Task PullAsync(string authorization)
        {
            Assert.Equal(200, await AskAsync("v2/team/app/manifests/1", authorization));
            Assert.Equal(200, await AskAsync(Blob, authorization));
        }

        async Task<int> AskAsync(string path, string authorization)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = AuthenticationHeaderValue.Parse(authorization);
            reads.Follow(request);
            using var answer = await registry.Client.SendAsync(request, Stop);
            return (int)answer.StatusCode;
        }
    }
}
