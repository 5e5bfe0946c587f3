using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>What operators configure, and what they are told if it can't be used.</summary>
public sealed class TrustTests
{
    private static readonly Dictionary<string, (Action<JsonObject> Change, string Reason)> BadRoots = new()
    {
        ["of another media type"] = (
            root => root["mediaType"] = "text/plain", "its media type is not that of a trusted root"),
        ["with a log without a start"] = (
            root => root["tlogs"]![1]!["publicKey"]!["validFor"]!.AsObject().Remove("start"),
            "tlogs[1]: validFor.start of the public key is missing"),
        ["with a log that is trusted at no time"] = (
            root => root["tlogs"]![0]!["publicKey"]!["validFor"]!["start"] = "soon",
            "tlogs[0]: validFor.start is not a time"),
        ["with a log without an id"] = (
            root => root["ctlogs"]![0]!.AsObject().Remove("logId"), "ctlogs[0]: logId is missing"),
        ["with a key that is none"] = (
            root => root["tlogs"]![0]!["publicKey"]!["rawBytes"] = "AAAA",
            "tlogs[0]: the public key is not a SubjectPublicKeyInfo"),
        ["with an authority without certificates"] = (
            root => root["certificateAuthorities"]![0]!["certChain"]!["certificates"] = new JsonArray(),
            "certificateAuthorities[0]: the chain has no certificates"),
        ["with an authority without its root"] = (
            root => root["certificateAuthorities"]![0]!["certChain"]!["certificates"]!.AsArray().RemoveAt(1),
            "certificateAuthorities[0]: the chain does not end with a root certificate"),
        ["with a certificate that is none"] = (
            root => root["timestampAuthorities"]![0]!["certChain"]!["certificates"]![0]!["rawBytes"] = "AAAA",
            "timestampAuthorities[0]: a certificate can't be read"),
        ["with logs that are no list"] = (root => root["tlogs"] = "none", "tlogs is not a list"),
    };

    private static readonly Dictionary<string, (Action<JsonObject> Change, string Reason)> BadPolicies = new()
    {
        ["of another version"] = (p => p["version"] = "2.0", "trust policies of this version are not supported"),
        ["without policies"] = (p => p["trustPolicies"] = new JsonArray(), "there are no trust policies"),
        ["with a name twice"] = (
            p => p["trustPolicies"]!.AsArray().Add(First(p).DeepClone()), "two policies have the name all"),
        ["with a scope twice"] = (
            p =>
            {
                var again = First(p).DeepClone();
                again["name"] = "again";
                p["trustPolicies"]!.AsArray().Add(again);
            },
            "two policies are for *"),
        ["with an unknown level"] = (
            p => First(p)["signatureVerification"]!["level"] = "lax", "the policy all: there is no level lax"),
        ["that skips all repositories"] = (
            p => First(p)["signatureVerification"]!["level"] = "skip", "the level skip can't be for all repositories"),
        ["without scopes"] = (p => First(p)["registryScopes"] = new JsonArray(), "it is for no repository"),
        ["with all repositories beside others"] = (
            p => First(p)["registryScopes"] = new JsonArray("*", "a.example/b"), "* can't stand beside other scopes"),
        ["with a pattern"] = (
            p => First(p)["registryScopes"] = new JsonArray("a.example/*"), "the scope a.example/* has a wildcard"),
        ["without stores"] = (
            p => First(p)["trustStores"] = new JsonArray("tsa:times"), "it has no trust store for signers"),
        ["with an unknown kind of store"] = (
            p => First(p)["trustStores"] = new JsonArray("ca:a", "pgp:b"),
            "there is no type of trust store like that of pgp:b"),
        ["without identities"] = (p => First(p)["trustedIdentities"] = new JsonArray(), "it trusts nobody"),
        ["with an identity of another kind"] = (
            p => First(p)["trustedIdentities"] = new JsonArray("me"),
            "the identity me is neither * nor an x509.subject"),
        ["with a name that leaves open who is meant"] = (
            p => First(p)["trustedIdentities"] = new JsonArray("x509.subject: C=US, O=acme"),
            "the attribute ST is missing"),
        ["with an attribute twice"] = (
            p => First(p)["trustedIdentities"] = new JsonArray("x509.subject: C=US, C=DE"),
            "the attribute C is there twice"),
        ["with an unknown attribute"] = (
            p => First(p)["trustedIdentities"] = new JsonArray("x509.subject: X=1"),
            "the attribute X is not supported"),
        ["with two attributes in one"] = (
            p => First(p)["trustedIdentities"] = new JsonArray("x509.subject: C=US+O=acme"),
            "with + are not supported"),
        ["with integrity overridden"] = (
            p => Override(p, "integrity", "log"), "integrity can't be overridden"),
        ["with authenticity skipped"] = (
            p => Override(p, "authenticity", "skip"), "authenticity can't be overridden with skip"),
        ["with an unknown time for timestamps"] = (
            p => First(p)["signatureVerification"]!["verifyTimestamp"] = "never", "verifyTimestamp can't be never"),
    };

    public static TheoryData<string> Roots => [.. BadRoots.Keys];

    public static TheoryData<string> Policies => [.. BadPolicies.Keys];

