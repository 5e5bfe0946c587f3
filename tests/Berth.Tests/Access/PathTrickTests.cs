using Berth.Tests.Distribution;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>
/// Other ways to write the path of a private repository. None gets a stranger anything, and none tells whether the
/// repository exists.
/// </summary>
[Accounts]
[Once]
public sealed class PathTrickTests : IAsyncLifetime
{
    private const string Password = "of green gables";

    /// <summary>Names of the same length, so that nothing but the names themselves need differ.</summary>
    private const string Hidden = "secret";

    private const string Absent = "absent";

    /// <summary>The name of the repository, where {0} stands for the second component, and {1} for the same escaped.
    /// </summary>
    private static readonly string[] Names =
    [
        "team/{0}", "team//{0}", "/team/{0}", "team/./{0}", "./team/{0}", "team/app/../{0}", "../team/{0}",
        "ann/app/../../team/{0}", "team/app/%2e%2e/{0}", "team/app/.%2E/{0}", "team/%2e/{0}",
        "team%2F{0}", "team%2f{0}", "team/app%2F..%2F{0}", "team%2Fapp%2f%2e%2e%2f{0}", "%2Fteam%2F{0}",
        "team%252F{0}", "team/app/%252e%252e/{0}", "team\\{0}", "team%5C{0}", "team/app\\..\\{0}",
        "team/app%5c..%5c{0}",
        "team/{1}", "t%65am/{0}", "%74%65%61%6d/{1}", "team/%25{0}", "Team/{0}", "TEAM/{0}", "team/{0}.", "team/{0}..",
        "team./{0}", "team/{0}%2E", "team/{0}/.", "team/{0}/..", "team/{0}/%2e", "team/{0}%20", "team/%20{0}",
        "team/{0}+", "team/{0};a=b", "team;a=b/{0}", "team/{0}%3F", "team/{0}%23", "team/{0}%00", "team%00/{0}",
        "team/{0}%0d%0a", "team/{0}%09", "team/{0}%e2%80%8b", "team/%e2%80%ae{0}", "te%d0%b0m/{0}",
        "te%ef%bd%81m/{0}", "team/{0}%cc%81", "team%e2%88%95{0}", "team%ef%bc%8f{0}", "team%c0%af{0}",
        "team/%c0%ae%c0%ae/team/{0}", "team/{0}%ff", "team/{0}:latest", "team/{0}@sha256", "team/{0}-", "team/_{0}",
    ];

    /// <summary>Requests about a repository, whose name stands for {0}.</summary>
    private static readonly string[] Requests =
    [
        "GET /v2/{0}/tags/list", "GET /v2/{0}/manifests/1", "POST /v2/{0}/blobs/uploads/",
        $"POST /v2/ann/app/blobs/uploads/?mount={WalkedRoutes.Blob}&from={{0}}", "GET http://host/v2/{0}/tags/list",
        "GET /api/v1/repositories/{0}", "PATCH /api/v1/repositories/{0}",
        "GET /api/v1/access/explain?user=admin&repository={0}",
    ];

    private RegistryFixture registry = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync();
        var script = new Script(registry) { ["admin"] = Basic("admin", AdminPassword) };
        await script.PlayAsync(
            $$"""
            POST /api/v1/users
              Authorization: {admin}
              Content-Type: application/json
              > {"name":"ann","password":"{{Password}}"}
              201
            POST /api/v1/grants
              Authorization: {admin}
              Content-Type: application/json
              > {"user":"ann","names":"team/app","role":"reader"}
              201
            """);
        foreach (var name in new[] { "team/app", $"team/{Hidden}" })
        {
            await LocalUserTests.PushAsync(script, name, "admin");
            await LocalUserTests.PushImageAsync(script, name);
        }
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task However_its_path_is_written_a_private_repository_answers_as_an_absent_one()
    {
        await Parallel.ForEachAsync(Names, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (name, _) =>
        {
            foreach (var request in Requests)
            {
                foreach (var who in new[] { null, Basic("ann", Password) }) await CompareAsync(request, name, who);
            }
        });
    }

    [Fact]
    public async Task Some_of_these_ways_lead_whoever_may_there()
    {
        foreach (var name in new[] { "team/{0}", "team%2F{0}", "team//{0}", "/team/{0}", "team/{1}", "t%65am/{0}" })
        {
            foreach (var request in Requests.Where(request => request.StartsWith("GET /v2", StringComparison.Ordinal)))
                Assert.Equal("200", await StatusAsync(request, name));
        }

        Assert.Equal("200", await StatusAsync("GET /api/v1/repositories/{0}", "team/{0}"));

        // What a proxy that authorizes by path would not take for this repository is not.
        foreach (var name in Names.Where(name => name.Contains("..") || name.Contains("%2e%2e")))
            Assert.NotEqual("200", await StatusAsync(Requests[0], name));

        async Task<string> StatusAsync(string request, string name) =>
            (await AskAsync(request, name, Hidden, Basic("admin", AdminPassword))).Split(' ')[1];
    }

    private async Task CompareAsync(string request, string name, string? who)
    {
        var (hidden, absent) = (await AskAsync(request, name, Hidden, who), await AskAsync(request, name, Absent, who));
        Assert.True(hidden == absent, $"{request} of {name} as {who}:\n{hidden}\n\n{absent}");

        // To the own repository there may be an upload, but no mount.
        var isOwn = request.Contains("from=", StringComparison.Ordinal) && who is not null;
        var status = hidden.Split(' ')[1];
        Assert.True(status[0] == '4' || (isOwn && status == "202"), $"{request} of {name} as {who}:\n{hidden}");
    }

    /// <returns>All of the answer, with names and what differs between any two answers taken out.</returns>
    private async Task<string> AskAsync(string request, string name, string word, string? authorization)
    {
        var escaped = $"%{(int)word[0]:x2}{word[1..]}";
        var target = string.Format(request, string.Format(name, word, escaped));
        using var connection = await RawConnection.OpenAsync(registry);
        var head = authorization is null ? "" : $"Authorization: {authorization}\r\n";
        if (request.StartsWith('P')) head += "Content-Type: application/json\r\nContent-Length: 2\r\n";
        await connection.SendAsync(
            $"{target} HTTP/1.1\r\nHost: host\r\nConnection: close\r\n{head}\r\n{(request[0] == 'P' ? "{}" : "")}");
        var lines = (await connection.ReadToEndAsync()).Split("\r\n")
            .Where(line => !line.StartsWith("Date: ", StringComparison.Ordinal)
                && !line.StartsWith("X-Request-ID: ", StringComparison.OrdinalIgnoreCase));
        return WalkAnswer.WithoutUploads(
            string.Join('\n', lines).Replace(word, "NAME").Replace(escaped, "NAME"));
    }
}
