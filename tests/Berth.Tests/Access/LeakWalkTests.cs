namespace Berth.Tests.Access;

/// <summary>A registry for walks that change nothing.</summary>
public sealed class WalkedRegistry : IAsyncLifetime
{
    internal WalkActors Actors { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Actors = await WalkActors.StartAsync();

    public ValueTask DisposeAsync() => Actors.DisposeAsync();
}

/// <summary>
/// A walk over every route of the program by every kind of caller, on every kind of repository. What each gets is in a
/// file that a person can read; and to whoever may not see a private repository, it answers exactly as an absent one.
/// </summary>
[Accounts]
[Inside]
[Slow]
public sealed class LeakWalkTests(WalkedRegistry walked) : IClassFixture<WalkedRegistry>
{
    /// <summary>The routes that tell of a repository once everyone may pull from it.</summary>
    private const string Published =
        """
        DELETE /api/v1/stars/{**name}
        DELETE /api/v1/tags/{tag}
        GET /api/v1/access
        GET /api/v1/access/explain?user=filed&repository={0}/app
        GET /api/v1/access/explain?user=stranger&repository={0}/app
        GET /api/v1/images/files/differences?repository=open/app&with=files&withRepository={0}/app
        GET /api/v1/images/{reference}
        GET /api/v1/images/{reference}/artifact
        GET /api/v1/images/{reference}/config
        GET /api/v1/images/{reference}/differences
        GET /api/v1/images/{reference}/files
        GET /api/v1/images/{reference}/files/content
        GET /api/v1/images/{reference}/files/search
        GET /api/v1/images/{reference}/layers/{digest}/holders
        GET /api/v1/images/{reference}/manifest
        GET /api/v1/images/{reference}/packages
        GET /api/v1/images/{reference}/policies
        GET /api/v1/images/{reference}/referrers
        GET /api/v1/images/{reference}/sbom
        GET /api/v1/images/{reference}/scanners
        GET /api/v1/images/{reference}/signatures
        GET /api/v1/images/{reference}/vulnerabilities
        GET /api/v1/images/{reference}/vulnerabilities.csv
        GET /api/v1/images/{reference}/vulnerabilities/changes
        GET /api/v1/images/{reference}/waste
        GET /api/v1/namespaces?namespace={0}
        GET /api/v1/repositories/{**name}
        GET /api/v1/repositories?namespace={0}
        GET /api/v1/repositories?sort=pulls&namespace={0}
        GET /api/v1/retention/plan
        GET /api/v1/search/files?name=*&namespace={0}
        GET /api/v1/search/files?name=*&repository={0}/app
        GET /api/v1/search?q=namespace:{0}
        GET /api/v1/search?q={0}
        GET /api/v1/statistics
        GET /api/v1/tags
        GET /api/v1/tags/{tag}
        GET /api/v1/tags/{tag}/history
        GET /api/v1/trash?repository={0}/app
        GET /api/v1/usage/reclaimable
        GET /api/v1/usage?repository={0}/app
        GET /explore?namespace={0}
        GET /r/{name}
        GET /r/{name}/-/access
        GET /r/{name}/-/compare
        GET /r/{name}/-/delete
        GET /r/{name}/-/remove
        GET /r/{name}/-/settings
        GET /r/{name}:{reference}
        GET /r/{name}:{reference}/-/compare
        GET /r/{name}:{reference}/-/files
        GET /r/{name}:{reference}/-/history
        GET /r/{name}:{reference}/-/json
        GET /r/{name}:{reference}/-/layer
        GET /r/{name}:{reference}/-/packages
        GET /r/{name}:{reference}/-/picture
        GET /r/{name}:{reference}/-/referrers
        GET /r/{name}:{reference}/-/sbom
        GET /r/{name}:{reference}/-/scanner
        GET /r/{name}:{reference}/-/tag
        GET /r/{name}:{reference}/-/vulnerabilities
        GET /r/{name}:{reference}/-/vulnerabilities.csv
        GET /search?q=file:*+namespace:{0}
        GET /search?q={0}
        GET /token
        GET /v1/search?q={0}
        GET /v2/NAME/_berth/tags/detail
        GET /v2/NAME/_oci/ext/discover
        GET /v2/NAME/blobs/DIGEST
        GET /v2/NAME/manifests/1
        GET /v2/NAME/referrers/DIGEST
        GET /v2/NAME/tags/list
        HEAD /api/v1/access
        HEAD /api/v1/images/{reference}
        HEAD /api/v1/images/{reference}/artifact
        HEAD /api/v1/images/{reference}/config
        HEAD /api/v1/images/{reference}/differences
        HEAD /api/v1/images/{reference}/files
        HEAD /api/v1/images/{reference}/files/content
        HEAD /api/v1/images/{reference}/files/search
        HEAD /api/v1/images/{reference}/layers/{digest}/holders
        HEAD /api/v1/images/{reference}/manifest
        HEAD /api/v1/images/{reference}/packages
        HEAD /api/v1/images/{reference}/policies
        HEAD /api/v1/images/{reference}/referrers
        HEAD /api/v1/images/{reference}/sbom
        HEAD /api/v1/images/{reference}/scanners
        HEAD /api/v1/images/{reference}/signatures
        HEAD /api/v1/images/{reference}/vulnerabilities
        HEAD /api/v1/images/{reference}/vulnerabilities.csv
        HEAD /api/v1/images/{reference}/vulnerabilities/changes
        HEAD /api/v1/images/{reference}/waste
        HEAD /api/v1/repositories/{**name}
        HEAD /api/v1/retention/plan
        HEAD /api/v1/statistics
        HEAD /api/v1/tags
        HEAD /api/v1/tags/{tag}
        HEAD /api/v1/tags/{tag}/history
        HEAD /api/v1/usage/reclaimable
        HEAD /r/{name}
        HEAD /r/{name}/-/access
        HEAD /r/{name}/-/compare
        HEAD /r/{name}/-/delete
        HEAD /r/{name}/-/remove
        HEAD /r/{name}/-/settings
        HEAD /r/{name}:{reference}
        HEAD /r/{name}:{reference}/-/compare
        HEAD /r/{name}:{reference}/-/files
        HEAD /r/{name}:{reference}/-/history
        HEAD /r/{name}:{reference}/-/json
        HEAD /r/{name}:{reference}/-/layer
        HEAD /r/{name}:{reference}/-/packages
        HEAD /r/{name}:{reference}/-/picture
        HEAD /r/{name}:{reference}/-/referrers
        HEAD /r/{name}:{reference}/-/sbom
        HEAD /r/{name}:{reference}/-/scanner
        HEAD /r/{name}:{reference}/-/tag
        HEAD /r/{name}:{reference}/-/vulnerabilities
        HEAD /r/{name}:{reference}/-/vulnerabilities.csv
        HEAD /v2/NAME/blobs/DIGEST
        HEAD /v2/NAME/manifests/1
        PATCH /api/v1/repositories/{**name}
        PATCH /api/v1/tags/{tag}
        POST /api/v1/repositories/copies {"from":"{0}/app","to":"{me}/copy"}
        POST /api/v1/repositories/moves {"from":"{0}/app","to":"{me}/moved"}
        POST /r/{name}/-/delete
        POST /r/{name}/-/remove
        POST /r/{name}/-/settings
        POST /r/{name}/-/star
        POST /r/{name}:{reference}/-/history
        POST /r/{name}:{reference}/-/point
        POST /r/{name}:{reference}/-/retag
        POST /r/{name}:{reference}/-/tag
        POST /token
        POST /v2/open/app/blobs/uploads/?mount=DIGEST&from={0}/app
        POST /v2/team/app/blobs/uploads/?mount=DIGEST&from={0}/app
        POST /v2/team/app/blobs/uploads/?mount={0}
        POST /v2/{me}/app/blobs/uploads/?mount=DIGEST&from={0}/app
        POST /v2/{me}/app/blobs/uploads/?mount={0}
        PUT /api/v1/stars/{**name}
        PUT /api/v1/tags/{tag}
        """;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_caller_gets_from_each_route_what_the_table_says()
    {
        await using var actors = await WalkActors.StartAsync();
        var table = await new Walk(actors.Registry, actors).WriteTableAsync();
        const string Head =
            """
            What each caller gets. open/app is public; team/app is private, and some may see it; else/app is private, of
            others; gone/app does not exist, though those with rights in team/app by name have the same ones there. Most
            writes are incomplete, or for a version that is not there, so that they change nothing: 400 and 412 mean
            that the caller may.


            """;
        await GoldenAsync("leak-walk.txt", Head + table);
    }

