using System.Data.Common;
using System.Security.Cryptography;
using Berth.Distribution;
using Berth.Metadata;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Hosting;

/// <summary>
/// Asks the registry for what it does not have, once at the start. Code, libraries and files that are needed to answer
/// are loaded then, and not for the first time when descriptors or memory are short.
/// </summary>
internal static class WarmUp
{
    private static readonly string[] Paths =
    [
        "/v2/",
        "/v2/berth/warm-up/manifests/latest",
        "/v2/berth/warm-up/tags/list",
        "/v2/berth/warm-up/blobs/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ];

    public static async Task RunAsync(IServiceProvider services)
    {
        var api = services.GetRequiredService<DistributionApi>();
        SHA256.HashData([]);
        try
        {
            await services.GetRequiredService<Readiness>().FindProblemAsync(forPulls: false);
            foreach (var path in Paths)
            {
                var http = new DefaultHttpContext { RequestServices = services };
                http.Request.Method = HttpMethods.Get;
                http.Request.Path = path;
                http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = path;
                await api.HandleAsync(http, _ => Task.CompletedTask);
            }
        }
        catch (Exception e) when (e is DbException or DatabaseUnavailableException or IOException)
        {
            // Whoever asks next hears of it, and /readyz says so.
        }
    }
}
