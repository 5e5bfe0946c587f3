using System.Diagnostics;
using System.Net;
using System.Text;
using Berth.Access;
using Berth.Identity;
using Berth.Settings;

namespace Berth.Tests.Access;

/// <summary>Password guessing, which must not affect anyone else.</summary>
public sealed class GuessingTests : IDisposable
{
    private const string Attacker = "203.0.113.66";
    private const string Good = "198.51.100.7";
    private const string Quick = "$2a$04$abcdefghijklmnopqrstuuE5pTSBqLNVeM8BNyi0PJHsFZxgsNNmu";
    private const string Usual = "$2a$10$abcdefghijklmnopqrstuuE5pTSBqLNVeM8BNyi0PJHsFZxgsNNmu";
    private const string Slow = "$2a$15$abcdefghijklmnopqrstuuE5pTSBqLNVeM8BNyi0PJHsFZxgsNNmu";
    private readonly string folder = Directory.CreateTempSubdirectory("berth-users-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_client_that_guesses_is_told_to_wait_while_others_are_served()
    {
        await using var registry = await StartAsync(waiting: 100, waitingPerClient: 4);
        Assert.Equal(HttpStatusCode.OK, await SignInAsync(registry, "ann", "right", Good));
        var guesses = Enumerable.Range(0, 60).Select(i => AskAsync(registry, "slow", $"guess {i}", Attacker)).ToList();
        await Eventually.TrueAsync(() => guesses.Any(guess => guess.IsCompletedSuccessfully));
        Assert.Equal(HttpStatusCode.OK, await SignInAsync(registry, "bob", "right too", Good));
        Assert.Contains(guesses, guess => !guess.IsCompleted);

        // A password that was right before is not checked again; other clients get their turn.
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(HttpStatusCode.OK, await SignInAsync(registry, "ann", "right", Good));
            using var health = await registry.Client.GetAsync("healthz", Stop);
            Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        }

        var answers = await Task.WhenAll(guesses);
        Assert.All(answers, answer => Assert.Contains(
            answer.StatusCode, new[] { HttpStatusCode.Unauthorized, HttpStatusCode.TooManyRequests }));
        var refused = answers.Where(answer => answer.StatusCode == HttpStatusCode.TooManyRequests).ToList();
        Assert.NotEmpty(refused);
        Assert.All(refused, answer => Assert.NotNull(answer.Headers.RetryAfter));
        Assert.InRange(answers.Length - refused.Count, 4, 30);
        foreach (var answer in answers) answer.Dispose();
    }

    [Fact]
    public async Task When_all_places_are_taken_the_client_with_the_most_gives_one_up()
    {
        await using var registry = await StartAsync(waiting: 6, waitingPerClient: 6);
        var guesses = Enumerable.Range(0, 40).Select(i => AskAsync(registry, "slow", $"guess {i}", Attacker)).ToList();
        await Eventually.TrueAsync(() => guesses.Any(guess => guess.IsCompletedSuccessfully));
        Assert.Equal(HttpStatusCode.OK, await SignInAsync(registry, "ann", "right", Good));
        foreach (var answer in await Task.WhenAll(guesses)) answer.Dispose();
    }

    [Fact]
    public async Task A_client_with_one_check_waiting_keeps_its_place()
    {
        var queue = new BcryptQueue(new PasswordCheckSettings { Threads = 1, Waiting = 2, WaitingPerClient = 1 });
        var first = CompareAsync("first", Attacker, Slow);
        var second = first;
        await Eventually.TrueAsync(() => !(second = CompareAsync("second", Attacker)).IsCompleted);
        var third = CompareAsync("third", Good);
        Assert.Null(await CompareAsync("fourth", "192.0.2.1"));
        Assert.Equal([false, false, false], await Task.WhenAll(first, second, third));

        Task<bool?> CompareAsync(string password, string client, string hash = Quick) =>
            queue.CompareAsync(password, password, hash, IPAddress.Parse(client), wrong: 0, Stop).AsTask();
    }

    [Fact]
    public async Task Who_asks_for_another_check_while_one_waits_gives_way_to_who_does_not()
    {
        var queue = new BcryptQueue(new PasswordCheckSettings { Threads = 1, Waiting = 2, WaitingPerClient = 1 });
        var first = CompareAsync("first", "192.0.2.1", Slow);
        var second = first;
        await Eventually.TrueAsync(() => !(second = CompareAsync("second", "192.0.2.1")).IsCompleted);
        var third = CompareAsync("third", Attacker);
        Assert.Null(await CompareAsync("fourth", Attacker));
        var right = CompareAsync("right", Good);
        Assert.Null(await third);
        Assert.Equal([false, false, false], await Task.WhenAll(first, second, right));

        Task<bool?> CompareAsync(string password, string client, string hash = Quick) =>
            queue.CompareAsync(password, password, hash, IPAddress.Parse(client), wrong: 0, Stop).AsTask();
    }

