using System.Text;
using Berth.Api;
using Berth.Distribution;
using Berth.Settings;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>What someone without a password learns from a private registry, by every route that there is.</summary>
[Inside]
public sealed class StrangerTests : IDisposable
{
    private static readonly string[] Methods =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

    private readonly string folder = Directory.CreateTempSubdirectory("berth-stranger-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stranger_gets_the_same_answer_for_what_is_there_and_for_what_is_not(bool isForBrowsers)
    {
        await using var registry = await StartAsync(isForBrowsers);
        var there = await FillAsync(registry);
        var missing = there with
        {
            Name = "never/pushed",
            Tag = "absent",
            Digest = "sha256:" + new string('0', 64),
            Upload = new('0', 32),
        };
        var kinds = registry.Services.GetRequiredService<DistributionApi>().Table.Select(r => r.Kind).Distinct();
        var credentials = new[] { null, "Basic Og==", "Basic YW5uOndyb25n", "Bearer abc", "rubbish" };
        foreach (var kind in kinds.Where(k => k != V2Kind.Version))
        {
            foreach (var (method, credential) in Methods.SelectMany(m => credentials.Select(c => (m, c))))
            {
                var (found, absent) = (PathsOf(kind, there), PathsOf(kind, missing));
                foreach (var (path, other) in found.Zip(absent))
                {
                    var (status, text) = await AskAsync(registry, method, path, credential);
                    var (otherStatus, otherText) = await AskAsync(registry, method, other, credential);
                    var what = $"{method} {path} as '{credential}' was answered {status} {text}";
                    Assert.True(status is 401 or 405 or 204, what);
                    Assert.True(status != 204 || (method == "OPTIONS" && isForBrowsers), what);
                    Assert.True((status, text) == (otherStatus, otherText), $"{what}, and {otherStatus} {otherText}");
                }
            }
        }
    }

    [Fact]
    public async Task What_everyone_may_ask_names_nothing_that_is_stored()
    {
        await using var registry = await StartAsync(isForBrowsers: false);
        var there = await FillAsync(registry);
        var routed = registry.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()

            // The same for everyone, and all of it from the program itself.
            .Where(e => e.Metadata.GetMetadata<RequiredRight>()?.Right != ApiRight.Everyone)
            .Select(e => "/" + e.RoutePattern.RawText!.TrimStart('/')).ToList();
        Assert.Contains("/", routed);
        foreach (var path in routed.Concat(["/healthz", "/readyz", "/metrics", "/debug", "/v1/_ping", "/v2", "/v2/"]))
        {
            foreach (var method in Methods)
            {
                var (_, text) = await AskAsync(registry, method, path, credential: null);
                foreach (var secret in new[] { there.Name, there.Digest, there.Upload, registry.DataFolder })
                {
                    Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
                }

                Assert.DoesNotMatch(@"\bann\b", text);
            }
        }
    }

    private static List<string> PathsOf(V2Kind kind, Stored stored) => kind switch
    {
        V2Kind.Catalog => ["/v2/_catalog", "/v2/_catalog?n=1"],
        V2Kind.Manifest =>
        [
            $"/v2/{stored.Name}/manifests/{stored.Tag}",
            $"/v2/{stored.Name}/manifests/{stored.Digest}",
        ],
        V2Kind.Tags => [$"/v2/{stored.Name}/tags/list", $"/v2/{stored.Name}/tags/list?n=0"],
        V2Kind.Referrers => [$"/v2/{stored.Name}/referrers/{stored.Digest}"],
        V2Kind.Extensions => ["/v2/_oci/ext/discover"],
        V2Kind.RepositoryExtensions => [$"/v2/{stored.Name}/_oci/ext/discover"],
        V2Kind.TagDetails => [$"/v2/{stored.Name}/_berth/tags/detail", $"/v2/{stored.Name}/_berth/tags/detail?n=0"],
        V2Kind.Blob => [$"/v2/{stored.Name}/blobs/{stored.Digest}"],
        V2Kind.Uploads =>
        [
            $"/v2/{stored.Name}/blobs/uploads/",
            $"/v2/new/blobs/uploads/?mount={stored.Digest}&from={stored.Name}",
            $"/v2/new/blobs/uploads/?digest={stored.Digest}",
        ],
        V2Kind.Upload =>
        [
            $"/v2/{stored.Name}/blobs/uploads/{stored.Upload}",
            $"/v2/{stored.Name}/blobs/uploads/{stored.Upload}?digest={stored.Digest}",
        ],
        _ => throw new ArgumentException($"no path of {kind} is known to this test"),
    };

    /// <summary>The status, and all of the answer that may differ between two: headers and body.</summary>
    private static async Task<(int Status, string Text)> AskAsync(
        RegistryFixture registry, string method, string path, string? credential)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(registry.BaseAddress, path));
        if (method is "POST" or "PUT" or "PATCH") request.Content = new StringContent("x");
        request.Headers.TryAddWithoutValidation("Range", "bytes=0-0");
        if (credential is not null) request.Headers.TryAddWithoutValidation("Authorization", credential);
        using var answer = await registry.Client.SendAsync(request, Stop);
        var headers = answer.Headers.Concat(answer.Content.Headers).Where(h => h.Key is not ("Date" or "X-Request-ID"))
            .Select(h => $"{h.Key}: {string.Join(", ", h.Value)}").Order(StringComparer.Ordinal);
        var body = await answer.Content.ReadAsStringAsync(Stop);
        return ((int)answer.StatusCode, $"{string.Join('\n', headers)}\n{body}");
    }

    private async Task<RegistryFixture> StartAsync(bool isForBrowsers)
    {
        var users = Path.Combine(folder, "users");
        await File.WriteAllTextAsync(
            users, "ann:$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n", Stop);
        var headers = new Dictionary<string, IReadOnlyList<string>> { ["access-control-allow-origin"] = ["*"] };
        return await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings
            {
                Anonymous = AnonymousAccess.None,
                Htpasswd = new HtpasswdSettings { Path = users },
            },
            Http = isForBrowsers ? s.Http with { Headers = headers } : s.Http,
        });
    }

    private static async Task<Stored> FillAsync(RegistryFixture registry)
    {
        var header = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("ann:correct horse"));
        var script = new Script(registry) { ["ann"] = header, ["image"] = Images.Oci() };
        await script.PlayAsync(
            """
            POST /v2/private/app/blobs/uploads/?digest={sha256 {}}
              Authorization: {ann}
              > {}
              201
            POST /v2/private/app/blobs/uploads/?digest={sha256 layer}
              Authorization: {ann}
              > layer
              201
            PUT /v2/private/app/manifests/latest
              Authorization: {ann}
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
              Docker-Content-Digest: {digest}
            POST /v2/private/app/blobs/uploads/
              Authorization: {ann}
              202
              Docker-Upload-UUID: {upload}
            """.Replace("{sha256 {}}", "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"));
        return new Stored("private/app", "latest", script["digest"], script["upload"]);
    }

    /// <summary>Something that is stored, or is not.</summary>
    private sealed record Stored(string Name, string Tag, string Digest, string Upload);
}
