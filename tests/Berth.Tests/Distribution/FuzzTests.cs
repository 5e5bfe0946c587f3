using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Berth.Oci;

namespace Berth.Tests.Distribution;

/// <summary>
/// Garbage through the real pipeline: never a 500, never a hang, and whatever was accepted is served.
/// </summary>
public class FuzzTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(TestEngines.Store is null ? 4 : 12);

    [Fact]
    public void No_manifest_breaks_the_parser()
    {
        var mutation = new Mutation(new Random(21));
        var taken = 0;
        for (var i = 0; i < 30_000; i++)
        {
            var (type, body) = (mutation.Type(), mutation.Manifest());
            try
            {
                Manifest.Parse(body, type);
                taken++;
            }
            catch (ManifestFormatException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }

        Assert.InRange(taken, 3000, 27_000);
    }

    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    public async Task Every_accepted_manifest_is_served_as_pushed(int seed)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            "PUT /v2/a/manifests/seed\n Content-Type: application/vnd.oci.image.manifest.v1+json\n > {image}\n 201");
        var mutation = new Mutation(new Random(seed));
        using var connection = await RawConnection.OpenAsync(registry);
        var taken = 0;

        // A slow machine continues past the limit until enough were accepted.
        for (var (clock, i) = (Stopwatch.StartNew(), 0); i < 1500 && (clock.Elapsed < Limit || taken <= 50); i++)
        {
            var (type, body) = (mutation.Type(), mutation.Manifest());
            var line = type is null ? "" : $"Content-Type: {type}\r\n";
            await connection.SendAsync(
                $"PUT /v2/a/manifests/t HTTP/1.1\r\nHost: a\r\n{line}Content-Length: {body.Length}\r\n\r\n");
            await connection.SendAsync(body);
            var answer = await connection.ReadAnswerAsync();
            var what = $"{type}: {Encoding.UTF8.GetString(body)}\n{answer.Head}\n{answer.Text}";
            Assert.True(answer.Status is 201 or 400 or 404, what);
            if (answer.Status != 201)
            {
                AssertIsError(answer, what);
                continue;
            }

            taken++;
            await connection.SendAsync($"GET {answer.Header("Location")} HTTP/1.1\r\nHost: a\r\n\r\n");
            var served = await connection.ReadAnswerAsync();
            Assert.True(
                served.Status == 200 && body.AsSpan().SequenceEqual(served.Body), $"{what}\nserved as {served.Head}");
            if (answer.Header("OCI-Subject") is not { } subject) continue;
            await connection.SendAsync($"GET /v2/a/referrers/{subject} HTTP/1.1\r\nHost: a\r\n\r\n");
            var referrers = await connection.ReadAnswerAsync();
            Assert.Contains(answer.Header("Docker-Content-Digest")!, referrers.Text, StringComparison.Ordinal);
            using var json = JsonDocument.Parse(referrers.Body);
        }

        Assert.True(taken > 50, $"only {taken} manifests were taken");
        AssertNoErrors(registry);
    }

    [Theory]
    [InlineData(41)]
    [InlineData(42)]
    public async Task Every_request_has_an_answer_that_says_what_is_wrong(int seed)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            "PUT /v2/a/manifests/seed\n Content-Type: application/vnd.oci.image.manifest.v1+json\n > {image}\n 201");
        var random = new Random(seed);
        var requests = new RandomRequests(random);
        var connection = await RawConnection.OpenAsync(registry);
        var statuses = new HashSet<int>();
        int[] wanted = [200, 201, 202, 204, 400, 404, 405, 416];

        // A slow machine continues past the limit until it has seen each kind of answer.
        for (var (clock, i) = (Stopwatch.StartNew(), 0);
            i < 4000 && (clock.Elapsed < Limit || !wanted.All(statuses.Contains)); i++)
        {
            var (request, isHead) = requests.Next();
            await connection.SendAsync(request);
            var answer = await connection.TryReadAnswerAsync(hasBody: !isHead);
            Assert.True(answer is not null, $"no answer to {request}");
            Assert.True(answer.Status is >= 200 and < 500, $"{request}\n{answer.Head}\n{answer.Text}");
            statuses.Add(answer.Status);
            requests.Learn(answer.Header("Location"));
            var hasBody = !isHead && answer.Header("Content-Length") is not "0";
            var isOfApi = request.Contains(" /v2/", StringComparison.Ordinal);
            if (answer.Status >= 400 && hasBody && isOfApi) AssertIsError(answer, request);
            if (answer.Header("Connection") is not "close") continue;
            connection.Dispose();
            connection = await RawConnection.OpenAsync(registry);
        }

        connection.Dispose();
        Assert.True(
            wanted.All(statuses.Contains),
            $"{requests.Count} requests reached only {string.Join(' ', statuses.Order())}");
        AssertNoErrors(registry);
        await script.PlayAsync("GET /v2/\n 200");
    }

    private static void AssertIsError(RawAnswer answer, string what)
    {
        Assert.True(answer.Header("Content-Type") == "application/json", what);
        using var json = JsonDocument.Parse(answer.Body);
        Assert.All(json.RootElement.GetProperty("errors").EnumerateArray(), e =>
        {
            Assert.Matches("^[A-Z_]+$", e.GetProperty("code").GetString());
            Assert.NotEmpty(e.GetProperty("message").GetString()!);
        });
        Assert.NotEqual(0, json.RootElement.GetProperty("errors").GetArrayLength());
    }

    private static void AssertNoErrors(RegistryFixture registry) =>
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
}

