using System.Text;
using System.Text.Json.Nodes;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Clients;

namespace Berth.Tests.Verifying;

/// <summary>What cosign 2, cosign 3 and notation sign with their keys, the registry itself verifies by its trust.
/// </summary>
[Inside, Once]
public sealed class ClientTrustTests(ApiRegistry api) : IClassFixture<ApiRegistry>, IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    private readonly string folder = Directory.CreateTempSubdirectory("berth-trust-").FullName;
    private readonly SignedImages images = new(api);
    private ClientTools tools = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Address => api.Registry.BaseAddress.Authority;

    public async ValueTask InitializeAsync()
    {
        tools = await ClientTools.ReadyAsync();
        var auth = Convert.ToBase64String(Encoding.UTF8.GetBytes($"admin:{ApiRegistry.Password}"));
        await WriteAsync("config.json", $$"""{"auths":{"{{Address}}":{"auth":"{{auth}}"} } }""");
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData("trixie")]
    [InlineData("sid")]
    public async Task An_image_that_cosign_signed_is_signed_by_the_key_that_is_trusted(string suite)
    {
        var cosign = tools.Cosign(suite);
        await RunAsync(cosign, "generate-key-pair", "--output-key-prefix", $"{suite}-own");
        await RunAsync(cosign, "generate-key-pair", "--output-key-prefix", $"{suite}-other");
        var image = await PushAsync($"acme/{suite}");
        string[] options =
        [
            "--tlog-upload=false", "--allow-http-registry", "--yes",
            .. suite == "sid" ? (string[])["--use-signing-config=false"] : [],
        ];
        await RunAsync(cosign, ["sign", "--key", $"{suite}-own.key", .. options, image]);
        var untrusted = await images.SeeAsync($"acme/{suite}", "1");
        Assert.False(untrusted.GetProperty("isVerified").GetBoolean());

        await TrustKeyAsync(suite, "other");
        untrusted = await images.SeeAsync($"acme/{suite}", "1");
        Assert.Equal("untrusted", untrusted.GetProperty("items")[0].GetProperty("verdict").GetString());
        await TrustKeyAsync(suite, "own");
        var trusted = await images.SeeAsync($"acme/{suite}", "1");
        Assert.True(trusted.GetProperty("isVerified").GetBoolean());
        Assert.Equal($"{suite}-own", trusted.GetProperty("items")[0].GetProperty("signer").GetString());
    }

    [Theory]
    [InlineData("jws")]
    [InlineData("cose")]
    public async Task An_image_that_notation_signed_is_signed_as_the_policy_says(string format)
    {
        var key = $"own-{format}.test";
        await RunAsync(tools.Notation, "cert", "generate-test", key);
        var image = await PushAsync($"acme/{format}");
        await RunAsync(
            tools.Notation, "sign", "--insecure-registry", "--key", key, "--signature-format", format, image);
        var certificate = await File.ReadAllTextAsync(
            Path.Combine(folder, "config/notation/truststore/x509/ca", key, $"{key}.crt"), Stop);
        await images.TrustAsync("stores", $"ca:{format}", new JsonObject { ["content"] = certificate }, "acme");
        await images.TrustAsync(
            "policies", format, new JsonObject
            {
                ["content"] =
                    $$"""
                    {"version":"1.0","trustPolicies":[{"name":"ours","registryScopes":["*"],
                    "signatureVerification":{"level":"strict"},"trustStores":["ca:{{format}}"],
                    "trustedIdentities":["*"]}]}
                    """,
            },
            "acme");
        var seen = await images.SeeAsync($"acme/{format}", "1");
        Assert.True(seen.GetProperty("isVerified").GetBoolean(), seen.GetRawText());
        Assert.Contains($"CN={key}", seen.GetProperty("items")[0].GetProperty("signer").GetString());
        await images.DistrustAsync("policies", format, "acme");
    }

    private async Task TrustKeyAsync(string suite, string name) => await images.TrustAsync(
        "keys", $"{suite}-{name}", new JsonObject
        {
            ["content"] = await File.ReadAllTextAsync(Path.Combine(folder, $"{suite}-{name}.pub"), Stop),
        },
        "acme");

    /// <summary>Pushes an image with the tag 1; returns how clients name it.</summary>
    private async Task<string> PushAsync(string repository)
    {
        var layout = OciLayout.Write(Path.Combine(folder, Guid.NewGuid().ToString("N")), repository);
        await RunAsync(tools.Crane, "push", layout.Folder, $"{Address}/{repository}:1");
        return $"{Address}/{repository}@{layout.Digest}";
    }

    private async Task RunAsync(string program, params IEnumerable<string> arguments) => (await ProgramRun.StartAsync(
        program, arguments,
        new Dictionary<string, string>
        {
            ["HOME"] = folder,
            ["XDG_CONFIG_HOME"] = Path.Combine(folder, "config"),
            ["XDG_CACHE_HOME"] = Path.Combine(folder, "cache"),
            ["DOCKER_CONFIG"] = folder,
            ["NO_PROXY"] = "127.0.0.1",
            ["COSIGN_PASSWORD"] = "",
            ["NOTATION_USERNAME"] = "admin",
            ["NOTATION_PASSWORD"] = ApiRegistry.Password,
        },
        folder, Limit)).OutputOfSuccess();

    private Task WriteAsync(string name, string text) => File.WriteAllTextAsync(Path.Combine(folder, name), text, Stop);
}
