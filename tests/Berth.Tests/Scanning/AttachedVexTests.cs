using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Metadata;
using Berth.Oci;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Signatures;
using Berth.Tests.Verifying;
using Berth.Verifying;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.Scanning;

/// <summary>What documents with an image say of its vulnerabilities counts if somebody signed them who is trusted.
/// </summary>
[Inside]
public sealed class AttachedVexTests : IAsyncLifetime
{
    private const string OpenVex = "application/vnd.openvex+json";
    internal const string Predicate = "https://openvex.dev/ns/v0.2.0";
    internal const string LibSsl = "pkg:deb/debian/libssl3";

    internal static readonly byte[] Layer = RawTar.Gzip(new RawTar()
        .File("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n")
        .File("var/lib/dpkg/status", "Package: libssl3\nSource: openssl (3.0.9-1)\nVersion: 3.0.9-1\n")
        .End());

    private static readonly byte[] Other = RawTar.Gzip(new RawTar()
        .File("app/node_modules/left-pad/package.json", """{"name":"left-pad","version":"1.3.0"}""").End());

    internal static readonly string OpenSsl =
        Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1", "CRITICAL", "CVE-2023-1");

    private readonly SigningKey key = new();
    private KnownVulnerabilities known = null!;
    private SignedImages signed = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        known = await StartAsync();
        signed = new SignedImages(ApiRegistry.Of(known.Registry), AccountsOf.AdminPassword);
    }

    public ValueTask DisposeAsync() => known.DisposeAsync();

    [Theory]
    [InlineData("attestation")]
    [InlineData("artifact")]
    [InlineData("artifact with a tag")]
    public async Task What_a_document_says_counts_as_long_as_it_is_there_and_its_signer_is_trusted(string how)
    {
        var image = await PushAsync();
        await AddPolicyAsync("""{"names":"team/**","maxSeverity":"high"}""");
        var document = await AttachAsync(image, Vex(LibSsl), how);
        await signed.RunAsync();
        Assert.Equal(("", 1L, 1L, true), await SeeAsync("1"));
        await signed.TrustAsync("other", new SigningKey());
        await signed.RunAsync();
        Assert.Equal(("", 1L, 1L, true), await SeeAsync("1"));

        await signed.TrustAsync("release", key);
        await signed.RunAsync();
        Assert.Equal(("not_affected", 0L, 0L, false), await SeeAsync("1"));
        var item = (await known.Images.AskAsync("1/vulnerabilities?repository=team/app")).GetProperty("items")[0];
        Assert.Equal(
            ("Acme: vulnerable code not present", "release", document),
            (item.Of("vexReason"), item.Of("vexSigner"), item.Of("vexSource")));
        Assert.Contains(
            "release: Acme: vulnerable code not present",
            await signed.PageAsync("/r/team/app:1/-/vulnerabilities"));

        // Trusted no more, it counts no more from then on, even before it is verified again.
        await signed.DistrustAsync("keys", "release");
        Assert.Equal(("", 1L, 1L, true), await SeeAsync("1"));
        await signed.RunAsync();
        Assert.Equal(("", 1L, 1L, true), await SeeAsync("1"));
        await signed.TrustAsync("release", key);
        await signed.RunAsync();
        Assert.Equal(("not_affected", 0L, 0L, false), await SeeAsync("1"));

        await signed.DeleteAsync("team/app", document);
        Assert.Equal(("", 1L, 1L, true), await SeeAsync("1"));
    }

    [Fact]
    public async Task A_document_that_nobody_signed_does_not_count()
    {
        var image = await PushAsync();
        await signed.TrustAsync("release", key);
        await PushArtifactAsync(image, OpenVex, Bytes(Vex(LibSsl)));

        // Nor does one that says itself that it is signed, of a signed image.
        await signed.SignAsync("team/app", image, key);
        await signed.SignAsync("team/app", image, new SigningKey(), predicate: Predicate, content: Vex(LibSsl));
        await signed.RunAsync();
        Assert.Equal(("", 1L, 1L, false), await SeeAsync("1"));
    }

    /// <summary>Only one of the payloads is signed.</summary>
    [Fact]
    public async Task What_somebody_adds_to_a_signed_bundle_does_not_count()
    {
        var image = await PushAsync();
        await signed.TrustAsync("release", key);
        var holder = await signed.SignAsync(
            "team/app", image, key, predicate: Predicate, content: Vex(LibSsl, "under_investigation"));
        using var pulled = await known.Images.SendAsync("GET", $"/v2/team/app/manifests/{holder}", null, null, 200);
        var layer = JsonNode.Parse(await pulled.Content.ReadAsStringAsync(Stop))!["layers"]![0]!;
        using var blob = await known.Images.SendAsync(
            "GET", $"/v2/team/app/blobs/{layer["digest"]}", null, null, 200);
        var bundle = JsonNode.Parse(await blob.Content.ReadAsStringAsync(Stop))!.AsObject();
        var statement = LittleBundle.StatementFor(Digest.Parse(image));
        (statement["predicateType"], statement["predicate"]) = (Predicate, Vex(LibSsl));
        bundle["payload"] = Convert.ToBase64String(KeyTests.Bytes(statement));
        await signed.AttachAsync("team/app", image, KeyTests.BundleLayer(KeyTests.Bytes(bundle)));
        await signed.RunAsync();
        Assert.Equal(("", 1L, 1L, false), await SeeAsync("1"));
    }

    [Fact]
    public async Task What_an_owner_trusts_does_not_count_for_mandatory_policies()
    {
        var image = await PushAsync();
        await signed.TrustAsync("release", key, "team");
        await AttachAsync(image, Vex(LibSsl), "attestation");
        await signed.RunAsync();
        await AddPolicyAsync("""{"names":"team/**","maxSeverity":"high","isMandatory":false}""");
        Assert.Equal(("not_affected", 0L, 0L, false), await SeeAsync("1"));
        await AddPolicyAsync("""{"names":"team/**","maxSeverity":"high"}""");
        Assert.True((await SeeAsync("1")).IsRefused);

        // Nor does it count in another namespace, where the same image is.
        await known.Images.PushAsync("others/app", "1", Layer);
        var elsewhere = await known.Images.AskAsync("1/vulnerabilities?repository=others/app");
        Assert.Equal(1, elsewhere.GetProperty("counts").GetProperty("critical").GetInt64());
    }

    [Fact]
    public async Task What_is_said_of_another_image_does_not_count()
    {
        var image = await PushAsync();
        var other = await known.Images.PushAsync("team/app", "other", Other);
        await signed.TrustAsync("release", key);
        await AttachAsync(other, Vex(LibSsl), "attestation");
        await AttachAsync(image, Vex($"pkg:oci/app@{other}"), "attestation");
        await AttachAsync(image, Vex("pkg:oci/app?repository_url=other.example/app"), "artifact");
        await AttachAsync(image, Vex("pkg:deb/debian/libssl3@3.0.8-1"), "attestation");
        await AttachAsync(image, Vex("pkg:deb/ubuntu/libssl3"), "attestation");
        await AttachAsync(image, Vex(LibSsl, name: "CVE-2023-2"), "attestation");
        await signed.SignAsync("team/app", image, key, about: other, predicate: Predicate, content: Vex(LibSsl));
        await signed.RunAsync();
        Assert.Equal("", (await SeeAsync("1")).Vex);
        await AttachAsync(image, Vex($"pkg:oci/app@{image}", parts: LibSsl), "attestation");
        await signed.RunAsync();
        Assert.Equal("not_affected", (await SeeAsync("1")).Vex);
    }

    [Fact]
    public async Task What_is_said_of_an_index_counts_for_the_images_that_it_names()
    {
        var image = await PushAsync();
        var second = await known.Images.PushAsync("team/app", "2", Layer, Other);
        await known.CompareAsync("team/app:2");
        var index = await known.Images.PushIndexAsync(
            "team/app", "all", (image, """{"os":"linux","architecture":"amd64"}"""),
            (second, """{"os":"linux","architecture":"arm64"}"""));
        await signed.TrustAsync("release", key);
        await AttachAsync(index, Vex($"pkg:oci/app@{image}"), "attestation");
        await AttachAsync(index, Vex(LibSsl + "?arch=arm64"), "attestation");
        await signed.RunAsync();
        Assert.Equal(("not_affected", ""), ((await SeeAsync("1")).Vex, (await SeeAsync("2")).Vex));
        Assert.Equal(1, await CountAsync("all"));
        await AttachAsync(index, Vex(LibSsl, "fixed", time: "2024-02-01T00:00:00Z"), "artifact");
        await signed.RunAsync();
        Assert.Equal(("fixed", "fixed"), ((await SeeAsync("1")).Vex, (await SeeAsync("2")).Vex));
        Assert.Equal(0, await CountAsync("all"));
    }

    [Fact]
    public async Task What_is_said_of_an_image_overrides_the_data_and_what_was_said_before()
    {
        await File.WriteAllTextAsync(Path.Combine(known.Source, "vex.json"), Vex(LibSsl).ToJsonString(), Stop);
        var image = await PushAsync();
        await AddPolicyAsync("""{"names":"team/**","maxSeverity":"high"}""");
        Assert.Equal(("not_affected", 0L, 0L, false), await SeeAsync("1"));
        await signed.TrustAsync("release", key);
        await AttachAsync(image, Vex(LibSsl, "affected", time: "2024-02-01T00:00:00Z"), "attestation");
        await signed.RunAsync();
        Assert.Equal(("", 1L, 1L, true), await SeeAsync("1"));
        await AttachAsync(image, Vex(LibSsl, "fixed", time: "2024-03-01T00:00:00Z"), "attestation");
        await AttachAsync(image, Vex(LibSsl, "affected", time: "2024-01-15T00:00:00Z"), "artifact");
        await signed.RunAsync();
        Assert.Equal(("fixed", 0L, 0L, false), await SeeAsync("1"));
    }

    [Theory]
    [InlineData("garbage", "is not JSON")]
    [InlineData("""{"@context":"https://openvex.dev/ns","statements":[{"vulnerability":7,"products":"x"}]}""", null)]
    [InlineData("""{"a":1}""", "no VEX")]
    [InlineData("deep", "is not JSON")]
    [InlineData("many", "more than 5000 statements")]
    [InlineData("large", "too many")]
    public async Task A_document_that_can_not_be_read_does_not_count_and_the_signature_says_so(
        string document, string? fault)
    {
        var image = await PushAsync();
        await signed.TrustAsync("release", key);
        var content = document switch
        {
            "deep" => string.Concat(Enumerable.Repeat("[", 10_000)),
            "large" => Vex(LibSsl).ToJsonString() + new string(' ', 5 << 20),
            "many" => ManyStatements(),
            _ => document,
        };
        var artifact = await PushArtifactAsync(image, OpenVex, Encoding.UTF8.GetBytes(content));
        await signed.SignAsync("team/app", artifact, key);
        await signed.RunAsync();
        Assert.Equal(("", 1L, 1L, false), await SeeAsync("1"));
        var result = Assert.Single(
            (await signed.AskAsync("team/app", artifact)).GetProperty("items").EnumerateArray());
        Assert.Equal("verified", result.Of("verdict"));
        if (fault is not null) Assert.Contains(fault, result.GetProperty("warnings").ToString());
    }

    [Fact]
    public async Task A_document_of_CSAF_counts_too_and_what_is_gone_is_forgotten()
    {
        var image = await PushAsync();
        await signed.TrustAsync("release", key);
        var artifact = await PushArtifactAsync(image, "application/csaf+json", Encoding.UTF8.GetBytes(
            $$"""
            {"document":{"category":"csaf_vex","publisher":{"name":"Acme"},"tracking":{"id":"1"} },
            "product_tree":{"full_product_names":[{"product_id":"p","name":"libssl3",
            "product_identification_helper":{"purl":"{{LibSsl}}@3.0.9-1"} }]},
            "vulnerabilities":[{"cve":"CVE-2023-1","product_status":{"known_not_affected":["p"]} }]}
            """));
        await signed.SignAsync("team/app", artifact, key);
        await signed.RunAsync();
        Assert.Equal(("not_affected", 0L, 0L, false), await SeeAsync("1"));
        var found = await known.Images.SendAsync(
            "GET", "/api/v1/search/vulnerabilities?name=CVE-2023-1", null, null, 200);
        Assert.Contains("not_affected", await found.Content.ReadAsStringAsync(Stop));
        Assert.Equal(1, await RowsAsync());
        await signed.DeleteAsync("team/app", artifact);
        await known.Registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync("DELETE FROM trash_manifest"), false, Stop);
        var checking = known.Registry.Services.GetRequiredService<SignatureChecking>();
        await checking.SweepAsync(Stop);
        await signed.DistrustAsync("keys", "release");
        await signed.RunAsync();
        await checking.SweepAsync(Stop);
        Assert.Equal(0, await RowsAsync());
    }

    private async Task<string> PushAsync()
    {
        var image = await known.Images.PushAsync("team/app", "1", Layer);
        await known.CompareAsync("team/app:1");
        await known.TellAsync(OpenSsl);
        return image;
    }

    /// <summary>Attaches a signed document; returns the manifest that holds it.</summary>
    private async Task<string> AttachAsync(string subject, JsonObject vex, string how)
    {
        if (how == "attestation")
            return await signed.SignAsync("team/app", subject, key, predicate: Predicate, content: vex);
        var artifact = await PushArtifactAsync(subject, OpenVex, Bytes(vex));
        if (how == "artifact") await signed.SignAsync("team/app", artifact, key);
        else await signed.SignWithTagAsync("team/app", artifact, key);
        return artifact;
    }

    private async Task<string> PushArtifactAsync(string subject, string type, byte[] document) =>
        await signed.PushManifestAsync("team/app", null, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["artifactType"] = type,
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.empty.v1+json", await signed.PushBlobAsync("team/app", "{}"u8)),
            ["layers"] = new JsonArray(
                SignedImages.Describe(type, await signed.PushBlobAsync("team/app", document))),
            ["subject"] = SignedImages.Describe(MediaTypes.OciManifest, (subject, 2)),
        });

    internal static JsonObject Vex(
        string product, string status = "not_affected", string name = "CVE-2023-1", string? parts = null,
        string time = "2024-01-01T00:00:00Z")
    {
        var about = new JsonObject { ["@id"] = product };
        if (parts is not null) about["subcomponents"] = new JsonArray(new JsonObject { ["@id"] = parts });
        return new JsonObject
        {
            ["@context"] = Predicate,
            ["@id"] = "https://acme.example/vex",
            ["author"] = "Acme",
            ["timestamp"] = time,
            ["version"] = 1,
            ["statements"] = new JsonArray(new JsonObject
            {
                ["vulnerability"] = new JsonObject { ["name"] = name },
                ["products"] = new JsonArray(about),
                ["status"] = status,
                ["justification"] = "vulnerable_code_not_present",
            }),
        };
    }

    private static string ManyStatements()
    {
        var vex = Vex(LibSsl);
        var statements = vex["statements"]!.AsArray();
        for (var i = 0; i < 5_001; i++) statements.Add(statements[0]!.DeepClone());
        return vex.ToJsonString();
    }

    private static byte[] Bytes(JsonObject json) => Encoding.UTF8.GetBytes(json.ToJsonString());

    private async Task AddPolicyAsync(string policy)
    {
        using var answer = await known.Images.SendAsync(
            "POST", "/api/v1/policies", Encoding.UTF8.GetBytes(policy), "application/json", 201);
    }

    /// <summary>What is said of the vulnerability, how many there are in the answer and in the list of tags, and
    /// whether policies refuse the image.</summary>
    private async Task<(string Vex, long Count, long Listed, bool IsRefused)> SeeAsync(string tag)
    {
        var seen = await known.Images.AskAsync($"{tag}/vulnerabilities?repository=team/app");
        var item = seen.GetProperty("items").EnumerateArray().Single(one => one.Of("name") == "CVE-2023-1");
        var judged = await known.Images.AskAsync($"{tag}/policies?repository=team/app");
        return (
            item.TryGetProperty("vex", out var vex) ? vex.GetString()! : "",
            seen.GetProperty("counts").GetProperty("critical").GetInt64(), await CountAsync(tag),
            judged.GetProperty("isRefused").GetBoolean());
    }

    private async Task<long> CountAsync(string tag)
    {
        using var answer = await known.Images.SendAsync("GET", "/api/v1/tags?repository=team/app", null, null, 200);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement.GetProperty("items")
            .EnumerateArray().Single(one => one.Of("name") == tag)
            .GetProperty("vulnerabilities").GetProperty("critical").GetInt64();
    }

    private async Task<long?> RowsAsync() => await known.Registry.Services.GetRequiredService<Database>().ReadAsync(
        session => session.NumberAsync("SELECT count(*) FROM image_statement"), Stop);
}
