using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Metadata;
using Berth.Oci;
using Berth.Signatures;
using Berth.Tests.Api;
using Berth.Tests.Lifecycle;
using Berth.Tests.Signatures;
using Berth.Verifying;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Verifying;

/// <summary>
/// Signatures that are pushed are verified by what is trusted, and nothing else makes an image signed.
/// </summary>
[Inside]
public sealed class SignatureTests : IAsyncLifetime
{
    private readonly ApiRegistry api = new();
    private readonly SigningKey key = new();
    private SignedImages images = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await api.InitializeAsync();
        images = new SignedImages(api);
    }

    public ValueTask DisposeAsync() => api.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_signature_counts_as_long_as_its_key_is_trusted(bool isTag)
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        var signature = isTag
            ? await images.SignWithTagAsync("acme/app", image, key) : await images.SignAsync("acme/app", image, key);
        var seen = await images.SeeAsync("acme/app", "1");
        Assert.False(seen.GetProperty("isVerified").GetBoolean());
        Assert.Equal(("untrusted", "nothing is trusted here"), VerdictOf(seen));
        Assert.Equal(signature, Only(seen).GetProperty("artifact").GetString());
        Assert.Equal(isTag, Only(seen).TryGetProperty("tag", out var tag) && tag.ValueKind == JsonValueKind.String);

        await images.TrustAsync("other", new SigningKey());
        Assert.Equal(
            ("untrusted", "no trusted key made this signature"), VerdictOf(await images.SeeAsync("acme/app", "1")));

        await images.TrustAsync("release", key);
        seen = await images.SeeAsync("acme/app", image);
        Assert.True(seen.GetProperty("isVerified").GetBoolean());
        Assert.Equal(("verified", null), VerdictOf(seen));
        Assert.Equal(
            ("cosign-key", "release", "release"),
            (Text(seen, "kind"), Text(seen, "signer"), Text(seen, "trustedBy")));

        const string Page = "/r/acme/app:1/-/referrers";
        Assert.Contains("Signed by release", await images.PageAsync(Page));

        // From this moment on it does not count, even before it is verified again.
        await images.DistrustAsync("keys", "release");
        Assert.False((await images.AskAsync("acme/app", "1")).GetProperty("isVerified").GetBoolean());
        Assert.Equal("untrusted", VerdictOf(await images.SeeAsync("acme/app", "1")).Verdict);
        var page = await images.PageAsync(Page);
        Assert.Contains("no trusted key made this signature", page);
        Assert.DoesNotContain("Signed by release", page);
    }

    [Fact]
    public async Task What_is_verified_counts_on_while_more_is_trusted()
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.SignAsync("acme/app", image, key);
        await images.TrustAsync("release", key);
        await images.SeeAsync("acme/app", "1");

        await images.TrustAsync("other", new SigningKey());
        await images.TrustAsync("own", new SigningKey(), "acme");
        Assert.Equal("verified", VerdictOf(await images.AskAsync("acme/app", "1")).Verdict);
        await images.HastenAsync();
        Assert.Equal("verified", VerdictOf(await images.AskAsync("acme/app", "1")).Verdict);

        // That is no reason to believe what is to be taken back.
        await images.DistrustAsync("keys", "other");
        Assert.Equal("pending", VerdictOf(await images.AskAsync("acme/app", "1")).Verdict);
        await images.HastenAsync();
        Assert.Equal("pending", VerdictOf(await images.AskAsync("acme/app", "1")).Verdict);
        Assert.Equal("verified", VerdictOf(await images.SeeAsync("acme/app", "1")).Verdict);
    }

    [Fact]
    public async Task What_the_registry_trusts_does_not_wait_for_what_a_namespace_trusts()
    {
        var own = new SigningKey();
        await images.TrustAsync("release", key);
        await images.TrustAsync("release", key, "acme", "ann");
        await images.TrustAsync("own", own, "acme", "ann");
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.SignTwiceWithTagAsync("acme/app", image, own, key);
        Assert.Equal(["verified", "verified"], Verdicts(await images.SeeAsync("acme/app", "1", count: 2)));
        for (var round = 0; round < 2; round++)
        {
            // What only the namespace trusted does not count from this moment on.
            if (round == 0) await images.DistrustAsync("keys", "own", "acme", "ann");
            else await images.DistrustAsync("keys", "release", "acme", "ann");
            foreach (var isHastened in new[] { false, true })
            {
                if (isHastened) await images.HastenAsync();
                var seen = await images.AskAsync("acme/app", "1");
                Assert.True(seen.GetProperty("isVerified").GetBoolean());
                Assert.Equal(("verified", "release"), (VerdictOf(seen, 0), seen.GetProperty("items")[0].Of("signer")));
                Assert.False(HasNamespace(seen));
                Assert.Equal("release", Assert.Single(await VerifiedAsync("acme/app", image)).Result!.Signer);
                if (round == 0) Assert.Equal(["verified", "pending"], Verdicts(seen));
            }

            Assert.Equal(["verified", "untrusted"], Verdicts(await images.SeeAsync("acme/app", "1", count: 2)));
        }

        static string?[] Verdicts(JsonElement seen) =>
            [.. seen.GetProperty("items").EnumerateArray().Select(one => one.GetProperty("verdict").GetString())];
        static string? VerdictOf(JsonElement seen, int at) => Verdicts(seen)[at];
        static bool HasNamespace(JsonElement seen) => seen.GetProperty("items").EnumerateArray().Any(
            one => one.TryGetProperty("trustedIn", out var space) && space.ValueKind == JsonValueKind.String);
    }

    [Fact]
    public async Task What_is_not_verified_waits_while_more_is_trusted()
    {
        await images.TrustAsync("other", new SigningKey());
        await images.SignAsync("acme/app", await images.PushAsync("acme/app", "1", "an image"), key);
        Assert.Equal("untrusted", VerdictOf(await images.SeeAsync("acme/app", "1")).Verdict);
        await images.TrustAsync("release", key);
        Assert.Equal("pending", VerdictOf(await images.AskAsync("acme/app", "1")).Verdict);
        await images.HastenAsync();
        Assert.Equal("pending", VerdictOf(await images.AskAsync("acme/app", "1")).Verdict);
        Assert.Equal("verified", VerdictOf(await images.SeeAsync("acme/app", "1")).Verdict);
    }

    [Fact]
    public async Task What_a_namespace_trusts_counts_only_there()
    {
        foreach (var repository in new[] { "acme/app", "team/app" })
            await images.SignAsync(repository, await images.PushAsync(repository, "1", "an image"), key);
        await images.TrustAsync("release", key, "acme", "ann");
        var seen = await images.SeeAsync("acme/app", "1");
        Assert.Equal(("verified", "acme"), (VerdictOf(seen).Verdict, Text(seen, "trustedIn")));
        Assert.Equal("nothing is trusted here", VerdictOf(await images.SeeAsync("team/app", "1")).Reason);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_signature_of_another_image_fails(bool isTag)
    {
        await images.TrustAsync("release", key);
        var (image, other) = (
            await images.PushAsync("acme/app", "1", "an image"), await images.PushAsync("acme/app", "2", "another"));
        if (isTag) await images.SignWithTagAsync("acme/app", other, key, about: image);
        else await images.SignAsync("acme/app", other, key, about: image);
        var (verdict, reason) = VerdictOf(await images.SeeAsync("acme/app", "2"));
        Assert.Equal(("failed", $"it is about {image}, not this image"), (verdict, reason));
    }

    [Fact]
    public async Task A_signature_of_an_index_covers_its_images()
    {
        await images.TrustAsync("release", key);
        var child = await images.PushAsync("acme/app", "1", "an image");
        var index = await images.PushIndexAsync("acme/app", "all", child);
        await images.SignAsync("acme/app", index, key);
        var seen = await images.SeeAsync("acme/app", "1");
        Assert.Equal(("verified", index), (VerdictOf(seen).Verdict, Text(seen, "index")));
        var found = Assert.Single(await VerifiedAsync("acme/app", child));
        Assert.Equal("release", found.Result!.Signer);

        // What the index does not have is not signed by it, nor what is elsewhere.
        Assert.Empty(await VerifiedAsync("acme/app", await images.PushAsync("acme/app", "2", "another")));
        Assert.Empty(await VerifiedAsync("team/app", await images.PushAsync("team/app", "1", "an image")));
        await images.DeleteAsync("acme/app", index);
        Assert.Empty(await VerifiedAsync("acme/app", child));
    }

    [Fact]
    public async Task An_attestation_does_not_make_an_image_signed()
    {
        await images.TrustAsync("release", key);
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.SignAsync("acme/app", image, key, predicate: "https://example.com/scan");
        var seen = await images.SeeAsync("acme/app", "1");
        Assert.Equal(("verified", "https://example.com/scan"), (VerdictOf(seen).Verdict, Text(seen, "predicateType")));
        Assert.False(seen.GetProperty("isVerified").GetBoolean());
    }

    [Fact]
    public async Task A_provenance_that_is_verified_tells_who_states_it()
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.SignAsync(
            "acme/app", image, key, predicate: "https://slsa.dev/provenance/v1", content: JsonNode.Parse(
                """
                {"buildDefinition":{"externalParameters":{"workflow":{"repository":"https://git.example/acme/app",
                "ref":"refs/tags/v1","path":".ci/build.yml"}}},"runDetails":{"builder":{"id":"https://ci.example"}}}
                """));
        await images.SeeAsync("acme/app", "1");
        Assert.DoesNotContain("verifiedBy", (await StatementAsync()).GetRawText());

        await images.TrustAsync("release", key);
        await images.SeeAsync("acme/app", "1");
        var said = await StatementAsync();
        Assert.Equal(("release", "release"), (said.Of("verifiedBy"), said.Of("trustedBy")));
        var built = said.GetProperty("provenance");
        Assert.Equal(
            ("https://git.example/acme/app", "refs/tags/v1", ".ci/build.yml", "https://ci.example"),
            (built.Of("source"), built.Of("ref"), built.Of("file"), built.Of("builder")));
        var page = await images.PageAsync("/r/acme/app:1/-/referrers");
        Assert.Contains("Attested by <strong>release", page);
        Assert.Contains("refs/tags/v1", page);
        Assert.DoesNotContain("not verified", page);

        async Task<JsonElement> StatementAsync() =>
            (await api.AskAsync("admin", "GET", "/images/1/referrers?repository=acme/app")).Is(200).Json
                .GetProperty("items")[0].GetProperty("statements")[0];
    }

    [Fact]
    public async Task Of_many_signatures_in_one_manifest_each_has_its_verdict()
    {
        await images.TrustAsync("release", key);
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.SignTwiceWithTagAsync("acme/app", image, new SigningKey(), key);
        var seen = await images.SeeAsync("acme/app", "1", count: 2);
        Assert.Equal(
            ["verified", "untrusted"],
            seen.GetProperty("items").EnumerateArray().Select(one => one.GetProperty("verdict").GetString()));
    }

    [Fact]
    public async Task A_keyless_signature_counts_by_its_identity()
    {
        var sigstore = new LittleSigstore();
        var bundle = new LittleBundle(sigstore, LittleKind.Envelope);
        await images.PushManifestAsync("acme/app", "1", LittleBundle.Content, "application/vnd.example.image");
        await images.AttachAsync(
            "acme/app", LittleBundle.Signed.Digest.Text, KeyTests.BundleLayer(KeyTests.Bytes(bundle.Bundle)));
        await images.TrustAsync(
            "roots", "little", new JsonObject { ["content"] = sigstore.TrustRoot().ToJsonString() });
        Assert.Equal("nothing is trusted here", VerdictOf(await images.SeeAsync("acme/app", "1")).Reason);
        await images.TrustAsync(
            "identities", "workflow",
            new JsonObject { ["issuer"] = LittleIdentity.TokenIssuer, ["subject"] = "https://forge.example/acme/**" },
            "acme", "ann");
        var seen = await images.SeeAsync("acme/app", "1");
        Assert.Equal(("verified", null), VerdictOf(seen));
        Assert.Equal(
            ("cosign-keyless", LittleIdentity.Workflow, LittleIdentity.TokenIssuer, "log"),
            (Text(seen, "kind"), Text(seen, "signer"), Text(seen, "issuer"), Text(seen, "timeSource")));
        Assert.Equal(LittleBundle.PredicateType, Text(seen, "predicateType"));
    }

    [Fact]
    public async Task A_signature_of_notary_project_counts_by_a_policy()
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        var size = (await api.AskAsync("admin", "GET", "/images/1/manifest?repository=acme/app")).Is(200).Text.Length;
        var target = new JsonObject
        {
            ["mediaType"] = MediaTypes.OciManifest,
            ["digest"] = image,
            ["size"] = size,
        };
        await images.AttachAsync("acme/app", image, new LittleNotation { Target = target }.Layer(isCose: true));
        await images.TrustAsync("stores", "ca:acme", new JsonObject
        {
            ["content"] = LittleNotation.Root.ExportCertificatePem(),
        });
        await images.TrustAsync("policies", "all", new JsonObject
        {
            ["content"] = """
                {"version":"1.0","trustPolicies":[{"name":"ours","registryScopes":["*"],
                "signatureVerification":{"level":"strict"},"trustStores":["ca:acme"],"trustedIdentities":["*"]}]}
                """,
        });
        var seen = await images.SeeAsync("acme/app", "1");
        Assert.Equal(("verified", null), VerdictOf(seen));
        Assert.Equal(("notation", "ours"), (Text(seen, "kind"), Text(seen, "trustedBy")));
    }

    [Fact]
    public async Task A_signature_that_is_deleted_is_gone()
    {
        await images.TrustAsync("release", key);
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.SignWithTagAsync("acme/app", image, key);
        var signature = await images.SignAsync("acme/app", image, key);
        await images.SeeAsync("acme/app", "1", count: 2);
        await images.DeleteAsync("acme/app", signature);
        Assert.Single((await images.AskAsync("acme/app", "1")).GetProperty("items").EnumerateArray());
        await images.DeleteAsync("acme/app", image.Replace(':', '-') + ".sig");
        Assert.Empty((await images.AskAsync("acme/app", "1")).GetProperty("items").EnumerateArray());

        // The tag's row goes, and that of the trash only with it.
        await api.Registry.Services.GetRequiredService<SignatureChecking>().SweepAsync(Stop);
        Assert.Equal(1, await NumberAsync("SELECT count(*) FROM signed_artifact"));
    }

    [Fact]
    public async Task A_signature_that_can_not_be_read_keeps_no_other_from_being_verified()
    {
        await images.TrustAsync("release", key);
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.AttachAsync("acme/app", image, KeyTests.BundleLayer("{\"\\ud800\":\0"u8.ToArray()));
        await images.SignAsync("acme/app", image, key);
        var seen = await images.SeeAsync("acme/app", "1", count: 2);
        Assert.Equal(
            ["verified", "failed"],
            seen.GetProperty("items").EnumerateArray().Select(one => one.GetProperty("verdict").GetString()));

        // One that kills its reader is given up.
        await WriteAsync("UPDATE signed_artifact SET attempts = 3, state = 'waiting', due_at = 0");
        seen = await images.SeeAsync("acme/app", "1", count: 2);
        Assert.All(
            seen.GetProperty("items").EnumerateArray(),
            one => Assert.Equal("it could not be verified", one.GetProperty("reason").GetString()));
        Assert.False(seen.GetProperty("isVerified").GetBoolean());
    }

    /// <summary>The tables are not in backups, and signatures came before them.</summary>
    [Fact]
    public async Task Signatures_that_nobody_noted_are_found()
    {
        await images.TrustAsync("release", key);
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.SignWithTagAsync("acme/app", image, key);
        await images.SignAsync("acme/app", image, key);
        await WriteAsync("DELETE FROM signed_artifact");
        Assert.Empty((await images.AskAsync("acme/app", "1")).GetProperty("items").EnumerateArray());
        await api.Registry.Services.GetRequiredService<SignatureChecking>().SweepAsync(Stop);
        Assert.True((await images.SeeAsync("acme/app", "1", count: 2)).GetProperty("isVerified").GetBoolean());
    }

    [Fact]
    public async Task A_signature_waits_for_its_image()
    {
        await images.TrustAsync("release", key);
        var image = await images.PushAsync("team/app", "1", "an image");
        await images.SignAsync("acme/app", image, key);
        await images.RunAsync();
        await images.PushAsync("acme/app", "1", "an image");
        Assert.Equal("pending", VerdictOf(await images.AskAsync("acme/app", "1")).Verdict);
        await WriteAsync("UPDATE signed_artifact SET due_at = 0");
        Assert.Equal("verified", VerdictOf(await images.SeeAsync("acme/app", "1")).Verdict);
    }

    [Fact]
    public async Task What_is_no_signature_is_not_told()
    {
        var image = await images.PushAsync("acme/app", "1", "an image");
        await images.AttachAsync("acme/app", image, new SignatureLayer("application/spdx+json", KeyTests.None, "{}"u8
            .ToArray()));
        await images.SeeAsync("acme/app", "1", count: 0);
        Assert.Equal(1, await NumberAsync("SELECT count(*) FROM signed_artifact WHERE state = 'none'"));
    }

    private async Task<IReadOnlyList<FoundSignature>> VerifiedAsync(string repository, string digest) =>
        await api.Registry.Services.GetRequiredService<SignatureResults>()
            .OfAsync(RepositoryName.Parse(repository), Digest.Parse(digest), Stop);

    private static JsonElement Only(JsonElement seen) => Assert.Single(seen.GetProperty("items").EnumerateArray());

    private static string? Text(JsonElement seen, string field) => Only(seen).GetProperty(field).GetString();

    private static (string? Verdict, string? Reason) VerdictOf(JsonElement seen) => (
        Text(seen, "verdict"), Only(seen).TryGetProperty("reason", out var reason) ? reason.GetString() : null);

    private async Task<long?> NumberAsync(string sql) =>
        await Database.ReadAsync(session => session.NumberAsync(sql), Stop);

    private Task<int> WriteAsync(string sql) =>
        Database.WriteAsync(session => session.RunAsync(sql), isDurable: false, Stop);

    private Database Database => api.Registry.Services.GetRequiredService<Database>();
}
