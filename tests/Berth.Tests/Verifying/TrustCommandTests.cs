using Berth.Tests.Api;
using Berth.Tests.Cli;
using Berth.Tests.Signatures;

namespace Berth.Tests.Verifying;

/// <summary><c>berth trust</c> and <c>berth verify-signature</c>, and the page about them.</summary>
[Inside]
public sealed class TrustCommandTests
{
    [Fact]
    public async Task The_commands_of_the_page_on_signatures_work_as_they_stand()
    {
        await using var api = new ApiRegistry();
        await api.InitializeAsync();
        var (images, key) = (new SignedImages(api), new SigningKey());
        var image = await images.PushAsync("acme/app", "1.0", "an image");
        await images.SignAsync("acme/app", image, key);
        var folder = Directory.CreateTempSubdirectory("berth-trust-").FullName;
        await WriteAsync("cosign.pub", key.Pem);
        await WriteAsync("trusted_root.json", new LittleSigstore().TrustRoot().ToJsonString());
        await WriteAsync("ca.pem", LittleNotation.Root.ExportCertificatePem());
        await WriteAsync(
            "trustpolicy.json",
            """
            {"version":"1.0","trustPolicies":[{"name":"ours","registryScopes":["*"],
            "signatureVerification":{"level":"strict"},"trustStores":["ca:acme"],"trustedIdentities":["*"]}]}
            """);
        var command = new AccountCommand(api.Registry);
        var before = (await command.RunAsync("verify-signature", "acme/app:1.0")).Is(1);
        Assert.Contains("nobody who is trusted signed this image", before.Errors);

        var blocks = DocumentedCommandTests.BlocksOf("docs/signatures.md");
        Assert.Equal(2, blocks.Count);
        var said = await RunAsync(api, folder, blocks[0]);
        Assert.Contains("release is trusted now, in acme.", said);
        Assert.Contains("notation is no longer trusted in the whole registry.", said);
        Assert.Contains(key.Pem.Trim(), said);
        Assert.Contains(
            "https://github.com/acme/**",
            (await command.RunAsync("trust", "identity", "show", "workflows", "--namespace", "acme")).Is(0).Output);
        Assert.Contains(
            "CERTIFICATE", (await command.RunAsync("trust", "store", "show", "ca:acme")).Is(0).Output);
        (await command.RunAsync("trust", "key", "show", "nobody")).Is(1);
        await images.SeeAsync("acme/app", "1.0");
        said = await RunAsync(api, folder, blocks[1]);
        Assert.Contains("verified: signed by release (cosign-key release)", said);
        Assert.Contains("\"isVerified\":true", said);

        await images.DistrustAsync("keys", "release", "acme");
        await images.DistrustAsync("keys", "release");
        await images.SeeAsync("acme/app", "1.0");
        var after = (await command.RunAsync("verify-signature", "acme/app:1.0")).Is(1);
        Assert.StartsWith("untrusted: ", after.Output);
        Directory.Delete(folder, recursive: true);

        Task WriteAsync(string name, string text) =>
            File.WriteAllTextAsync(Path.Combine(folder, name), text, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task What_cannot_be_added_or_asked_is_said_plainly()
    {
        await using var api = new ApiRegistry();
        await api.InitializeAsync();
        var command = new AccountCommand(api.Registry);
        var none = await command.RunAsync("trust", "root", "add", "sigstore", "--file", "nofile.json");
        Assert.Equal("berth trust root add: there is no file 'nofile.json'\n", none.Is(2).Errors);
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, new SigningKey().Pem, TestContext.Current.CancellationToken);
        Assert.Contains(
            "it has a public key, not certificates: a store takes certificates (PEM)",
            (await command.RunAsync("trust", "store", "add", "ca:acme", "--file", file)).Is(1).Errors);
        File.Delete(file);
        Assert.Contains("BERTH_PASSWORD is empty", (await command.AskAsync("ann", "", "trust", "key", "list")).Errors);
    }

    private static Task<string> RunAsync(ApiRegistry api, string folder, string block) =>
        DocumentedCommandTests.RunAsync(
            api.Registry,
            $$"""
            cd {{folder}}
            berth() { {{string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path))}} "$@"; }
            curl() { command curl --fail-with-body -sS "$@"; }
            {{block
                .Replace("https://registry.example.com", api.Registry.BaseAddress.ToString().TrimEnd('/'))
                .Replace("-u ann", $"-u 'admin:{ApiRegistry.Password}'", StringComparison.Ordinal)}}
            """);
}
