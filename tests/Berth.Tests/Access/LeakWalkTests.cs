using System.Text;
using System.Text.RegularExpressions;
using Berth.Access;
using Berth.Api;
using Berth.Distribution;
using Berth.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>
/// A walk over every route of the program by every kind of caller, on every kind of repository. What each gets is in a
/// file that a person can read; and to whoever may not see a private repository, it answers exactly as an absent one.
/// </summary>
[Accounts]
[Inside]
public sealed class LeakWalkTests
{
    private const string Blob = "sha256:88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589";

    /// <summary>The repositories, all with the same content except the absent one.</summary>
    private static readonly string[] Repositories = ["open/app", "team/app", "gone/app"];

    /// <summary>Paths of the distribution API by kind; {0} is the repository.</summary>
    private static readonly Dictionary<V2Kind, string> Paths = new()
    {
        [V2Kind.Version] = "/v2/",
        [V2Kind.Catalog] = "/v2/_catalog",
        [V2Kind.Blob] = "/v2/{0}/blobs/" + Blob,
        [V2Kind.Uploads] = "/v2/{0}/blobs/uploads/",
        [V2Kind.Upload] = "/v2/{0}/blobs/uploads/00000000-0000-0000-0000-000000000000",
        [V2Kind.Manifest] = "/v2/{0}/manifests/1",
        [V2Kind.Tags] = "/v2/{0}/tags/list",
        [V2Kind.Referrers] = "/v2/{0}/referrers/" + Blob,
    };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_caller_gets_from_each_route_what_the_table_says()
    {
        await using var registry = await StartAsync();
        var walk = await Walk.StartAsync(registry);
        var table = new StringBuilder(
            "What each caller gets: open/app is public, team/app private, gone/app does not exist.\n\n");
        foreach (var (method, kind) in RoutesOf(registry))
        {
            var path = PathOf(method, kind);
            table.Append($"{method} {Paths[kind].Replace(Blob, "DIGEST").Replace("{0}", "NAME")}\n");
            var places = path.Contains("{0}") ? Repositories : ["-"];
            foreach (var actor in walk.Actors)
            {
                var answers = new List<string>();
                foreach (var place in places)
                {
                    var answer = await walk.AskAsync(actor, method, string.Format(path, place));
                    answers.Add($"{place} {answer.Status}");
                }

                table.Append($"  {actor.Name,-22} {string.Join("   ", answers)}\n");
            }
        }

        await GoldenAsync("leak-walk.txt", table.ToString());
    }

    [Fact]
    public async Task A_private_repository_answers_as_an_absent_one_to_whoever_may_not_see_it()
    {
        await using var registry = await StartAsync();
        var walk = await Walk.StartAsync(registry);
        var leaks = new List<string>();
        var compared = 0;
        foreach (var (method, kind) in RoutesOf(registry))
        {
            foreach (var actor in walk.Actors.Where(a => !a.MaySee))
            {
                foreach (var query in QueriesOf(method, kind))
                {
                    var path = PathOf(method, kind) + query;
                    if (!path.Contains("{0}")) continue;
                    var hidden = await walk.AskAsync(actor, method, string.Format(path, "team/app"));
                    var absent = await walk.AskAsync(actor, method, string.Format(path, "gone/app"));
                    compared++;
                    if (hidden.Like("team/app") != absent.Like("gone/app"))
                        leaks.Add($"{actor.Name}: {method} {path}\n{hidden}\n{absent}");
                }
            }
        }

        Assert.True(leaks.Count == 0, string.Join("\n\n", leaks.Take(10)));
        Assert.InRange(compared, 100, 10_000);
    }

