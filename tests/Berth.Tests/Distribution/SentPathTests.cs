using System.Text;
using System.Text.RegularExpressions;
using Berth.Settings;

namespace Berth.Tests.Distribution;

/// <summary>Paths as clients write them, byte by byte: what is named is what is answered, or nothing is.</summary>
[Once]
public sealed partial class SentPathTests
{
    public static TheoryData<string> OtherPlaces =>
    [
        "/v2/dots/a/../blobs/uploads/", "/v2/dots/./a/blobs/uploads/", "/v2/dots/a/%2e%2e/blobs/uploads/",
        "/v2/dots/a/%2E./blobs/uploads/", "/v2/dots/.%2e/a/blobs/uploads/", "/v2/dots%2F..%2Fa/blobs/uploads/",
        "/v2/dots/a/..", "/v2/dots/a/blobs/uploads/..", "/v2/dots/a/blobs/./uploads/",
        "/x/../v2/a/blobs/uploads/", "/../v2/a/blobs/uploads/", "/./v2/a/blobs/uploads/",
        "/%2e%2e/v2/a/blobs/uploads/", "/v2/../v2/a/blobs/uploads/", "/v2/./a/blobs/uploads/",
        "/v2/dots/%252e%252e/a/blobs/uploads/", "/v2/a%252Fb/blobs/uploads/", "/v2/a\\..\\b/blobs/uploads/",
        "/v2/a%5cb/blobs/uploads/", "/v2/a/%c0%ae%c0%ae/b/blobs/uploads/", "/v2/a%c0%afb/blobs/uploads/",
        "/v2/a%e2%80%ae/blobs/uploads/", "/v2/a%00/blobs/uploads/", "/v2/a%0d%0ab/blobs/uploads/",
        "/v2/a;b/blobs/uploads/", "/v2/a%3Fb/blobs/uploads/", "/v2/a#/blobs/uploads/", "/V2/a/blobs/uploads/",
        "http://host/v2/dots/../a/blobs/uploads/", "http://host/v2/dots/%2e%2e/a/blobs/uploads/", "a/blobs/uploads/",
        "http://host", "http://host?/v2/a/blobs/uploads/",
    ];

