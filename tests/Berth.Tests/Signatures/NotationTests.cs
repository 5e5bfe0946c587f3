using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>Signatures of Notary Project in both formats: right but for one thing, and refused for that.</summary>
public sealed class NotationTests
{
    private static readonly DateTimeOffset Now = LittleSigstore.Time;
    private static readonly LittleTimestamps Timestamps = new("notation tsa");
    private static readonly DateTimeOffset Soon = Now.AddDays(1);

    private static readonly X509Certificate2 TrustedLeaf = LittleNotation.Certify();

    private static readonly Dictionary<string, Func<AsymmetricAlgorithm>> Keys = new()
    {
        ["ES256"] = () => ECDsa.Create(ECCurve.NamedCurves.nistP256),
        ["ES384"] = () => ECDsa.Create(ECCurve.NamedCurves.nistP384),
        ["ES512"] = () => ECDsa.Create(ECCurve.NamedCurves.nistP521),
        ["PS256"] = () => RSA.Create(2048),
        ["PS384"] = () => RSA.Create(3072),
    };

    private static readonly Dictionary<string, (LittleNotation Signed, string Reason)> Broken = new()
    {
        ["by another key"] = (
            new() { Key = ECDsa.Create(ECCurve.NamedCurves.nistP256) },
            "it was altered, or is not by the certificate's key"),
        ["with an algorithm that is not the key's"] = (
            new() { Hash = HashAlgorithmName.SHA384 }, "it was altered, or is not by the certificate's key"),
        ["with a payload of another type"] = (
            new() { ContentType = "text/plain" }, "its payload is of the type text/plain"),
        ["with an unknown scheme"] = (
            new() { Headers = Headers((LittleNotation.Scheme, "evil")) }, "the signing scheme evil is not supported"),
        ["with a scheme that may be ignored"] = (
            new() { Critical = [LittleNotation.Time] },
            "the header io.cncf.notary.signingScheme is not critical"),
        ["with an expiry that may be ignored"] = (
            new() { Headers = Headers((LittleNotation.Expiry, Soon)) },
            "the header io.cncf.notary.expiry is not critical"),
        ["with a header that must be understood"] = (
            new()
            {
                Headers = Headers(("io.cncf.notary.verificationPlugin", "x")),
                Critical = [LittleNotation.Scheme, "io.cncf.notary.verificationPlugin"],
            },
            "it needs a reader that knows the header io.cncf.notary.verificationPlugin"),
        ["by an authority that gives no time"] = (
            new() { Headers = Headers((LittleNotation.Scheme, "notary.x509.signingAuthority")) },
            "the header io.cncf.notary.authenticSigningTime is not critical"),
        ["about another image"] = (
            new() { Target = Target("digest", "sha256:" + new string('0', 64)) }, "it is about sha256:000"),
        ["about another media type"] = (
            new() { Target = Target("mediaType", "text/plain") }, "another media type or size"),
        ["about another size"] = (new() { Target = Target("size", 1) }, "another media type or size"),
        ["with an authority's certificate"] = (
            new()
            {
                Leaf = LittleNotation.Certify(extensions: new X509BasicConstraintsExtension(true, false, 0, true)),
            },
            "the certificate is that of an authority"),
        ["with a certificate that is not for signatures"] = (
            new() { Leaf = LittleNotation.Certify(extensions: TestCertificate.Usage(TestCertificate.CodeSigning)) },
            "the certificate is not for signatures"),
        ["with a certificate for other signatures"] = (
            new()
            {
                Leaf = LittleNotation.Certify(
                    extensions: [TestCertificate.SignatureUse(), TestCertificate.Usage(TestCertificate.TimeStamping)]),
            },
            "the certificate or its issuer is for another use"),
        ["without its root"] = (
            new() { Leaf = TrustedLeaf, Chain = [TrustedLeaf] }, "the certificate chain does not end with its root"),
        ["with the root of somebody else"] = (
            new() { Leaf = TrustedLeaf, Chain = [TrustedLeaf, TestCertificate.Authority("other")] },
            "the certificate is issued by CN=notation root, which is not trusted"),
        ["with a trusted certificate beside a stranger's chain"] = (
            Stranger(root => [LittleNotation.Root, root]), "certificates that are not on the way to its root"),
        ["with certificates out of order"] = (
            Deep(between => [between[1], between[0]]), "certificates that are not on the way to its root"),
        ["by a stranger"] = (
            Stranger(root => [root]),
            "the certificate is issued by CN=stranger, which no trust store of the policy all has"),
    };

