using System.Text.Json;
using Berth.Api;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Api;

/// <summary>All routes of the API: their rights, and their description.</summary>
[Inside]
[Collection(ApiTests.Name)]
public sealed class RouteTests(ApiRegistry api)
{
    private const string Prefix = "/api/v1";

    private static readonly string[] Callers = ["admin", "aud", "ann", "bob", "eve", ""];

    /// <summary>What is asked for is in the path alone.</summary>
    private static readonly string[] WithoutBody =
    [
        "/api/v1/backups", "/api/v1/backups/verification", "/api/v1/me/authenticator", "/api/v1/me/recovery-codes",
        "/api/v1/me/passkeys/options", "/api/v1/search/rebuilds", "/api/v1/vulnerabilities/updates",
    ];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private List<RouteEndpoint> Routes =>
        [.. api.Registry.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => PathOf(route).StartsWith(Prefix, StringComparison.Ordinal))];

    [Fact]
    public void Every_route_declares_its_right()
    {
        Assert.True(Routes.Count > 50);
        Assert.All(Routes, route => Assert.True(
            route.Metadata.GetMetadata<RequiredRight>() is not null, $"{PathOf(route)} declares no right"));
        var open = Routes.Where(route => RightOf(route) == ApiRight.Everyone).Select(PathOf).Order();
        Assert.Equal(
            [
                Prefix + "/docs", Prefix + "/docs/scalar.js", Prefix + "/docs/start.js", Prefix + "/openapi.json",
                Prefix + "/{**rest}",
            ],
            open);
    }

    /// <summary>Asked for things that are not there, or of another version, so that nothing changes.</summary>
    [Fact]
    public async Task Every_route_refuses_whoever_lacks_its_right()
    {
        foreach (var route in Routes.Where(route => RightOf(route) != ApiRight.Everyone))
        {
            foreach (var method in route.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods)
            {
                foreach (var caller in Callers)
                {
                    var path = Fill(PathOf(route));
                    var answer = await api.AskAsync(
                        caller.Length == 0 ? null : caller, method, path, BodyOf(method),
                        match: "\"0\"");
                    var why = $"{answer.Asked}: {answer.Status} {answer.Text}";
                    if (RightOf(route) == ApiRight.Visible) Assert.True(answer.Status == 200, why);
                    else if (caller.Length == 0) Assert.True(answer.Status == 401, why);
                    else if (MayPass(RightOf(route), caller) is not { } may) Assert.True(answer.Status != 401, why);
                    else Assert.True(may ? answer.Status is not (401 or 403) : answer.Status is 403 or 404, why);
                }
            }
        }
    }

    [Fact]
    public async Task A_limited_token_only_tells_who_it_is_and_works_in_repositories()
    {
        var token = await api.AskAsync(
            "ann", "POST", "/me/tokens", """{"name":"ci","actions":["pull"],"names":["acme/**"]}""");
        var secret = token.Is(201).Of("secret");
        foreach (var route in Routes)
        {
            var right = RightOf(route);
            foreach (var method in route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? [])
            {
                if (right is ApiRight.Everyone) continue;
                var answer = await api.AskAsync(
                    secret, method, Fill(PathOf(route)), BodyOf(method));
                if (right is ApiRight.SignedIn or ApiRight.Catalog or ApiRight.Visible)
                    Assert.NotEqual(403, answer.Status);
                else Assert.True(answer.Status is 403 or 404, $"{answer.Asked}: {answer.Status}");
            }
        }

        Assert.Equal("True", (await api.AskAsync(secret, "GET", "/me")).Is(200).Of("isLimited"));
    }

    [Fact]
    public async Task The_description_has_each_route_with_its_parameters_and_answers()
    {
        var text = (await api.AskAsync(null, "GET", "/openapi.json")).Is(200).Text;
        var json = JsonDocument.Parse(text).RootElement;
        Assert.Equal("3.1.", json.GetProperty("openapi").GetString()![..4]);
        var described =
            from path in json.GetProperty("paths").EnumerateObject()
            from operation in path.Value.EnumerateObject()
            select $"{operation.Name.ToUpperInvariant()} {path.Name}";
        var routed =
            from route in Routes
            where RightOf(route) != ApiRight.Everyone
            from method in route.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
            where method != "HEAD"
            select $"{method} {PathOf(route).Replace("**", "").Replace(":long", "")}";
        Assert.Equal(routed.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
        foreach (var path in json.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                Assert.StartsWith("Requires:", operation.Value.GetProperty("description").GetString());
                var answers = operation.Value.GetProperty("responses").EnumerateObject().Select(r => r.Name).ToList();
                Assert.Single(answers, status => status[0] == '2');
                Assert.Contains("401", answers);
                var declared = operation.Value.TryGetProperty("parameters", out var parameters)
                    ? parameters.EnumerateArray().Count(p => p.GetProperty("in").GetString() == "path") : 0;
                Assert.Equal(path.Name.Count(c => c == '{'), declared);
                if (operation.Name is "post" or "patch" && !WithoutBody.Contains(path.Name))
                    Assert.True(operation.Value.TryGetProperty("requestBody", out _), path.Name);
            }
        }
    }

    [Fact]
    public async Task The_description_says_what_each_field_and_filter_means()
    {
        var json = (await api.AskAsync(null, "GET", "/openapi.json")).Is(200).Json;
        var fields =
            from schema in json.GetProperty("components").GetProperty("schemas").EnumerateObject()
            where schema.Value.TryGetProperty("properties", out _)
            from field in schema.Value.GetProperty("properties").EnumerateObject()
            where !field.Value.TryGetProperty("$ref", out _) && !field.Value.TryGetProperty("oneOf", out _)
            where !field.Value.TryGetProperty("description", out _)
            select $"{schema.Name}.{field.Name}";
        Assert.Empty(fields);
        var filters =
            from path in json.GetProperty("paths").EnumerateObject()
            from operation in path.Value.EnumerateObject()
            where operation.Value.TryGetProperty("parameters", out _)
            from filter in operation.Value.GetProperty("parameters").EnumerateArray()
            where filter.GetProperty("in").GetString() == "query" && !filter.TryGetProperty("description", out _)
            select $"{path.Name} {filter.GetProperty("name")}";
        Assert.Empty(filters);
    }

    [Fact]
    public async Task Head_is_answered_as_get_is_without_the_body()
    {
        foreach (var route in Routes.Where(route =>
            route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Contains("GET") == true))
        {
            var path = Fill(PathOf(route));

            // Each look of staff at others' things is a new entry there.
            if (path == Prefix + "/audit") continue;
            var (head, get) = (await api.AskAsync("admin", "HEAD", path), await api.AskAsync("admin", "GET", path));
            Assert.True(head.Status == get.Status, $"{head.Asked}: {head.Status} instead of {get.Status}");
            Assert.Equal("", head.Text);
            foreach (var name in new[] { "Content-Type", "Content-Length", "ETag", "Link" })
                Assert.Equal(get.Headers.GetValueOrDefault(name), head.Headers.GetValueOrDefault(name));
        }
    }

    [Fact]
    public async Task The_page_to_read_the_description_on_loads_nothing_from_elsewhere()
    {
        var page = await api.AskAsync(null, "GET", "/docs");
        Assert.Equal(200, page.Status);
        Assert.DoesNotContain("//", page.Text);
        Assert.StartsWith("default-src 'none'; script-src 'self';", page.Headers["Content-Security-Policy"]);
        var script = await api.AskAsync(null, "GET", "/docs/scalar.js");
        Assert.True(script is { Status: 200, Text.Length: > 100_000 });
        Assert.Equal("gzip", script.Headers["Content-Encoding"]);
        Assert.Contains("createApiReference", (await api.AskAsync(null, "GET", "/docs/start.js")).Text);
    }

    private static string? BodyOf(string method) => method is "GET" or "HEAD" or "DELETE" ? null : "{}";

    private static string PathOf(RouteEndpoint route) => "/" + route.RoutePattern.RawText!.TrimStart('/');

    private static ApiRight RightOf(RouteEndpoint route) => route.Metadata.GetMetadata<RequiredRight>()!.Right;

    /// <summary>The organization is acme, and all else does not exist.</summary>
    private static string Fill(string path)
    {
        var filled = path
            .Replace("{organization}", "acme").Replace("{id:long}", "4711").Replace("{id}", "nothing")
            .Replace("{**name}", "nothing/there").Replace("{tag}", "nothing").Replace("{reference}", "nothing")
            .Replace("{digest}", "nothing").Replace("{kind}", "keys")
            .Replace("{list}", "nothing").Replace("{**list}", "nothing")
            .Replace("{name}", "nothing").Replace("{team}", "nothing").Replace("{user}", "nothing")
            .Replace("{source}", "nothing").Replace("{**subject}", "nothing").Replace("{**group}", "nothing")
            .Replace("{**scope}", "nothing/there");
        var isInQuery = path.StartsWith(Prefix + "/tags", StringComparison.Ordinal) || path == Prefix + "/trash"
            || path == Prefix + "/access"
            || path == Prefix + "/retention/plan" || path == Prefix + "/statistics"
            || path.StartsWith(Prefix + "/images", StringComparison.Ordinal)
            || path.StartsWith(Prefix + "/usage", StringComparison.Ordinal);
        if (path.StartsWith(Prefix + "/images", StringComparison.Ordinal))
            return filled + "?repository=nothing/there&path=/etc&q=a&with=nothing";
        if (path is Prefix + "/search/files" or Prefix + "/search/packages" or Prefix + "/search/vulnerabilities")
            return filled + "?name=a";
        return isInQuery ? filled + "?repository=nothing/there" : filled;
    }

    /// <summary>Null where the right depends on what is asked for.</summary>
    private static bool? MayPass(ApiRight right, string caller) => right switch
    {
        ApiRight.SignedIn or ApiRight.Catalog or ApiRight.Self or ApiRight.Recent => true,
        ApiRight.Account => null,
        ApiRight.Staff => caller is "admin" or "aud",
        ApiRight.Administrator => caller == "admin",
        ApiRight.Member => caller is "admin" or "aud" or "ann" or "bob",
        ApiRight.Owner => caller is "admin" or "ann",
        ApiRight.Pull => caller is "admin" or "aud" ? true : null,
        _ => caller is "admin" ? true : null,
    };
}
