using System.Net;
using System.Text;
using System.Text.Json;
using Berth.Access;
using Berth.Metadata;

namespace Berth.Tests.Access;

/// <summary>
/// Scopes at random, well-formed and not: whatever is asked for, a token allows nothing beyond what its owner may do,
/// and nothing in a repository that no scope names.
/// </summary>
[Accounts]
[Inside]
public sealed class ScopeFuzzTests
{
    private const string Password = "of green gables";
    private const string Image =
        """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}""";

    private static readonly string[] Repositories =
        ["ann/app", "acme/app", "acme/tools", "acme/secret", "bob/app", "pub/app", "library/app"];

    private static readonly string[] Types =
        ["repository", "repository(plugin)", "repository(", "Repository", "registry", "registry(x)", "", "*", "repo"];

    private static readonly string[] Actions =
        ["pull", "push", "delete", "*", "PULL", "manage", "own", "", " ", "pull ", "search", "pu\0ll", "**"];

    private static readonly string[] Names =
    [
        .. Repositories, "catalog", "*", "**", "acme/*", "acme", "acme/", "/acme/app", "acme//app", "acme/../bob/app",
        "ACME/app", "acme%2fapp", "localhost:5000/acme/app", "acme/app:latest", "acme/app@sha256", "app",
        "\u0430nn/app", "ann\u2215app", "",
    ];

    private static readonly (string Action, string Method, string Path)[] Probes =
    [
        ("pull", "GET", "tags/list"), ("push", "POST", "blobs/uploads/"), ("delete", "DELETE", "manifests/no-such"),
    ];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_never_allows_more_than_its_owner_may_or_its_scopes_name()
    {
        await using var registry = await AccountsOf.StartAsync();
        var callers = await PrepareAsync(registry);
        var rights = new Dictionary<string, HashSet<string>>();
        foreach (var (who, authorization) in callers)
        {
            var allowed = rights[who] = [];
            foreach (var place in Places())
            {
                if (await MayAsync(registry, authorization, place)) allowed.Add($"{place}");
            }
        }

        // The table is worth something only if it is neither empty nor full.
        Assert.Equal(["pub/app pull"], rights["nobody"].Order(StringComparer.Ordinal));
        Assert.Equal(Places().Count(), rights["admin"].Count);
        Assert.True(rights["ann"].Count > rights["limited"].Count);
        var random = new Random(20_261_126);
        for (var round = 0; round < TestRounds.Of(250, 20_000); round++)
        {
            var (who, authorization) = callers[random.Next(callers.Count)];
            var scopes = Enumerable.Range(0, random.Next(1, 4)).Select(_ => ScopeOf(random)).ToList();

            // Nobody, asking for nothing, is asked who they are.
            if (authorization is null && scopes.TrueForAll(scope => scope.Trim(' ').Length == 0)) continue;
            var token = await TokenAsync(registry, authorization, scopes, isOneText: random.Next(4) == 0);
            var about = $"round {round}: {who} asked for {string.Join(" | ", scopes)}";
            foreach (var (name, action) in GrantedBy(token))
            {
                // Who asks for an official image by its short name may get it by that.
                var isRight = Repositories.Contains(name)
                    ? rights[who].Contains($"{name} {action}")
                    : rights[who].Contains($"library/{name} {action}") || who == "admin"
                        || (who == "viewer" && action == "pull");
                Assert.True(isRight, $"{about}, and was given {name} {action}");
            }

            foreach (var place in random.GetItems(Places().ToArray(), 3))
            {
                if (!await MayAsync(registry, $"Bearer {token}", place)) continue;
                Assert.True(rights[who].Contains($"{place}"), $"{about}, and may {place}");
                var named = place.Name.Replace("library/", "", StringComparison.Ordinal);
                var isNamed = rights["nobody"].Contains($"{place}")
                    || scopes.Exists(scope => scope.Contains(named, StringComparison.Ordinal));
                Assert.True(isNamed, $"{about}, and may {place}, which no scope names");
            }
        }
    }