    public static TheoryData<string, bool> BrokenEnvelopes => Both(Broken.Keys);

    public static TheoryData<string, bool> Algorithms => Both(Keys.Keys);

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void A_signature_is_told_with_its_signer(string algorithm, bool isCose)
    {
        var verdict = Verify(new() { Leaf = LittleNotation.Certify(key: Keys[algorithm]()) }, isCose);
        Assert.Null(verdict.Fault);
        var signature = verdict.Signature!;
        Assert.Equal(SignatureKind.Notation, signature.Kind);
        Assert.Equal(("CN=release, O=acme, S=WA, C=US", "all"), (signature.Signer, signature.TrustedBy));
        Assert.Equal(new SigningTime(Now, TimeSource.Signer), signature.SignedAt);
        Assert.Equal("42", signature.Annotations["build"]);
        Assert.Empty(signature.Warnings);
    }

    [Theory]
    [MemberData(nameof(BrokenEnvelopes))]
    public void A_broken_envelope_is_refused_for_what_is_wrong(string broken, bool isCose)
    {
        var (signed, reason) = Broken[broken];
        Assert.Contains(reason, Verify(signed, isCose).Fault?.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_header_says_of_the_algorithm_must_be_true() => Assert.Contains(
        "is not by the certificate's key and its algorithm",
        Verify(new() { Algorithm = "ES384" }, isCose: false).Fault!.Reason);

    [Fact]
    public void A_critical_header_must_be_there()
    {
        var signed = new LittleNotation
        {
            Headers = Headers((LittleNotation.Scheme, "notary.x509.signingAuthority")),
            Critical = [LittleNotation.Scheme, LittleNotation.AuthenticTime],
        };
        Assert.Equal(
            SignatureFault.Invalid("the header io.cncf.notary.authenticSigningTime is missing"),
            Verify(signed, isCose: false).Fault);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_chain_over_several_issuers_is_verified(bool isCose) =>
        Assert.Null(Verify(Deep(between => between), isCose).Fault);

    [Theory]
    [InlineData("C=US, ST=WA, O=acme", null)]
    [InlineData("C=US, ST=WA, O=acme, CN=release", null)]
    [InlineData("C=US, ST=WA, O=acme, CN=other", "whom the policy all does not trust")]
    [InlineData("C=US, ST=WA, O=acme, OU=other", "whom the policy all does not trust")]
    public void Who_signed_must_have_all_that_an_identity_says(string identity, string? reason)
    {
        var fault = Verify(new(), isCose: true, Policy(identities: [$"x509.subject: {identity}"])).Fault;
        Assert.Equal(reason is null, fault is null);
        Assert.Contains(reason ?? "", fault?.Reason ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("strict", "the certificate of CN=release, O=acme, S=WA, C=US was not valid at")]
    [InlineData("permissive", null)]
    [InlineData("audit", null)]
    public void An_expired_certificate_without_a_timestamp_is_weighed_by_the_level(string level, string? reason) =>
        Weigh(new() { Leaf = LittleNotation.Certify(to: Now.AddHours(-1)) }, Policy(level), reason);

    [Theory]
    [InlineData("strict", "the signature expired at")]
    [InlineData("permissive", null)]
    public void An_expired_signature_is_weighed_by_the_level(string level, string? reason) => Weigh(
        new()
        {
            Headers = Headers((LittleNotation.Expiry, Now.AddHours(-1))),
            Critical = [LittleNotation.Scheme, LittleNotation.Expiry],
        },
        Policy(level), reason);

    [Fact]
    public void What_is_overridden_is_weighed_so()
    {
        var expired = new LittleNotation { Leaf = LittleNotation.Certify(to: Now.AddHours(-1)) };
        var skipped = Policy();
        skipped["signatureVerification"]!["override"] = new JsonObject { ["authenticTimestamp"] = "skip" };
        Assert.Empty(Verify(expired, isCose: true, skipped).Signature!.Warnings);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_expired_certificate_with_a_timestamp_is_trusted(bool isCose)
    {
        var signed = new LittleNotation
        {
            Leaf = LittleNotation.Certify(to: Now.AddHours(-1)),
            Stamp = signature => Timestamps.Stamp(signature, Now.AddHours(-2)),
        };
        Assert.Equal(
            new SigningTime(Now.AddHours(-2), TimeSource.Timestamp),
            Verify(signed, isCose, Policy(stores: ["ca:acme", "tsa:times"])).Signature!.SignedAt);
        Assert.NotNull(Verify(signed, isCose).Fault);
    }

    [Fact]
    public void A_timestamp_must_be_there_and_right_if_the_policy_asks_for_it()
    {
        var policy = Policy(stores: ["ca:acme", "tsa:times"]);
        Assert.Equal("it has no timestamp, which the policy asks for", Verify(new(), true, policy).Fault!.Reason);
        Assert.Contains(
            "is not over this signature",
            Verify(new() { Stamp = _ => Timestamps.Stamp([1], Now) }, true, policy).Fault!.Reason);
        Assert.Contains(
            "is issued by CN=stranger root, which is not trusted",
            Verify(new() { Stamp = content => new LittleTimestamps("stranger").Stamp(content, Now) }, true, policy)
                .Fault!.Reason);
        var late = new LittleNotation
        {
            Leaf = LittleNotation.Certify(to: Now.AddHours(-1)),
            Stamp = content => Timestamps.Stamp(content, Now),
        };
        Assert.Contains("was not valid at", Verify(late, true, policy).Fault!.Reason);
    }

    [Fact]
    public void A_timestamp_may_be_asked_for_only_after_the_certificate_expired()
    {
        var policy = Policy(stores: ["ca:acme", "tsa:times"]);
        policy["signatureVerification"]!["verifyTimestamp"] = "afterCertExpiry";
        Assert.Null(Verify(new(), true, policy).Fault);
        var expired = new LittleNotation { Leaf = LittleNotation.Certify(to: Now.AddHours(-1)) };
        Assert.Equal("it has no timestamp, which the policy asks for", Verify(expired, true, policy).Fault!.Reason);
    }

    [Fact]
    public void The_time_of_a_signing_authority_counts()
    {
        var signed = new LittleNotation
        {
            Leaf = LittleNotation.Certify(to: Now.AddHours(-1)),
            Headers = Headers(
                (LittleNotation.Scheme, "notary.x509.signingAuthority"),
                (LittleNotation.AuthenticTime, Now.AddHours(-2))),
            Critical = [LittleNotation.Scheme, LittleNotation.AuthenticTime],
        };
        var policy = Policy(stores: ["signingAuthority:acme"]);
        Assert.Equal(Now.AddHours(-2), Verify(signed, true, policy).Signature!.SignedAt!.Time);
        Assert.Contains("which no trust store of the policy all has", Verify(signed, true).Fault!.Reason);
        signed.Headers[LittleNotation.AuthenticTime] = Now;
        Assert.Contains("was not valid at", Verify(signed, true, policy).Fault!.Reason);
    }

    [Theory]
    [InlineData("registry.example/app", null)]
    [InlineData("registry.example/other", "no trust policy is for this repository")]
    [InlineData("registry.example/ap", "no trust policy is for this repository")]
    public void A_policy_is_for_the_repositories_that_it_names(string scope, string? reason) => Assert.Equal(
        reason, Verify(new(), true, Policy(scopes: [scope])).Fault?.Reason);

    [Fact]
    public void A_policy_that_skips_trusts_nobody()
    {
        var skip = new JsonObject
        {
            ["name"] = "none",
            ["registryScopes"] = new JsonArray("registry.example/app"),
            ["signatureVerification"] = new JsonObject { ["level"] = "skip" },
        };
        Assert.Equal(
            SignatureFault.Untrusted("the policy none skips signatures here"),
            Verify(new(), true, skip, Policy()).Fault);
    }

    private static void Weigh(LittleNotation signed, JsonObject policy, string? reason)
    {
        var verdict = Verify(signed, isCose: true, policy);
        if (reason is not null) Assert.Contains(reason, verdict.Fault!.Reason, StringComparison.Ordinal);
        else Assert.Single(verdict.Signature!.Warnings);
    }

    private static SignatureVerdict Verify(LittleNotation signed, bool isCose, params JsonObject[] policies)
    {
        var (root, all) = (LittleNotation.Root.ExportCertificatePem(), policies.Length > 0 ? policies : [Policy()]);
        var trust = new Trust
        {
            Policies = NotationPolicy.ParseAll(KeyTests.Bytes(new JsonObject
            {
                ["version"] = "1.0",
                ["trustPolicies"] = new JsonArray([.. all.Select(one => one.DeepClone())]),
            })),
            Stores =
            [
                NotationStore.Parse(NotationStoreType.Ca, "acme", root),
                NotationStore.Parse(NotationStoreType.SigningAuthority, "acme", root),
                NotationStore.Parse(NotationStoreType.Tsa, "times", Timestamps.Root.ExportCertificatePem()),
            ],
        };
        return KeyTests.Verify(signed.Layer(isCose), trust);
    }

    private static JsonObject Policy(
        string level = "strict", string[]? stores = null, string[]? identities = null, string[]? scopes = null) => new()
        {
            ["name"] = "all",
            ["registryScopes"] = Array(scopes ?? ["*"]),
            ["signatureVerification"] = new JsonObject { ["level"] = level },
            ["trustStores"] = Array(stores ?? ["ca:acme"]),
            ["trustedIdentities"] = Array(identities ?? ["*"]),
        };

    private static JsonArray Array(string[] texts) => [.. texts.Select(one => (JsonNode)one)];

    private static Dictionary<string, object> Headers(params (string Name, object Value)[] more)
    {
        var headers = new LittleNotation().Headers;
        foreach (var (name, value) in more) headers[name] = value;
        return headers;
    }

    private static JsonObject Target(string name, JsonNode value)
    {
        var target = new LittleNotation().Target;
        target[name] = value;
        return target;
    }

    private static LittleNotation Stranger(Func<X509Certificate2, X509Certificate2[]> chain)
    {
        var root = TestCertificate.Authority("stranger");
        var leaf = LittleNotation.Certify(root);
        return new LittleNotation { Leaf = leaf, Chain = [leaf, .. chain(root)] };
    }

    /// <summary>With two issuers between its certificate and the root, given nearest first.</summary>
    private static LittleNotation Deep(Func<X509Certificate2[], X509Certificate2[]> order)
    {
        var upper = TestCertificate.Authority("upper", LittleNotation.Root);
        var lower = TestCertificate.Authority("lower", upper);
        var leaf = LittleNotation.Certify(lower);
        return new LittleNotation { Leaf = leaf, Chain = [leaf, .. order([lower, upper]), LittleNotation.Root] };
    }

    private static TheoryData<string, bool> Both(IEnumerable<string> names)
    {
        var all = new TheoryData<string, bool>();
        foreach (var name in names)
        {
            all.Add(name, false);
            all.Add(name, true);
        }

        return all;
    }
}
