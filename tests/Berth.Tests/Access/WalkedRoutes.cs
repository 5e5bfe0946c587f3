using System.Text;
using System.Text.RegularExpressions;
using Berth.Distribution;
using Berth.Oci;
using Berth.Pages;
using Berth.Tests.Contents;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Access;

/// <summary>A route of the program, as the walk asks for it.</summary>
/// <param name="Method">GET and so on.</param>
/// <param name="Shown">Its path, for people.</param>
/// <param name="Path">Its path, where {0} stands for a place, and {me} for the caller.</param>
/// <param name="Places">What there is, or is not, to put there: namespaces, users or robots.</param>
/// <param name="Body">What is sent, with the same; null: what the path needs.</param>
internal sealed record WalkedRoute(
    string Method, string Shown, string Path, IReadOnlyList<string> Places, string? Body = null)
{
    /// <summary>Whether what it is asked for may be hidden, or absent.</summary>
    public bool IsOfPlaces => Places.Count > 1 && Places != WalkedRoutes.Users;

    /// <summary>
    /// Whether it may end what the caller signed in with: it is walked last, and each caller signs in anew for it.
    /// </summary>
    public bool EndsSignIns => Path is "/auth/logout" or "/api/v1/me/tokens/current"
        || Method == "DELETE" && Path == "/api/v1/me/sessions";

    /// <summary>What stands for a namespace where the place is something of it.</summary>
    public string PlaceOf(string space) => Places == WalkedRoutes.Robots ? WalkedRoutes.RobotOf(space)
        : Places == WalkedRoutes.Blobs ? WalkedRoutes.BlobOf(space) : space;

    public override string ToString() => $"{Method} {Shown}";
}

/// <summary>
/// All routes of the program, from its own tables: a route that is added is walked, and has no line in the golden file.
/// </summary>
internal static partial class WalkedRoutes
{
    public const string Blob = "sha256:88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589";

    /// <summary>A public namespace, a private one, one of others, and one that does not exist.</summary>
    public static readonly string[] Namespaces = ["open", "team", "else", "gone"];

    public static readonly string[] Users = ["stranger", "nobody"];

    public static readonly string[] Robots = [RobotOf("team"), RobotOf("else"), RobotOf("gone")];

    /// <summary>Blobs that are in one namespace alone.</summary>
    public static readonly string[] Blobs = [.. Namespaces.Select(BlobOf)];

    private static readonly string[] Nowhere = ["-"];

    /// <summary>Paths of the distribution API by kind; {0} is the namespace.</summary>
    private static readonly Dictionary<V2Kind, string> Paths = new()
    {
        [V2Kind.Version] = "/v2/",
        [V2Kind.Catalog] = "/v2/_catalog",
        [V2Kind.Blob] = "/v2/{0}/app/blobs/" + Blob,
        [V2Kind.Uploads] = "/v2/{0}/app/blobs/uploads/",
        [V2Kind.Upload] = "/v2/{0}/app/blobs/uploads/00000000-0000-0000-0000-000000000000",
        [V2Kind.Manifest] = "/v2/{0}/app/manifests/1",
        [V2Kind.Tags] = "/v2/{0}/app/tags/list",
        [V2Kind.Referrers] = "/v2/{0}/app/referrers/" + Blob,
        [V2Kind.Extensions] = "/v2/_oci/ext/discover",
        [V2Kind.RepositoryExtensions] = "/v2/{0}/app/_oci/ext/discover",
        [V2Kind.TagDetails] = "/v2/{0}/app/_berth/tags/detail",
    };

    /// <summary>Lists of the API that may be asked about one namespace, or something in it.</summary>
    private static readonly string[] ListsOfOne =
    [
        "/api/v1/grants?namespace={0}", "/api/v1/robots?namespace={0}", "/api/v1/repositories?namespace={0}",
        "/api/v1/repositories?sort=pulls&namespace={0}", "/api/v1/namespaces?namespace={0}", "/explore?namespace={0}",
        "/api/v1/search?q={0}", "/api/v1/search?q=namespace:{0}", "/search?q={0}", "/v1/search?q={0}",
        "/api/v1/search/files?name=*&namespace={0}", "/api/v1/search/files?name=*&repository={0}/app",
        "/search?q=file:*+namespace:{0}",
        "/api/v1/access/explain?user=stranger&repository={0}/app",
        "/api/v1/access/explain?user=filed&repository={0}/app",
        "/api/v1/access/explain?user=robot.{0}.ci&repository=team/app", "/api/v1/grants?robot=robot.{0}.ci",
        "/api/v1/grants?team={0}/dev", "/api/v1/grants?user={0}-user", "/api/v1/robots?repository={0}/app",
        "/api/v1/trash?namespace={0}", "/api/v1/trash?repository={0}/app", "/api/v1/tag-rules?namespace={0}",
        "/api/v1/trust?namespace={0}", "/api/v1/trust/keys/walk?namespace={0}",
        "/api/v1/policies?namespace={0}", "/api/v1/waivers?namespace={0}",
        "/api/v1/quotas?namespace={0}", "/api/v1/usage?namespace={0}", "/api/v1/usage?repository={0}/app",
        "/api/v1/usage/reclaimable/matching?names={0}/**",
        "/api/v1/images/files/differences?repository=open/app&with=files&withRepository={0}/app",
    ];