    [Theory]
    [MemberData(nameof(OtherPlaces))]
    public async Task Nothing_is_answered_for_another_repository_than_the_one_that_was_named(string target)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var answer = await AskAsync(registry, "POST", target);
        Assert.True(answer.Status is 400 or 404 or 405, answer.Head);
        Assert.Null(answer.Header("Location"));
        Assert.Empty(await registry.StoredAsync("uploads"));
    }

    [Theory]
    [InlineData("/v2/team%2Fapp/blobs/uploads/", "/v2/team/app/")]
    [InlineData("/v2/team%2fapp%2fweb/blobs/uploads/", "/v2/team/app/web/")]
    [InlineData("/v2%2Fteam/blobs%2Fuploads/", "/v2/team/")]
    [InlineData("/v2/%74eam/blobs/uploads/", "/v2/team/")]
    [InlineData("//v2/team/blobs/uploads/", "/v2/team/")]
    [InlineData("/v2//team//app/blobs/uploads//", "/v2/team/app/")]
    [InlineData("/v2/team/%2F/app/blobs/uploads/", "/v2/team/app/")]
    [InlineData("http://host/v2/team/blobs/uploads/", "/v2/team/")]
    [InlineData("http://host/v2//team%2Fapp/blobs/uploads/?x=/a", "/v2/team/app/")]
    public async Task An_escaped_slash_is_a_slash_and_repeated_ones_count_as_one(string target, string place)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var answer = await AskAsync(registry, "POST", target);
        Assert.Equal(202, answer.Status);
        Assert.StartsWith(place + "blobs/uploads/", answer.Header("Location"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_works_with_escaped_slashes_in_the_name()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "team%2Fapp");
        await script.PlayAsync(
            """
            PUT /v2/team%2Fapp/manifests/one?x=%2F
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
              Location: /v2/team/app/manifests/one
            GET /v2/team/app/manifests/one
              200
              < {image}
            GET /v2/team%2fapp/blobs/{sha256 layer}
              200
              < layer
            GET /v2/team%2Fapp/blobs/sha256%3A9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0
              404 BLOB_UNKNOWN
            PUT /v2/team%2Fapp/manifests/two
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            GET /v2/team%2Fapp/tags/list?n=1
              200
              Link: </v2/team/app/tags/list?n=1&last=one>; rel="next"
            """);
    }

    [Theory]
    [InlineData("/v2/a%/tags/list", "NAME_INVALID")]
    [InlineData("/v2/a%2/tags/list", "NAME_INVALID")]
    [InlineData("/v2/a%zz/tags/list", "NAME_INVALID")]
    [InlineData("/v2/a% 1/tags/list", null)]
    [InlineData("/v2/a%+1/tags/list", "NAME_INVALID")]
    [InlineData("/v2/a/manifests/latest%", "MANIFEST_INVALID")]
    [InlineData("/v2/a/manifests/%u0061", "MANIFEST_INVALID")]
    [InlineData("/v2/a/blobs/sha256:%zz", "DIGEST_INVALID")]
    [InlineData("/v2/a/referrers/sha256:%f", "DIGEST_INVALID")]
    [InlineData("/v2/a/blobs/uploads/%xy", "BLOB_UPLOAD_INVALID")]
    [InlineData("/v2/%", "UNSUPPORTED")]
    public async Task An_invalid_escape_is_refused_with_the_code_of_what_was_asked(string target, string? code)
    {
        await using var registry = await RegistryFixture.StartAsync();
        var answer = await AskAsync(registry, "GET", target);
        Assert.Equal(400, answer.Status);
        if (code is not null) Assert.Contains($"\"code\":\"{code}\"", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Targets_that_are_not_paths_are_answered()
    {
        await using var registry = await RegistryFixture.StartAsync();
        Assert.Equal(204, (await AskAsync(registry, "OPTIONS", "*")).Status);
        Assert.InRange((await AskAsync(registry, "CONNECT", "host:443")).Status, 400, 499);
        await new Script(registry).PlayAsync("GET /v2/\n 200");
    }

    [Fact]
    public async Task The_repository_that_answers_a_path_is_always_the_one_it_spells()
    {
        string[] pieces =
            ["a", "a", "a", "b", "b", "c1", "c1", "/", "/", "/", ".", "..", "%2e", "%2E%2e", "%2f", "%2F", "%25",
            "%252e", "\\", "%5C", "%c0%ae", "%61", "-", "%", "%2", "A", "~", ":"];
        var random = new Random(42);
        await using var registry = await RegistryFixture.StartAsync();
        var connection = await RawConnection.OpenAsync(registry);
        var taken = 0;
        for (var i = 0; i < 1500; i++)
        {
            var name = string.Concat(Enumerable.Range(0, random.Next(1, 7)).Select(_ => random.GetItems(pieces, 1)[0]));
            await connection.SendAsync(
                $"POST /v2/{name}/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
            var answer = await connection.ReadAnswerAsync();
            var expected = Slashes().Replace(
                Escape().Replace(name, m => ((char)Convert.ToByte(m.Groups[1].Value, 16)).ToString()), "/").Trim('/');
            if (Name().IsMatch(expected) && !BadEscape().IsMatch(name))
            {
                taken++;
                Assert.True(answer.Status == 202, $"{name}: {answer.Head}");
                Assert.StartsWith(
                    $"/v2/{expected}/blobs/uploads/", answer.Header("Location"), StringComparison.Ordinal);
            }
            else
            {
                Assert.True(answer.Status is 400 or 404 && answer.Header("Location") is null, $"{name}: {answer.Head}");
            }

            if (answer.Header("Connection") is not "close") continue;
            connection.Dispose();
            connection = await RawConnection.OpenAsync(registry);
        }

        connection.Dispose();
        Assert.InRange(taken, 100, 1400);
    }

    [Theory]
    [InlineData("/hub/")]
    [InlineData("/hub")]
    [InlineData("/over/hub/")]
    public async Task A_prefix_is_part_of_every_address_and_may_be_left_out_by_a_proxy(string prefix)
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Http = s.Http with { Prefix = prefix } });
        var before = prefix.TrimEnd('/');
        foreach (var sent in new[] { "", before, before.Replace("hub", "%68ub", StringComparison.Ordinal) })
        {
            Assert.Equal(200, (await AskAsync(registry, "GET", sent + "/v2/")).Status);
            Assert.Equal(200, (await AskAsync(registry, "GET", sent + "/healthz")).Status);
            Assert.Equal(200, (await AskAsync(registry, "GET", sent + "/")).Status);
            foreach (var name in new[] { "team/app", "team%2Fapp", "team//app" })
            {
                var answer = await AskAsync(registry, "POST", $"{sent}/v2/{name}/blobs/uploads/");
                Assert.Equal(202, answer.Status);
                Assert.StartsWith(
                    before + "/v2/team/app/blobs/uploads/", answer.Header("Location"), StringComparison.Ordinal);
                Assert.Equal(204, (await AskAsync(registry, "GET", answer.Header("Location")!)).Status);
            }
        }

        foreach (var other in new[] { "x/v2/", "/../v2/", before + "/v2/", $"/..{before}/v2/" }.Select(o => before + o))
        {
            Assert.Equal(404, (await AskAsync(registry, "GET", other)).Status);
        }
    }

    [Fact]
    public async Task A_prefix_follows_the_host_in_absolute_addresses()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Http = s.Http with { Prefix = "/hub/", RelativeUrls = false, Host = "https://registry.example" },
        });
        var answer = await AskAsync(registry, "POST", "/hub/v2/a/blobs/uploads/");
        Assert.StartsWith("https://registry.example/hub/v2/a/", answer.Header("Location"), StringComparison.Ordinal);
    }

    private static async Task<RawAnswer> AskAsync(RegistryFixture registry, string method, string target)
    {
        using var connection = await RawConnection.OpenAsync(registry);
        await connection.SendAsync(Encoding.UTF8.GetBytes(
            $"{method} {target} HTTP/1.1\r\nHost: host\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        return await connection.ReadAnswerAsync();
    }

    [GeneratedRegex("%([0-9a-fA-F]{2})")]
    private static partial Regex Escape();

    [GeneratedRegex("%(?![0-9a-fA-F]{2})")]
    private static partial Regex BadEscape();

    [GeneratedRegex("/+")]
    private static partial Regex Slashes();

    [GeneratedRegex("^[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*$")]
    private static partial Regex Name();
}
