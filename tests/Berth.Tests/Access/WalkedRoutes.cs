using System.Text.RegularExpressions;
using Berth.Distribution;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Access;

/// <summary>A route of the program, as the walk asks for it.</summary>
/// <param name="Method">GET and so on.</param>
/// <param name="Shown">Its path, for people.</param>
/// <param name="Path">Its path, where {0} stands for a place.</param>
/// <param name="Places">What there is, or is not, to put there: namespaces, users or robots.</param>
internal sealed record WalkedRoute(string Method, string Shown, string Path, IReadOnlyList<string> Places)
{
    /// <summary>Whether what it is asked for may be hidden, or absent.</summary>
    public bool IsOfPlaces => Places.Count > 1 && Places != WalkedRoutes.Users;

    /// <summary>
    /// Whether it may end what the caller signed in with: it is walked last, and each caller signs in anew for it.
    /// </summary>
    public bool EndsSignIns => Path is "/auth/logout" or "/api/v1/me/tokens/current"
        || Method == "DELETE" && Path == "/api/v1/me/sessions";

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

    private static readonly string[] Robots = ["robot.team.ci", "robot.else.ci", "robot.gone.ci"];

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
    };

    /// <summary>Lists of the API that may be asked about one namespace.</summary>
    private static readonly string[] ListsOfOne =
    [
        "/api/v1/grants?namespace={0}", "/api/v1/robots?namespace={0}", "/api/v1/repositories?namespace={0}",
        "/api/v1/access/explain?user=stranger&repository={0}/app",
        "/api/v1/access/explain?user=filed&repository={0}/app",
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
            .. Unrouted.Select(path => new WalkedRoute("GET", path, path, Nowhere)),
            .. endpoints.SelectMany(Of)
                .Concat(ListsOfOne.Select(path => new WalkedRoute("GET", path, path, Namespaces)))
                .OrderBy(route => route.Shown, StringComparer.Ordinal)
                .ThenBy(route => route.Method, StringComparer.Ordinal),
        ];
    }

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
        var shown = "/" + endpoint.RoutePattern.RawText!.TrimStart('/');
        var path = shown.Replace("{**name}", "{0}/app").Replace("{organization}", "{0}");
        var places = Namespaces;
        if (path.Contains("/robots/{name}")) (path, places) = (path.Replace("{name}", "{0}"), Robots);
        if (path.Contains("/users/{name}")) (path, places) = (path.Replace("{name}", "{0}"), Users);
        if (shown == "/token") path += "?service=berth&scope=repository:{0}/app:pull,push";
        path = Parameter().Replace(
            path.Replace("{system}", "github").Replace("{id:long}", "999999"),
            match => match.Value == "{0}" ? match.Value : "nobody");
        if (!path.Contains("{0}")) places = Nowhere;
        var methods = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods;
        foreach (var method in methods ?? (shown == "/token" ? ["GET", "POST"] : ["GET"]))
        {
            // Users are not hidden from anyone who may ask for them, and the walk needs them to the end.
            var isWrite = method is not ("GET" or "HEAD");
            yield return new WalkedRoute(method, shown, path, isWrite && places == Users ? ["nobody"] : places);
        }
    }

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Parameter();
}
