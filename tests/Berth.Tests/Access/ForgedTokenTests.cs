using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.TokenRegistry;

namespace Berth.Tests.Access;

/// <summary>Tokens that must not work: forged, for others, over, or of a key that was replaced.</summary>
[Accounts]
[Inside]
public sealed class ForgedTokenTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_that_was_altered_or_not_issued_here_is_worth_nothing()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var token = await TokenAsync(registry, Basic("ann", Password), "repository:a:push");
        var parts = token.Split('.');
        var (header, claims) = (Decoded(parts[0]), Decoded(parts[1]));
        using var strange = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = strange.ExportParameters(false).Q;
        var ownKey = $$$"""{"kty":"EC","crv":"P-256","x":"{{{Encoded(point.X!)}}}","y":"{{{Encoded(point.Y!)}}}"}""";
        string Signed(string text) =>
            $"{text}.{Encoded(strange.SignData(Ascii(text), HashAlgorithmName.SHA256))}";
        string[] headers =
        [
            """{"alg":"none","typ":"JWT"}""", header.Replace("ES256", "none"), header.Replace("ES256", "HS256"),
            header.Replace("ES256", "es256"), header.Replace("\"kid\":\"", "\"kid\":\"../"),
            Regex.Replace(header, "\"kid\":\"[^\"]*\"", "\"kid\":\"\""), header.Replace("kid", "dik"),
            Regex.Replace(header, "\"kid\":\"[^\"]*\"", "\"kid\":\"' OR 1=1 --\""),
            header[..^1] + $",\"jwk\":{ownKey}}}", header[..^1] + ",\"jku\":\"http://127.0.0.1:1/keys\"}",
            """{"alg":"ES256","typ":"JWT"}""",
        ];
        await IsRefusedAsync(registry, headers.SelectMany(other => new[]
        {
            $"{Encoded(other)}.{parts[1]}.{parts[2]}", $"{Encoded(other)}.{parts[1]}.",
            Signed($"{Encoded(other)}.{parts[1]}"),
        }));
        var publicKey = (await registry.Client.GetStringAsync(".well-known/jwks.json", Stop)).Trim();
        var confused = $"{Encoded(header.Replace("ES256", "HS256"))}.{parts[1]}";
        await IsRefusedAsync(registry,
            $"{confused}.{Encoded(HMACSHA256.HashData(Ascii(publicKey), Ascii(confused)))}",
            $"{parts[0]}.{Encoded(claims.Replace("\"a\"", "\"b\""))}.{parts[2]}", Signed($"{parts[0]}.{parts[1]}"),
            $"{parts[0]}.{parts[1]}.", $"{parts[0]}.{parts[1]}", $"{parts[0]}..", $"{parts[0]}.", parts[0], token[..^1],
            token + "A", token + ".", token + "=", $"{token}.{parts[2]}", token.ToUpperInvariant(), "", ".", "..",
            "....", $"{parts[0]}.!.!", $"!.{parts[1]}.{parts[2]}", new string('a', 20_000), new string('.', 5000));
        using var right = await PushAsync(registry, token);
        Assert.Equal(HttpStatusCode.Accepted, right.StatusCode);
    }

    [Fact]
    public async Task A_token_for_another_registry_or_of_another_issuer_is_worth_nothing_here()
    {
        await using var registry = await StartAsync(AnonymousAccess.None, others: ["other"]);
        var elsewhere = await TokenAsync(registry, Basic("ann", Password), "repository:a:push&service=other");
        Assert.Contains("\"aud\":\"other\"", Decoded(elsewhere.Split('.')[1]), StringComparison.Ordinal);
        var unknown = await TokenAsync(registry, Basic("ann", Password), "repository:a:push&service=unknown");
        var issuer = new AccessTokens(
            registry.Services.GetRequiredService<TokenKeys>(), new AuthSettings { Issuer = "somebody" },
            TimeProvider.System);
        var ann = Caller.WithPassword("ann");
        var foreign = await issuer.IssueAsync(
            ann, "berth", [AccessScope.Parse("repository:a:push")!], TimeProvider.System.GetUtcNow(), Stop);
        await IsRefusedAsync(registry, elsewhere, foreign.Text);
        using var right = await PushAsync(registry, unknown);
        Assert.Equal(HttpStatusCode.Accepted, right.StatusCode);
    }

    [Fact]
    public async Task A_token_expires_on_time_even_if_it_was_seen_before()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var (keys, clock) = (registry.Services.GetRequiredService<TokenKeys>(), new SetClock());
        var tokens = new AccessTokens(keys, new AuthSettings(), clock);
        var ann = Caller.WithPassword("ann");
        var token = (await tokens.IssueAsync(ann, "berth", [], clock.GetUtcNow(), Stop)).Text;
        Assert.Equal("ann", (await tokens.FindAsync(token, TimeSpan.Zero, Stop))!.Name);
        clock.Advance(TimeSpan.FromMinutes(4));
        Assert.NotNull(await tokens.FindAsync(token, TimeSpan.Zero, Stop));

        // Setting the clock back does not extend it.
        clock.SetBack(TimeSpan.FromDays(1));
        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Null(await tokens.FindAsync(token, TimeSpan.Zero, Stop));
        Assert.NotNull(await tokens.FindAsync(token, TimeSpan.FromMinutes(2), Stop));

        var issuer = registry.Services.GetRequiredService<AccessTokens>();
        var yesterday = TimeProvider.System.GetUtcNow() - TimeSpan.FromDays(1);
        AccessScope[] scopes = [AccessScope.Parse("repository:a:push")!];
        await IsRefusedAsync(registry, (await issuer.IssueAsync(ann, "berth", scopes, yesterday, Stop)).Text);
        using var fresh = await PushAsync(
            registry, (await issuer.IssueAsync(ann, "berth", scopes, TimeProvider.System.GetUtcNow(), Stop)).Text);
        Assert.Equal(HttpStatusCode.Accepted, fresh.StatusCode);
    }

    [Fact]
    public async Task A_new_key_is_published_before_it_signs_and_an_old_one_is_kept_until_its_tokens_are_over()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var database = registry.Services.GetRequiredService<Database>();
        var clock = new SetClock();
        TokenKeys Node() => new(database, TimeSpan.FromDays(90), TimeSpan.FromMinutes(5), clock);
        using var node = Node();
        var first = (await node.AllAsync(Stop))[0];
        clock.Advance(TimeSpan.FromDays(91));
        var rotated = await node.AllAsync(Stop);
        Assert.Equal(2, rotated.Count);
        Assert.Equal(first.Id, rotated[0].Id);
        using var other = Node();
        Assert.Equal(rotated.Select(k => k.Id), (await other.AllAsync(Stop)).Select(k => k.Id));
        clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(rotated[1].Id, (await node.AllAsync(Stop))[0].Id);
        Assert.NotNull(await node.FindAsync(first.Id, Stop));
        clock.Advance(TimeSpan.FromDays(91));
        Assert.Equal(2, (await node.AllAsync(Stop)).Count);
        Assert.Null(await node.FindAsync(first.Id, Stop));
    }

    private static string Decoded(string part) => Encoding.UTF8.GetString(Base64Url.DecodeFromChars(part));

    private static string Encoded(string text) => Encoded(Encoding.UTF8.GetBytes(text));

    private static string Encoded(byte[] bytes) => Base64Url.EncodeToString(bytes);

    private static byte[] Ascii(string text) => Encoding.ASCII.GetBytes(text);
}