    [Fact]
    public async Task Where_each_waits_for_one_check_who_has_guessed_wrong_gives_way_to_who_has_not()
    {
        var queue = new BcryptQueue(new PasswordCheckSettings { Threads = 1, Waiting = 2, WaitingPerClient = 1 });
        var first = CompareAsync("first", Attacker, wrong: 9, Slow);
        var second = first;
        await Eventually.TrueAsync(() => !(second = CompareAsync("second", Attacker, wrong: 1)).IsCompleted);
        var third = CompareAsync("third", "192.0.2.3", wrong: 2);
        Assert.Null(await CompareAsync("fourth", "192.0.2.4", wrong: 2));
        var right = CompareAsync("right", Good, wrong: 0);
        Assert.Null(await third);

        // A client that gave way comes back: it still has its turn.
        var again = CompareAsync("again", "192.0.2.3", wrong: 0);
        Assert.Null(await second);
        Assert.Equal([false, false, false], await Task.WhenAll(first, right, again));
        Assert.False(await CompareAsync("later", Attacker, wrong: 3));

        Task<bool?> CompareAsync(string password, string client, int wrong, string hash = Quick) =>
            queue.CompareAsync(password, password, hash, IPAddress.Parse(client), wrong, Stop).AsTask();
    }

    [Fact]
    public async Task Guessing_takes_half_of_a_thread_and_nobody_else_waits_for_the_other_half()
    {
        var queue = new BcryptQueue(new PasswordCheckSettings { Threads = 1, Waiting = 50, WaitingPerClient = 50 });
        Task<bool?>[] guesses = [.. Enumerable.Range(0, 6).Select(i => CompareAsync($"guess {i}", Attacker, 1, Usual))];
        await Task.WhenAny(guesses);
        Assert.False(await CompareAsync("right", Good, wrong: 0));
        Assert.InRange(guesses.Count(guess => guess.IsCompleted), 1, 2);

        // All of one length, so the rest takes twice as long as their comparisons.
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(guesses);
        var elapsed = Stopwatch.GetElapsedTime(start);
        start = Stopwatch.GetTimestamp();
        for (var i = 0; i < 3; i++) await CompareAsync($"other {i}", Good, wrong: 0, Usual);
        var busy = Stopwatch.GetElapsedTime(start);
        Assert.True(elapsed > busy * 1.5, $"four guesses took {elapsed}, three others {busy}");

        Task<bool?> CompareAsync(string password, string client, int wrong, string hash = Quick) =>
            queue.CompareAsync(password, password, hash, IPAddress.Parse(client), wrong, Stop).AsTask();
    }

    [Fact]
    public void Nobody_is_locked_out_by_those_who_guess_from_everywhere()
    {
        var clock = new SetClock();
        var failed = new FailedSignIns(new FailedSignInSettings(), clock, sparesNewNetworks: true);
        var usual = IPAddress.Parse(Good);
        failed.NoteRight("ann", usual);
        failed.NoteWrong("ann", usual);
        for (var i = 0; i < 200; i++) failed.NoteWrong("ann", IPAddress.Parse($"203.0.113.{i}"));

        // Those who have guessed wrong wait, whatever they guessed at; somebody on the way, and at home, does not.
        Assert.NotNull(failed.FindWait("Ann", IPAddress.Parse("203.0.113.7")));
        Assert.Null(failed.FindWait("bob", IPAddress.Parse("203.0.113.7")));
        failed.NoteWrong("bob", IPAddress.Parse("192.0.2.9"));
        Assert.NotNull(failed.FindWait("ann", IPAddress.Parse("192.0.2.9")));
        Assert.Null(failed.FindWait("ann", IPAddress.Parse("192.0.2.200")));
        Assert.Null(failed.FindWait("ann", usual));
        clock.Advance(new FailedSignInSettings().Window);
        Assert.Null(failed.FindWait("ann", IPAddress.Parse("203.0.113.7")));
    }

    [Fact]
    public async Task A_right_password_is_forgotten_five_minutes_after_its_last_use()
    {
        var clock = new SetClock();
        var checks = new PasswordChecks(
            new PasswordCheckSettings { Threads = 1, Waiting = 1, WaitingPerClient = 1 },
            new FailedSignIns(new FailedSignInSettings(), clock), clock);
        var right = BCrypt.Net.BCrypt.HashPassword("right", 4);
        Assert.Equal(PasswordAnswer.Right, await CheckAsync("right", right));

        // While others take all places, only a remembered password is let in.
        var (working, waiting) = (CheckAsync("one guess", Slow), Task.FromResult(PasswordAnswer.Busy));
        await Eventually.TrueAsync(() => !(waiting = CheckAsync("another", Quick)).IsCompleted);
        for (var i = 0; i < 3; i++)
        {
            clock.Advance(TimeSpan.FromMinutes(4));
            Assert.Equal(PasswordAnswer.Right, await CheckAsync("right", right));
        }

        clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(PasswordAnswer.Busy, await CheckAsync("right", right));
        await Task.WhenAll(working, waiting);

        Task<PasswordAnswer> CheckAsync(string password, string hash) =>
            checks.CheckAsync("ann", password, hash, isKnown: true, client: null, Stop).AsTask();
    }