    /// <summary>Questions that are sent as a body, and change nothing.</summary>
    private static readonly Dictionary<string, string> Bodies = new()
    {
        ["/api/v1/tag-rules/plan"] = """{"names":"{0}/app","keepLastPushed":1}""",
        ["/api/v1/policies/plan"] = """{"names":"{0}/app","isSigned":true}""",
    };

    /// <summary>Mounts into a repository that some may push to.</summary>
    private static readonly WalkedRoute[] Mounts =
    [
        .. new[] { "open", "team" }.Select(to => $"/v2/{to}/app/blobs/uploads/?mount={Blob}&from={{0}}/app")
            .Select(path => new WalkedRoute("POST", path.Replace(Blob, "DIGEST"), path, Namespaces)),
    ];

    /// <summary>
    /// Other ways to name what may be hidden. Whoever may would make something with them, so they are walked only by
    /// those from whom it is hidden.
    /// </summary>
    public static readonly WalkedRoute[] OtherWays =
    [
        .. new[] { "team", "{me}" }.Select(to => $"/v2/{to}/app/blobs/uploads/?mount={{0}}")
            .Select(path => new WalkedRoute("POST", path, path, Blobs)),
        new(
            "POST", "/v2/{me}/app/blobs/uploads/?mount=DIGEST&from={0}/app",
            $"/v2/{{me}}/app/blobs/uploads/?mount={Blob}&from={{0}}/app", Namespaces),
        .. new[]
        {
            ("grants", """{"names":"{0}/app","user":"stranger","actions":["pull"]}"""),
            ("grants", """{"names":"{me}/app","robot":"robot.{0}.ci","actions":["pull"]}"""),
            ("grants", """{"names":"{me}/app","team":"{0}/dev","actions":["pull"]}"""),
            ("invitations", """{"organization":"{0}"}"""),
            ("repositories", """{"name":"{0}/app"}"""),
            ("repositories", """{"name":"{0}/app","isPublic":true}"""),
            ("repositories", """{"name":"{0}/app","description":"x"}"""),
            ("repositories/copies", """{"from":"{0}/app","to":"{me}/copy"}"""),
            ("repositories/moves", """{"from":"{0}/app","to":"{me}/moved"}"""),
            ("repositories/copies", """{"from":"open/app","to":"{0}/app","tags":["none"]}"""),
            ("robots", """{"name":"robot.walk","namespace":"{0}"}"""),
            ("robots", """{"name":"robot.walk","namespace":"{me}","grants":[{"names":"{0}/app","role":"reader"}]}"""),
            ("robots", """{"name":"robot.walk","repository":"{0}/app"}"""),
        }.Select(way => new WalkedRoute(
            "POST", $"/api/v1/{way.Item1} {way.Item2}", $"/api/v1/{way.Item1}", Namespaces, way.Item2)),
    ];

    /// <summary>Answered before routing: the checks of load balancers, and what matches nothing.</summary>
    private static readonly string[] Unrouted = ["/healthz", "/readyz", "/nowhere"];

    /// <summary>All of them, in the order of the golden file.</summary>
    public static List<WalkedRoute> Of(RegistryFixture registry)
    {
        var table = registry.Services.GetRequiredService<DistributionApi>().Table;
        var endpoints = registry.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();
        return
        [
            .. table.Select(row => OfDistribution(row.Method, row.Kind)),
            .. Mounts,
            .. Unrouted.Select(path => new WalkedRoute("GET", path, path, Nowhere)),
            .. endpoints.SelectMany(Of)
                .Concat(ListsOfOne.Select(path => new WalkedRoute("GET", path, path, Namespaces)))
                .OrderBy(route => route.Shown, StringComparer.Ordinal)
                .ThenBy(route => route.Method, StringComparer.Ordinal),
        ];
    }

    public static string RobotOf(string space) => $"robot.{space}.ci";

    public static string BlobOf(string space) => Digest.Of(DigestAlgorithm.Sha256, TextOf(space)).Text;