    [Fact]
    public async Task What_is_hidden_answers_as_what_is_absent()
    {
        var actors = walked.Actors;
        var walk = new Walk(actors.Registry, actors);
        var leaks = await walk.FindLeaksAsync();
        Assert.True(leaks.Count == 0, string.Join("\n\n", leaks.Take(10)));
        Assert.InRange(walk.Routes.Count(route => route.IsOfPlaces), 60, 1000);
    }

    [Once]
    [Fact]
    public async Task The_walk_finds_a_private_repository_that_was_made_public()
    {
        await using var actors = await WalkActors.StartAsync();
        await new AccountsOf(actors.Registry).MakePublicAsync("else/app");
        Assert.Equal(Published, RoutesOf(await new Walk(actors.Registry, actors).FindLeaksAsync()));
    }

    [Once]
    [Fact]
    public async Task The_walk_finds_holes_in_single_routes_and_no_others()
    {
        var actors = walked.Actors;
        var holes = new Dictionary<string, Func<WalkAnswer, WalkAnswer>>
        {
            ["GET /api/v1/robots/{name}"] = answer => answer with { Body = answer.Body.Replace("no such", "a") },
            ["GET /v2/NAME/tags/list"] = answer => answer with { Status = answer.Status + 1 },
            ["HEAD /v2/NAME/blobs/DIGEST"] = answer => answer with { Headers = answer.Headers + "\nX-Exists: yes" },
            ["""POST /api/v1/robots {"name":"robot.walk","repository":"{0}/app"}"""] =
                answer => answer with { Status = answer.Status + 1 },
            ["POST /token"] = answer => answer with { Body = answer.Body + " " },
            ["POST /v2/team/app/blobs/uploads/?mount=DIGEST&from={0}/app"] = answer =>
                answer with { Headers = answer.Headers + "\nX-Exists: yes" },
        };
        var walk = new Walk(actors.Registry, actors)
        {
            Alter = (route, place, answer) =>
                place.Contains("else", StringComparison.Ordinal) && holes.GetValueOrDefault($"{route}") is { } hole
                    ? hole(answer) : answer,
        };
        var leaks = await walk.FindLeaksAsync();
        Assert.Equal(string.Join('\n', holes.Keys), RoutesOf(leaks));
        Assert.DoesNotContain(leaks, leak => leak.Actor is "administrator" or "auditor");
        foreach (var actor in new[] { "stranger", "reader", "organization's owner", "robot" })
            Assert.Equal(holes.Count, leaks.Count(leak => leak.Actor == actor && leak.Query.Length == 0));
    }

    [Once]
    [Fact]
    public async Task Nothing_outside_the_distribution_api_tells_what_is_stored()
    {
        var actors = walked.Actors;
        var walk = new Walk(actors.Registry, actors);
        foreach (var route in walk.Routes.Where(route => route.Places.Count == 1 && route.Method == "GET"))
        {
            var answer = await walk.AskAsync(walk.Actors[0], route, "-");
            foreach (var name in new[] { "team/app", "else/app", "robot.team", "stranger" })
                Assert.DoesNotContain(name, answer.Headers + answer.Body.Replace("as team/app.", ""));
        }
    }

    private static string RoutesOf(List<Leak> leaks) =>
        string.Join('\n', leaks.Select(leak => $"{leak.Route}").Distinct().Order(StringComparer.Ordinal));

    private static async Task GoldenAsync(string name, string text)
    {
        var path = Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Access", "Golden", name);
        if (Environment.GetEnvironmentVariable("BERTH_TEST_GOLDEN") == "write")
            await File.WriteAllTextAsync(path, text, Stop);
        Assert.Equal(await File.ReadAllTextAsync(path, Stop), text);
    }
}
