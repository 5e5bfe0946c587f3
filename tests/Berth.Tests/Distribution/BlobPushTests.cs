using System.Security.Cryptography;

namespace Berth.Tests.Distribution;

/// <summary>Every way to push a blob (distribution-spec, "Pushing blobs").</summary>
public class BlobPushTests
{
    [Theory]
    [InlineData("sha256", "")]
    [InlineData("sha256", "{}")]
    [InlineData("sha256", "some content")]
    [InlineData("sha512", "")]
    [InlineData("sha512", "{}")]
    [InlineData("sha512", "some content")]
    public async Task A_blob_pushed_in_any_way_is_served_whole_and_can_be_deleted(string algorithm, string content)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry) { ["content"] = content };
        script["digest"] = $"{{{algorithm} content}}";
        foreach (var push in new[] { PostOnly, PostThenPut, Streamed, StreamedWithTheEndInPut, ThenMounted })
        {
            await script.PlayAsync(push.Replace("{upload}", $"{{{push.GetHashCode()}}}", StringComparison.Ordinal));
            await script.PlayAsync(
                """
                HEAD {blob}
                  200
                  Content-Length: {size content}
                  Docker-Content-Digest: {digest}
                  Content-Type: application/octet-stream
                GET {blob}
                  200
                  Content-Length: {size content}
                  Docker-Content-Digest: {digest}
                  Transfer-Encoding: -
                  < {content}
                DELETE {blob}
                  202
                HEAD {blob}
                  404
                GET {blob}
                  404 BLOB_UNKNOWN
                DELETE {blob}
                  404 BLOB_UNKNOWN
                """);
        }
    }

    private const string PostOnly =
        """
        POST /v2/a/b/blobs/uploads/?digest={digest}
          Content-Type: application/octet-stream
          > {content}
          201
          Location: /v2/a/b/blobs/{digest}
          Location: {blob}
          Docker-Content-Digest: {digest}
          Content-Length: 0
        """;

    private const string PostThenPut =
        """
        POST /v2/a/b/blobs/uploads/?digest-algorithm=sha512
          202
          Location: {upload}
          Range: -
        PUT {upload}?digest={digest}
          > {content}
          201
          Location: {blob}
          Docker-Content-Digest: {digest}
        GET {upload}
          404 BLOB_UPLOAD_UNKNOWN
        """;

    private const string Streamed =
        """
        POST /v2/a/b/blobs/uploads/
          202
          Location: {upload}
        PATCH {upload}
          Transfer-Encoding: chunked
          > {content}
          202
          Location: {upload}
          Docker-Upload-UUID: {anything}
        PUT {upload}?digest={digest}
          201
          Location: {blob}
        """;

    private const string StreamedWithTheEndInPut =
        """
        POST /v2/a/b/blobs/uploads
          202
          Location: {upload}
        PATCH {upload}
          202
          Range: 0-0
        PUT {upload}?digest={digest}
          Transfer-Encoding: chunked
          > {content}
          201
          Location: {blob}
        """;

    private const string ThenMounted =
        """
        POST /v2/source/blobs/uploads/?digest={digest}
          > {content}
          201
        POST /v2/a/b/blobs/uploads/?mount={digest}&from=source
          201
          Location: {blob}
          Docker-Content-Digest: {digest}
        """;

    [Fact]
    public async Task A_layer_pushed_in_chunks_is_served_whole()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            GET {upload}
              204
              Location: {upload}
              Range: 0-0
            PATCH {upload}
              Content-Range: 0-3
              > abcd
              202
              Location: {upload}
              Range: 0-3
            PATCH {upload}
              Content-Range: 0-3
              > abcd
              416 RANGE_INVALID
              Location: {upload}
              Range: 0-3
            PATCH {upload}
              Content-Range: 8-11
              > ijkl
              416 RANGE_INVALID
              Range: 0-3
            PATCH {upload}
              Content-Range: bytes 4-7/12
              > efgh
              202
              Range: 0-7
            PUT {upload}?digest={sha256 abcdefghijkl}
              Content-Range: 4-7
              > efgh
              416 RANGE_INVALID
              Range: 0-7
            GET {upload}?digest={sha256 abcdefghijkl}
              204
              Location: {upload}
              Range: 0-7
            PUT {upload}?digest={sha256 abcdefghijkl}
              Content-Range: 8-11
              > ijkl
              201
              Location: {blob}
            GET {blob}
              200
              < abcdefghijkl
            """);
    }

    [Fact]
    public async Task A_chunk_that_is_not_what_it_says_is_refused_and_the_upload_survives()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            PATCH {upload}
              Content-Range: 0-9
              > abcd
              400 SIZE_INVALID
            PATCH {upload}
              Content-Range: 0-9
              Transfer-Encoding: chunked
              > abcd
              400 SIZE_INVALID
            PATCH {upload}
              Content-Range: 0-2
              Transfer-Encoding: chunked
              > abcd
              400 SIZE_INVALID
            PATCH {upload}
              Content-Range: 4-0
              > abcd
              400 BLOB_UPLOAD_INVALID
            PATCH {upload}
              Content-Range: four
              > abcd
              400 BLOB_UPLOAD_INVALID
            PATCH {upload}
              Content-Range: 0-9223372036854775807
              > abcd
              400 BLOB_UPLOAD_INVALID
            PATCH {upload}
              Content-Range: 0-99999999999999999999
              > abcd
              400 BLOB_UPLOAD_INVALID
            GET {upload}
              204
              Range: 0-0
            PUT {upload}
              > abcd
              400 DIGEST_INVALID
            PUT {upload}?digest=sha256:zz
              > abcd
              400 DIGEST_INVALID
            PUT {upload}?digest=md5:900150983cd24fb0d6963f7d28e17f72
              > abcd
              400 DIGEST_INVALID
            PUT {upload}?digest={sha256 abcd}
              > abcd
              201
            """);
    }

    [Fact]
    public async Task A_blob_that_is_not_what_its_digest_says_is_refused_and_not_kept()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 right}
              > wrong
              400 DIGEST_INVALID
            POST /v2/a/blobs/uploads/?digest=sha256:abc
              > wrong
              400 DIGEST_INVALID
            POST /v2/a/blobs/uploads/?digest-algorithm=md5
              400 DIGEST_INVALID
            POST /v2/a/blobs/uploads/?mount=rubbish&from=b
              202
              Location: {instead}
            HEAD {instead}
              204
              Range: 0-0
              Docker-Upload-UUID: {id}
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            PUT {upload}?digest={sha256 right}
              > wrong
              400 DIGEST_INVALID
            HEAD /v2/a/blobs/{sha256 right}
              404
            HEAD /v2/a/blobs/{sha256 wrong}
              404
            GET /v2/_catalog
              200
              < {"repositories":[]}
            """);
        Assert.Empty(await registry.StoredAsync("uploads"));
    }

    [Fact]
    public async Task A_cancelled_upload_is_gone()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            PATCH {upload}
              > abcd
              202
            DELETE {upload}
              204
            GET {upload}
              404 BLOB_UPLOAD_UNKNOWN
            PATCH {upload}
              > abcd
              404 BLOB_UPLOAD_UNKNOWN
            PUT {upload}?digest={sha256 abcd}
              404 BLOB_UPLOAD_UNKNOWN
            DELETE {upload}
              404 BLOB_UPLOAD_UNKNOWN
            """);
        Assert.Empty(await registry.StoredAsync("uploads"));
    }

    [Fact]
    public async Task A_large_blob_comes_back_as_it_was_in_every_way_of_pushing()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = new Script(registry);
        var content = RandomNumberGenerator.GetBytes((3 << 20) + 17);
        script.Give("content", content);
        script.Give("first", content[..1_500_000]);
        script.Give("rest", content[1_500_000..]);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 content}
              Transfer-Encoding: chunked
              > {content}
              201
            GET /v2/a/blobs/{sha256 content}
              200
              < {content}
            POST /v2/b/blobs/uploads/
              202
              Location: {upload}
            PATCH {upload}
              Content-Range: 0-1499999
              > {first}
              202
              Range: 0-1499999
            PUT {upload}?digest={sha512 content}
              > {rest}
              201
            GET /v2/b/blobs/{sha512 content}
              200
              Content-Length: {size content}
              < {content}
            """);
    }
}