    [Fact]
    public async Task The_same_wrong_password_is_checked_once_and_logged_once()
    {
        await using var registry = await StartAsync();
        foreach (var user in new[] { "ann", "nobody" })
        {
            var tries = Enumerable.Range(0, 5).Select(_ => SignInAsync(registry, user, "wrong", Good));
            Assert.All(await Task.WhenAll(tries), status => Assert.Equal(HttpStatusCode.Unauthorized, status));
            var before = Failures(registry, user);
            for (var i = 0; i < 20; i++)
            {
                Assert.Equal(HttpStatusCode.Unauthorized, await SignInAsync(registry, user, "wrong", Good));
            }

            Assert.InRange(before, 1, 5);
            Assert.Equal(before, Failures(registry, user));
        }

        Assert.Contains(registry.Log, line => line.EndsWith($"client={Good} user=ann", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_password_that_becomes_right_is_let_in_although_it_was_wrong_before()
    {
        await using var registry = await StartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, await SignInAsync(registry, "ann", "next", Good));
        Assert.Equal(HttpStatusCode.Unauthorized, await SignInAsync(registry, "carl", "next", Good));
        WriteUsers(("ann", "next", 4), ("carl", "next", 4));
        await Eventually.TrueAsync(async () => await SignInAsync(registry, "ann", "next", Good) == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.OK, await SignInAsync(registry, "carl", "next", Good));
        Assert.Equal(HttpStatusCode.Unauthorized, await SignInAsync(registry, "ann", "right", Good));
    }

    [Fact]
    public async Task A_client_that_hangs_up_leaves_nothing_to_be_checked()
    {
        await using var registry = await StartAsync(waiting: 400, waitingPerClient: 400);
        using var gone = new CancellationTokenSource();
        var guesses = Enumerable.Range(0, 300)
            .Select(i => AskAsync(registry, "slow", $"guess {i}", Attacker, gone.Token)).ToList();
        await Eventually.TrueAsync(() => Failures(registry, "slow") > 0);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(guesses));

        // Queued after all guesses, this would take longer than its client waits.
        Assert.Equal(HttpStatusCode.OK, await SignInAsync(registry, "ann", "right", Attacker));
    }

    [Fact]
    public async Task A_name_cannot_put_another_address_before_that_of_its_client_in_the_log()
    {
        await using var registry = await StartAsync();
        await SignInAsync(registry, $"x client={Good}", "wrong", Attacker);
        await Eventually.TrueAsync(() => Failures(registry, $"x client={Good}") == 1);
        var line = registry.Log.Single(l => l.Contains("Sign-in failed", StringComparison.Ordinal));
        Assert.StartsWith($"client={Attacker} ", line[line.IndexOf("client=", StringComparison.Ordinal)..]);
    }

    private static int Failures(RegistryFixture registry, string user) => registry.Log.Count(
        line => line.Contains("Sign-in failed", StringComparison.Ordinal)
            && line.EndsWith($" user={user}", StringComparison.Ordinal));

    private void WriteUsers(params IEnumerable<(string Name, string Password, int Cost)> users) => File.WriteAllLines(
        Path.Combine(folder, "users"),
        users.Select(user => $"{user.Name}:{BCrypt.Net.BCrypt.HashPassword(user.Password, user.Cost)}"));

    private Task<RegistryFixture> StartAsync(int waiting = 100, int waitingPerClient = 16)
    {
        WriteUsers(("ann", "right", 4), ("bob", "right too", 4), ("slow", "right", 11));
        return RegistryFixture.StartAsync(s => s with
        {
            Http = s.Http with { TrustedProxies = [new IPNetwork(IPAddress.Loopback, 32)] },
            Auth = new AuthSettings
            {
                Htpasswd = new HtpasswdSettings { Path = Path.Combine(folder, "users") },
                PasswordChecks = new PasswordCheckSettings
                {
                    Threads = 1,
                    Waiting = waiting,
                    WaitingPerClient = waitingPerClient,
                },
            },
        });
    }

    private static async Task<HttpStatusCode> SignInAsync(
        RegistryFixture registry, string user, string password, string client)
    {
        using var answer = await AskAsync(registry, user, password, client);
        return answer.StatusCode;
    }

    private static async Task<HttpResponseMessage> AskAsync(
        RegistryFixture registry, string user, string password, string client, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
        var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        request.Headers.TryAddWithoutValidation("Authorization", "Basic " + credentials);
        request.Headers.Add("X-Forwarded-For", client);
        return await registry.Client.SendAsync(request, cancellation == default ? Stop : cancellation);
    }
}
