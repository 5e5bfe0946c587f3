using System.Data.Common;
using System.Security.Cryptography;
using Berth.Access;
using Berth.Distribution;
using Berth.Metadata;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Hosting;

/// <summary>
/// Requests something that does not exist, once at startup. This loads the code, libraries and files needed to answer,
/// so that they are not first loaded when descriptors or memory are short.
/// </summary>
internal static class WarmUp
{
    private const string Repository = "/v2/berth/warm-up/";
    private const string NoBlob =
        Repository + "blobs/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    public static async Task RunAsync(IServiceProvider services)
    {
        SHA256.HashData([]);
        try
        {
            await services.GetRequiredService<Readiness>().FindProblemAsync(forPulls: false);
            var api = services.GetRequiredService<DistributionApi>();
            await api.HandleAsync(RequestTo("/v2/", services), _ => Task.CompletedTask);
            await AskAsync(
                services, Repository + "manifests/latest", services.GetRequiredService<ManifestEndpoints>().GetAsync);
            await AskAsync(services, Repository + "tags/list", services.GetRequiredService<ListEndpoints>().TagsAsync);
            await AskAsync(services, NoBlob, services.GetRequiredService<BlobEndpoints>().GetAsync);
        }
        catch (Exception e) when (e is DbException or DatabaseUnavailableException or IOException)
        {
            // The next request will fail the same way, and /readyz says so.
        }
    }

    /// <summary>Asks the endpoint itself: where there are users, the API answers those who signed in.</summary>
    private static async Task AskAsync(
        IServiceProvider services, string path, Func<V2Request, Task<RegistryError?>> endpoint)
    {
        var http = RequestTo(path, services);
        _ = V2Target.Check(V2Path.Parse(path), HttpMethods.Get, out var target);
        if (await endpoint(new V2Request(http, target, Caller.Anonymous)) is { } error)
        {
            await error.WriteAsync(http.Response);
        }
    }

    private static DefaultHttpContext RequestTo(string path, IServiceProvider services)
    {
        var http = new DefaultHttpContext { RequestServices = services };
        http.Request.Method = HttpMethods.Get;
        http.Request.Path = path;
        http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = path;
        return http;
    }
}
