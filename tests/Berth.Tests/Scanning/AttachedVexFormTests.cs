using System.Text;
using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Signatures;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Lifecycle;
using Berth.Tests.Signatures;
using Berth.Tests.Verifying;
using static Berth.Tests.Scanning.AttachedVexTests;

namespace Berth.Tests.Scanning;

/// <summary>Documents that come with images say what they say in many forms, and some are made to say something else.
/// </summary>
[Inside]
public sealed class AttachedVexFormTests : IAsyncLifetime
{
    private readonly SigningKey key = new();
    private KnownVulnerabilities known = null!;
    private SignedImages signed = null!;
    private string image = "";

    public async ValueTask InitializeAsync()
    {
        known = await KnownVulnerabilities.StartAsync();
        signed = new SignedImages(ApiRegistry.Of(known.Registry), AccountsOf.AdminPassword);
        image = await known.Images.PushAsync("team/app", "1", Layer);
        await known.CompareAsync("team/app:1");
        await known.TellAsync(OpenSsl);
        await signed.TrustAsync("release", key);
    }

    public ValueTask DisposeAsync() => known.DisposeAsync();

    /// <summary>The same bytes would be a bundle that the registry trusts, and an envelope that an owner does.
    /// </summary>
    [Fact]
    public async Task A_document_of_two_kinds_is_neither()
    {
        var owner = new SigningKey();
        await signed.TrustAsync("owner", owner, "team");
        var statement = LittleBundle.StatementFor(Digest.Parse(image));
        (statement["predicateType"], statement["predicate"]) = (Predicate, new JsonObject());
        var trusted = KeyTests.Bytes(statement);
        statement["predicate"] = Vex(LibSsl);
        var said = KeyTests.Bytes(statement);
        var both = LittleBundle.EnvelopeOf(said, owner.Sign(LittleBundle.Encode(said)));
        both["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json";
        both["verificationMaterial"] = new JsonObject { ["publicKey"] = new JsonObject { ["hint"] = "any" } };
        both["dsseEnvelope"] = LittleBundle.EnvelopeOf(trusted, key.Sign(LittleBundle.Encode(trusted)));
        await signed.AttachAsync("team/app", image, KeyTests.BundleLayer(KeyTests.Bytes(both)));
        await signed.AttachAsync("team/app", image, new SignatureLayer(
            "application/vnd.dsse.envelope.v1+json", new Dictionary<string, string>(), KeyTests.Bytes(both)));
        await signed.RunAsync();
        Assert.Equal("", await SeeAsync("1"));
        var seen = (await signed.AskAsync("team/app", "1")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(2, seen.Count);
        Assert.All(seen, one => Assert.Equal("failed", one.Of("verdict")));
    }

    /// <summary>Before OpenVEX 0.2.0, parts are beside the products.</summary>
    [Fact]
    public async Task What_is_said_of_one_part_is_not_said_of_the_whole_image()
    {
        var vex = Vex($"pkg:oci/app@{image}");
        vex["statements"]![0]!["products"] = new JsonArray($"pkg:oci/app@{image}");
        vex["statements"]![0]!["subcomponents"] = new JsonArray("pkg:deb/debian/zlib1g");
        await AttachAsync(image, vex);
        Assert.Equal("", await SeeAsync("1"));
        vex["statements"]![0]!["subcomponents"] = new JsonArray(LibSsl);
        await AttachAsync(image, vex);
        Assert.Equal("not_affected", await SeeAsync("1"));
    }

    [Fact]
    public async Task What_is_said_of_an_index_for_one_machine_is_not_said_of_its_other_images()
    {
        var index = await known.Images.PushIndexAsync(
            "team/app", "all", (image, """{"os":"linux","architecture":"arm64"}"""));
        await AttachAsync(index, Vex($"pkg:oci/app@{index}?arch=amd64"));
        await AttachAsync(index, Vex($"pkg:oci/app@{index}?arch=amd64", parts: LibSsl));
        Assert.Equal("", await SeeAsync("1"));
        await AttachAsync(index, Vex($"pkg:oci/app@{index}"));
        Assert.Equal("not_affected", await SeeAsync("1"));
    }

    [Theory]
    [InlineData("pkg:deb/debian/libssl3@3.0.9-1?distro=debian-12", true)]
    [InlineData("pkg:deb/debian/libssl3@3.0.9-1?arch=amd64&distro=debian-12.5", true)]
    [InlineData("pkg:deb/debian/libssl3?distro=debian-1", false)]
    [InlineData("pkg:deb/debian/libssl3?distro=debian-11.12", false)]
    [InlineData("registry.example.com/acme/app@IMAGE", true)]
    [InlineData("registry.example.com/acme/app:1", false)]
    public async Task Packages_and_images_have_names_of_many_forms(string product, bool counts)
    {
        await AttachAsync(image, Vex(product.Replace("IMAGE", image)));
        Assert.Equal(counts ? "not_affected" : "", await SeeAsync("1"));
        var warnings = (await signed.AskAsync("team/app", "1")).GetProperty("items")[0];
        Assert.Equal(product.EndsWith(":1"), warnings.GetRawText().Contains("names no image"));
    }

    /// <summary>CSAF names a package once, and then by a short name.</summary>
    [Fact]
    public async Task A_document_that_is_short_and_says_much_does_not_count()
    {
        var purl = LibSsl + "?x=" + new string('x', 1_900);
        var vulnerabilities = string.Join(',', Enumerable.Range(0, 3_000).Select(i =>
            $$"""{"cve":"CVE-2023-{{i}}","product_status":{"known_not_affected":["p"]} }"""));
        var document = Encoding.UTF8.GetBytes(
            $$"""
            {"document":{"category":"csaf_vex","publisher":{"name":"Acme"},"tracking":{"id":"1"} },
            "product_tree":{"full_product_names":[{"product_id":"p","name":"libssl3",
            "product_identification_helper":{"purl":"{{purl}}"} }]},"vulnerabilities":[{{vulnerabilities}}]}
            """);
        const string Csaf = "application/csaf+json";
        var artifact = await signed.PushManifestAsync("team/app", null, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["artifactType"] = Csaf,
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.empty.v1+json", await signed.PushBlobAsync("team/app", "{}"u8)),
            ["layers"] = new JsonArray(
                SignedImages.Describe(Csaf, await signed.PushBlobAsync("team/app", document))),
            ["subject"] = SignedImages.Describe(MediaTypes.OciManifest, (image, 2)),
        });
        await signed.SignAsync("team/app", artifact, key);
        await signed.RunAsync();
        Assert.Equal("", await SeeAsync("1"));
        Assert.Contains("too long", (await signed.AskAsync("team/app", artifact)).GetRawText());
    }

    private async Task AttachAsync(string subject, JsonObject vex)
    {
        await signed.SignAsync("team/app", subject, key, predicate: Predicate, content: vex.DeepClone());
        await signed.RunAsync();
    }

    /// <summary>What is said of the vulnerability.</summary>
    private async Task<string> SeeAsync(string tag)
    {
        var seen = await known.Images.AskAsync($"{tag}/vulnerabilities?repository=team/app");
        var item = seen.GetProperty("items").EnumerateArray().Single(one => one.Of("name") == "CVE-2023-1");
        return item.TryGetProperty("vex", out var vex) ? vex.GetString()! : "";
    }
}
