using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace Berth.Bench;

/// <summary>The figures of one kind of request at one size of the registry.</summary>
/// <param name="Name">The request.</param>
/// <param name="MedianMilliseconds">From sending to the complete response, one request at a time.</param>
/// <param name="P99Milliseconds">One in a hundred takes at least that long.</param>
/// <param name="Statements">Statements on tables per request.</param>
internal sealed record ScaleFigure(
    string Name, double MedianMilliseconds, double P99Milliseconds, double Statements);

/// <summary>Sends requests for random entries, one at a time.</summary>
internal sealed class ScaleRequests(Server server, ScaleDatabase database, int manifests, CancellationToken stop)
{
    /// <summary>Images used: the first ones for the warm-up, the rest measured.</summary>
    public const int Places = 500;

    private const int WarmUp = 100;

    /// <summary>Requests whose statements are counted.</summary>
    private const int Counted = 50;

    private const string ImageType = "application/vnd.oci.image.manifest.v1+json";

    private readonly Random random = new(2);

    /// <summary>Everything measured without the server's cache.</summary>
    public async Task<List<ScaleFigure>> MeasureAsync(List<ScalePlace> places)
    {
        PlaceFiles(places);
        return
        [
            await MeasureAsync("manifest by tag: `GET`", places, p => Get($"/v2/{p.Repository}/manifests/{p.Tag}")),
            await MeasureAsync("manifest by tag: `HEAD`", places,
                p => new(HttpMethod.Head, $"/v2/{p.Repository}/manifests/{p.Tag}")),
            await MeasureAsync("manifest by digest: `GET`", places,
                p => Get($"/v2/{p.Repository}/manifests/{p.Digest}")),
            await MeasureAsync("blob: `HEAD`", places,
                p => new(HttpMethod.Head, $"/v2/{p.Repository}/blobs/{p.Blobs[3].Digest}")),
            await MeasureAsync("100 tags from anywhere in the large repository", places,
                _ => Get($"/v2/{ScaleSeed.Large}/tags/list?n=100&last={AnyTag()}")),
            await MeasureAsync("100 repositories from anywhere", places, _ => Get(
                $"/v2/_catalog?n=100&last={ScaleSeed.RepositoryOf(random.Next(ScaleSeed.Repositories * 7 / 10))}")),
            await MeasureAsync("100 referrers from anywhere", places, _ => Get(
                $"/v2/{ScaleSeed.Referred}/referrers/{ScaleSeed.Subject}?n=100&last=sha256:{AnyHex()}")),
            await MeasureAsync("push of a manifest with a new tag", places, Push),
            await MeasureAsync("deletion of a tag", places,
                p => new(HttpMethod.Delete, $"/v2/{p.Repository}/manifests/new-{p.Number}")),
        ];
    }

    /// <summary>Requests answered from the server's cache.</summary>
    public async Task<ScaleFigure> MeasureCachedAsync(List<ScalePlace> places)
    {
        foreach (var place in places) await SendAsync(Get($"/v2/{place.Repository}/manifests/{place.Tag}"));
        return await MeasureAsync("manifest by tag: `GET`, from the cache", places,
            p => Get($"/v2/{p.Repository}/manifests/{p.Tag}"));
    }

    private async Task<ScaleFigure> MeasureAsync(
        string name, List<ScalePlace> places, Func<ScalePlace, HttpRequestMessage> request)
    {
        foreach (var place in places[..(WarmUp - Counted)]) await SendAsync(request(place));
        var before = await database.CountStatementsAsync(stop);
        foreach (var place in places[(WarmUp - Counted)..WarmUp]) await SendAsync(request(place));
        var statements = (await database.CountStatementsAsync(stop) - before) / (double)Counted;
        var times = new List<double>();
        foreach (var place in places[WarmUp..]) times.Add(await SendAsync(request(place)));
        times.Sort();
        var figure = new ScaleFigure(name, times[times.Count / 2], times[times.Count * 99 / 100], statements);
        await Console.Error.WriteLineAsync($"{manifests}: {figure}");
        return figure;
    }

    private async Task<double> SendAsync(HttpRequestMessage request)
    {
        using (request)
        {
            var started = Stopwatch.GetTimestamp();
            using var response = await server.Client.SendAsync(request, stop);
            await response.Content.ReadAsByteArrayAsync(stop);
            var milliseconds = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (response.IsSuccessStatusCode) return milliseconds;
            throw new InvalidOperationException($"{request.Method} {request.RequestUri}: {response.StatusCode}");
        }
    }

    private static HttpRequestMessage Get(string path) => new(HttpMethod.Get, path);

    /// <summary>A new image with the blobs of an existing one.</summary>
    private static HttpRequestMessage Push(ScalePlace place)
    {
        var descriptors = place.Blobs.Select((blob, i) =>
        {
            var type = i == 0 ? "application/vnd.oci.image.config.v1+json" : "application/vnd.oci.image.layer.v1.tar";
            return $$"""{"mediaType":"{{type}}","digest":"{{blob.Digest}}","size":{{blob.Length}}}""";
        }).ToList();
        var manifest = $$"""
            {"schemaVersion":2,"mediaType":"{{ImageType}}","config":{{descriptors[0]}},
             "layers":[{{string.Join(",", descriptors[1..])}}]}
            """;
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(manifest));
        content.Headers.ContentType = new MediaTypeHeaderValue(ImageType);
        return new(HttpMethod.Put, $"/v2/{place.Repository}/manifests/new-{place.Number}") { Content = content };
    }

    private string AnyTag() => ScaleSeed.TagOf(random.Next(ScaleSeed.InLarge(manifests)));

    private string AnyHex() => random.Next(0xe0).ToString("x2", CultureInfo.InvariantCulture);

    /// <summary>The server checks whether the blobs of these images exist; nothing reads them.</summary>
    private void PlaceFiles(List<ScalePlace> places)
    {
        foreach (var (digest, length) in places.SelectMany(p => p.Blobs))
        {
            var folder = Path.Combine(server.Folder, "blobs/sha256", digest.Substring(7, 2));
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(Path.Combine(folder, digest[7..]), new byte[length]);
        }
    }
}