/// <summary>Requests that look like a client's, each with some of its parts exchanged for something odd.</summary>
internal sealed class RandomRequests(Random random)
{
    private static readonly string[] Methods =
        ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"];

    private static readonly string Layer = Digest.Of(DigestAlgorithm.Sha256, "layer"u8).Text;

    private static readonly string[] Names =
    [
        "a", "b/c", "A", "a//b", "..", ".", "%2e%2e", "a%00", "%ff%fe", "a%2fb", "blobs/uploads", "a/tags",
        new('x', 256), "%E9",
    ];

    private static readonly string[] Lasts =
    [
        Layer, Digest.Of(DigestAlgorithm.Sha512, "layer"u8).Text, "latest", "seed", "sha256:", "sha512:abc",
        "latest!", "", "%00", new('t', 129), "-", ".a", "list",
        "uploads", "0123456789abcdef0123456789abcdef", "sha256:" + new string('A', 64), "sha256:%%%", "é",
    ];

    private static readonly string[] Queries =
    [
        "", "", "?", "?&", "?n=1", "?n=-1", "?n=99999999999", "?n=1&last=a", "?last=%ff%00", $"?digest={Layer}",
        $"?digest={Layer}", $"?digest={Layer}", "?digest=", "?digest=latest", "?&digest=" + Layer,
        $"?mount={Layer}&from=a", $"?mount={Layer}", "?mount=latest&from=A", "?from=a", "?digest-algorithm=sha512",
        "?digest-algorithm=x", "?tag=x&tag=y", "?tag=",
        "?artifactType=%22", "?artifactType=a/b&n=1", "?ns=docker.io", "?%ff=%ff", "?a=b&a=c&digest=1&digest=2",
    ];

    private static readonly string[] Headers =
    [
        "", "", "Range: bytes=0-1", "Range: bytes=9-1", "Range: bytes=-0", "Range: rubbish", "If-Range: x",
        "If-None-Match: *", "If-None-Match: \"", "If-Match: *",
        "If-Match: ,,,", "Content-Range: 0-4", "Content-Range: 5-9", "Content-Range: bytes 0-4/5", "Content-Range: x",
        "Content-Range: 0-9223372036854775806",
        "Content-Type: application/vnd.oci.image.manifest.v1+json", "Content-Type: ;", "Accept: rubbish",
        "Authorization: rubbish", "Expect: 100-continue",
        "Accept-Encoding: gzip", "Content-Encoding: gzip", "X-Forwarded-Proto: javascript", "X-Odd: \u00e9\u00ff",
        "Cookie: a=b",
    ];

    private readonly List<string> uploads = ["/v2/a/blobs/uploads/x"];

    public int Count { get; private set; }

    public void Learn(string? location)
    {
        if (location?.Contains("/uploads/", StringComparison.Ordinal) == true) uploads.Add(location);
    }

    public (string Request, bool IsHead) Next()
    {
        Count++;
        var method = Methods[random.Next(random.Next(4) == 0 ? Methods.Length : 6)];
        var name = Pick(Names, 3);
        var last = Pick(Lasts, 2);
        var path = random.Next(9) switch
        {
            0 => $"/v2/{name}/manifests/{last}",
            1 => $"/v2/{name}/blobs/{last}",
            2 => $"/v2/{name}/blobs/uploads/",
            3 => uploads[random.Next(uploads.Count)],
            4 => uploads[^1],
            5 => $"/v2/{name}/tags/list",
            6 => $"/v2/{name}/referrers/{last}",
            7 => random.Next(2) == 0 ? "/v2/_catalog" : "/v2/",
            _ => $"/{last}/{name}",
        };
        var isUpload = path.Contains("/uploads/", StringComparison.Ordinal);
        if (isUpload && random.Next(2) == 0) method = Methods[random.Next(2, 5)];
        var body = random.Next(3) switch { 0 => "", 1 => "layer", _ => new string('x', random.Next(100)) };
        var isChunked = random.Next(4) == 0;
        var length = isChunked ? "Transfer-Encoding: chunked" : $"Content-Length: {body.Length}";
        var sent = !isChunked ? body : body.Length == 0 ? "0\r\n\r\n" : $"{body.Length:x}\r\n{body}\r\n0\r\n\r\n";
        var header = Headers[random.Next(3) == 0 ? random.Next(Headers.Length) : 0];
        if (header.StartsWith("Expect", StringComparison.Ordinal)) header = "";
        var line = header.Length == 0 ? "" : header + "\r\n";
        var query = Queries[random.Next(3) == 0 ? 0 : random.Next(Queries.Length)];
        return ($"{method} {path}{query} HTTP/1.1\r\nHost: a\r\n{line}{length}\r\n\r\n{sent}", method == "HEAD");
    }

    /// <summary>Mostly one of the first, which make sense.</summary>
    private string Pick(string[] from, int sensible) => from[random.Next(random.Next(3) > 0 ? sensible : from.Length)];
}
