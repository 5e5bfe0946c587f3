using System.Text;
using System.Text.Json.Nodes;
using Berth.Signatures;
using Berth.Tests.Clients;

namespace Berth.Tests.Signatures;

/// <summary>
/// What cosign and notation sign in a registry is verified from what then lies there, with the verdicts of the programs
/// themselves: right, altered, by another key, and attached to another image.
/// </summary>
public sealed class ClientSignatureTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    private readonly ClientSignatures _signatures = new(client);

    [Theory]
    [InlineData("trixie", "sign")]
    [InlineData("trixie", "attest")]
    [InlineData("sid", "sign")]
    [InlineData("sid", "attest")]
    public async Task What_cosign_signs_is_judged_as_cosign_does(string suite, string command)
    {
        var (own, other) = (await GenerateKeyAsync(suite), await GenerateKeyAsync(suite));
        var (repository, ending) = ($"cosign/{suite}-{command}", command == "sign" ? ".sig" : ".att");
        var image = await PushAsync(repository, "signed");
        await CosignAsync(suite, await SignArgumentsAsync(suite, command, own, Reference(repository, image)));
        var signature = await _signatures.FindAsync(repository, image.Digest.Text, ending);

        var verified = await JudgeAsync(repository, image, own);
        Assert.Equal(SignatureKind.CosignKey, verified!.Kind);
        Assert.Equal(command == "sign" ? null : "https://spdx.dev/Document", verified.PredicateType);
        Assert.Null(await JudgeAsync(repository, image, other));

        // The same image elsewhere, with only the altered signature.
        var altered = await PushAsync($"{repository}-altered", "signed");
        await _signatures.AttachAsync($"{repository}-altered", altered, Alter(signature), ending);
        Assert.Null(await JudgeAsync($"{repository}-altered", altered, own));

        var another = await PushAsync($"{repository}-other", "another");
        await _signatures.AttachAsync($"{repository}-other", another, signature, ending);
        Assert.Null(await JudgeAsync($"{repository}-other", another, own));

        async Task<VerifiedSignature?> JudgeAsync(string where, SignedImage what, string key)
        {
            var trust = new Trust { Keys = [new TrustedKey("own", await ReadAsync($"{key}.pub"))] };
            var found = await _signatures.FindAsync(where, what.Digest.Text, ending);
            var verdict = SignatureVerification.Verify(what, found.Read(), trust, TimeProvider.System.GetUtcNow());
            var theirs = await client.TryRunAsync(
                client.Tools.Cosign(suite), VerifyArguments(command, key, Reference(where, what)));
            Compare(theirs, verdict);
            return verdict.Signature;
        }
    }

    [Fact]
    public async Task What_cosign_2_signs_as_a_referrer_is_verified()
    {
        var key = await GenerateKeyAsync("trixie");
        var image = await PushAsync("cosign/referrer", "signed");
        await client.RunAsync(
            "env", "COSIGN_EXPERIMENTAL=1", client.Tools.Cosign("trixie"), "sign",
            "--registry-referrers-mode=oci-1-1", "--key", $"{key}.key", "--tlog-upload=false",
            "--allow-http-registry", "--yes", Reference("cosign/referrer", image));
        var found = await _signatures.FindAsync("cosign/referrer", image.Digest.Text, ".none");
        var trust = new Trust { Keys = [new TrustedKey("own", await ReadAsync($"{key}.pub"))] };
        var verdict = SignatureVerification.Verify(image, found.Read(), trust, TimeProvider.System.GetUtcNow());
        Assert.Equal("own", verdict.Signature!.Signer);
    }

    [Theory]
    [InlineData("jws")]
    [InlineData("cose")]
    public async Task What_notation_signs_is_judged_as_notation_does(string format)
    {
        var (own, other) = ($"own-{format}.test", $"other-{format}.test");
        foreach (var name in (string[])[own, other]) await NotationAsync("cert", "generate-test", name);
        var repository = $"notation/{format}";
        var image = await PushAsync(repository, "signed");
        await NotationAsync(
            "sign", "--insecure-registry", "--key", own, "--signature-format", format, Reference(repository, image));
        var signature = await _signatures.FindAsync(repository, image.Digest.Text, "");

        var verified = await JudgeAsync(repository, image, own);
        Assert.Equal(SignatureKind.Notation, verified!.Kind);
        Assert.Contains($"CN={own}", verified.Signer, StringComparison.Ordinal);
        Assert.Null(await JudgeAsync(repository, image, other));

        var altered = await PushAsync($"{repository}-altered", "signed");
        await _signatures.AttachAsync($"{repository}-altered", altered, Alter(signature), "");
        Assert.Null(await JudgeAsync($"{repository}-altered", altered, own));

        var another = await PushAsync($"{repository}-other", "another");
        await _signatures.AttachAsync($"{repository}-other", another, signature, "");
        Assert.Null(await JudgeAsync($"{repository}-other", another, own));

        async Task<VerifiedSignature?> JudgeAsync(string where, SignedImage what, string trusted)
        {
            var settings = Path.Combine(client.Environment["XDG_CONFIG_HOME"], "notation");
            await File.WriteAllTextAsync(
                Path.Combine(settings, "trustpolicy.json"), PolicyFor(trusted), TestContext.Current.CancellationToken);
            var pem = await ReadAsync(Path.Combine(settings, "truststore/x509/ca", trusted, $"{trusted}.crt"));
            var trust = new Trust
            {
                Policies = NotationPolicy.ParseAll(Encoding.UTF8.GetBytes(PolicyFor(trusted))),
                Stores = [NotationStore.Parse(NotationStoreType.Ca, trusted, pem)],
            };
            var found = await _signatures.FindAsync(where, what.Digest.Text, "");
            var verdict = SignatureVerification.Verify(what, found.Read(), trust, TimeProvider.System.GetUtcNow());
            var theirs = await client.TryRunAsync(
                client.Tools.Notation, "verify", "--insecure-registry", Reference(where, what));
            Compare(theirs, verdict);
            return verdict.Signature;
        }
    }

    private static void Compare(ProgramRun theirs, SignatureVerdict verdict) => Assert.True(
        theirs.ExitCode == 0 == verdict.Fault is null, $"{verdict.Fault?.Reason ?? "verified"}: {theirs.Error}");

    private static string PolicyFor(string store) => $$"""
        {
          "version": "1.0",
          "trustPolicies": [{
            "name": "all",
            "registryScopes": ["*"],
            "signatureVerification": {"level": "strict"},
            "trustStores": ["ca:{{store}}"],
            "trustedIdentities": ["*"]
          }]
        }
        """;

    /// <summary>Changes one byte of the signature itself, wherever the format has it.</summary>
    private static ClientSignature Alter(ClientSignature signature)
    {
        if (signature.MediaType == CosignLayer.PayloadType)
        {
            var manifest = signature.Manifest.DeepClone().AsObject();
            var annotations = manifest["layers"]![0]!["annotations"]!;
            annotations["dev.cosignproject.cosign/signature"] =
                Flip((string)annotations["dev.cosignproject.cosign/signature"]!);
            return signature with { Manifest = manifest };
        }

        if (signature.MediaType == CoseEnvelope.MediaType)
        {
            var bytes = signature.Content.ToArray();
            bytes[^1] ^= 1;
            return signature with { Content = bytes };
        }

        var json = JsonNode.Parse(signature.Content)!;
        var (signed, name) = signature.MediaType == JwsEnvelope.MediaType
            ? (json, "signature") : ((json["dsseEnvelope"] ?? json)["signatures"]![0]!, "sig");
        signed[name] = Flip((string)signed[name]!);
        return signature with { Content = Encoding.UTF8.GetBytes(json.ToJsonString()) };
    }

    /// <summary>In the middle, so that the text stays base64 of a signature's form.</summary>
    private static string Flip(string base64) =>
        base64[..40] + (base64[40] == 'A' ? 'B' : 'A') + base64[41..];

    private static string[] VerifyArguments(string command, string key, string image) =>
    [
        command == "sign" ? "verify" : "verify-attestation", "--key", $"{key}.pub", "--insecure-ignore-tlog",
        "--allow-http-registry", .. command == "sign" ? (string[])[] : ["--type=spdxjson"], image,
    ];

    private static Task<string> ReadAsync(string path) =>
        File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);

    private async Task<string[]> SignArgumentsAsync(string suite, string command, string key, string image)
    {
        var parts = client.NewPath("parts");
        await File.WriteAllTextAsync(
            parts, """{"spdxVersion":"SPDX-2.3","name":"parts"}""", TestContext.Current.CancellationToken);

        // Version 3 would ask a public service how to sign; version 2 does not know the option.
        return
        [
            command, "--key", $"{key}.key", "--tlog-upload=false", "--allow-http-registry", "--yes",
            .. suite == "sid" ? (string[])["--use-signing-config=false"] : [],
            .. command == "sign" ? (string[])[] : ["--type=spdxjson", "--predicate", parts],
            image,
        ];
    }

    private string Reference(string repository, SignedImage image) =>
        $"{client.Address}/{repository}@{image.Digest.Text}";

    private async Task<SignedImage> PushAsync(string repository, string words)
    {
        var layout = OciLayout.Write(client.NewPath("layout"), words);
        await client.RunAsync(client.Tools.Crane, "push", layout.Folder, $"{client.Address}/{repository}:1");
        return await _signatures.ImageAsync(repository, layout.Digest);
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