    /// <summary>The blob itself.</summary>
    public static byte[] TextOf(string space) => Encoding.UTF8.GetBytes($"only in {space}");

    /// <summary>What else a route of the distribution API may be asked with.</summary>
    public static IEnumerable<string> QueriesOf(WalkedRoute route) => (route.Method, route.Path) switch
    {
        ("POST", var path) when path == Paths[V2Kind.Uploads] =>
        [
            "", $"?mount={Blob}&from=team/app", $"?mount={Blob}&from=gone/app", $"?mount={Blob}",
            $"?digest={Blob}",
        ],
        ("GET", var path) when path == Paths[V2Kind.Tags] => ["", "?n=1", "?n=x", "?n=0"],
        ("GET", var path) when path == Paths[V2Kind.Referrers] => ["", "?n=1", "?artifactType=a"],
        ("PUT", var path) when path == Paths[V2Kind.Upload] => ["", $"?digest={Blob}"],
        _ => [""],
    };

    /// <summary>Deletions ask for what is nowhere: they must not change what the next caller finds.</summary>
    private static WalkedRoute OfDistribution(string method, V2Kind kind)
    {
        var path = method == "DELETE"
            ? Paths[kind].Replace(Blob, Blob[..^1] + "0").Replace("/manifests/1", "/manifests/2")
            : Paths[kind];
        var shown = Paths[kind].Replace(Blob, "DIGEST").Replace("{0}/app", "NAME");
        return new WalkedRoute(method, shown, path, path.Contains("{0}") ? Namespaces : Nowhere);
    }

    /// <summary>The first parameter is what may be hidden; the others name what is nowhere.</summary>
    private static IEnumerable<WalkedRoute> Of(RouteEndpoint endpoint)
    {
        var sent = endpoint.Metadata.GetMetadata<PageAddress>()?.Path
            ?? "/" + endpoint.RoutePattern.RawText!.TrimStart('/');
        var shared = ContentImages.DigestOf(WalkActors.SharedLayer);
        var shown = AssetHash().Replace(sent, "/assets/HASH/");
        var path = sent.Replace("/r/{name}:{reference}", "/r/{0}/app:1").Replace("/r/{name}", "/r/{0}/app")
            .Replace("app:1/-/layer", "app:files/-/layer?layer=" + shared)
            .Replace("{**name}", "{0}/app")
            .Replace("{organization}", "{0}").Replace("{**scope}", "{0}");
        var places = Namespaces;
        if (path.Contains("/robots/{name}")) (path, places) = (path.Replace("{name}", "{0}"), Robots);
        if (path.Contains("/users/{name}")) (path, places) = (path.Replace("{name}", "{0}"), Users);
        if (path.StartsWith("/api/v1/tags", StringComparison.Ordinal) || path == "/api/v1/retention/plan"
            || path is "/api/v1/usage/reclaimable" or "/api/v1/statistics" or "/api/v1/access")
        {
            path += "?repository={0}/app";
        }

        if (path.StartsWith("/api/v1/images", StringComparison.Ordinal))
        {
            path = path.Replace("{reference}", "files").Replace("{digest}", shared)
                + "?repository={0}/app&path=/etc&q=e&with=files";
        }

        if (shown == "/api/v1/search/files") path += "?name=*";
        if (shown == "/api/v1/search/packages") path += "?name=libc6";
        if (shown == "/api/v1/search/vulnerabilities") path += "?name=CVE-2021-44228";
        if (shown == "/token") path += "?service=berth&scope=repository:{0}/app:pull,push";
        path = Parameter().Replace(
            path.Replace("{system}", "github").Replace("{id:long}", "999999"),
            match => match.Value == "{0}" ? match.Value : "nobody");
        if (!path.Contains("{0}")) places = Nowhere;
        var methods = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods;
        foreach (var method in methods ?? (shown == "/token" ? ["GET", "POST"] : ["GET"]))
        {
            // A repository is needed to the end, too.
            var target = method == "DELETE" ? path.Replace("repositories/{0}/app", "repositories/{0}/none") : path;

            // Users are not hidden from anyone who may ask for them, and the walk needs them to the end.
            var isWrite = method is not ("GET" or "HEAD");
            yield return Bodies.TryGetValue(path, out var body)
                ? new WalkedRoute(method, shown, target, Namespaces, body)
                : new WalkedRoute(method, shown, target, isWrite && places == Users ? ["nobody"] : places);
        }
    }

    /// <summary>Of a file of the pages, which changes with it.</summary>
    [GeneratedRegex("/assets/[0-9a-f]+/")]
    private static partial Regex AssetHash();

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Parameter();
}
