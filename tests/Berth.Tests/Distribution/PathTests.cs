namespace Berth.Tests.Distribution;

/// <summary>Names, paths and methods, right and wrong ones.</summary>
[Once]
public class PathTests
{
    public static TheoryData<string> Names =>
    [
        "a", "a/b/c/d/e", "blobs", "uploads", "manifests", "tags", "list", "referrers", "a/blobs", "a/uploads",
        "a/blobs/uploads",
        "blobs/uploads", "tags/list", "a/tags", "a/tags/list", "a/manifests", "manifests/latest",
        "a/manifests/latest", "a/referrers",
        "v2", "v2/a", "a/v2", "a/blobs/uploads/blobs/uploads", "a.b_c__d-e---f/0",
        string.Concat(new string('a', 127), "/", new string('b', 127)),
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_repository_may_have_any_name_that_the_spec_allows(string name)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, name);
        await script.PlayAsync(
            $$"""
            PUT /v2/{{name}}/manifests/list
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            GET /v2/{{name}}/manifests/list
              200
              < {image}
            GET /v2/{{name}}/tags/list
              200
              < {"name":"{{name}}","tags":["list"]}
            GET /v2/{{name}}/referrers/{sha256 image}
              200
            GET /v2/{{name}}/blobs/{sha256 layer}
              200
              < layer
            POST /v2/{{name}}/blobs/uploads/
              202
              Location: {upload}
            PATCH {upload}
              > abcd
              202
            GET {upload}
              204
              Range: 0-3
            PUT {upload}?digest={sha256 abcd}
              201
              Location: /v2/{{name}}/blobs/{sha256 abcd}
            GET /v2/_catalog
              200
              < {"repositories":["{{name}}"]}
            """);
    }

    [Theory]
    [InlineData("A")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("a/.b")]
    [InlineData("a..b")]
    [InlineData("a___b")]
    [InlineData("a._b")]
    [InlineData("a b")]
    [InlineData("a%20b")]
    [InlineData("a%252fb")]
    [InlineData("é")]
    [InlineData("a:5000/b")]
    [InlineData("a@b")]
    public async Task A_name_that_the_spec_does_not_allow_is_refused_everywhere(string name)
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            $$"""
            GET /v2/{{name}}/tags/list
              400 NAME_INVALID
            GET /v2/{{name}}/manifests/latest
              400 NAME_INVALID
            PUT /v2/{{name}}/manifests/latest
              400 NAME_INVALID
            GET /v2/{{name}}/blobs/{sha256 x}
              400 NAME_INVALID
            POST /v2/{{name}}/blobs/uploads/
              400 NAME_INVALID
            GET /v2/{{name}}/referrers/{sha256 x}
              400 NAME_INVALID
            PATCH /v2/{{name}}/blobs/uploads/00000000000000000000000000000000
              400 NAME_INVALID
            """);
    }

    [Theory]
    [InlineData(255, "202")]
    [InlineData(256, "400 NAME_INVALID")]
    public async Task A_name_may_have_255_characters(int length, string status)
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync($"POST /v2/{new string('a', length)}/blobs/uploads/\n {status}");
    }

    [Theory]
    [InlineData(128, "201")]
    [InlineData(129, "400 TAG_INVALID")]
    public async Task A_tag_may_have_128_characters(int length, string status)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            $$"""
            PUT /v2/a/manifests/{{new string('t', length)}}
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              {{status}}
            """);
    }

    [Fact]
    public async Task Every_wrong_request_has_a_clear_answer_and_changes_nothing()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            GET /v2/a
              404 NOT_FOUND
            GET /v2/a/manifests
              404 NOT_FOUND
            GET /v2/a/manifests/
              404 MANIFEST_UNKNOWN
            GET /v1/images
              404
              Content-Type: text/plain; charset=utf-8
            GET /v2/a/blobs/uploads/x/y
              404 NOT_FOUND
            GET /v2/a/blobs/
              400 DIGEST_INVALID
            GET /v2/a/blobs/latest
              400 DIGEST_INVALID
            GET /v2/a/blobs/sha256:ABCDEF
              400 DIGEST_INVALID
            GET /v2/a/blobs/sha384:{sha256 x}
              400 DIGEST_INVALID
            DELETE /v2/a/blobs/sha256:1
              400 DIGEST_INVALID
            GET /v2/a/blobs/uploads/not-an-upload
              404 BLOB_UPLOAD_UNKNOWN
            PATCH /v2/a/blobs/uploads/00000000000000000000000000000000
              > x
              404 BLOB_UPLOAD_UNKNOWN
            PUT /v2/a/blobs/uploads/00000000000000000000000000000000?digest={sha256 x}
              > x
              404 BLOB_UPLOAD_UNKNOWN
            POST /v2/
              405 UNSUPPORTED
              Allow: GET, HEAD
            POST /v2/a/manifests/latest
              405 UNSUPPORTED
              Allow: GET, HEAD, PUT, DELETE
            GET /v2/a/blobs/uploads/
              405 UNSUPPORTED
              Allow: POST
            PATCH /v2/a/blobs/{sha256 x}
              405 UNSUPPORTED
              Allow: GET, HEAD, DELETE
            DELETE /v2/a/tags/list
              405 UNSUPPORTED
              Allow: GET
            OPTIONS /v2/_catalog
              405 UNSUPPORTED
            GET /v2/_catalog
              200
              < {"repositories":[]}
            GET /v2/a/tags/list
              404 NAME_UNKNOWN
            """);
    }

    [Fact]
    public async Task A_browser_at_the_root_learns_what_this_is()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            GET /
              200
              Content-Type: text/plain; charset=utf-8
            HEAD /
              200
            POST /
              405
              Allow: GET, HEAD, OPTIONS
            GET /index.html
              404
            """);
    }

    [Fact]
    public async Task The_version_check_says_that_this_is_a_registry()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await new Script(registry).PlayAsync(
            """
            GET /v2/
              200
              Docker-Distribution-Api-Version: registry/2.0
              Content-Type: application/json
              < {}
            GET /v2
              200
            HEAD /v2/
              200
              Content-Length: 2
            """);
    }
}
