using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Settings;
using static Berth.Tests.Identity.TokenServerFiles;

namespace Berth.Tests.Identity;

/// <summary>Tokens that somebody made up, sent to a registry that trusts another token server.</summary>
public sealed class ForgedTrustedTokenTests : IAsyncLifetime
{
    private const string Push = "repository:team/app:pull,push";

    private readonly TokenServerFiles server = new();
    private RegistryFixture registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await RegistryFixture.StartAsync(
            s => s with { Auth = new AuthSettings { Token = server.Settings } });
        Assert.Equal(HttpStatusCode.Accepted, await PushAsync(Token(Push)));
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        server.Dispose();
    }

    [Fact]
    public async Task A_token_without_a_signature_or_with_one_by_a_public_key_is_refused()
    {
        var claims = Claims(Push).ToJsonString();
        foreach (var algorithm in new[] { "none", "None", "NONE", "" })
        {
            var header = $$"""{"alg":"{{algorithm}}","kid":"first"}""";
            await RefuseAsync(TestIssuer.Token(header, claims, _ => []));
            await RefuseAsync(TestIssuer.Token(header, claims, TestKey.First.Sign));
        }

        var certificate = server.Root.ExportCertificatePem();
        byte[][] secrets =
        [
            Encoding.ASCII.GetBytes(TestKey.First.PublicPem), Encoding.ASCII.GetBytes(TestKey.First.PublicPem + "\n"),
            Encoding.ASCII.GetBytes(certificate), await File.ReadAllBytesAsync(server.Bundle, Stop),
            await File.ReadAllBytesAsync(server.Jwks, Stop), server.Root.PublicKey.ExportSubjectPublicKeyInfo(), [],
        ];
        var names = new[] { "first", DockerKeyId.Of(server.Root.PublicKey.ExportSubjectPublicKeyInfo()) };
        foreach (var secret in secrets)
        {
            foreach (var name in names)
            {
                await RefuseAsync(TestIssuer.Token(
                    $$"""{"alg":"HS256","kid":"{{name}}"}""", claims, data => HMACSHA256.HashData(secret, data)));
            }
        }
    }

    [Fact]
    public async Task A_token_by_another_key_for_another_registry_or_of_another_issuer_is_refused()
    {
        await RefuseAsync(TestIssuer.Token(Claims(Push), TestKey.Second.As("first")));
        await RefuseAsync(TestIssuer.Token(Claims(Push), TestKey.Second));
        await RefuseAsync(TestIssuer.Token(Claims(Push), TestKey.Second.As(null)));
        foreach (var other in new JsonNode?[]
        {
            "other", "", Service + "/", Service.ToUpperInvariant(), "*", null, new JsonArray(), new JsonArray("a"),
            new JsonObject { ["x"] = Service }, 1,
        })
        {
            await RefuseAsync(Token(Push, ("aud", other)));
        }

        foreach (var other in new JsonNode?[]
        {
            "other", "", Issuer + "/", Issuer.ToUpperInvariant(), null, new JsonArray(Issuer), 1,
        })
        {
            await RefuseAsync(Token(Push, ("iss", other)));
        }

        await AcceptAsync(Token(Push, ("aud", new JsonArray("a", Service))));
    }

    [Fact]
    public async Task A_token_at_the_wrong_time_is_refused()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        await RefuseAsync(Token(Push, ("exp", now - 61)));
        await AcceptAsync(Token(Push, ("exp", now - 30)));
        await RefuseAsync(Token(Push, ("nbf", now + 90)));
        await AcceptAsync(Token(Push, ("nbf", now + 30)));
        await AcceptAsync(Token(Push, ("nbf", null), ("iat", null)));
        foreach (var bad in new JsonNode?[] { null, $"{now + 100}", -1, 1e300, true })
            await RefuseAsync(Token(Push, ("exp", bad)));
    }

    [Fact]
    public async Task A_key_that_the_token_brings_along_counts_only_if_it_is_trusted()
    {
        var own = TestKey.Second.As("first");
        var claims = Claims(Push).ToJsonString();
        await using var mine = await TestIssuer.StartAsync();
        mine.Keys = [own.ToJson()];
        foreach (var more in new[]
        {
            $"\"jwk\":{own.ToJson().ToJsonString()}", $"\"jku\":\"{mine.Url}/keys\"", "\"jwk\":{}", "\"jwk\":1",
            "\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}", $"\"x5u\":\"{mine.Url}/keys\"",
            $"\"jwk\":{TestKey.First.ToJson().ToJsonString()}",
        })
        {
            await RefuseAsync(TestIssuer.Token($$"""{"alg":"RS256","kid":"first",{{more}}}""", claims, own.Sign));
            await RefuseAsync(TestIssuer.Token($$"""{"alg":"RS256",{{more}}}""", claims, own.Sign));
        }

        Assert.Equal(0, mine.KeyReads + mine.Discoveries);
        var trusted = $$"""{"alg":"RS256","jwk":{{TestKey.First.ToJson().ToJsonString()}}}""";
        await AcceptAsync(TestIssuer.Token(trusted, claims, TestKey.First.Sign));
    }

    [Fact]
    public async Task Certificates_that_lead_to_no_trusted_one_are_refused()
    {
        using var key = Curve();
        await AcceptAsync(TokenWith(
            key, Push, Certificate("leaf", key, server.Intermediate, isCa: false), server.Intermediate));

        // CAs that only have the names of the trusted ones.
        var root = Certificate("root", Curve(), issuer: null);
        var intermediate = Certificate("intermediate", Curve(), root);
        var leaf = Certificate("leaf", key, intermediate, isCa: false);
        await RefuseAsync(TokenWith(key, Push, leaf));
        await RefuseAsync(TokenWith(key, Push, leaf, intermediate));
        await RefuseAsync(TokenWith(key, Push, leaf, intermediate, root));
        await RefuseAsync(TokenWith(key, Push, leaf, intermediate, server.Root));
        await RefuseAsync(TokenWith(key, Push, leaf, server.Intermediate, server.Root));
        await RefuseAsync(TokenWith(key, Push, Certificate("root", key, issuer: null)));

        // A certificate of the trusted CA that may not issue others, one that is over, and somebody else's.
        var end = Certificate("end", Curve(), server.Root, isCa: false);
        await RefuseAsync(TokenWith(key, Push, Certificate("leaf", key, end, isCa: false), end, server.Root));
        var over = Certificate("leaf", key, server.Intermediate, isCa: false, hours: -1);
        await RefuseAsync(TokenWith(key, Push, over, server.Intermediate));
        await RefuseAsync(TokenWith(
            key, Push, Certificate("leaf", Curve(), server.Intermediate, isCa: false), server.Intermediate));
        await RefuseAsync(TokenWith(key, Push, server.Root));
    }

    [Fact]
    public async Task A_chain_that_is_none_is_refused_even_if_the_token_also_names_a_key()
    {
        var claims = Claims(Push).ToJsonString();
        var garbage = Convert.ToBase64String(RandomNumberGenerator.GetBytes(400));
        var root = Convert.ToBase64String(server.Root.RawData);
        foreach (var chain in new[]
        {
            "[]", "1", "null", "\"x\"", "[1]", "[null]", "[\"\"]", "[\"%%%\"]", $"[\"{garbage}\"]",
            $"[\"{root}\",\"{garbage}\"]", "[" + string.Join(',', Enumerable.Repeat("\"AAAA\"", 7)) + "]",
        })
        {
            await RefuseAsync(TestIssuer.Token(
                $$"""{"alg":"RS256","kid":"first","x5c":{{chain}}}""", claims, TestKey.First.Sign));
        }
    }

    [Fact]
    public async Task The_name_of_a_key_is_only_a_name()
    {
        var claims = Claims(Push).ToJsonString();
        foreach (var kid in new[]
        {
            "../../dev/null", "/etc/passwd", "http://127.0.0.1/keys", "' OR 1=1 --", "FIRST", "", " first", "first\n",
            new string('k', 3000),
        })
        {
            var header = new JsonObject { ["alg"] = "RS256", ["kid"] = kid }.ToJsonString();
            await RefuseAsync(TestIssuer.Token(header, claims, TestKey.Second.Sign));
            await RefuseAsync(TestIssuer.Token(header, claims, TestKey.First.Sign));
        }
    }

    [Theory]
    [InlineData("1")]
    [InlineData("\"repository:team/app:push\"")]
    [InlineData("{\"type\":\"repository\",\"name\":\"team/app\",\"actions\":[\"push\"]}")]
    [InlineData("[1,null,\"x\",[],{},{\"type\":\"repository\"}]")]
    [InlineData("[{\"type\":\"repository\",\"name\":\"team/app\",\"actions\":\"push\"}]")]
    [InlineData("[{\"type\":\"repository\",\"name\":\"team/app\",\"actions\":[1,{},null]}]")]
    [InlineData("[{\"type\":\"repository\",\"name\":[\"team/app\"],\"actions\":[\"push\"]}]")]
    [InlineData("[{\"type\":\"repository\",\"name\":\"Team/App\",\"actions\":[\"push\"]}]")]
    [InlineData("[{\"type\":\"repository\",\"name\":\"team/*\",\"actions\":[\"push\"]}]")]
    [InlineData("[{\"type\":\"registry\",\"name\":\"team/app\",\"actions\":[\"push\"]}]")]
    public Task What_a_token_says_in_a_form_that_nobody_knows_allows_nothing(string access) =>
        RefuseAsync(Token(Push, ("access", JsonNode.Parse(access))));

    [Fact]
    public async Task An_altered_token_is_refused()
    {
        var token = Token(Push);
        await AcceptAsync(token);
        var parts = token.Split('.');
        var other = Token("repository:team/other:push").Split('.');
        await RefuseAsync($"{parts[0]}.{other[1]}.{parts[2]}");
        for (var length = 0; length < token.Length; length += 29) await RefuseAsync(token[..length]);
        await RefuseAsync($"{parts[0]}.{parts[1]}.");
        await RefuseAsync($"{token}.{parts[2]}");
        await RefuseAsync(token + "=");
        await RefuseAsync(new string('a', 20_000));
    }

    private async Task AcceptAsync(string token) => Assert.Equal(HttpStatusCode.Accepted, await PushAsync(token));

    private async Task RefuseAsync(string token)
    {
        var status = await PushAsync(token);
        Assert.True(status == HttpStatusCode.Unauthorized, $"{status} for {token}");
    }

    private async Task<HttpStatusCode> PushAsync(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "v2/team/app/blobs/uploads/");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        using var answer = await registry.Client.SendAsync(request, Stop);
        return answer.StatusCode;
    }
}
