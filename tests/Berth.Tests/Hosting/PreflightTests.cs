using System.Net;

namespace Berth.Tests.Hosting;

/// <summary>Pages of other origins ask before they send credentials (Fetch, "CORS protocol").</summary>
public sealed class PreflightTests
{
    private static readonly Dictionary<string, IReadOnlyList<string>> Cors = new()
    {
        ["Access-Control-Allow-Origin"] = ["https://ui.example"],
        ["access-control-allow-methods"] = ["HEAD", "GET", "OPTIONS", "DELETE"],
        ["Access-Control-Allow-Headers"] = ["Authorization", "Accept"],
    };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("v2/")]
    [InlineData("v2/_catalog")]
    [InlineData("v2/a/b/manifests/latest")]
    [InlineData("v2/A%zz/blobs/none")]
    [InlineData("healthz")]
    [InlineData("")]
    [InlineData("nothing/here")]
    public async Task A_browser_may_ask_on_any_path_without_signing_in(string path)
    {
        await using var registry = await StartAsync(Cors);
        using var request = new HttpRequestMessage(HttpMethod.Options, path);
        request.Headers.Add("Origin", "https://ui.example");
        request.Headers.Add("Access-Control-Request-Method", "DELETE");
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        foreach (var (name, values) in Cors) Assert.Equal(values, answer.Headers.GetValues(name));
        using var refused = await registry.Client.GetAsync("v2/", Stop);
        Assert.Equal(["https://ui.example"], refused.Headers.GetValues("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Without_such_headers_preflight_requests_are_refused()
    {
        await using var registry = await StartAsync([]);
        using var request = new HttpRequestMessage(HttpMethod.Options, "v2/a/tags/list");
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(["GET"], answer.Content.Headers.Allow);
    }

    private static Task<RegistryFixture> StartAsync(Dictionary<string, IReadOnlyList<string>> headers) =>
        RegistryFixture.StartAsync(s => s with { Http = s.Http with { Headers = headers } });
}
