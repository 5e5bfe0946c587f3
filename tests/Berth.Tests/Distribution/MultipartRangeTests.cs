using System.Net;
using System.Net.Http.Headers;
using Berth.Oci;
using Berth.Settings;
using Microsoft.AspNetCore.WebUtilities;

namespace Berth.Tests.Distribution;

/// <summary>Several ranges of a blob in one request (RFC 9110, 14.2 and 15.3.7), as lazy pulls ask for them.</summary>
public sealed class MultipartRangeTests
{
    private const int Large = 400_000;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(3000, "bytes=0-99,1000-1099", "0-99 1000-1099")]
    [InlineData(3000, "Bytes= 0-0 , ,2-2,-1,", "0-0 2-2 2999-2999")]
    [InlineData(3000, "bytes=2000-2099,0-99,1000-1099", "2000-2099 0-99 1000-1099")]
    [InlineData(3000, "bytes=0-99,5000-6000,1000-", "0-99 1000-2999")]
    [InlineData(3000, "bytes=500-599,0-99,550-699,90-120", "500-699 0-120")]
    [InlineData(3000, "bytes=0-9,10-19,30-39", "0-19 30-39")]
    [InlineData(26, "bytes=0-1,5-6", "0-1 5-6")]
    [InlineData(Large, "bytes=0-99,1000-1099", "0-99 1000-1099")]
    [InlineData(Large, "bytes=70000-199999,0-65535,399999-399999", "70000-199999 0-65535 399999-399999")]
    public async Task Each_part_is_served_exactly(int size, string header, string expected)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var (path, content) = await PushAsync(registry, size);
        for (var round = 0; round < 2; round++)
        {
            using var answer = await GetAsync(registry, path, header);
            Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
            var parts = await ReadAsync(answer);
            Assert.Equal(expected, string.Join(' ', parts.Select(p => p.Range)));
            foreach (var (range, body) in parts)
            {
                var (first, last) = (int.Parse(range.Split('-')[0]), int.Parse(range.Split('-')[1]));
                Assert.True(content.AsSpan(first..(last + 1)).SequenceEqual(body), range);
            }

            using var whole = await GetAsync(registry, path, header: null);
            Assert.Equal(content, await whole.Content.ReadAsByteArrayAsync(Stop));
        }
    }

    [Theory]
    [InlineData("bytes=0-99,100-199", 0, 200)]
    [InlineData("bytes=0-99,0-99,20-50", 0, 100)]
    [InlineData("bytes=100-199,9000-", 100, 100)]
    [InlineData("bytes=-1,2000-", 2000, 1000)]
    [InlineData("bytes=5-5,", 5, 1)]
    public async Task What_becomes_one_range_is_answered_as_one(string header, int first, int count)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var (path, content) = await PushAsync(registry, 3000);
        using var answer = await GetAsync(registry, path, header);
        Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
        Assert.Equal($"bytes {first}-{first + count - 1}/3000", answer.Content.Headers.ContentRange!.ToString());
        Assert.Equal(content[first..(first + count)], await answer.Content.ReadAsByteArrayAsync(Stop));
    }

    [Theory]
    [InlineData("bytes=0-1,x-y")]
    [InlineData("bytes=0-1,3")]
    [InlineData("bytes=,")]
    [InlineData("items=0-1,3-4")]
    [InlineData("bytes=0-0,2-2,4-4,6-6")]
    public async Task Too_many_or_invalid_ranges_get_the_whole_blob(string header)
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Limits = s.Limits with { RangesPerPull = 3 } });
        var (path, content) = await PushAsync(registry, 3000);
        using var answer = await GetAsync(registry, path, header);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(content, await answer.Content.ReadAsByteArrayAsync(Stop));
        using var three = await GetAsync(registry, path, "bytes=0-0,2-2,4-4,5-5");
        Assert.Equal(HttpStatusCode.PartialContent, three.StatusCode);
    }

    [Fact]
    public async Task Ranges_that_all_lie_outside_are_refused_and_other_conditions_hold()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var (path, content) = await PushAsync(registry, 3000);
        using var outside = await GetAsync(registry, path, "bytes=3000-,4000-5000");
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, outside.StatusCode);
        Assert.Equal("bytes */3000", outside.Content.Headers.ContentRange!.ToString());
        Assert.True(outside.Headers.CacheControl!.NoStore);

        using var head = await SendAsync(registry, HttpMethod.Head, path, "bytes=0-0,2-2");
        Assert.Equal((HttpStatusCode.OK, 3000), (head.StatusCode, head.Content.Headers.ContentLength));
        using var same = await SendAsync(registry, HttpMethod.Get, path, "bytes=0-0,2-2", TagOf(content));
        Assert.Equal(HttpStatusCode.PartialContent, same.StatusCode);
        using var other = await SendAsync(registry, HttpMethod.Get, path, "bytes=0-0,2-2", "\"other\"");
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Fact]
    public async Task Several_ranges_are_served_by_Berth_although_pulls_are_redirected()
    {
        await using var registry = await RegistryFixture.StartOnS3Async(s => s with
        {
            Storage = s.Storage with { Redirect = new RedirectSettings { Mode = RedirectMode.Always } },
        });
        var (path, _) = await PushAsync(registry, Large);
        using var one = await GetAsync(registry, path, "bytes=0-9");
        Assert.Equal(HttpStatusCode.TemporaryRedirect, one.StatusCode);
        using var two = await GetAsync(registry, path, "bytes=0-9,100000-299999");
        Assert.Equal(["0-9", "100000-299999"], (await ReadAsync(two)).Select(p => p.Range));
    }

    [Fact]
    public async Task A_client_that_leaves_between_the_parts_does_no_harm()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var (path, content) = await PushAsync(registry, 20_000_000);
        for (var i = 0; i < 5; i++)
        {
            using var connection = await RawConnection.OpenAsync(registry);
            await connection.SendAsync(
                $"GET {path} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9999999,10000001-19999999\r\n\r\n");
            await connection.ReadSomeAsync();
            connection.Reset();
        }

        using var answer = await GetAsync(registry, path, "bytes=0-9999999,10000001-19999999");
        var parts = await ReadAsync(answer);
        Assert.True(content.AsSpan(10_000_001).SequenceEqual(parts[1].Body));
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    private static string TagOf(byte[] content) => $"\"{Digest.Of(DigestAlgorithm.Sha256, content)}\"";

    private static Task<HttpResponseMessage> GetAsync(RegistryFixture registry, string path, string? header) =>
        SendAsync(registry, HttpMethod.Get, path, header);

    private static async Task<HttpResponseMessage> SendAsync(
        RegistryFixture registry, HttpMethod method, string path, string? header, string? ifRange = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(registry.BaseAddress, path));
        if (header is not null) request.Headers.TryAddWithoutValidation("Range", header);
        if (ifRange is not null) request.Headers.TryAddWithoutValidation("If-Range", ifRange);
        return await registry.Client.SendAsync(request, Stop);
    }

    private static async Task<List<(string Range, byte[] Body)>> ReadAsync(HttpResponseMessage answer)
    {
        var type = answer.Content.Headers.ContentType!;
        Assert.Equal("multipart/byteranges", type.MediaType);
        Assert.NotNull(answer.Content.Headers.ContentLength);
        Assert.Null(answer.Content.Headers.ContentRange);
        var boundary = type.Parameters.Single(p => p.Name == "boundary").Value!;
        var reader = new MultipartReader(boundary, await answer.Content.ReadAsStreamAsync(Stop));
        var parts = new List<(string, byte[])>();
        while (await reader.ReadNextSectionAsync(Stop) is { } section)
        {
            using var body = new MemoryStream();
            await section.Body.CopyToAsync(body, Stop);
            var range = ContentRangeHeaderValue.Parse(section.Headers!["Content-Range"].ToString());
            parts.Add(($"{range.From}-{range.To}", body.ToArray()));
        }

        return parts;
    }

    private static async Task<(string Path, byte[] Content)> PushAsync(RegistryFixture registry, int size)
    {
        var content = new byte[size];
        new Random(7).NextBytes(content);
        var digest = Digest.Of(DigestAlgorithm.Sha256, content);
        using var body = new ByteArrayContent(content);
        using var answer = await registry.Client.PostAsync($"v2/a/blobs/uploads/?digest={digest}", body, Stop);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return ($"/v2/a/blobs/{digest}", content);
    }
}