    [Theory]
    [MemberData(nameof(Roots))]
    public void A_trusted_root_that_is_wrong_is_refused(string wrong)
    {
        var root = new LittleSigstore().TrustRoot();
        BadRoots[wrong].Change(root);
        var fault = Assert.Throws<FormatException>(() => TrustRoot.Parse(KeyTests.Bytes(root)));
        Assert.Contains(BadRoots[wrong].Reason, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void A_trust_policy_that_is_wrong_is_refused(string wrong)
    {
        var policy = JsonNode.Parse("""
            {"version":"1.0","trustPolicies":[{"name":"all","registryScopes":["*"],
             "signatureVerification":{"level":"strict"},"trustStores":["ca:acme"],"trustedIdentities":["*"]}]}
            """)!.AsObject();
        Assert.Single(NotationPolicy.ParseAll(KeyTests.Bytes(policy)));
        BadPolicies[wrong].Change(policy);
        var fault = Assert.Throws<FormatException>(() => NotationPolicy.ParseAll(KeyTests.Bytes(policy)));
        Assert.Contains(BadPolicies[wrong].Reason, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_with_a_key_of_the_future_is_left_out_and_an_old_one_read()
    {
        var (root, rsa) = (new LittleSigstore().TrustRoot(), RSA.Create(2048));
        root["tlogs"]![0]!["publicKey"]!["keyDetails"] = "ML_DSA_65";
        root["ctlogs"]![0]!["publicKey"]!["keyDetails"] = "PKCS1_RSA_PKCS1V5";
        root["ctlogs"]![0]!["publicKey"]!["rawBytes"] = Convert.ToBase64String(rsa.ExportRSAPublicKey());
        var parsed = TrustRoot.Parse(KeyTests.Bytes(root));
        Assert.Equal("log2.rekor.example", Assert.Single(parsed.Logs).Host);
        Assert.Equal(rsa.ExportSubjectPublicKeyInfo(), parsed.CertificateLogs[0].Key.Info.ToArray());
    }

    /// <summary>A root without logs would ask for no entry in one.</summary>
    [Theory]
    [InlineData("tlogs")]
    [InlineData("ctlogs")]
    public void A_root_whose_logs_all_have_keys_of_the_future_is_refused(string logs)
    {
        var root = new LittleSigstore().TrustRoot();
        foreach (var log in root[logs]!.AsArray()) log!["publicKey"]!["keyDetails"] = "ML_DSA_65";
        var fault = Assert.Throws<FormatException>(() => TrustRoot.Parse(KeyTests.Bytes(root)));
        Assert.Contains($"{logs}: none of the keys", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hello", "the key is not PEM")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "kind PRIVATE KEY, and must be")]
    [InlineData("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "is not a SubjectPublicKeyInfo")]
    public void A_key_that_is_none_is_refused(string pem, string reason) =>
        Assert.Contains(reason, Assert.Throws<FormatException>(() => new TrustedKey("key", pem)).Message);

    [Fact]
    public void Keys_that_are_weak_or_slow_are_refused()
    {
        Assert.Contains("2048 to 8192 bits", Refusal(RSA.Create(1024).ExportSubjectPublicKeyInfo()));
        Assert.Contains("2048 to 8192 bits", Refusal(RsaKey(100_000 / 8, [1, 0, 1])));
        Assert.Contains("2048 to 8192 bits", Refusal(RsaKey(256, new byte[100])));
        using var other = ECDsa.Create(ECCurve.NamedCurves.brainpoolP256r1);
        Assert.Contains("are not supported", Refusal(other.ExportSubjectPublicKeyInfo()));
        Assert.Contains("curve has no name", Refusal(ExplicitCurve()));
        Assert.Contains("are not supported", Refusal(DSA.Create(1024).ExportSubjectPublicKeyInfo()));
    }

    [Fact]
    public void A_trust_store_must_hold_what_it_is_for()
    {
        var root = LittleNotation.Root.ExportCertificatePem();
        var leaf = LittleNotation.Certify().ExportCertificatePem();
        Assert.Equal("ca:a", NotationStore.Parse(NotationStoreType.Ca, "a", $"{root}\n{leaf}").Reference);
        Assert.Equal("tsa:a", NotationStore.Parse(NotationStoreType.Tsa, "a", root).Reference);
        Assert.Contains("has no certificates", Assert.Throws<FormatException>(
            () => NotationStore.Parse(NotationStoreType.Ca, "a", "")).Message);
        Assert.Contains("that is no root", Assert.Throws<FormatException>(
            () => NotationStore.Parse(NotationStoreType.Tsa, "a", leaf)).Message);
    }

    [Fact]
    public void Commas_in_names_are_escaped() => Assert.Equal(
        "acme, inc.", DistinguishedName.Parse(@"C=US, S=WA, O=acme\, inc.").Attributes["O"]);

    private static string Refusal(byte[] info) =>
        Assert.Throws<FormatException>(() => VerificationKey.Parse(info)).Message;

    private static byte[] RsaKey(int bytes, byte[] exponent)
    {
        var modulus = new byte[bytes];
        modulus.AsSpan().Fill(0x7f);
        exponent[0] = 1;
        var key = new AsnWriter(AsnEncodingRules.DER);
        using (key.PushSequence())
        {
            key.WriteInteger(modulus);
            key.WriteInteger(exponent);
        }

        return Info("1.2.840.113549.1.1.1", writer => writer.WriteNull(), key.Encode());
    }

    private static byte[] ExplicitCurve() => Info(
        "1.2.840.10045.2.1",
        writer =>
        {
            using (writer.PushSequence()) writer.WriteInteger(1);
        },
        [4, 1, 2]);

    private static byte[] Info(string algorithm, Action<AsnWriter> parameters, byte[] key)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(algorithm);
                parameters(writer);
            }

            writer.WriteBitString(key);
        }

        return writer.Encode();
    }

    private static JsonNode First(JsonObject policy) => policy["trustPolicies"]![0]!;

    private static void Override(JsonObject policy, string check, string action) =>
        First(policy)["signatureVerification"]!["override"] = new JsonObject { [check] = action };
}