    private static async Task<List<(string Who, string? Authorization)>> PrepareAsync(RegistryFixture registry)
    {
        var accounts = new AccountsOf(registry);
        var admin = TokenRegistry.Basic("admin", AccountsOf.AdminPassword);
        foreach (var name in Repositories)
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, $"v2/{name}/manifests/1");
            request.Headers.TryAddWithoutValidation("Authorization", admin);
            request.Content = new StringContent(Image, Encoding.UTF8, "application/vnd.oci.image.index.v1+json");
            using var answer = await registry.Client.SendAsync(request, Stop);
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        }

        await accounts.MakePublicAsync("pub/app");
        var ann = await accounts.AddUserAsync("ann", Password);
        await accounts.GrantAsync(ann, "acme/app", "pull");
        await accounts.GrantAsync(ann, "acme/tools", "pull,push");
        await accounts.GrantAsync(ann, "library/app", "pull");
        var limited = await accounts.AddTokenAsync(ann, actions: "pull", patterns: "acme/* pub/*");
        var robot = await accounts.AddRobotAsync("robot.ci");
        await accounts.GrantAsync(robot, "bob/app", "push");
        var secret = await accounts.AddTokenAsync(robot, TokenKinds.Robot);
        await accounts.AddUserAsync("viewer", Password, RegistryRole.Auditor);
        return
        [
            ("nobody", null), ("admin", admin), ("ann", TokenRegistry.Basic("ann", Password)),
            ("limited", TokenRegistry.Basic("ann", limited.Secret)),
            ("robot", TokenRegistry.Basic("robot.ci", secret.Secret)),
            ("viewer", TokenRegistry.Basic("viewer", Password)),
        ];
    }

    private static IEnumerable<Place> Places() => Repositories.SelectMany(
        name => Probes.Select(probe => new Place(name, probe.Action, probe.Method, probe.Path)));

    private static string ScopeOf(Random random)
    {
        if (random.Next(20) == 0)
            return string.Concat(Enumerable.Range(0, random.Next(30)).Select(_ => (char)random.Next(0x20, 0x250)));
        var actions = string.Join(',', random.GetItems(Actions[..random.Next(4, Actions.Length)], random.Next(1, 5)));
        var type = random.Next(3) > 0 ? "repository" : random.GetItems(Types, 1)[0];
        return $"{type}:{random.GetItems(Names, 1)[0]}:{actions}{(random.Next(10) == 0 ? ":x" : "")}";
    }

    private static async Task<string> TokenAsync(
        RegistryFixture registry, string? authorization, List<string> scopes, bool isOneText)
    {
        var query = isOneText
            ? "&scope=" + Uri.EscapeDataString(string.Join(' ', scopes))
            : string.Concat(scopes.Select(scope => "&scope=" + Uri.EscapeDataString(scope)));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"token?service=berth{query}");
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await registry.Client.SendAsync(request, Stop);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{answer.StatusCode} {text} for {query}");
        return JsonDocument.Parse(text).RootElement.GetProperty("token").GetString()!;
    }

    /// <summary>What a token says that it allows.</summary>
    private static IEnumerable<(string Name, string Action)> GrantedBy(string token)
    {
        var claims = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1])).RootElement;
        foreach (var access in claims.GetProperty("access").EnumerateArray())
        {
            var name = access.GetProperty("name").GetString()!;
            if (access.GetProperty("type").GetString() == "registry")
            {
                // Whoever signs in may list what they see.
                Assert.Equal("catalog", name);
                continue;
            }

            foreach (var action in access.GetProperty("actions").EnumerateArray())
                yield return (name, action.GetString()!);
        }
    }

    private static async Task<bool> MayAsync(RegistryFixture registry, string? authorization, Place place)
    {
        using var request = new HttpRequestMessage(
            new HttpMethod(place.Method), $"v2/{place.Name}/{place.Path}");
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await registry.Client.SendAsync(request, Stop);
        return place.Action == "pull"
            ? answer.StatusCode == HttpStatusCode.OK
            : answer.StatusCode is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden);
    }

    private sealed record Place(string Name, string Action, string Method, string Path)
    {
        public override string ToString() => $"{Name} {Action}";
    }
}
