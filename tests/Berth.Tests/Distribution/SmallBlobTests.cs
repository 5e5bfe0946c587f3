using System.Net;
using System.Security.Cryptography;
using System.Text;
using Berth.Oci;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Distribution;

/// <summary>
/// Small blobs are served from memory after their first pull, which must not be observable except by timing.
/// </summary>
[Inside]
public sealed class SmallBlobTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    public async Task Every_pull_and_every_range_of_a_small_blob_is_exact(int length)
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var content = RandomNumberGenerator.GetBytes(length);
        var path = await PushAsync(registry, content);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(content, await registry.Client.GetByteArrayAsync(path, Stop));
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("Range", $"bytes={length / 2}-");
            using var part = await registry.Client.SendAsync(request, Stop);
            Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
            Assert.Equal(
                $"bytes {length / 2}-{length - 1}/{length}", part.Content.Headers.ContentRange!.ToString());
            Assert.Equal(content[(length / 2)..], await part.Content.ReadAsByteArrayAsync(Stop));
        }
    }

    [Theory]
    [InlineData("gone")]
    [InlineData("longer")]
    [InlineData("shorter")]
    public async Task A_blob_in_memory_is_absent_at_once_when_its_file_is_damaged(string damage)
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var content = RandomNumberGenerator.GetBytes(10_000);
        var path = await PushAsync(registry, content);
        var file = await FileOfAsync(registry, path);
        Assert.Equal(content, await registry.Client.GetByteArrayAsync(path, Stop));
        if (damage == "gone") File.Delete(file);
        else await File.WriteAllBytesAsync(file, new byte[damage == "longer" ? 10_001 : 9_999], Stop);
        using (var answer = await registry.Client.GetAsync(path, Stop))
        {
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        await PushAsync(registry, content);
        Assert.Equal(content, await registry.Client.GetByteArrayAsync(path, Stop));
    }

    [Fact]
    public async Task An_altered_file_is_never_kept_in_memory()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var content = RandomNumberGenerator.GetBytes(10_000);
        var path = await PushAsync(registry, content);
        var file = await FileOfAsync(registry, path);
        var altered = content.ToArray();
        altered[0] ^= 1;
        await File.WriteAllBytesAsync(file, altered, Stop);
        Assert.Equal(altered, await registry.Client.GetByteArrayAsync(path, Stop));
        await File.WriteAllBytesAsync(file, content, Stop);
        Assert.Equal(content, await registry.Client.GetByteArrayAsync(path, Stop));
    }

    [Fact]
    public async Task A_blob_in_memory_is_served_only_where_it_is_linked()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var path = await PushAsync(registry, RandomNumberGenerator.GetBytes(10_000));
        await registry.Client.GetByteArrayAsync(path, Stop);
        var elsewhere = path.Replace("/v2/a/", "/v2/b/", StringComparison.Ordinal);
        using (var other = await registry.Client.GetAsync(elsewhere, Stop))
        {
            Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
        }

        using (await registry.Client.DeleteAsync(path, Stop))
        {
        }

        using var deleted = await registry.Client.GetAsync(path, Stop);
        Assert.Equal(HttpStatusCode.NotFound, deleted.StatusCode);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1 << 20)]
    public async Task The_cache_is_limited_by_the_setting_and_0_keeps_nothing(long limit)
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(
            s => s with { Limits = s.Limits with { BlobCacheBytes = limit } });
        var small = new Berth.Distribution.SmallBlobCache(new LimitSettings { BlobCacheBytes = limit });
        var store = new Berth.Blobs.FileBlobStore(registry.DataFolder);
        var digests = new List<Digest>();
        for (var i = 0; i < 100; i++)
        {
            var content = Encoding.UTF8.GetBytes($"{i}:{new string('x', 60_000)}");
            digests.Add(Digest.Of(DigestAlgorithm.Sha256, content));
            await FileOfAsync(registry, await PushAsync(registry, content));
            using var blob = await store.OpenAsync(digests[^1], TestContext.Current.CancellationToken);
            Assert.Equal(limit > 0, await small.KeepAsync(digests[^1], blob!, Stop) is not null);
        }

        var kept = digests.Count(d => small.Find(d) is not null);
        Assert.InRange(kept, limit > 0 ? 1 : 0, limit / 60_000);
    }

    [Fact]
    public async Task A_small_blob_of_a_bucket_is_read_from_it_once_however_many_ask()
    {
        FaultProxy? proxy = null;
        await using var registry = await RegistryFixture.StartOnS3Async(s =>
        {
            proxy = FaultProxy.StartHttp(new Uri(s.Storage.S3!.RegionEndpoint!));
            var s3 = s.Storage.S3 with { RegionEndpoint = proxy.Address.ToString() };
            return s with { Storage = s.Storage with { S3 = s3 } };
        });
        await using var closing = proxy!;
        var content = RandomNumberGenerator.GetBytes(10_000);
        var path = await PushAsync(registry, content);
        var reads = proxy!.Inject(
            new Fault.Wait(TimeSpan.FromMilliseconds(100)),
            requests: line => line.StartsWith("GET ", StringComparison.Ordinal)
                && line.Contains("/blobs/sha256/", StringComparison.Ordinal));
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 32).Select(_ => registry.Client.GetByteArrayAsync(path, Stop)));
        Assert.All(answers, answer => Assert.Equal(content, answer));
        Assert.Equal(content[2..5], await RangeAsync(registry, path, 2, 4));
        Assert.Equal(1, reads.Hits);
    }

    private static async Task<byte[]> RangeAsync(RegistryFixture registry, string path, int from, int to)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Range = new(from, to);
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
        return await answer.Content.ReadAsByteArrayAsync(Stop);
    }

    private static async Task<string> PushAsync(RegistryFixture registry, byte[] content)
    {
        var digest = Digest.Of(DigestAlgorithm.Sha256, content);
        using var body = new ByteArrayContent(content);
        using var answer = await registry.Client.PostAsync($"v2/a/blobs/uploads/?digest={digest}", body, Stop);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return $"/v2/a/blobs/{digest}";
    }

    /// <summary>The blob's file, once it is durable.</summary>
    private static async Task<string> FileOfAsync(RegistryFixture registry, string path)
    {
        await ((Berth.Blobs.FileBlobStore)registry.Services.GetService(typeof(Berth.Blobs.FileBlobStore))!)
            .PromoteStagedAsync(TimeSpan.Zero);
        var hex = path[(path.LastIndexOf(':') + 1)..];
        var file = Path.Combine(registry.DataFolder, "blobs", "sha256", hex[..2], hex);
        Assert.True(File.Exists(file));
        return file;
    }
}
