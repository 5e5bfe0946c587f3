using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Identity;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;
using static Berth.Tests.Identity.TokenServerFiles;

namespace Berth.Tests.Identity;

/// <summary>A registry that trusts another token server.</summary>
public sealed class TrustedTokenTests : IAsyncLifetime
{
    private readonly TokenServerFiles server = new();
    private RegistryFixture registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => registry = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        server.Dispose();
    }

    [Accounts]
    [Fact]
    public async Task A_challenge_names_the_other_server_and_its_token_allows_what_it_says()
    {
        const string Challenge = $"Bearer realm=\"{Realm}\",service=\"{Service}\"";
        Assert.Equal((401, Challenge), await AskAsync("GET", "v2/", null));
        Assert.Equal(
            (401, Challenge + ",scope=\"repository:team/app:pull,push\""),
            await AskAsync("POST", "v2/team/app/blobs/uploads/", null));

        var writer = Token("repository:team/app:pull,push repository:team/base:pull registry:catalog:*");
        Assert.Equal(200, (await AskAsync("GET", "v2/", writer)).Status);
        Assert.Equal(202, (await AskAsync("POST", "v2/team/app/blobs/uploads/", writer)).Status);
        Assert.Equal(404, (await AskAsync("GET", "v2/team/base/manifests/1", writer)).Status);
        Assert.Equal(200, (await AskAsync("GET", "v2/_catalog", writer)).Status);

        // Another token may do more, so the client is told what to ask for.
        foreach (var (method, path, scope) in new[]
        {
            ("POST", "v2/team/base/blobs/uploads/", "repository:team/base:pull,push"),
            ("GET", "v2/team/other/manifests/1", "repository:team/other:pull"),
            ("DELETE", "v2/team/app/manifests/sha256:" + new string('a', 64), "repository:team/app:delete"),
        })
        {
            Assert.Equal(
                (401, $"{Challenge},scope=\"{scope}\",error=\"insufficient_scope\""),
                await AskAsync(method, path, writer));
        }

        var everything = Token("repository:team/app:*");
        Assert.Equal(202, (await AskAsync("POST", "v2/team/app/blobs/uploads/", everything)).Status);
        Assert.Equal(401, (await AskAsync("GET", "v2/_catalog", everything)).Status);
        Assert.Equal(200, (await AskAsync("GET", "v2/", Token("", ("sub", ""), ("access", null)))).Status);
        Assert.Equal(
            (401, Challenge + ",error=\"invalid_token\""), await AskAsync("GET", "v2/", "not.a.token"));
    }

    [Fact]
    public async Task The_registry_issues_no_tokens_of_its_own_and_checks_no_passwords()
    {
        foreach (var path in new[] { "token", ".well-known/jwks.json", ".well-known/jwks.pem" })
            Assert.Equal(404, (await AskAsync("GET", path, null)).Status);
        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", "YW5uOndyb25n");
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.StartsWith("Bearer", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(registry.Log, line => line.Contains("Sign-in failed", StringComparison.Ordinal));
    }

    [Accounts]
    [Fact]
    public async Task The_catalog_shows_everything_to_whom_the_other_server_allows_it()
    {
        Assert.Equal(201, await PutAsync("one/app", Token("repository:one/app:pull,push")));
        Assert.Equal(201, await PutAsync("two/app", Token("repository:two/app:pull,push")));
        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/_catalog");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token("registry:catalog:*"));
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(
            """{"repositories":["one/app","two/app"]}""", (await answer.Content.ReadAsStringAsync(Stop)).Trim());
    }

    /// <summary>No other server is asked whether the bearer may pull where the repository is now.</summary>
    [Accounts]
    [Inside]
    [Fact]
    public async Task A_token_for_an_old_name_leads_nowhere_unless_it_is_for_the_new_one_too()
    {
        Assert.Equal(201, await PutAsync("team/app", Token("repository:team/app:pull,push")));
        var move = new RepositoryMove(
            RepositoryName.Parse("team/app"), RepositoryName.Parse("secret/app"), false, new Actor("x"), false);
        await registry.Services.GetRequiredService<RepositoryMoving>().MoveAsync(move, Stop);
        foreach (var path in new[] { "v2/team/app/manifests/1", "v2/team/app/tags/list" })
        {
            Assert.Equal(404, (await AskAsync("GET", path, Token("repository:team/app:pull"))).Status);
            var both = Token("repository:team/app:pull repository:secret/app:pull");
            Assert.Equal(200, (await AskAsync("GET", path, both)).Status);
            Assert.Equal(401, (await AskAsync("GET", path, Token("repository:secret/app:pull"))).Status);
        }
    }

    [Fact]
    public async Task A_key_may_be_named_in_each_way_that_distribution_knows()
    {
        using var key = Curve();
        server.WriteBundle(Certificate("token key", key, issuer: null, isCa: false), server.Root);
        var json = TestKey.First.ToJson();
        server.WriteKeys(json);
        await registry.RestartAsync();
        var own = new JsonWebKey(JsonOf(key).ToJsonString());
        foreach (var header in new[]
        {
            new JsonObject { ["alg"] = "ES256", ["kid"] = DockerKeyId.Of(key.ExportSubjectPublicKeyInfo()) },
            new JsonObject { ["alg"] = "ES256", ["kid"] = Base64UrlEncoder.Encode(own.ComputeJwkThumbprint()) },
            new JsonObject { ["alg"] = "ES256", ["jwk"] = JsonOf(key) },
            new JsonObject { ["alg"] = "ES256" },
        })
        {
            await AcceptAsync(TokenOf(header, key, Push));
        }

        using var leaf = Curve();
        var certificate = Certificate("leaf", leaf, server.Intermediate, isCa: false);
        await AcceptAsync(TokenWith(leaf, Push, certificate, server.Intermediate));
        await AcceptAsync(TokenWith(leaf, Push, certificate, server.Intermediate, server.Root));

        // Trusting an intermediate is enough, and trusts no other of the same root.
        server.WriteBundle(server.Intermediate);
        await registry.RestartAsync();
        await AcceptAsync(TokenWith(leaf, Push, certificate));
        await AcceptAsync(TokenWith(leaf, Push, certificate, server.Intermediate, server.Root));
        var other = Certificate("other", Curve(), server.Root);
        var stranger = Certificate("leaf", leaf, other, isCa: false);
        await RefuseAsync(TokenWith(leaf, Push, stranger, other, server.Root));
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("RS512")]
    [InlineData("PS256")]
    [InlineData("ES256")]
    [InlineData("ES384")]
    [InlineData("ES512")]
    public async Task Tokens_may_be_signed_in_each_of_these_ways(string algorithm)
    {
        var key = algorithm[0] == 'E' ? TestKey.Ec("other", algorithm) : TestKey.Second.As("other", algorithm);
        server.WriteKeys(TestKey.First.ToJson(), key.ToJson());
        await registry.RestartAsync();
        await AcceptAsync(TestIssuer.Token(Claims(Push), key));
    }

    [Fact]
    public async Task Only_the_algorithms_that_the_settings_name_are_accepted()
    {
        await using var strict = await StartAsync(token => token with { SigningAlgorithms = ["PS256", "ES256"] });
        Assert.Equal(401, (await AskAsync("GET", "v2/", Token(Push), strict)).Status);
        var allowed = TestIssuer.Token(Claims(Push), TestKey.First.As("first", "PS256"));
        Assert.Equal(200, (await AskAsync("GET", "v2/", allowed, strict)).Status);
    }

    [Fact]
    public async Task Changed_files_count_without_a_restart_and_broken_ones_leave_the_keys_as_they_are()
    {
        var first = Token(Push);
        var second = TestIssuer.Token(Claims(Push), TestKey.Second);
        await AcceptAsync(first);
        await RefuseAsync(second);
        await File.WriteAllTextAsync(server.Jwks, "{\"keys\":[", Stop);
        await Eventually.TrueAsync(async () =>
        {
            await AcceptAsync(first);
            return registry.Log.Any(line => line.Contains("stay valid", StringComparison.Ordinal));
        });
        server.WriteKeys(TestKey.Second.ToJson());
        await Eventually.TrueAsync(async () => (await AskAsync("GET", "v2/", second)).Status == 200);
        await RefuseAsync(first);
    }

    [Fact]
    public async Task A_certificate_whose_key_can_not_be_read_leaves_the_keys_as_they_are()
    {
        await AcceptAsync(Token(Push));
        using var key = RSA.Create(2048);
        using var sound = Certificate("odd", key, issuer: null);
        var bytes = sound.RawData;
        bytes[bytes.AsSpan().IndexOf(key.ExportRSAPublicKey())] ^= 1;
        using var odd = X509CertificateLoader.LoadCertificate(bytes);
        server.WriteBundle(server.Root, odd);
        await Eventually.TrueAsync(async () =>
        {
            await AcceptAsync(Token(Push));
            return registry.Log.Any(line => line.Contains("of CN=odd", StringComparison.Ordinal));
        });
        var fault = Assert.Single(TrustedTokens.Check(new AuthSettings { Token = server.Settings }));
        Assert.Equal("auth.token.rootcertbundle", fault.Key);
        server.WriteBundle(server.Root);
        await Eventually.TrueAsync(async () =>
        {
            await AcceptAsync(Token(Push));
            return registry.Log.Any(line => line.Contains("can be read again", StringComparison.Ordinal));
        });
    }

    [Fact]
    public async Task A_token_that_expired_goes_on_with_an_upload_and_begins_none()
    {
        using var begun = await SendAsync("POST", "v2/team/app/blobs/uploads/", Token(Push));
        var expired = Token(Push, ("exp", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - 600));
        using var refused = await SendAsync("POST", "v2/team/app/blobs/uploads/", expired);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        var digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData("late"u8));
        var place = begun.Headers.Location!.ToString().TrimStart('/');
        using var finished = await SendAsync("PUT", $"{place}{(place.Contains('?') ? '&' : '?')}digest={digest}",
            expired, "late"u8.ToArray());
        Assert.Equal(HttpStatusCode.Created, finished.StatusCode);
        await RefuseAsync(expired);
    }

    [Fact]
    public async Task With_autoredirect_clients_get_tokens_at_the_registrys_own_address()
    {
        await using var behind = await StartAsync(token => token with { Realm = "", AutoRedirect = true });
        Assert.Equal(
            (401, $"Bearer realm=\"{behind.BaseAddress}auth/token\",service=\"{Service}\""),
            await AskAsync("GET", "v2/", null, behind));
    }

    [Accounts]
    [Fact]
    public async Task Users_in_the_database_still_reach_the_API()
    {
        await using var both = await StartAsync(local: new LocalSettings
        {
            Enabled = true,
            AdminPassword = "correct horse",
            BcryptCost = 4,
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/users");
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String("admin:correct horse"u8));
        using var answer = await both.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(401, (await AskAsync("GET", "api/v1/users", Token(Push), both)).Status);
        Assert.Contains(Realm, (await AskAsync("GET", "v2/", null, both)).Challenge, StringComparison.Ordinal);
        Assert.Equal(202, (await AskAsync("POST", "v2/team/app/blobs/uploads/", Token(Push), both)).Status);
    }

    private const string Push = "repository:team/app:pull,push";

    private Task<RegistryFixture> StartAsync(
        Func<TokenIssuerSettings, TokenIssuerSettings>? change = null, LocalSettings? local = null) =>
        RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings
            {
                Token = change?.Invoke(server.Settings) ?? server.Settings,
                Local = local ?? new LocalSettings(),
            },
        });

    private async Task AcceptAsync(string token) => Assert.Equal(200, (await AskAsync("GET", "v2/", token)).Status);

    private async Task RefuseAsync(string token) => Assert.Equal(401, (await AskAsync("GET", "v2/", token)).Status);

    private async Task<int> PutAsync(string repository, string token)
    {
        const string Index = """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}
            """;
        using var answer = await SendAsync("PUT", $"v2/{repository}/manifests/1", token,
            System.Text.Encoding.UTF8.GetBytes(Index.Trim()), "application/vnd.oci.image.index.v1+json");
        return (int)answer.StatusCode;
    }

    private async Task<(int Status, string? Challenge)> AskAsync(
        string method, string path, string? token, RegistryFixture? of = null)
    {
        using var answer = await SendAsync(method, path, token, of: of);
        return ((int)answer.StatusCode,
            answer.Headers.TryGetValues("WWW-Authenticate", out var values) ? values.Single() : null);
    }

    private async Task<HttpResponseMessage> SendAsync(
        string method, string path, string? token, byte[]? body = null, string? type = null, RegistryFixture? of = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (token is not null) request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        if (body is not null) request.Content = new ByteArrayContent(body);
        if (type is not null) request.Content!.Headers.ContentType = new MediaTypeHeaderValue(type);
        return await (of ?? registry).Client.SendAsync(request, Stop);
    }

    private static JsonObject JsonOf(ECDsa key)
    {
        var point = key.ExportParameters(false).Q;
        return new JsonObject
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["x"] = TestKey.Encode(point.X!),
            ["y"] = TestKey.Encode(point.Y!),
        };
    }
}
