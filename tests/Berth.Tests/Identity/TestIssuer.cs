using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Identity;

/// <summary>A key pair of a test's issuer.</summary>
internal sealed class TestKey
{
    private readonly AsymmetricAlgorithm pair;

    private TestKey(string? id, string algorithm, AsymmetricAlgorithm pair) =>
        (Id, Algorithm, this.pair) = (id, algorithm, pair);

    /// <summary>Two keys of RSA, which take a while to make.</summary>
    public static TestKey First { get; } = Rsa("first");

    public static TestKey Second { get; } = Rsa("second");

    public string? Id { get; }

    public string Algorithm { get; }

    public static TestKey Rsa(string? id, string algorithm = "RS256", int bits = 2048) =>
        new(id, algorithm, RSA.Create(bits));

    public static TestKey Ec(string? id, string algorithm = "ES256") => new(id, algorithm, ECDsa.Create(algorithm switch
    {
        "ES256" => ECCurve.NamedCurves.nistP256,
        "ES384" => ECCurve.NamedCurves.nistP384,
        _ => ECCurve.NamedCurves.nistP521,
    }));

    /// <summary>The same key with another name or algorithm.</summary>
    public TestKey As(string? id, string? algorithm = null) => new(id, algorithm ?? Algorithm, pair);

    public byte[] Sign(byte[] data) => pair switch
    {
        RSA rsa => rsa.SignData(
            data, HashOf(Algorithm), Algorithm[0] == 'P' ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1),
        ECDsa ec => ec.SignData(data, HashOf(Algorithm)),
        _ => throw new InvalidOperationException(),
    };

    /// <summary>The public key as its owner would print it, which is what a forger has.</summary>
    public string PublicPem => pair switch
    {
        RSA rsa => rsa.ExportSubjectPublicKeyInfoPem(),
        ECDsa ec => ec.ExportSubjectPublicKeyInfoPem(),
        _ => throw new InvalidOperationException(),
    };

    /// <summary>A member of a JSON Web Key Set.</summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject { ["use"] = "sig" };
        if (Id is not null) json["kid"] = Id;
        if (pair is RSA rsa)
        {
            var values = rsa.ExportParameters(false);
            (json["kty"], json["n"], json["e"]) = ("RSA", Encode(values.Modulus!), Encode(values.Exponent!));
            return json;
        }

        var (point, size) = (((ECDsa)pair).ExportParameters(false).Q, pair.KeySize);
        (json["kty"], json["crv"]) = ("EC", $"P-{size}");
        (json["x"], json["y"]) = (Encode(point.X!), Encode(point.Y!));
        return json;
    }

    public static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);

    private static HashAlgorithmName HashOf(string algorithm) => new("SHA" + algorithm[2..]);
}

/// <summary>
/// An OpenID issuer on loopback, which can rotate its keys, hang, lie, fail, redirect and send too much.
/// </summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    public const string Audience = "registry.example.com";

    private readonly WebApplication server;
    private int discoveries;
    private int keyReads;

    private TestIssuer(WebApplication server) => this.server = server;

    public string Url { get; private set; } = "";

    /// <summary>What it publishes.</summary>
    public IReadOnlyList<JsonObject> Keys { get; set; } = [TestKey.First.ToJson()];

    /// <summary>What it does in place of answering as it should; null for that.</summary>
    public Func<HttpContext, Task>? Misbehaviour { get; set; }

    public int Discoveries => discoveries;

    public int KeyReads => keyReads;

    /// <summary>The last request's Authorization header.</summary>
    public string? Authorization { get; private set; }

    public static async Task<TestIssuer> StartAsync(Action<IWebHostBuilder>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        configure?.Invoke(builder.WebHost);
        builder.Logging.ClearProviders();
        var server = builder.Build();
        var issuer = new TestIssuer(server);
        server.Run(issuer.AnswerAsync);
        await server.StartAsync(TestContext.Current.CancellationToken);
        issuer.Url = server.Urls.Single();
        return issuer;
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    /// <summary>Claims that every token has, for this registry and for five minutes.</summary>
    public JsonObject Claims(TimeProvider clock, params (string Name, JsonNode? Value)[] more)
    {
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = Url,
            ["sub"] = "repo:acme/app:ref:refs/heads/main",
            ["aud"] = Audience,
            ["iat"] = now,
            ["exp"] = now + 300,
        };
        foreach (var (name, value) in more)
        {
            if (value is null) claims.Remove(name);
            else claims[name] = value;
        }

        return claims;
    }

    /// <summary>A signed token of these claims.</summary>
    public static string Token(JsonNode claims, TestKey? key = null)
    {
        key ??= TestKey.First;
        var header = new JsonObject { ["typ"] = "JWT", ["alg"] = key.Algorithm };
        if (key.Id is not null) header["kid"] = key.Id;
        return Token(header.ToJsonString(), claims.ToJsonString(), key.Sign);
    }

    /// <summary>A token of any two texts.</summary>
    public static string Token(string header, string claims, Func<byte[], byte[]> sign)
    {
        var (first, second) = (Encoding.UTF8.GetBytes(header), Encoding.UTF8.GetBytes(claims));
        var signed = $"{TestKey.Encode(first)}.{TestKey.Encode(second)}";
        return $"{signed}.{TestKey.Encode(sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    private async Task AnswerAsync(HttpContext http)
    {
        Authorization = http.Request.Headers.Authorization;
        var isDiscovery = http.Request.Path == "/.well-known/openid-configuration";
        Interlocked.Increment(ref isDiscovery ? ref discoveries : ref keyReads);
        if (Misbehaviour is { } act) await act(http);
        else await http.Response.WriteAsync(isDiscovery ? Discovery() : KeySet(Keys), http.RequestAborted);
    }

    public string Discovery(string? issuer = null, string? keys = null) => new JsonObject
    {
        ["issuer"] = issuer ?? Url,
        ["jwks_uri"] = keys ?? Url + "/keys",
        ["response_types_supported"] = new JsonArray("id_token"),
        ["subject_types_supported"] = new JsonArray("public"),
        ["id_token_signing_alg_values_supported"] = new JsonArray("RS256"),
    }.ToJsonString();

    public static string KeySet(IEnumerable<JsonObject> keys) =>
        new JsonObject { ["keys"] = new JsonArray([.. keys.Select(key => key.DeepClone())]) }.ToJsonString();
}
