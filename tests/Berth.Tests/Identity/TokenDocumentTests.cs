using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Tests.Distribution;
using Berth.Tests.Settings;
using static Berth.Tests.Identity.TokenServerFiles;

namespace Berth.Tests.Identity;

/// <summary>
/// The examples of docs/sign-in-token.md, with tokens of the server that they trust. TokenServerTests has those
/// where it is a Berth, with real clients.
/// </summary>
public sealed class TokenDocumentTests : IDisposable
{
    private const string Push = "repository:team/app:pull,push";

    private readonly PageSettings page = new("sign-in-token");
    private readonly TokenServerFiles server = new();

    public void Dispose()
    {
        page.Dispose();
        server.Dispose();
    }

    [Fact]
    public async Task A_Berth_trusts_the_tokens_of_the_server_whose_certificates_it_has()
    {
        Assert.Equal(4, page.Examples.Count);
        using var key = Curve();
        server.WriteBundle(server.Root, Certificate("token key", key, issuer: null, isCa: false));
        await using var registry = await PageSettings.StartAsync(
            page.Read(page.With("rootcertbundle:").Replace("/etc/berth/auth.pem", server.Bundle)));
        var named = new JsonObject
        {
            ["alg"] = "ES256",
            ["kid"] = DockerKeyId.Of(key.ExportSubjectPublicKeyInfo()),
        };
        using var leaf = Curve();
        var chain = Certificate("leaf", leaf, server.Intermediate, isCa: false);
        var withChain = TokenWith(leaf, Push, chain, server.Intermediate);
        await CheckAsync(registry, Realm, Service, TokenOf(named, key, Push), withChain);

        using var other = Curve();
        await RefuseAsync(
            registry, TokenOf(named, other, Push),
            TokenWith(other, Push, Certificate("other", other, issuer: null, isCa: false)),
            SignedBy(key, Claims(Push, ("aud", "other.example.com"))),
            SignedBy(key, Claims(Push, ("iss", "other.example.com"))), SignedBy(key, Claims(Push, ("exp", 1))));

        string SignedBy(ECDsa pair, JsonObject claims) => TestIssuer.Token(
            named.ToJsonString(), claims.ToJsonString(), data => pair.SignData(data, HashAlgorithmName.SHA256));
    }

    [Fact]
    public async Task Behind_one_address_clients_are_sent_to_the_registrys_own()
    {
        await using var registry = await PageSettings.StartAsync(
            page.Read(page.With("autoredirect: true").Replace("/etc/berth/jwks.json", server.Jwks)));
        await CheckAsync(registry, $"{registry.BaseAddress}auth/token", Service, Token(Push));
        await RefuseAsync(
            registry, Token(Push, ("aud", "other.example.com")), TestIssuer.Token(Claims(Push), TestKey.Second));
    }

    /// <summary>
    /// There is no registry:3 in Debian for the tests to run, but its keys are Berth's too, so Berth reads its example.
    /// </summary>
    [Theory]
    [InlineData("yaml")]
    [InlineData("text")]
    public async Task A_mirror_trusts_the_key_set_of_a_Berth(string language)
    {
        const string Issuer = "berth.example.com";
        const string Mirror = "mirror.example.com";
        var example = SourceTree.Files.Single(f => f.Path == "docs/sign-in-token.md").BlocksOf(language)
            .Single(block => block.Contains($"service: {Mirror}", StringComparison.Ordinal)
                && block.Contains("jwks:", StringComparison.Ordinal))
            .Replace("/etc/berth/jwks.json", server.Jwks)
            .Replace("/etc/docker/registry/jwks.json", server.Jwks);
        await using var registry = await PageSettings.StartAsync(page.Read(example));
        await CheckAsync(
            registry, $"https://{Issuer}/token", Mirror, Token(Push, ("iss", Issuer), ("aud", Mirror)));
        await RefuseAsync(
            registry, Token(Push), Token(Push, ("iss", Issuer)), Token(Push, ("aud", Mirror)),
            TestIssuer.Token(Claims(Push, ("iss", Issuer), ("aud", Mirror)), TestKey.Second));
    }

    /// <summary>Clients are sent to the server, and its tokens allow what they say and no more.</summary>
    private static async Task CheckAsync(
        RegistryFixture registry, string realm, string service, params IEnumerable<string> tokens)
    {
        var script = new Script(registry) { ["challenge"] = $"Bearer realm=\"{realm}\",service=\"{service}\"" };
        await script.PlayAsync(
            """
            GET /v2/
              401
              WWW-Authenticate: {challenge}
            POST /v2/team/app/blobs/uploads/
              401
              WWW-Authenticate: {challenge},scope="repository:team/app:pull,push"
            """);
        foreach (var token in tokens)
        {
            script["token"] = token;
            await script.PlayAsync(
                """
                POST /v2/team/app/blobs/uploads/
                  Authorization: Bearer {token}
                  202
                POST /v2/team/other/blobs/uploads/
                  Authorization: Bearer {token}
                  401
                """);
        }
    }

    private static async Task RefuseAsync(RegistryFixture registry, params IEnumerable<string> tokens)
    {
        foreach (var token in tokens)
        {
            await new Script(registry) { ["token"] = token }.PlayAsync(
                """
                GET /v2/
                  Authorization: Bearer {token}
                  401
                POST /v2/team/app/blobs/uploads/
                  Authorization: Bearer {token}
                  401
                """);
        }
    }
}
