using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Berth.Oci;

namespace Berth.Tests.Distribution;

/// <summary>Pulling blobs (distribution-spec, "Pulling blobs"; RFC 9110, sections 13 and 14).</summary>
public class BlobPullTests
{
    [Theory]
    [InlineData("bytes=500-1499", 500, 1000)]
    [InlineData("bytes=0-0", 0, 1)]
    [InlineData("bytes=500-", 500, 2500)]
    [InlineData("bytes=-500", 2500, 500)]
    [InlineData("bytes=-5000", 0, 3000)]
    [InlineData("bytes=2000-5000", 2000, 1000)]
    [InlineData("bytes=2999-", 2999, 1)]
    [InlineData("Bytes=0-9", 0, 10)]
    public async Task A_range_is_served_exactly(string range, int offset, int count)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await WithBlobAsync(registry, 3000);
        script["range"] = range;
        script.Give("part", Content(3000)[offset..(offset + count)]);
        script["stated"] = $"bytes {offset}-{offset + count - 1}/3000";
        await script.PlayAsync(
            """
            GET /v2/a/blobs/{sha256 blob}
              Range: {range}
              206
              Content-Range: {stated}
              Content-Length: {size part}
              Docker-Content-Digest: {sha256 blob}
              < {part}
            GET /v2/a/blobs/{sha256 blob}
              Range: {range}
              If-Range: "{sha256 blob}"
              206
              < {part}
            GET /v2/a/blobs/{sha256 blob}
              Range: {range}
              If-Range: "{sha256 other}"
              200
              < {blob}
            GET /v2/a/blobs/{sha256 blob}
              Range: {range}
              If-Range: Sat, 21 Nov 2026 05:00:00 GMT
              200
              < {blob}
            HEAD /v2/a/blobs/{sha256 blob}
              Range: {range}
              200
              Content-Length: 3000
            """);
    }

    [Theory]
    [InlineData("bytes=5000-10000")]
    [InlineData("bytes=3000-")]
    [InlineData("bytes=500-0")]
    [InlineData("bytes=-0")]
    public async Task A_range_outside_the_blob_is_refused_with_its_length(string range)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await WithBlobAsync(registry, 3000);
        script["range"] = range;
        await script.PlayAsync(
            """
            GET /v2/a/blobs/{sha256 blob}
              Range: {range}
              416 RANGE_INVALID
              Content-Range: bytes */3000
              Cache-Control: no-store
              ETag: -
              Docker-Content-Digest: -
            GET /v2/a/blobs/{sha256 blob}
              Range: {range}
              If-None-Match: "{sha256 blob}"
              304
            """);
    }

    [Theory]
    [InlineData("items=0-5")]
    [InlineData("bytes=")]
    [InlineData("bytes=-")]
    [InlineData("bytes=a-b")]
    [InlineData("bytes=0-5,7")]
    [InlineData("bytes=0-99999999999999999999")]
    [InlineData("0-5")]
    public async Task An_invalid_range_gets_the_whole_blob(string range)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await WithBlobAsync(registry, 3000);
        script["range"] = range;
        await script.PlayAsync(
            """
            GET /v2/a/blobs/{sha256 blob}
              Range: {range}
              200
              Accept-Ranges: bytes
              Content-Length: 3000
              < {blob}
            """);
    }

    [Fact]
    public async Task A_client_that_has_the_blob_is_told_so_without_its_bytes()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await WithBlobAsync(registry, 3000);
        foreach (var known in new[] { "\"{sha256 blob}\"", "W/\"{sha256 blob}\"", "\"x\", \"{sha256 blob}\"", "*" })
        {
            script["known"] = known;
            await script.PlayAsync(
                """
                GET /v2/a/blobs/{sha256 blob}
                  If-None-Match: {known}
                  304
                  ETag: "{sha256 blob}"
                  Docker-Content-Digest: {sha256 blob}
                HEAD /v2/a/blobs/{sha256 blob}
                  If-None-Match: {known}
                  304
                """);
        }

        await script.PlayAsync(
            """
            GET /v2/a/blobs/{sha256 blob}
              If-None-Match: "{sha256 other}"
              200
              ETag: "{sha256 blob}"
              < {blob}
            """);
    }

    [Theory]
    [InlineData("/v2/a/blobs/{sha256 layer}", "{sha256 layer}")]
    [InlineData("/v2/a/manifests/latest", "{sha256 image}")]
    public async Task A_pull_whose_condition_does_not_match_is_refused(string path, string digest)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        (script["path"], script["digest"]) = (path, digest);
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/latest
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            GET {path}
              If-Match: "{sha256 other}"
              412 DENIED
              ETag: -
              Cache-Control: -
            HEAD {path}
              If-Match: "{sha256 other}"
              412
            GET {path}
              If-Match: "{sha256 other}", "{digest}"
              200
              ETag: "{digest}"
            HEAD {path}
              If-Match: *
              200
            GET {path}x
              If-Match: *
              404
            """.Replace("{path}x", path.StartsWith("/v2/a/m", StringComparison.Ordinal)
                ? "/v2/a/manifests/other" : "/v2/a/blobs/{sha256 other}"));
    }

    [Fact]
    public async Task Any_range_of_an_empty_blob_is_the_whole()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await WithBlobAsync(registry, 0);
        foreach (var range in new[] { "bytes=0-", "bytes=0-0", "bytes=-1" })
        {
            script["range"] = range;
            await script.PlayAsync(
                """
                GET /v2/a/blobs/{sha256 blob}
                  Range: {range}
                  200
                  Content-Length: 0
                  Content-Range: -
                """);
        }
    }

    [Fact]
    public async Task Large_ranges_and_small_ones_follow_each_other_on_one_connection()
    {
        await using var registry = await RegistryFixture.StartAsync();
        const int Size = 1_000_003;
        var script = await WithBlobAsync(registry, Size);
        (int First, int Last)[] ranges = [(0, Size - 1), (1, 65_537), (0, 9), (65_536, 131_071), (900_000, Size - 1)];
        foreach (var (first, last) in ranges)
        {
            script["range"] = $"bytes={first}-{last}";
            script.Give("part", Content(Size)[first..(last + 1)]);
            await script.PlayAsync(
                """
                GET /v2/a/blobs/{sha256 blob}
                  Range: {range}
                  206
                  Content-Length: {size part}
                  < {part}
                GET /v2/a/blobs/{sha256 missing}
                  404 BLOB_UNKNOWN
                """);
        }
    }

    [Fact]
    public async Task Requests_sent_without_waiting_for_answers_are_answered_in_order()
    {
        await using var registry = await RegistryFixture.StartAsync();
        const int Size = 200_000;
        await WithBlobAsync(registry, Size);
        var digest = Digest.Of(DigestAlgorithm.Sha256, Content(Size));
        using var connection = await RawConnection.OpenAsync(registry);
        var get = $"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: a\r\n\r\n";
        await connection.SendAsync(get + get + $"HEAD /v2/a/blobs/{digest} HTTP/1.1\r\nHost: a\r\n\r\n" + get);
        for (var i = 0; i < 4; i++)
        {
            var answer = await connection.ReadAnswerAsync(hasBody: i != 2);
            Assert.Equal(200, answer.Status);
            if (i != 2) Assert.Equal(digest, Digest.Of(DigestAlgorithm.Sha256, answer.Body));
        }
    }

    [Fact]
    public async Task Clients_that_hang_up_during_a_pull_do_no_harm()
    {
        await using var registry = await RegistryFixture.StartAsync();
        const int Size = 8_000_000;
        var script = await WithBlobAsync(registry, Size);
        var digest = Digest.Of(DigestAlgorithm.Sha256, Content(Size));
        for (var i = 0; i < 10; i++)
        {
            using var connection = await RawConnection.OpenAsync(registry);
            await connection.SendAsync($"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: a\r\n\r\n");
            await connection.ReadSomeAsync();
            connection.Reset();
        }

        await script.PlayAsync("GET /v2/a/blobs/{sha256 blob}\n 200\n < {blob}");
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    private static async Task<Script> WithBlobAsync(RegistryFixture registry, int size)
    {
        var script = new Script(registry);
        script.Give("blob", Content(size));
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 blob}
              > {blob}
              201
            """);
        return script;
    }

    private static byte[] Content(int size)
    {
        var content = new byte[size];
        new Random(7).NextBytes(content);
        return content;
    }
}
