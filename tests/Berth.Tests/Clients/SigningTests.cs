using System.Text.Json.Nodes;

namespace Berth.Tests.Clients;

/// <summary>cosign, with signatures as tags and as referrers, and notation.</summary>
public sealed class SigningTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    [Theory]
    [InlineData("trixie")]
    [InlineData("sid")]
    public async Task Cosign_signs_an_image_and_finds_its_signature(string suite)
    {
        var image = await PushAsync($"cosign/{suite}", "signed");
        var key = await GenerateKeyAsync(suite);
        var unsigned = await client.TryRunAsync(client.Tools.Cosign(suite), VerifyArguments("verify", key, image));
        Assert.NotEqual(0, unsigned.ExitCode);

        await CosignAsync(suite, SignArguments(suite, "sign", key, image));
        var verified = await CosignAsync(suite, VerifyArguments("verify", key, image));
        Assert.Contains(image.Split('@')[1], verified, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("trixie")]
    [InlineData("sid")]
    public async Task Cosign_attests_a_list_of_parts_and_finds_it(string suite)
    {
        var image = await PushAsync($"cosign/{suite}-attested", "attested");
        var (key, parts) = (await GenerateKeyAsync(suite), client.NewPath("parts"));
        await File.WriteAllTextAsync(
            parts, """{"spdxVersion":"SPDX-2.3","name":"parts"}""", TestContext.Current.CancellationToken);
        await CosignAsync(
            suite, [.. SignArguments(suite, "attest", key, image), "--type=spdxjson", "--predicate", parts]);
        var verified = await CosignAsync(
            suite, [.. VerifyArguments("verify-attestation", key, image), "--type=spdxjson"]);
        Assert.Contains("payload", verified, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Notation_signs_an_image_and_verifies_it()
    {
        var image = await PushAsync("notation/app", "notation");
        var settings = Path.Combine(client.Environment["XDG_CONFIG_HOME"], "notation");
        await NotationAsync("cert", "generate-test", "--default", "berth.test");
        await File.WriteAllTextAsync(Path.Combine(settings, "trustpolicy.json"), """
            {
              "version": "1.0",
              "trustPolicies": [{
                "name": "all",
                "registryScopes": ["*"],
                "signatureVerification": {"level": "strict"},
                "trustStores": ["ca:berth.test"],
                "trustedIdentities": ["*"]
              }]
            }
            """, TestContext.Current.CancellationToken);
        var unsigned = await client.TryRunAsync(client.Tools.Notation, "verify", "--insecure-registry", image);
        Assert.NotEqual(0, unsigned.ExitCode);

        await NotationAsync("sign", "--insecure-registry", image);
        await NotationAsync("verify", "--insecure-registry", image);
        var list = await NotationAsync("ls", "--insecure-registry", image);
        Assert.Contains("application/vnd.cncf.notary.signature", list, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_signature_is_listed_among_the_referrers_and_deleted()
    {
        var image = await PushAsync("cosign/listed", "listed");
        await CosignAsync("sid", SignArguments("sid", "sign", await GenerateKeyAsync("sid"), image));
        var found = JsonNode.Parse(await client.RunAsync(
            client.Tools.Oras, "discover", "--plain-http", "--format=json", image));
        var signature = found!["manifests"]!.AsArray().Single()!;
        Assert.Equal("application/vnd.dev.sigstore.bundle.v0.3+json", (string?)signature["artifactType"]);

        var digest = (string)signature["digest"]!;
        await client.RunAsync(client.Tools.Crane, "delete", $"{client.Address}/cosign/listed@{digest}");
        Assert.Null(await client.DigestAsync("cosign/listed", digest));
    }

    private static string[] SignArguments(string suite, string command, string key, string image)
    {
        // Version 3 would ask a public service how to sign; version 2 does not know the option.
        string[] offline = suite == "sid" ? ["--use-signing-config=false"] : [];
        return
        [
            command, "--key", $"{key}.key", "--tlog-upload=false", "--allow-http-registry", "--yes", .. offline, image,
        ];
    }

    private static string[] VerifyArguments(string command, string key, string image) =>
        [command, "--key", $"{key}.pub", "--insecure-ignore-tlog", "--allow-http-registry", image];

    private async Task<string> PushAsync(string repository, string words)
    {
        var layout = OciLayout.Write(client.NewPath("layout"), $"{repository} {words}");
        await client.RunAsync(client.Tools.Crane, "push", layout.Folder, $"{client.Address}/{repository}:1");
        return $"{client.Address}/{repository}@{layout.Digest}";
    }

    private async Task<string> GenerateKeyAsync(string suite)
    {
        var key = client.NewPath("key");
        await CosignAsync(suite, "generate-key-pair", "--output-key-prefix", key);
        return key;
    }

    private Task<string> CosignAsync(string suite, params IEnumerable<string> arguments) =>
        client.RunAsync(client.Tools.Cosign(suite), arguments);

    private Task<string> NotationAsync(params IEnumerable<string> arguments) =>
        client.RunAsync(client.Tools.Notation, arguments);
}
