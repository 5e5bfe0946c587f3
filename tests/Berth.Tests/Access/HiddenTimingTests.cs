using System.Diagnostics;
using System.Text;
using Berth.Settings;
using Berth.Tests.Distribution;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>
/// A repository that is hidden takes as long as one that does not exist: it costs the same reads of the database, and
/// about the same time.
/// </summary>
[Accounts]
[Inside]
public sealed class HiddenTimingTests : IAsyncLifetime
{
    private const string Password = "of green gables";

    /// <summary>Requests of each kind. Hidden and absent take turns, so a busy machine slows both.</summary>
    private const int Rounds = 20;

    /// <summary>What takes longer in earnest does so each time.</summary>
    private const int Attempts = 5;

    /// <summary>Reads and writes that name a repository, which stands for {0}.</summary>
    private static readonly (string Method, string Path)[] Requests =
    [
        ("GET", "v2/{0}/manifests/1"), ("HEAD", "v2/{0}/manifests/1"), ("PUT", "v2/{0}/manifests/1"),
        ("DELETE", "v2/{0}/manifests/2"), ("GET", "v2/{0}/tags/list"), ("POST", "v2/{0}/blobs/uploads/"),
        ("GET", "v2/{0}/blobs/" + WalkedRoutes.Blob), ("GET", "v2/{0}/referrers/" + WalkedRoutes.Blob),
        ("POST", $"v2/ann/app/blobs/uploads/?mount={WalkedRoutes.Blob}&from={{0}}"),
        ("GET", "token?service=berth&scope=repository:{0}:pull,push"),
        ("GET", "api/v1/repositories/{0}"), ("PATCH", "api/v1/repositories/{0}"),
        ("GET", "api/v1/tags?repository={0}"),
        ("DELETE", "api/v1/tags/2?repository={0}"), ("GET", "api/v1/trash?repository={0}"),
        ("GET", "api/v1/robots?repository={0}"), ("GET", "api/v1/access/explain?user=admin&repository={0}"),
    ];

    /// <summary>A name without a namespace may mean an official image, so more is looked up.</summary>
    private static readonly (string Hidden, string Absent)[] Pairs =
        [("team/hidden", "team/absent"), ("hidden", "absent")];

    private RegistryFixture registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await RegistryFixture.StartAsync(
            s => s with
            {
                Auth = new AuthSettings
                {
                    Local = new LocalSettings { Enabled = true, AdminPassword = AdminPassword, BcryptCost = 4 },
                },
                Http = s.Http with { Debug = CountedReads.Telemetry },
            },
            new SteppingClock());
        var script = new Script(registry) { ["admin"] = Basic("admin", AdminPassword) };
        await new AccountsOf(registry).AddUserAsync("ann", Password);
        foreach (var (hidden, _) in Pairs)
        {
            await LocalUserTests.PushAsync(script, hidden, "admin");
            await LocalUserTests.PushImageAsync(script, hidden);
        }
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_hidden_repository_costs_the_same_reads_as_an_absent_one()
    {
        using var reads = new CountedReads();
        var accounts = new AccountsOf(registry);
        var other = await accounts.AddUserAsync("other", Password);
        var bearer = await accounts.BearerAsync(Basic("ann", Password), "repository:ann/app:pull,push");
        foreach (var authorization in new[] { Basic("ann", Password), bearer, null })
        {
            foreach (var (method, path) in Requests)
            {
                foreach (var (hidden, absent) in Pairs)
                {
                    var about = $"{method} {path} of {hidden} with {authorization ?? "nothing"}";
                    var (first, second) = (await CountAsync(hidden), await CountAsync(absent));
                    Assert.True(first == second, $"{about}: {first}, and {second} for what is absent");

                    // What is remembered of anybody's rights is forgotten when those of somebody change.
                    async Task<(int Fresh, int Known)> CountAsync(string name)
                    {
                        await accounts.GrantAsync(other, $"x{reads.Count}/y", "pull");
                        var before = reads.Count;
                        await AskAsync(method, path, name, authorization, reads);
                        var fresh = reads.Count - before;
                        await AskAsync(method, path, name, authorization, reads);
                        return (fresh, reads.Count - before - fresh);
                    }
                }
            }
        }

        Assert.True(reads.Count > Requests.Length);
    }

    [Once]
    [Fact]
    public async Task A_hidden_repository_takes_about_the_time_of_an_absent_one()
    {
        foreach (var (method, path) in Requests)
        {
            foreach (var (hidden, absent) in Pairs)
            {
                // Half of it, and a millisecond, may be the machine's, which may have something else to do for a while.
                var seen = new List<string>();
                for (var isAlike = false; !isAlike;)
                {
                    var (one, two) = await MeasureAsync(method, path, hidden, absent);
                    isAlike = Math.Max(one, two) < 2 * Math.Min(one, two) + 1;
                    seen.Add($"{one:f2} ms for {hidden}, {two:f2} ms for {absent}");
                    Assert.True(isAlike || seen.Count < Attempts, $"{method} {path}: {string.Join("; ", seen)}");
                }
            }
        }
    }

    /// <returns>The medians in milliseconds.</returns>
    private async Task<(double Hidden, double Absent)> MeasureAsync(
        string method, string path, string hidden, string absent)
    {
        var authorization = Basic("ann", Password);
        var times = new Dictionary<string, List<double>> { [hidden] = [], [absent] = [] };
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var name in round % 2 == 0 ? [hidden, absent] : new[] { absent, hidden })
            {
                var begin = Stopwatch.GetTimestamp();
                await AskAsync(method, path, name, authorization);
                times[name].Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            }
        }

        return (Median(times[hidden]), Median(times[absent]));

        static double Median(List<double> all) => all.Order().ElementAt(all.Count / 2);
    }

    private async Task AskAsync(
        string method, string path, string name, string? authorization, CountedReads? reads = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), string.Format(path, name));
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        if (method is "PATCH" or "PUT") request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        reads?.Follow(request);
        using var answer = await registry.Client.SendAsync(request, Stop);
        await answer.Content.CopyToAsync(Stream.Null, Stop);
        Assert.True(
            (int)answer.StatusCode is 202 or >= 400 and < 500 || path.StartsWith("token", StringComparison.Ordinal),
            $"{method} {path}: {answer.StatusCode}");
    }
}
