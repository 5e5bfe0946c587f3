using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Verifying;

namespace Berth.Tests.Policies;

/// <summary>Policies ask for signatures, documents, labels and base images.</summary>
[Inside]
public sealed class AttachedPolicyTests : IAsyncLifetime
{
    private static readonly byte[] Layer = RawTar.Gzip(new RawTar().File("a", "b").End());

    private readonly ApiRegistry api = new();
    private readonly SigningKey key = new();
    private SignedImages images = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await api.InitializeAsync();
        images = new SignedImages(api);
        (await api.AskAsync("ann", "PUT", "/organizations/acme/members/bob", """{"role":"reader"}""")).Is(200);
    }

    public ValueTask DisposeAsync() => api.DisposeAsync();

    [Fact]
    public async Task Only_images_are_pulled_that_somebody_has_signed_who_is_named()
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.TrustAsync("release", key, "acme", "ann");
        await AddAsync("ann", """{"names":"acme/**","signedBy":["release"],"exempt":["bob"]}""");
        var refused = await PullAsync("ann", "1", 403);
        Assert.Contains("it is not signed by release: bob, which the policy exempts, has to sign it", refused);
        Assert.Contains(
            "it is not signed by release: an account that the policy exempts (--exempt) has to sign it",
            await ReasonsAsync());
        await PullAsync("bob", "1", 200);
        var signature = await images.SignAsync("acme/app", image, key);
        await images.SeeAsync("acme/app", "1");
        await Eventually.TrueAsync(async () => await StatusAsync("ann", "1") == 200);
        await PullAsync("ann", signature, 200);

        // Another one of the namespace does not do, nor one that the policy does not name.
        var other = await images.PushAsync("acme/app", "2", "another image");
        var otherKey = new SigningKey();
        await images.TrustAsync("other", otherKey, "acme", "ann");
        await images.SignAsync("acme/app", other, otherKey);
        await images.SeeAsync("acme/app", "2");
        await PullAsync("ann", "2", 403);

        // What an owner trusts does not satisfy what an administrator asks for.
        await AddAsync("admin", """{"names":"acme/**","signedBy":["release"]}""");
        Assert.Contains(
            "it is signed by release of acme, but this policy is mandatory: an administrator has to trust that key in "
            + "the whole registry",
            await PullAsync("ann", "1", 403));
        await images.TrustAsync("release", key);
        await images.SeeAsync("acme/app", "1");
        await Eventually.TrueAsync(async () => await StatusAsync("ann", "1") == 200);
    }

    [Fact]
    public async Task A_change_in_a_namespace_does_not_make_mandatory_policies_wait_and_one_of_the_registry_says_so()
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.TrustAsync("release", key);
        await images.TrustAsync("release", key, "acme", "ann");
        await images.TrustAsync("other", new SigningKey());
        await images.SignAsync("acme/app", image, key);
        await images.SeeAsync("acme/app", "1");
        await AddAsync("admin", """{"names":"acme/**","signedBy":["release"]}""");
        await images.DistrustAsync("keys", "release", "acme", "ann");
        Assert.Equal("[]", await ReasonsAsync());
        await images.HastenAsync();
        Assert.Equal("[]", await ReasonsAsync());
        await images.SeeAsync("acme/app", "1");

        await images.DistrustAsync("keys", "other");
        Assert.Contains("its signatures are being verified again", await ReasonsAsync());
        await images.HastenAsync();
        Assert.Contains("its signatures are being verified again", await ReasonsAsync());
        await images.SeeAsync("acme/app", "1");
        Assert.Equal("[]", await ReasonsAsync());
    }

    [Fact]
    public async Task Names_in_a_policy_that_nobody_has_are_noted()
    {
        const string Policy = """
            {"names":"acme/**","signedBy":["release"],"exempt":["robot.acme.signer","bob"]}
            """;
        Assert.Equal(
            ["there is no account robot.acme.signer yet that it could exempt",
                "nothing is trusted as release in the whole registry yet, as a mandatory policy needs it"],
            await NoticesAsync("admin"));
        Assert.Equal("nothing is trusted as release yet", (await NoticesAsync("ann"))[1]);
        await images.TrustAsync("release", key, "acme", "ann");
        Assert.Single(await NoticesAsync("ann"));
        Assert.Contains("release is trusted in acme alone", (await NoticesAsync("admin"))[1]);
        await images.TrustAsync("release", key);
        Assert.Single(await NoticesAsync("admin"));

        async Task<List<string?>> NoticesAsync(string user) =>
        [
            .. (await api.AskAsync(user, "POST", "/policies", Policy)).Is(201).Json.GetProperty("notices")
                .EnumerateArray().Select(one => one.GetString()),
        ];
    }

    [Theory]
    [InlineData(ContentImages.LayerType)]
    [InlineData("application/octet-stream")]
    [InlineData("application/vnd.oci.image.layer.v1.TAR")]
    public async Task An_image_is_not_let_through_for_naming_a_subject(string layerType)
    {
        await AddAsync("ann", """{"names":"acme/**","isSigned":true}""");
        var subject = await images.PushAsync("acme/app", "1", "an image");
        var config = await images.PushBlobAsync("acme/app", "{}"u8);
        var layer = await images.PushBlobAsync("acme/app", Layer);
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = SignedImages.Describe("application/vnd.oci.image.config.v1+json", config),
            ["layers"] = new JsonArray(SignedImages.Describe(layerType, layer)),
            ["subject"] = SignedImages.Describe(MediaTypes.OciManifest, (subject, 2)),
        };
        await images.PushManifestAsync("acme/app", "2", manifest);
        await PullAsync("bob", "2", 403);
    }

    [Theory]
    [InlineData("hasSbom", "application/spdx+json", null)]
    [InlineData("hasProvenance", "application/vnd.in-toto+json", "https://slsa.dev/provenance/v1")]
    public async Task A_document_may_be_attached_later(string asked, string type, string? predicate)
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        await AddAsync("ann", $$"""{"names":"acme/**","{{asked}}":true}""");
        await PullAsync("bob", "1", 403);
        var layer = SignedImages.Describe(type, await images.PushBlobAsync("acme/app", "{}"u8));
        if (predicate is not null)
            layer["annotations"] = new JsonObject { ["in-toto.io/predicate-type"] = predicate };
        await images.PushManifestAsync("acme/app", null, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["artifactType"] = type,
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.empty.v1+json", await images.PushBlobAsync("acme/app", "{}"u8)),
            ["layers"] = new JsonArray(layer),
            ["subject"] = SignedImages.Describe(MediaTypes.OciManifest, (image, 2)),
        });
        await Eventually.TrueAsync(async () => await StatusAsync("bob", "1") == 200);
    }

    [Fact]
    public async Task A_document_may_be_beside_the_image_in_its_index()
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        await AddAsync("ann", """{"names":"acme/**","hasProvenance":true}""");
        await PullAsync("bob", image, 403);
        var layer = SignedImages.Describe(
            "application/vnd.in-toto+json", await images.PushBlobAsync("acme/app", "{}"u8));
        layer["annotations"] = new JsonObject { ["in-toto.io/predicate-type"] = "https://slsa.dev/provenance/v0.2" };
        var beside = await images.PushManifestAsync("acme/app", null, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.image.config.v1+json", await images.PushBlobAsync("acme/app", "{}"u8)),
            ["layers"] = new JsonArray(layer),
        });
        var (first, second) = (
            SignedImages.Describe(MediaTypes.OciManifest, (image, 2)),
            SignedImages.Describe(MediaTypes.OciManifest, (beside, 2)));
        second["annotations"] = new JsonObject { ["vnd.docker.reference.digest"] = image };
        await images.PushManifestAsync("acme/app", "all", new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JsonArray(first, second),
        });
        await Eventually.TrueAsync(async () => await StatusAsync("bob", image) == 200);
        await PullAsync("bob", beside, 200);
    }

    [Theory]
    [InlineData("hasSbom", "application/spdx+json", 403)]
    [InlineData("hasProvenance", "https://slsa.dev/provenance/v1", 200)]
    public async Task Whoever_built_an_index_built_its_images(string asked, string type, int status)
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        var index = await images.PushIndexAsync("acme/app", "all", image);
        var layer = SignedImages.Describe(
            "application/vnd.in-toto+json", await images.PushBlobAsync("acme/app", "{}"u8));
        layer["annotations"] = new JsonObject { ["in-toto.io/predicate-type"] = type };
        await images.PushManifestAsync("acme/app", null, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["artifactType"] = "application/vnd.in-toto+json",
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.empty.v1+json", await images.PushBlobAsync("acme/app", "{}"u8)),
            ["layers"] = new JsonArray(layer),
            ["subject"] = SignedImages.Describe(MediaTypes.OciIndex, (index, 2)),
        });
        await AddAsync("ann", $$"""{"names":"acme/**","{{asked}}":true}""");
        await PullAsync("bob", "1", status);
    }

    [Fact]
    public async Task Who_is_trusted_where_an_image_comes_from_does_not_count_where_it_goes()
    {
        await images.TrustAsync("release", key, "acme", "ann");
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.SignAsync("acme/app", image, key);
        await images.SeeAsync("acme/app", "1");
        await AddAsync("eve", """{"names":"eve/**","on":["promotion"],"signedBy":["release"]}""");
        const string Copy = """{"from":"acme/app","to":"eve/app","tags":["1"]}""";
        var refused = await api.AskAsync("admin", "POST", "/repositories/copies", Copy);
        Assert.Equal(403, refused.Status);
        Assert.Contains("it is not signed by release", refused.Text);

        await images.TrustAsync("release", key);
        await images.SeeAsync("acme/app", "1");
        (await api.AskAsync("admin", "POST", "/repositories/copies", Copy)).Is(200);
    }

    [Fact]
    public async Task A_push_is_refused_for_what_is_known_then_and_leaves_nothing()
    {
        await AddAsync("ann", """{"names":"acme/**","on":["push"],"labels":["team=web"],"exempt":["bob"]}""");
        var said = await PushAsync("1", "acme/app", """{"config":{"Labels":{"team":"api"}}}""", 403, "ann");
        Assert.Contains("its label team is api, not web", said);
        Assert.Empty((await api.AskAsync("ann", "GET", "/tags?repository=acme/app")).Is(200).Json
            .GetProperty("items").EnumerateArray());
        await PushAsync("1", "acme/app", """{"config":{"Labels":{"team":"web"}}}""", 201, "ann");
        await AddAsync(
            "ann",
            """{"names":"acme/**","on":["push"],"onlyWarns":true,"baseImages":["docker.io/library/debian:*"]}""");
        var warning = await PushAsync("2", "acme/app", """{"config":{"Labels":{"team":"web"}}}""", 201, "ann");
        Assert.Contains("does not say what its base image is", warning);
        warning = await PushAsync(
            "2", "acme/app",
            """
            {"config":{"Labels":{"team":"web","org.opencontainers.image.base.name":"docker.io/library/debian:12"}}}
            """,
            201, "ann");
        Assert.Equal("", warning);
    }

    [Fact]
    public async Task What_is_in_the_config_of_others_is_not_told()
    {
        var secret = """{"config":{"Labels":{"team":"very-secret"}}}""";
        await PushAsync("1", "acme/app", secret, 201, "ann");
        await AddAsync("eve", """{"names":"eve/**","on":["push"],"labels":["team=web"]}""");
        var config = Digest.Of(DigestAlgorithm.Sha256, System.Text.Encoding.UTF8.GetBytes(secret)).Text;
        using var request = With("eve", HttpMethod.Put, "eve/app", "1");
        request.Content = new StringContent(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = SignedImages.Describe("application/vnd.oci.image.config.v1+json", (config, secret.Length)),
            ["layers"] = new JsonArray(),
        }.ToJsonString());
        request.Content.Headers.ContentType = new(MediaTypes.OciManifest);
        using var answer = await api.Registry.Client.SendAsync(request, Stop);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.Contains("MANIFEST_BLOB_UNKNOWN", text);
        Assert.DoesNotContain("secret", text);
    }

    [Fact]
    public async Task An_old_image_is_refused_and_one_without_a_time_counts_from_its_push()
    {
        await PushAsync("1", "acme/app", """{"created":"2020-01-01T00:00:00Z"}""", 201, "ann");
        await PushAsync("2", "acme/app", """{"created":"1970-01-01T00:00:00Z"}""", 201, "ann");
        await AddAsync("ann", """{"names":"acme/**","maxAgeSeconds":86400}""");
        Assert.Contains("may be 24 hours", await PullAsync("bob", "1", 403));
        await PullAsync("bob", "2", 200);
    }

    [Fact]
    public async Task An_image_is_promoted_only_if_policies_let_it()
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.PushIndexAsync("acme/app", "all", image);
        await AddAsync("admin", """{"names":"acme/**","on":["promotion"],"isSigned":true}""");
        foreach (var target in new[] { "1", "all", image })
        {
            var refused = await api.AskAsync(
                "ann", "PUT", "/tags/stable?repository=acme/app", $$"""{"target":"{{target}}"}""");
            Assert.Equal(403, refused.Status);
            Assert.Contains("nobody who is trusted has signed it", refused.Text);
        }

        // As crane tag does, and by another name for the whole repository.
        foreach (var reference in new[] { "1", "all" })
        {
            using var read = await api.Registry.Client.SendAsync(
                With("ann", HttpMethod.Get, "acme/app", reference), Stop);
            using var request = With("ann", HttpMethod.Put, "acme/app", "stable");
            request.Content = new ByteArrayContent(await read.Content.ReadAsByteArrayAsync(Stop));
            request.Content.Headers.ContentType = read.Content.Headers.ContentType;
            await (await api.Registry.Client.SendAsync(request, Stop)).IsAsync(403);
        }

        Assert.Equal(403, (await api.AskAsync(
            "ann", "POST", "/repositories/moves", """{"from":"acme/app","to":"acme/stable"}""")).Status);
        foreach (var copy in new[]
        {
            """{"from":"acme/app","to":"acme/stable","tags":["all"]}""", """{"from":"acme/app","to":"acme/stable"}""",
        })
        {
            Assert.Equal(403, (await api.AskAsync("ann", "POST", "/repositories/copies", copy)).Status);
        }

        Assert.Equal(404, (await api.AskAsync("ann", "GET", "/tags?repository=acme/stable")).Status);
        await images.TrustAsync("release", key);
        await images.SignAsync("acme/app", image, key);
        await images.SeeAsync("acme/app", "1");
        (await api.AskAsync("ann", "PUT", "/tags/stable?repository=acme/app", """{"target":"all"}""")).Is(200);
        (await api.AskAsync(
            "ann", "POST", "/repositories/copies", """{"from":"acme/app","to":"acme/stable"}""")).Is(200);
    }

    [Fact]
    public async Task Where_no_vulnerabilities_are_looked_for_no_policy_asks_for_them()
    {
        var refused = await api.AskAsync("admin", "POST", "/policies", """{"names":"**","maxSeverity":"high"}""");
        Assert.Equal(400, refused.Status);
        Assert.Contains("vulnerabilities.sources", refused.Text);
    }

    private async Task<string> ReasonsAsync() =>
        (await api.AskAsync("ann", "GET", "/images/1/policies?repository=acme/app")).Is(200).Json
            .GetProperty("items").GetRawText();

    private async Task AddAsync(string user, string policy) =>
        (await api.AskAsync(user, "POST", "/policies", policy)).Is(201);

    /// <summary>Pushes an image; returns the error, or the warning.</summary>
    private async Task<string> PushAsync(string tag, string repository, string config, int status, string user)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(config);
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.image.config.v1+json", await images.PushBlobAsync(repository, bytes)),
            ["layers"] = new JsonArray(SignedImages.Describe(
                ContentImages.LayerType, await images.PushBlobAsync(repository, Layer))),
        };
        using var request = With(user, HttpMethod.Put, repository, tag);
        request.Content = new StringContent(manifest.ToJsonString());
        request.Content.Headers.ContentType = new(MediaTypes.OciManifest);
        var answer = await (await api.Registry.Client.SendAsync(request, Stop)).IsAsync(status);
        return status == 201
            ? answer.Headers.TryGetValues("Warning", out var warnings) ? warnings.Single() : ""
            : await answer.Content.ReadAsStringAsync(Stop);
    }

    private async Task<int> StatusAsync(string user, string reference)
    {
        using var answer = await api.Registry.Client.SendAsync(
            With(user, HttpMethod.Get, "acme/app", reference), Stop);
        return (int)answer.StatusCode;
    }

    private async Task<string> PullAsync(string user, string reference, int status)
    {
        var answer = await api.Registry.Client.SendAsync(With(user, HttpMethod.Get, "acme/app", reference), Stop);
        return await (await answer.IsAsync(status)).Content.ReadAsStringAsync(Stop);
    }

    private static HttpRequestMessage With(string user, HttpMethod method, string repository, string reference)
    {
        var request = new HttpRequestMessage(method, $"/v2/{repository}/manifests/{reference}");
        request.Headers.TryAddWithoutValidation("Authorization", AccountsOf.Basic(user, ApiRegistry.Password));
        return request;
    }
}
