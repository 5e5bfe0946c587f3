using System.Diagnostics;
using System.Net;
using Berth.Settings;

namespace Berth.Tests.Access;

/// <summary>
/// Wrong passwords from a hundred addresses: less than one core is spent on them, and right ones still get in.
/// <c>BERTH_TEST_LONG=1</c> sends 10,000 at the usual cost.
/// </summary>
[Inside]
public sealed class ManyGuessesTests
{
    private const int Addresses = 100;
    private const int PerAddress = 3;
    private const string Password = "of green gables";

    private static readonly int Guesses = TestRounds.Of(1500, 10_000);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(200)]
    [InlineData(1000)]
    public async Task Right_passwords_get_in_while_wrong_ones_come_from_a_hundred_addresses(int names)
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        for (var i = 0; i < 100; i++) await accounts.AddUserAsync($"right{i}", Password);
        var check = CostOfACheck();
        var (cpu, start) = (Process.GetCurrentProcess().TotalProcessorTime, Stopwatch.GetTimestamp());
        var (sent, statuses) = (0, new int[600]);
        var guessing = Task.WhenAll(Enumerable.Range(0, Addresses * PerAddress).Select(i => GuessAsync(i % Addresses)));
        var (right, longest) = (0, TimeSpan.Zero);

        // Of people who have not signed in from there before, so nothing of them is remembered.
        while (!guessing.IsCompleted && right < 100)
        {
            var since = Stopwatch.GetTimestamp();
            Assert.Equal(HttpStatusCode.OK, await AskAsync($"right{right}", Password, $"198.51.100.{right}"));
            var took = Stopwatch.GetElapsedTime(since);
            (right, longest) = (right + 1, took > longest ? took : longest);
        }

        await guessing;
        var elapsed = Stopwatch.GetElapsedTime(start);
        var used = Process.GetCurrentProcess().TotalProcessorTime - cpu;
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{Guesses} guesses at {names} names in {elapsed.TotalSeconds:0.0} s: {used.TotalSeconds:0.0} s of CPU, "
            + $"{statuses[401]} looked at, {statuses[429]} told to wait; {right} right ones got in, each within "
            + $"{longest.TotalSeconds:0.0} s");
        Assert.True(right > 0);
        Assert.Equal(Guesses, statuses[401] + statuses[429]);

        // The rest of a guess costs as much as any small request. What the server alone takes, without its clients,
        // is measured by bench/guess-cost.sh.
        Assert.True(
            statuses[401] * check < elapsed,
            $"{statuses[401]} checks of {check.TotalMilliseconds} ms took more than a core for {elapsed}");

        // One account is guessed at a hundred times a minute, and once more by each address.
        if (names == 1)
            Assert.InRange(statuses[401], 1, (100 + Addresses * PerAddress) * (1 + (int)elapsed.TotalMinutes));

        // Of 200 names, half are those of people who sign in meanwhile.
        string NameOf(int number) => names == 200 && number < 100 ? $"right{number}" : $"name{number}";

        async Task GuessAsync(int address)
        {
            while (Interlocked.Increment(ref sent) is var number && number <= Guesses)
            {
                var status = await AskAsync(NameOf(number % names), $"guess {number}", $"203.0.113.{address}");
                Interlocked.Increment(ref statuses[(int)status]);
            }
        }

        async Task<HttpStatusCode> AskAsync(string user, string password, string client)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
            request.Headers.TryAddWithoutValidation("Authorization", TokenRegistry.Basic(user, password));
            request.Headers.Add("X-Forwarded-For", client);
            using var answer = await registry.Client.SendAsync(request, Stop);
            return answer.StatusCode;
        }
    }

    /// <summary>The shortest of three, since the machine does other things too.</summary>
    private static TimeSpan CostOfACheck()
    {
        var hash = BCrypt.Net.BCrypt.HashPassword(Password, TestRounds.Of(6, new LocalSettings().BcryptCost));
        return Enumerable.Range(0, 3).Min(_ =>
        {
            var since = Stopwatch.GetTimestamp();
            Assert.False(BCrypt.Net.BCrypt.Verify("guess", hash));
            return Stopwatch.GetElapsedTime(since);
        });
    }

    private static Task<RegistryFixture> StartAsync() => AccountsOf.StartAsync(
        auth => auth with
        {
            Local = auth.Local with { BcryptCost = TestRounds.Of(6, new LocalSettings().BcryptCost) },
            PasswordChecks = new PasswordCheckSettings { Threads = 1 },
        },
        s => s with { Http = s.Http with { TrustedProxies = [new IPNetwork(IPAddress.Loopback, 32)] } });
}
