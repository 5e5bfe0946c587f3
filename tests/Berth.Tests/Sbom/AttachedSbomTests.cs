using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Signatures;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Signatures;
using Berth.Tests.Verifying;

namespace Berth.Tests.Sbom;

/// <summary>The bill of materials that came with an image is given first, and the answer says so.</summary>
public sealed class AttachedSbomTests(ContentRegistry opened) : IClassFixture<ContentRegistry>
{
    private const string Spdx = "application/spdx+json";
    private const string InToto = "application/vnd.in-toto+json";
    private const string Mine = """{"spdxVersion":"SPDX-2.3","name":"mine"}""";
    private const string Other = """{"spdxVersion":"SPDX-2.3","name":"other"}""";

    private readonly ContentImages images = new(opened.Registry);
    private readonly SignedImages artifacts = new(ApiRegistry.Of(opened.Registry), AccountsOf.AdminPassword);

    /// <summary>A repository for each test.</summary>
    private readonly string app = $"team/app-{Guid.NewGuid():N}";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_that_came_as_a_referrer_is_given_as_it_was_pushed()
    {
        var image = await PushAsync();
        Assert.Equal(("berth", null), await SeeAsync(""));
        await RefuseAsync("&source=attached", 404);
        var artifact = await AttachAsync(image, Spdx, Mine);
        Assert.Equal(("attached", artifact), await SeeAsync(""));
        Assert.Equal(Mine, await ReadAsync("&source=attached"));
        Assert.Equal(("berth", null), await SeeAsync("&source=berth"));
        Assert.Contains("berth-", await ReadAsync("&source=berth"));
        await RefuseAsync("&source=other", 400);

        // In the other format there is none.
        Assert.Equal(("berth", null), await SeeAsync("&format=cyclonedx-json"));
        var other = await AttachAsync(
            image, "application/vnd.cyclonedx+json", """{"bomFormat":"CycloneDX","specVersion":"1.6"}""");
        Assert.Equal(("attached", other), await SeeAsync("&format=cyclonedx-json"));
        await artifacts.DeleteAsync(app, artifact);
        Assert.Equal(("berth", null), await SeeAsync(""));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("garbage")]
    [InlineData("""{"spdxVersion":7}""")]
    [InlineData("""{"predicate":{"spdxVersion":"SPDX-2.3"}}""")]
    [InlineData("""{"subject":[{"digest":{"sha256":"0000"}}],"predicate":{"spdxVersion":"SPDX-2.3"}}""")]
    [InlineData("""{"payload":"eyJzcGR4VmVyc2lvbiI6IlNQRFgtMi4zIn0=","dsseEnvelope":{"payload":"e30="}}""")]
    public async Task What_is_none_or_about_another_image_is_passed_over(string document)
    {
        var image = await PushAsync();
        await AttachAsync(image, Spdx, document);
        Assert.Equal(("berth", null), await SeeAsync(""));
        var good = await AttachAsync(image, Spdx, Mine);
        Assert.Equal(("attached", good), await SeeAsync(""));
    }

