using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Identity;

namespace Berth.Tests.Identity;

/// <summary>Tokens that somebody made up, altered, or was given for something else.</summary>
public sealed class ForgedTokenTests : IAsyncLifetime
{
    private KeylessSetup setup = null!;

    public async ValueTask InitializeAsync() => setup = await KeylessSetup.StartAsync();

    public ValueTask DisposeAsync() => setup.DisposeAsync();

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("NONE")]
    [InlineData("")]
    public async Task A_token_without_a_signature_is_refused(string algorithm)
    {
        var header = $$"""{"alg":"{{algorithm}}","kid":"first"}""";
        var claims = setup.Issuer.Claims(setup.Clock).ToJsonString();
        await setup.RefuseAsync(TestIssuer.Token(header, claims, _ => []));
        await setup.RefuseAsync(TestIssuer.Token(header, claims, TestKey.First.Sign));
        await setup.RefuseAsync(TestIssuer.Token("""{"kid":"first"}""", claims, TestKey.First.Sign));
    }

    [Theory]
    [InlineData("HS256")]
    [InlineData("HS384")]
    [InlineData("HS512")]
    public async Task A_token_signed_with_the_public_key_as_a_secret_is_refused(string algorithm)
    {
        var json = TestKey.First.ToJson();
        json["alg"] = algorithm;
        setup.Issuer.Keys = [TestKey.First.ToJson(), json];
        byte[][] secrets =
        [
            Encoding.ASCII.GetBytes(TestKey.First.PublicPem), Encoding.ASCII.GetBytes(TestKey.First.PublicPem + "\n"),
            Encoding.ASCII.GetBytes(TestKey.First.ToJson().ToJsonString()), [],
        ];
        foreach (var secret in secrets)
        {
            await setup.RefuseAsync(TestIssuer.Token(
                $$"""{"alg":"{{algorithm}}","kid":"first"}""", setup.Issuer.Claims(setup.Clock).ToJsonString(),
                data => algorithm switch
                {
                    "HS256" => HMACSHA256.HashData(secret, data),
                    "HS384" => HMACSHA384.HashData(secret, data),
                    _ => HMACSHA512.HashData(secret, data),
                }));
        }
    }

    [Fact]
    public async Task A_secret_among_the_issuers_keys_verifies_nothing()
    {
        var secret = RandomNumberGenerator.GetBytes(64);
        setup.Issuer.Keys =
        [
            TestKey.First.ToJson(),
            new JsonObject { ["kty"] = "oct", ["kid"] = "secret", ["k"] = TestKey.Encode(secret), ["alg"] = "HS256" },
        ];
        await setup.RefuseAsync(TestIssuer.Token(
            """{"alg":"HS256","kid":"secret"}""", setup.Issuer.Claims(setup.Clock).ToJsonString(),
            data => HMACSHA256.HashData(secret, data)));
    }

    [Fact]
    public async Task A_token_of_another_issuer_is_refused()
    {
        await using var other = await TestIssuer.StartAsync();
        other.Keys = [TestKey.Second.ToJson()];
        Assert.Contains(
            "not trusted", await setup.RefuseAsync(TestIssuer.Token(other.Claims(setup.Clock), TestKey.Second)),
            StringComparison.Ordinal);
        Assert.Equal(0, other.Discoveries);

        // It names the right issuer, and a key that only the other one has.
        await setup.RefuseAsync(setup.Token(TestKey.Second));
        await setup.RefuseAsync(setup.Token(TestKey.Second.As("first")));
        foreach (var almost in new[] { "/", "/x", "?", "#", " " })
            await setup.RefuseAsync(setup.Token(claims: ("iss", setup.Issuer.Url + almost)));
        await setup.RefuseAsync(setup.Token(claims: ("iss", setup.Issuer.Url.ToUpperInvariant())));
        await setup.RefuseAsync(setup.Token(claims: ("iss", null)));
        await setup.RefuseAsync(setup.Token(claims: ("iss", new JsonArray(setup.Issuer.Url))));
    }

    [Fact]
    public async Task A_token_for_another_audience_is_refused()
    {
        string[] almost = ["other.example.com", "", "registry.example.com/", "REGISTRY.EXAMPLE.COM", "*"];
        foreach (var audience in almost)
            await setup.RefuseAsync(setup.Token(claims: ("aud", audience)));
        await setup.RefuseAsync(setup.Token(claims: ("aud", null)));
        await setup.RefuseAsync(setup.Token(claims: ("aud", new JsonArray())));
        await setup.RefuseAsync(setup.Token(claims: ("aud", new JsonArray("a", "b"))));
        await setup.RefuseAsync(setup.Token(claims: ("aud", new JsonArray(new JsonArray(TestIssuer.Audience)))));
        await setup.RefuseAsync(setup.Token(claims: ("aud", new JsonObject { ["x"] = TestIssuer.Audience })));
        await setup.AcceptAsync(setup.Token(claims: ("aud", new JsonArray("a", TestIssuer.Audience))));
    }

    [Theory]
    [InlineData("exp", -61, "expired")]
    [InlineData("exp", 24 * 3600 + 1, "longer than 24h")]
    [InlineData("iat", 62, "not valid yet")]
    [InlineData("nbf", 62, "not valid yet")]
    public async Task A_token_at_the_wrong_time_is_refused(string claim, int seconds, string reason)
    {
        var time = setup.Clock.GetUtcNow().ToUnixTimeSeconds() + seconds;
        Assert.Contains(reason, await setup.RefuseAsync(setup.Token(claims: (claim, time))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exp", -55)]
    [InlineData("exp", 24 * 3600)]
    [InlineData("iat", 55)]
    [InlineData("nbf", 55)]
    [InlineData("nbf", -600)]
    public async Task Clocks_may_differ_a_little(string claim, int seconds) =>
        await setup.AcceptAsync(setup.Token(claims: (claim, setup.Clock.GetUtcNow().ToUnixTimeSeconds() + seconds)));

    [Fact]
    public async Task A_token_without_times_is_refused()
    {
        var now = setup.Clock.GetUtcNow().ToUnixTimeSeconds();
        foreach (var claim in new[] { "exp", "iat" })
        {
            await setup.RefuseAsync(setup.Token(claims: (claim, null)));
            await setup.RefuseAsync(setup.Token(claims: (claim, $"{now + 100}")));
            await setup.RefuseAsync(setup.Token(claims: (claim, 1e300)));
            await setup.RefuseAsync(setup.Token(claims: (claim, -1)));
        }

        await setup.RefuseAsync(setup.Token(claims: ("nbf", $"{now + 10_000}")));
        Assert.Equal("the token names no subject", await setup.RefuseAsync(setup.Token(claims: ("sub", null))));
        await setup.AcceptAsync(setup.Token(claims: ("exp", now + 100.5)));
    }

    [Fact]
    public async Task An_altered_token_is_refused()
    {
        var token = setup.Token();
        await setup.AcceptAsync(token);
        var parts = token.Split('.');
        var other = setup.Token(claims: ("sub", "repo:acme/other")).Split('.');
        await setup.RefuseAsync($"{parts[0]}.{other[1]}.{parts[2]}");
        await setup.RefuseAsync($"{parts[0]}.{parts[1]}.{other[2]}");
        for (var length = 0; length < token.Length; length += 7) await setup.RefuseAsync(token[..length]);
        await setup.RefuseAsync($"{parts[0]}.{parts[1]}.");
        await setup.RefuseAsync($"{parts[0]}.{parts[1]}");
        await setup.RefuseAsync($"{token}.{parts[2]}");
        await setup.RefuseAsync($"{token}=");
        await setup.RefuseAsync($"{token} ");
        await setup.RefuseAsync($" {token}");
        await setup.RefuseAsync($"{parts[0]}=.{parts[1]}.{parts[2]}");
        await setup.RefuseAsync(token + "\0");
        await setup.RefuseAsync("");
    }

    [Fact]
    public async Task A_token_with_two_signatures_is_refused()
    {
        var parts = setup.Token().Split('.');
        var json = $$"""
            {"payload":"{{parts[1]}}","signatures":[{"protected":"{{parts[0]}}","signature":"{{parts[2]}}"},
            {"protected":"{{parts[0]}}","signature":"{{parts[2]}}"}]}
            """;
        await setup.RefuseAsync(json);
        await setup.RefuseAsync($"{parts[0]}.{parts[1]}.{parts[2]}.{parts[2]}.{parts[2]}");
    }

    [Fact]
    public async Task A_key_that_the_token_brings_along_is_not_used()
    {
        var own = TestKey.Second.As("own");
        await using var mine = await TestIssuer.StartAsync();
        mine.Keys = [own.ToJson(), own.As("first").ToJson()];
        var claims = setup.Issuer.Claims(setup.Clock).ToJsonString();
        foreach (var kid in new[] { "own", "first" })
        {
            foreach (var more in new[]
            {
                $"\"jwk\":{own.As(kid).ToJson().ToJsonString()}", $"\"jku\":\"{mine.Url}/keys\"",
                $"\"x5u\":\"{mine.Url}/keys\"", "\"x5c\":[\"MIIB\"]",
            })
            {
                var named = $$"""{"alg":"RS256","kid":"{{kid}}",{{more}}}""";
                await setup.RefuseAsync(TestIssuer.Token(named, claims, own.Sign));
                await setup.RefuseAsync(TestIssuer.Token($$"""{"alg":"RS256",{{more}}}""", claims, own.Sign));
            }
        }

        Assert.Equal(0, mine.KeyReads + mine.Discoveries);
    }

    [Fact]
    public async Task The_name_of_a_key_is_only_a_name()
    {
        var claims = setup.Issuer.Claims(setup.Clock).ToJsonString();
        foreach (var kid in new[]
        {
            "../../../../dev/null", "/etc/passwd", "file:///dev/null", "http://127.0.0.1/keys", "' OR 1=1 --",
            "first\n", "FIRST", "", " first", "%66irst", new string('k', 3000),
        })
        {
            var header = new JsonObject { ["alg"] = "RS256", ["kid"] = kid }.ToJsonString();
            await setup.RefuseAsync(TestIssuer.Token(header, claims, TestKey.Second.Sign));
            await setup.RefuseAsync(TestIssuer.Token(header, claims, TestKey.First.Sign));
        }

        foreach (var kid in new[] { "1", "null", "[\"first\"]", "{\"a\":\"first\"}" })
        {
            var header = $$"""{"alg":"RS256","kid":{{kid}}}""";
            await setup.RefuseAsync(TestIssuer.Token(header, claims, TestKey.First.Sign));
        }
    }

    [Theory]
    [InlineData("""{"alg":"RS256","kid":"first","crit":["exp"]}""")]
    [InlineData("""{"alg":"RS256","kid":"first","b64":false,"crit":["b64"]}""")]
    [InlineData("""{"alg":"RS256","kid":"first","b64":true}""")]
    [InlineData("""{"alg":"RS256","kid":"first","zip":"DEF"}""")]
    [InlineData("""{"alg":"RSA-OAEP","enc":"A128GCM","kid":"first"}""")]
    [InlineData("""{"alg":"RS256","kid":"first","typ":"logout+jwt"}""")]
    [InlineData("""{"alg":"RS256","kid":"first","typ":1}""")]
    [InlineData("""{"alg":"RS256","alg":"none","kid":"first"}""")]
    [InlineData("""{"alg":"RS256","kid":"first","kid":"second"}""")]
    [InlineData("""{"alg":"RS256","kid":"first","\u0061lg":"none"}""")]
    [InlineData("""{"alg":["RS256"],"kid":"first"}""")]
    [InlineData("""{"alg":"rs256","kid":"first"}""")]
    [InlineData("""{"alg":"RS1","kid":"first"}""")]
    [InlineData("""{"alg":"ES256","kid":"first"}""")]
    [InlineData("""{"alg":"PS256","kid":"first"}""")]
    [InlineData("""{"alg":"RS256","kid":"first"} {}""")]
    [InlineData("""["alg"]""")]
    [InlineData("")]
    public async Task A_header_that_asks_for_something_else_is_refused(string header) => await setup.RefuseAsync(
        TestIssuer.Token(header, setup.Issuer.Claims(setup.Clock).ToJsonString(), TestKey.First.Sign));

    [Fact]
    public async Task Claims_that_are_there_twice_or_are_no_text_are_refused()
    {
        var claims = setup.Issuer.Claims(setup.Clock).ToJsonString()[..^1];
        const string Header = """{"alg":"RS256","kid":"first"}""";
        await setup.AcceptAsync(TestIssuer.Token(Header, claims + ",\"a\":\"b\"}", TestKey.First.Sign));
        foreach (var more in new[]
        {
            """ "aud":"registry.example.com" """, """ "sub":"other" """, """ "\u0073ub":"other" """,
            """ "x":{"a":1,"a":2} """, """ "x":"\ud800" """, """ "\udc00":1 """, """ "x":"a\u0000b" """,
            "\"x\":" + string.Concat(Enumerable.Repeat("[", 5000)) + string.Concat(Enumerable.Repeat("]", 5000)),
            "\"x\":1,", "/**/ \"x\":1", "\"x\":NaN", "\"x\":\"" + new string('x', 16 * 1024) + "\"",
        })
        {
            await setup.RefuseAsync(TestIssuer.Token(Header, $"{claims},{more}}}", TestKey.First.Sign));
        }

        foreach (var whole in new[] { "null", "1", "\"x\"", "[]", "{}", "", claims })
            await setup.RefuseAsync(TestIssuer.Token(Header, whole, TestKey.First.Sign));
    }

    [Fact]
    public async Task A_short_or_broken_key_of_the_issuer_verifies_nothing()
    {
        var small = TestKey.Rsa("small", bits: 1024);
        var curve = TestKey.Ec("curve", "ES384");
        var encrypting = TestKey.Second.As("encrypting").ToJson();
        encrypting["use"] = "enc";
        var only = TestKey.Second.As("only").ToJson();
        only["alg"] = "RS512";
        var broken = TestKey.Ec("broken").ToJson();
        broken["x"] = broken["y"]!.GetValue<string>();
        setup.Issuer.Keys = [TestKey.First.ToJson(), small.ToJson(), curve.ToJson(), encrypting, only, broken];
        await setup.RefuseAsync(setup.Token(small));
        await setup.RefuseAsync(setup.Token(curve.As("curve", "ES256")));
        await setup.RefuseAsync(setup.Token(TestKey.Second.As("encrypting")));
        await setup.RefuseAsync(setup.Token(TestKey.Second.As("only")));
        await setup.RefuseAsync(setup.Token(TestKey.Ec("broken")));
        await setup.AcceptAsync(setup.Token(TestKey.Second.As("only", "RS512")));
        await setup.AcceptAsync(setup.Token(curve));
    }

    [Fact]
    public async Task Random_damage_is_refused_and_never_a_crash()
    {
        var random = new Random(21);
        var token = setup.Token();
        for (var round = 0; round < 2000; round++)
        {
            var letters = token.ToCharArray();
            var at = random.Next(letters.Length);
            // The last letter of a part has bits that mean nothing.
            letters[at] = "ABCxyz09-_.=é\0"[random.Next(14)];
            var damaged = new string(letters);
            KeylessTokens.LooksLikeToken(damaged);
            if (damaged != token && at + 1 < letters.Length && letters[at] != '.') await setup.RefuseAsync(damaged);
        }
    }
}