    [Fact]
    public async Task The_rest_api_answers_for_what_is_hidden_as_for_what_is_absent()
    {
        await using var registry = await StartAsync();
        var walk = await Walk.StartAsync(registry);
        await new AccountsOf(registry).AddOrganizationAsync("team");
        var leaks = new List<string>();
        var endpoints = registry.Services.GetRequiredService<EndpointDataSource>().Endpoints;
        List<(string Method, string Path)> routes = [.. endpoints.OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<RequiredRight>() is { Right: not ApiRight.Everyone })
            .SelectMany(route => MethodsOf(route).Select(method => (Method: method, Path: PathOf(route))))
            .Append(("GET", "/api/v1/grants?namespace={0}"))
            .Append(("GET", "/api/v1/robots?namespace={0}"))
            .Append(("GET", "/api/v1/repositories?namespace={0}"))
            .Append(("GET", "/api/v1/access/explain?user=stranger&repository={0}/app"))
            .Where(route => route.Item2.Contains("{0}"))];
        foreach (var (method, path) in routes)
        {
            foreach (var actor in walk.Actors.Where(a => !a.MaySee))
            {
                var hidden = await walk.AskAsync(actor, method, string.Format(path, "team"));
                var absent = await walk.AskAsync(actor, method, string.Format(path, "gone"));
                if (hidden.Like("team") != absent.Like("gone"))
                    leaks.Add($"{actor.Name}: {method} {path}\n{hidden}\n{absent}");
            }
        }

        Assert.True(leaks.Count == 0, string.Join("\n\n", leaks.Take(10)));
        Assert.InRange(routes.Count, 30, 1000);

        static IReadOnlyList<string> MethodsOf(RouteEndpoint route) =>
            route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? [];