    [Fact]
    public async Task One_that_is_beside_the_image_in_its_index_is_taken_out_of_its_statement()
    {
        var image = await PushAsync();
        await AttachAsync(image, Spdx, Other);
        var layer = SignedImages.Describe(InToto, await artifacts.PushBlobAsync(app, Encoding.UTF8.GetBytes(
            $$"""
            {"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document",
            "subject":[{"name":"x","digest":{"sha256":"{{Digest.Parse(image).Hex}}"} }],"predicate":{{Mine}} }
            """)));
        layer["annotations"] = new JsonObject { ["in-toto.io/predicate-type"] = "https://spdx.dev/Document" };
        var beside = await artifacts.PushManifestAsync(app, null, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.image.config.v1+json", await artifacts.PushBlobAsync(app, "{}"u8)),
            ["layers"] = new JsonArray(layer),
        });
        var (first, second) = (
            SignedImages.Describe(MediaTypes.OciManifest, (image, 2)),
            SignedImages.Describe(MediaTypes.OciManifest, (beside, 2)));
        first["platform"] = new JsonObject { ["os"] = "linux", ["architecture"] = "amd64" };
        second["annotations"] = new JsonObject { ["vnd.docker.reference.digest"] = image };
        second["platform"] = new JsonObject { ["os"] = "unknown", ["architecture"] = "unknown" };
        await artifacts.PushManifestAsync(app, "all", new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JsonArray(first, second),
        });

        // It is newer than the referrer.
        Assert.Equal(("attached", beside), await SeeAsync("", "all"));
        Assert.Equal(Mine, await ReadAsync("", "all"));
        var newest = await AttachAsync(image, Spdx, """{"spdxVersion":"SPDX-2.3","name":"newest"}""");
        Assert.Equal(("attached", newest), await SeeAsync("", "all"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Inside]
    public async Task One_that_is_signed_is_not_crowded_out_by_newer_ones(bool isAttestation)
    {
        var key = new SigningKey();
        await artifacts.TrustAsync($"key-{Guid.NewGuid():N}", key);
        var image = await PushAsync();
        string signed;
        if (isAttestation)
        {
            signed = await artifacts.SignAsync(
                app, image, key, predicate: "https://spdx.dev/Document", content: JsonNode.Parse(Mine));
            await artifacts.SeeAsync(app, image);
        }
        else
        {
            signed = await AttachAsync(image, Spdx, Mine);
            await artifacts.SignAsync(app, signed, key);
            await artifacts.SeeAsync(app, signed);
        }

        var manifest = await ManifestOfAsync(image, Spdx, Other);
        for (var number = 0; number < 101; number++)
        {
            manifest["annotations"] = new JsonObject { ["number"] = $"{number}" };
            await artifacts.PushManifestAsync(app, null, manifest);
        }

        Assert.Equal(("attached", signed), await SeeAsync(""));
        Assert.Equal(Mine, await ReadAsync(""));
    }

    [Fact]
    [Inside]
    public async Task A_signature_of_the_image_does_not_make_a_bill_of_what_else_it_says()
    {
        var key = new SigningKey();
        await artifacts.TrustAsync($"key-{Guid.NewGuid():N}", key);
        var image = await PushAsync();
        var payload = KeyTests.Payload();
        payload["critical"]!["image"]!["docker-manifest-digest"] = image;
        payload["spdxVersion"] = "SPDX-2.3";
        var bytes = KeyTests.Bytes(payload);
        var layer = KeyTests.LayerOf(bytes, key.Sign(bytes));
        await artifacts.AttachAsync(app, image, new SignatureLayer(
            layer.MediaType,
            new Dictionary<string, string>(layer.Annotations) { ["predicateType"] = "https://spdx.dev/Document" },
            bytes));
        var seen = await artifacts.SeeAsync(app, image);
        Assert.Equal("verified", seen.GetProperty("items")[0].Of("verdict"));
        var newer = await AttachAsync(image, Spdx, Mine);
        Assert.Equal(("attached", newer), await SeeAsync(""));
    }

    private async Task<string> PushAsync()
    {
        var image = await images.PushAsync(app, "1", RawTar.Gzip(new RawTar().File("a", "b").End()));
        await images.SeeAsync($"1/packages?repository={app}");
        return image;
    }

    private async Task<string> AttachAsync(string subject, string type, string document) =>
        await artifacts.PushManifestAsync(app, null, await ManifestOfAsync(subject, type, document));

    private async Task<JsonObject> ManifestOfAsync(string subject, string type, string document) => new()
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = MediaTypes.OciManifest,
        ["artifactType"] = type,
        ["config"] = SignedImages.Describe(
            "application/vnd.oci.empty.v1+json", await artifacts.PushBlobAsync(app, "{}"u8)),
        ["layers"] = new JsonArray(SignedImages.Describe(
            type, await artifacts.PushBlobAsync(app, Encoding.UTF8.GetBytes(document)))),
        ["subject"] = SignedImages.Describe(MediaTypes.OciManifest, (subject, 2)),
    };

    private async Task<(string Source, string? Artifact)> SeeAsync(string query, string reference = "1")
    {
        using var answer = await AskAsync(query, reference, 200);
        return (
            answer.Headers.GetValues("Berth-Sbom-Source").Single(),
            answer.Headers.TryGetValues("Berth-Sbom-Artifact", out var found) ? found.Single() : null);
    }

    private async Task<string> ReadAsync(string query, string reference = "1")
    {
        using var answer = await AskAsync(query, reference, 200);
        Assert.Equal("attachment", answer.Content.Headers.ContentDisposition!.DispositionType);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        using var json = JsonDocument.Parse(text);
        return text;
    }

    private async Task RefuseAsync(string query, int status)
    {
        using var answer = await AskAsync(query, "1", status);
    }

    private Task<HttpResponseMessage> AskAsync(string query, string reference, int status) => images.SendAsync(
        "GET", $"/api/v1/images/{reference}/sbom?repository={app}{query}", null, null, status);
}
