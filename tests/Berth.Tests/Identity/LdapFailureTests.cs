using System.Diagnostics;
using Berth.Identity;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Identity;

/// <summary>Directories that are down, hang or lie.</summary>
public sealed class LdapFailureTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    private readonly DirectoryLog log = new();
    private SlapdServer server = null!;

    public async ValueTask InitializeAsync() => server = await SlapdServer.SharedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_server_that_is_down_is_unavailable()
    {
        var url = $"ldap://127.0.0.1:{LoopbackPorts.Free()}";
        using var directory = Create([url]);
        for (var i = 0; i < 3; i++)
        {
            var answer = await directory.CheckAsync("alice", "alice-secret", Stop);
            Assert.Equal((LdapOutcome.Unavailable, null), (answer.Outcome, answer.User));
            Assert.Equal($"{url}: Connection refused", answer.Reason);
        }

        Assert.Equal($"Warning: The directory {url} can't be asked: Connection refused", Assert.Single(log.Lines));
    }

    [Fact]
    public async Task A_server_whose_name_is_unknown_is_unavailable()
    {
        using var directory = Create(["ldap://ldap.invalid"]);
        Assert.Equal(LdapOutcome.Unavailable, (await directory.CheckAsync("alice", "alice-secret", Stop)).Outcome);
    }

    [Fact]
    public async Task The_next_server_is_asked_and_the_first_again_after_a_while()
    {
        await using var first = await SlapdServer.StartAsync("first");
        var clock = new SteppingClock();
        using var directory = new LdapDirectory(
            first.Settings with { Servers = [first.Url, server.Url] }, clock, log);
        Assert.Equal("first", await ServerAsync());
        await first.StopAsync();
        Assert.Equal("shared", await ServerAsync());
        Assert.Contains($"The directory {first.Url} can't be asked", Assert.Single(log.Lines));

        await first.StartAgainAsync();
        clock.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal("shared", await ServerAsync());
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("first", await ServerAsync());
        Assert.Equal($"Information: The directory {first.Url} answers again", log.Lines[^1]);

        async Task<string> ServerAsync() =>
            (await directory.CheckAsync("alice", "alice-secret", Stop)).User!.DisplayName!.Split('(', ')')[1];
    }

    [Fact]
    public async Task A_server_that_failed_is_asked_when_no_other_answers()
    {
        await using var first = await SlapdServer.StartAsync("first");
        using var directory = Create([first.Url, $"ldap://127.0.0.1:{LoopbackPorts.Free()}"]);
        await first.StopAsync();
        Assert.Equal(LdapOutcome.Unavailable, (await directory.CheckAsync("alice", "alice-secret", Stop)).Outcome);
        await first.StartAgainAsync();
        Assert.Equal(LdapOutcome.Right, (await directory.CheckAsync("alice", "alice-secret", Stop)).Outcome);
    }

    [Fact]
    public async Task A_wrong_password_is_final_and_asked_of_one_server_only()
    {
        await using var second = new ScriptedDirectory();
        using var directory = Create([server.Url, second.Url]);
        Assert.Equal(LdapOutcome.Wrong, (await directory.CheckAsync("alice", "wrong", Stop)).Outcome);
        Assert.Equal(0, second.Connections);
    }

    [Theory]
    [InlineData(false, false, "")]
    [InlineData(true, false, "")]
    [InlineData(false, true, "")]
    [InlineData(false, true, "300c02010178070a010004000400")] // it turns on TLS, and then hangs
    [InlineData(false, false, ScriptedDirectory.BindSucceeds)]
    [InlineData(false, false, "30")]
    public async Task A_server_that_accepts_and_hangs_is_given_up_in_time(bool isTls, bool startTls, string says)
    {
        await using var hanging = new ScriptedDirectory(says.Length == 0 ? [] : [says]);
        using var directory = Create([isTls ? hanging.TlsUrl : hanging.Url, server.Url], startTls);
        var watch = Stopwatch.StartNew();
        var answer = await directory.CheckAsync("alice", "alice-secret", Stop);
        Assert.InRange(watch.Elapsed, Limit - TimeSpan.FromMilliseconds(50), 10 * Limit);
        Assert.Equal(startTls ? LdapOutcome.Unavailable : LdapOutcome.Right, answer.Outcome);
        Assert.Contains("no answer within auth.ldap.timeout, 1s", log.Lines[0], StringComparison.Ordinal);

        // The next one does not wait for it.
        watch.Restart();
        if (!startTls) await directory.CheckAsync("alice", "alice-secret", Stop);
        Assert.True(watch.Elapsed < Limit, $"{watch.Elapsed}");
    }

    [Fact]
    public async Task A_server_that_dribbles_is_given_up_in_time()
    {
        await using var dribbling = new ScriptedDirectory(string.Concat(Enumerable.Repeat("30840000ffff", 500)))
        {
            Pause = TimeSpan.FromMilliseconds(50),
        };
        using var directory = Create([dribbling.Url]);
        var watch = Stopwatch.StartNew();
        var answer = await directory.CheckAsync("alice", "alice-secret", Stop);
        Assert.InRange(watch.Elapsed, Limit - TimeSpan.FromMilliseconds(50), 10 * Limit);
        Assert.Equal(LdapOutcome.Unavailable, answer.Outcome);
    }

    [Theory]
    [InlineData("485454502f312e3120343030", "it does not speak LDAP")]
    [InlineData("3084ffffffff", "bytes; 4194304 are allowed")]
    [InlineData("3080", "it does not speak LDAP")]
    [InlineData("3000", "it sent something malformed")]
    [InlineData("300502010161ff", "it sent something malformed")]
    [InlineData("300c02010261070a010004000400", "it answered a request that was not sent")]
    [InlineData("300c02010165070a010004000400", "it answered with operation 5 instead of 1")]
    [InlineData("300e02010078090a010204000402676f", "it ends the connection: protocol error (2): go")]
    [InlineData("300c02010161070a013304000400", "refuses the account of auth.ldap.binddn: busy (51)")]
    public async Task A_server_that_says_something_else_is_unavailable(string says, string reason)
    {
        await using var strange = new ScriptedDirectory(says);
        using var directory = Create([strange.Url]);
        var answer = await directory.CheckAsync("alice", "alice-secret", Stop);
        Assert.Equal(LdapOutcome.Unavailable, answer.Outcome);
        Assert.Contains(reason, answer.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Referrals_are_not_followed()
    {
        await using var other = new ScriptedDirectory();
        var url = Convert.ToHexString(System.Text.Encoding.ASCII.GetBytes(other.Url));
        var reference = $"73{url.Length / 2 + 2:x2}04{url.Length / 2:x2}{url}";
        await using var referring = new ScriptedDirectory(
            ScriptedDirectory.BindSucceeds,
            $"30{reference.Length / 2 + 3:x2}020102{reference}" + "300c02010265070a010004000400");
        using var directory = Create([referring.Url]);
        var answer = await directory.CheckAsync("alice", "alice-secret", Stop);
        Assert.Equal((LdapOutcome.Wrong, "there is no such user"), (answer.Outcome, answer.Reason));
        Assert.Equal(0, other.Connections);
    }

    [Fact]
    public void The_first_part_of_a_long_list_of_groups_is_used_as_Active_Directory_sends_it()
    {
        var entry = new LdapEntry("cn=x", [("memberOf", []), ("memberOf;range=0-1499", "cn=a,dc=b"u8.ToArray())]);
        Assert.Equal(["", "cn=a,dc=b"], entry.Texts("MEMBEROF"));
    }

    [Fact]
    public async Task Only_so_many_sign_ins_ask_at_once_and_only_so_many_wait()
    {
        await using var hanging = new ScriptedDirectory();
        var settings = server.Settings with
        {
            Servers = [hanging.Url],
            Timeout = 2 * Limit,
            Connections = 3,
            Waiting = 5,
        };
        using var directory = new LdapDirectory(settings, TimeProvider.System, log);
        var answers = Enumerable.Range(0, 20)
            .Select(i => directory.CheckAsync($"user-{i}", "x", Stop).AsTask()).ToList();
        Assert.Equal(12, answers.Count(a => a.IsCompletedSuccessfully));
        await Eventually.TrueAsync(() => hanging.Connections == 3);
        await Task.WhenAll(answers);
        var outcomes = await Task.WhenAll(answers);
        // Those that wait give up when those before them do, or ask in their places.
        Assert.InRange(outcomes.Count(a => a.Outcome == LdapOutcome.Busy), 12, 17);
        Assert.InRange(outcomes.Count(a => a.Outcome == LdapOutcome.Unavailable), 3, 8);
        Assert.InRange(hanging.Connections, 3, 8);
    }

    [Fact]
    public async Task Sign_ins_at_the_same_time_all_get_their_own_answer()
    {
        string[] users = ["alice", "bob", "carol", "jane"];
        var settings = server.Settings with { Connections = 4, Waiting = 1000, GroupAttribute = "memberOf" };
        using var directory = new LdapDirectory(settings, TimeProvider.System, log);
        await Parallel.ForAsync(0, 200, Stop, async (i, stop) =>
        {
            var user = users[i % users.Length];
            var isRight = i % 3 != 0;
            var answer = await directory.CheckAsync(user, isRight ? $"{user}-secret" : "wrong", stop);
            Assert.Equal(isRight ? user : null, answer.User?.Name);
            Assert.Equal(isRight ? LdapOutcome.Right : LdapOutcome.Wrong, answer.Outcome);
        });
        Assert.Empty(log.Lines);
    }

    [Fact]
    public async Task Who_gives_up_waiting_frees_the_place()
    {
        await using var hanging = new ScriptedDirectory();
        var settings = server.Settings with { Servers = [hanging.Url], Connections = 1 };
        using var directory = new LdapDirectory(settings, TimeProvider.System, log);
        for (var i = 0; i < 3; i++)
        {
            using var leaving = new CancellationTokenSource();
            var check = directory.CheckAsync("alice", "alice-secret", leaving.Token).AsTask();
            await Eventually.TrueAsync(() => hanging.Connections == i + 1);
            await leaving.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => check);
        }

        Assert.Empty(log.Lines);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private LdapDirectory Create(IReadOnlyList<string> servers, bool startTls = false) => new(
        server.Settings with { Servers = servers, StartTls = startTls, Timeout = Limit }, TimeProvider.System, log);
}