        // The first parameter is what may be hidden; the others name what is nowhere.
        static string PathOf(RouteEndpoint route)
        {
            var path = "/" + route.RoutePattern.RawText!.TrimStart('/').Replace("{**name}", "{0}/app");
            path = new Regex(@"\{(organization|name)\}").Replace(path, "{0}", 1);
            return Regex.Replace(Regex.Replace(path, @"\{\w+:long\}", "1"), @"\{\**[a-z]\w*\}", "nobody");
        }
    }

    [Fact]
    public async Task Nothing_outside_the_distribution_api_tells_what_is_stored()
    {
        await using var registry = await StartAsync();
        var walk = await Walk.StartAsync(registry);
        string[] paths =
            ["/", "/healthz", "/readyz", "/.well-known/jwks.json", "/token?scope=repository:team/app:pull"];
        foreach (var path in paths)
        {
            var answer = await walk.AskAsync(walk.Actors[0], "GET", path);
            Assert.Equal(200, answer.Status);
            Assert.DoesNotContain("team", answer.Body.Replace("as team/app.", ""), StringComparison.Ordinal);
        }

        var hidden = await walk.AskAsync(walk.Actors[0], "GET", "/token?scope=repository:team/app:pull");
        var absent = await walk.AskAsync(walk.Actors[0], "GET", "/token?scope=repository:gone/app:pull");
        Assert.Contains("\"scope\":\"\"", hidden.Body, StringComparison.Ordinal);
        Assert.Contains("\"scope\":\"\"", absent.Body, StringComparison.Ordinal);
    }

    /// <summary>Deletions ask for what is nowhere: they must not change what the next caller finds.</summary>
    private static string PathOf(string method, V2Kind kind) => method == "DELETE"
        ? Paths[kind].Replace(Blob, Blob[..^1] + "0").Replace("/manifests/1", "/manifests/2")
        : Paths[kind];

    /// <summary>A route that the walk does not know would not be walked.</summary>
    private static IEnumerable<(string Method, V2Kind Kind)> RoutesOf(RegistryFixture registry) =>
        registry.Services.GetRequiredService<DistributionApi>().Table.Select(row => (row.Method, row.Kind));

    private static IEnumerable<string> QueriesOf(string method, V2Kind kind) => (method, kind) switch
    {
        ("POST", V2Kind.Uploads) =>
        [
            "", $"?mount={Blob}&from=team/app", $"?mount={Blob}&from=gone/app", $"?mount={Blob}",
            $"?digest={Blob}",
        ],
        ("GET", V2Kind.Tags) => ["", "?n=1", "?n=x", "?n=0"],
        ("GET", V2Kind.Referrers) => ["", "?n=1", "?artifactType=a"],
        ("PUT", V2Kind.Upload) => ["", $"?digest={Blob}"],
        _ => [""],
    };

    private static async Task GoldenAsync(string name, string text)
    {
        var path = Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Access", "Golden", name);
        if (Environment.GetEnvironmentVariable("BERTH_TEST_GOLDEN") == "write")
            await File.WriteAllTextAsync(path, text, Stop);
        Assert.Equal(await File.ReadAllTextAsync(path, Stop), text);
    }

    /// <summary>Somebody who walks.</summary>
    /// <param name="Name">What they are.</param>
    /// <param name="Authorization">What they send.</param>
    /// <param name="MaySee">Whether they may pull from team/app.</param>
    private sealed record Actor(string Name, string? Authorization, bool MaySee);

    private sealed record Answer(int Status, string Headers, string Body)
    {
        /// <summary>Without what differs between any two answers.</summary>
        public string Like(string repository) => $"{Status}\n{Headers}\n{Body}".Replace(repository, "NAME");
    }

    private sealed class Walk(RegistryFixture registry)
    {
        private static readonly string[] OfTheMoment = ["Date", "X-Request-ID"];

        public List<Actor> Actors { get; } = [];

        public static async Task<Walk> StartAsync(RegistryFixture registry)
        {
            var walk = new Walk(registry);
            await walk.FillAsync();
            return walk;
        }

        public async Task<Answer> AskAsync(Actor actor, string method, string path)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(registry.BaseAddress, path));
            if (actor.Authorization is not null)
                request.Headers.TryAddWithoutValidation("Authorization", actor.Authorization);
            if (method is "PUT" or "PATCH" or "POST") request.Content = new ByteArrayContent([]);
            if (path.StartsWith("/api/", StringComparison.Ordinal) && request.Content is not null)
                request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
            using var response = await registry.Client.SendAsync(request, Stop);
            var headers = response.Headers.Concat(response.Content.Headers)
                .Where(h => !OfTheMoment.Contains(h.Key, StringComparer.OrdinalIgnoreCase))
                .Select(h => $"{h.Key}: {string.Join(", ", h.Value)}").Order(StringComparer.Ordinal);
            return new Answer(
                (int)response.StatusCode, string.Join('\n', headers), await response.Content.ReadAsStringAsync(Stop));
        }

        private async Task FillAsync()
        {
            var accounts = new AccountsOf(registry);
            await accounts.AddOrganizationAsync("open", makesPublic: true);
            var script = new Distribution.Script(registry) { ["admin"] = Basic("admin", AdminPassword) };
            foreach (var name in Repositories[..2])
            {
                await LocalUserTests.PushAsync(script, name, "admin");
                await LocalUserTests.PushImageAsync(script, name);
            }

            Add("anonymous", null);
            Add("anonymous token", await accounts.BearerAsync(null, "repository:team/app:pull"));
            Add("junk token", "Bearer junk");
            Add("wrong password", Basic("admin", "wrong"));
            await AddUserAsync("stranger", "", false);
            await AddUserAsync("reader", "pull", true);
            await AddUserAsync("writer", "pull,push", true);
            await AddUserAsync("maintainer", "pull,push,delete,manage", true);
            await AddUserAsync("owner", "pull,push,delete,manage,own", true);
            await AddUserAsync("auditor", "", true, RegistryRole.Auditor);
            await AddUserAsync("disabled", "pull,push,delete", false);
            await accounts.SetAsync("disabled", account => account with { IsDisabled = true });
            Add("administrator", Basic("admin", AdminPassword), maySee: true);
            var robot = await accounts.AddRobotAsync("robot.team");
            await accounts.GrantAsync(robot, "team/*", "pull,push");
            var (_, secret) = await accounts.AddTokenAsync(robot, TokenKinds.Robot);
            Add("robot", Basic("robot.team", secret), maySee: true);
            var limited = await accounts.AddUserAsync("limited", "a long password");
            await accounts.GrantAsync(limited, "team/app", "pull,push,delete");
            var (_, reading) = await accounts.AddTokenAsync(limited, actions: "pull", patterns: "team/*");
            Add("owner's reading token", Basic("limited", reading), maySee: true);
            var (_, elsewhere) = await accounts.AddTokenAsync(limited, patterns: "open/*");
            Add("token for elsewhere", Basic("limited", elsewhere));

            async Task AddUserAsync(
                string name, string actions, bool maySee, RegistryRole role = RegistryRole.None)
            {
                var id = await accounts.AddUserAsync(name, "a long password", role);
                if (actions.Length > 0) await accounts.GrantAsync(id, "team/app", actions);
                if (actions.Length > 0) await accounts.GrantAsync(id, "gone/app", actions);
                Add(name, Basic(name, "a long password"), maySee);
            }

            void Add(string name, string? authorization, bool maySee = false) =>
                Actors.Add(new Actor(name, authorization, maySee));
        }
    }
}
