using System.Diagnostics;
using System.Formats.Asn1;
using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>What nobody signs but anybody can push: each is answered with a fault, and soon.</summary>
public sealed class HostileSignatureTests
{
    /// <summary>Much longer than any of these takes, and much shorter than one that is not bounded.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    private static readonly LittleSigstore Sigstore = new();

    private static readonly Dictionary<string, Func<SignatureLayer>> Layers = new()
    {
        ["an empty bundle"] = () => Bundle(""),
        ["a deep bundle"] = () => Bundle(new string('[', 1_000_000)),
        ["a bundle with a field twice"] = () => Twice(Changed(_ => { })),
        ["a bundle with half a character"] = () => Bundle("""{"mediaType":"\ud800"}"""),
        ["a bundle of another shape"] = () => Bundle("""[]"""),
        ["a bundle with numbers for texts"] = () => Bundle("""{"mediaType":1}"""),
        ["a bundle with many entries"] = () => Changed(b => Repeat(b.Material["tlogEntries"]!.AsArray(), 10_000)),
        ["a bundle with many hashes"] = () =>
            Changed(b => Repeat(b.Entry["inclusionProof"]!["hashes"]!.AsArray(), 100)),
        ["a bundle with short hashes"] = () => Changed(b => b.Entry["inclusionProof"]!["hashes"]![0] = "AAAA"),
        ["a bundle with many certificates"] = () => Changed(b =>
        {
            b.Material.AsObject().Remove("certificate");
            var chain = LittleSigstore.TrustedAuthority(b.Signer)["certChain"]!.DeepClone();
            Repeat(chain["certificates"]!.AsArray(), 10_000);
            b.Material["x509CertificateChain"] = chain;
        }),
        ["a bundle with a large certificate"] = () =>
            Changed(b => b.Material["certificate"]!["rawBytes"] = Convert.ToBase64String(new byte[100_000])),
        ["a bundle with a large number"] = () => Changed(b => b.Entry["integratedTime"] = "9223372036854775808"),
        ["a bundle of the far future"] = () => Changed(b => b.Entry["integratedTime"] = "9223372036854775807"),
        ["a bundle with a checkpoint of many lines"] = () => Changed(b =>
            b.Entry["inclusionProof"]!["checkpoint"]!["envelope"] = new string('\n', 1_000_000)),
        ["a bundle with a large checkpoint"] = () => Changed(b =>
            b.Entry["inclusionProof"]!["checkpoint"]!["envelope"] += new string('a', 100_000)),
        ["a bundle with many cosignatures"] = () => Changed(b =>
            b.Entry["inclusionProof"]!["checkpoint"]!["envelope"] +=
                string.Concat(Enumerable.Repeat("— a AAAAAAAA\n", 1000))),
        ["a bundle with a timestamp of nested sequences"] = () => Changed(b => Timestamp(b, Nested(10_000))),
        ["a bundle with a large timestamp"] = () => Changed(b => Timestamp(b, new byte[2 << 20])),
        ["a bundle with a refused timestamp"] = () => Changed(b => Timestamp(b, [0x30, 5, 0x30, 3, 2, 1, 2])),
        ["a bundle with a huge signature"] = () => Changed(b => b.Signature = new byte[5 << 20]),
        ["a layer beyond the limit"] = () => Bundle(new string(' ', SignatureLimits.MaxLayerBytes + 1)),
        ["a layer of another type"] = () => new("text/plain", KeyTests.None, "{}"u8.ToArray()),
        ["an envelope of deep CBOR"] = () => Cose(Enumerable.Repeat((byte)0x81, 1_000_000).ToArray()),
        ["an envelope of large CBOR"] = () => Cose(new byte[2 << 20]),
        ["an envelope with many critical headers"] = () => new LittleNotation
        {
            Headers = Enumerable.Range(0, 40).ToDictionary(one => $"header {one}", one => (object)"x"),
            Critical = [.. Enumerable.Range(0, 40).Select(one => $"header {one}")],
        }.Layer(isCose: true),
        ["an envelope of long CBOR"] = () => Cose([0xd2, 0x9b, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
        ["an envelope with a header of deep CBOR"] = () => Cose(WithHeader(
            [.. Enumerable.Repeat((byte)0x81, 10_000), 0])),
        ["an envelope with a text for its time"] = () => Cose(
            new LittleNotation { Headers = { [LittleNotation.Time] = "now" } }.Cose()),
        ["an envelope with many certificates"] = () =>
            new LittleNotation { Chain = [.. Enumerable.Repeat(LittleNotation.Root, 2000)] }.Layer(isCose: true),
        ["an envelope without certificates"] = () => new LittleNotation { Chain = [] }.Layer(isCose: true),
        ["a JSON envelope without certificates"] = () => new LittleNotation { Chain = [] }.Layer(isCose: false),
        ["a JSON envelope that is large"] = () => Jws(new string(' ', 2 << 20)),
        ["a JSON envelope with broken parts"] = () => Jws("""{"payload":"%","protected":"%","signature":"%"}"""),
        ["a payload with a huge key"] = () => new LittleNotation
        {
            Leaf = LittleNotation.Certify(key: RSA.Create(2048)),
            Chain = [HugeKey()],
        }.Layer(isCose: false),
    };

    public static TheoryData<string> HostileLayers => [.. Layers.Keys];

    [Theory]
    [MemberData(nameof(HostileLayers))]
    public void Hostile_layers_are_answered_soon_with_a_fault(string hostile)
    {
        var layer = Layers[hostile]();
        var watch = Stopwatch.StartNew();
        var verdict = Verify(layer);
        Assert.True(watch.Elapsed < Soon, $"It took {watch.Elapsed}.");
        Assert.Null(verdict.Signature);
        Assert.InRange(verdict.Fault!.Reason.Length, 5, 501);
    }

    [Theory]
    [InlineData("a layer beyond the limit", "it has more than 32 MiB")]
    [InlineData("a JSON envelope that is large", "the envelope is very large")]
    [InlineData("an envelope of large CBOR", "the envelope is very large")]
    [InlineData("a bundle with a large timestamp", "a timestamp is very large")]
    [InlineData("a bundle with a large checkpoint", "the checkpoint is very large")]
    [InlineData("a bundle with many cosignatures", "the checkpoint has too many signatures")]
    [InlineData("a bundle with many entries", "tlogEntries has more than 32 items")]
    [InlineData("a bundle with many hashes", "hashes has more than 64 items")]
    [InlineData("a bundle with many certificates", "certificates has more than 10 items")]
    [InlineData("a bundle with a refused timestamp", "the timestamp was refused (2)")]
    [InlineData("an envelope with many certificates", "there are more than 10 certificates")]
    [InlineData("an envelope with many critical headers", "there are many critical headers")]
    [InlineData("a payload with a huge key", "RSA keys must have 2048 to 8192 bits")]
    public void What_is_beyond_a_limit_is_not_read(string hostile, string reason) =>
        Assert.Equal(reason, Verify(Layers[hostile]()).Fault!.Reason);

    [Fact]
    public void A_statement_about_very_many_images_is_not_read()
    {
        var statement = LittleBundle.StatementFor(LittleBundle.Signed.Digest);
        Repeat(statement["subject"]!.AsArray(), 2000);
        Assert.Equal(
            "subject has more than 1024 items",
            Assert.Throws<FormatException>(() => ImageClaim.OfStatement(KeyTests.Bytes(statement))).Message);
    }

    [Fact]
    public void Cut_and_flipped_layers_are_answered_with_faults()
    {
        SignatureLayer[] whole =
        [
            Changed(_ => { }, LittleKind.Envelope2),
            new LittleNotation().Layer(isCose: true),
            new LittleNotation().Layer(isCose: false),
        ];
        foreach (var layer in whole)
        {
            var signed = Verify(layer).Signature!;
            for (var index = 0; index < layer.Content.Length; index += 97)
            {
                Assert.NotNull(Verify(layer with { Content = layer.Content[..index] }).Fault);
                var flipped = layer.Content.ToArray();
                flipped[index] ^= 4;

                // Some bytes prove nothing. What they say is still what was signed.
                var verdict = Verify(layer with { Content = flipped });
                if (verdict.Signature is not { } other) continue;
                Assert.Equal(signed.Statement?.ToArray(), other.Statement?.ToArray());
                Assert.Equal(
                    signed with
                    {
                        Annotations = other.Annotations,
                        Warnings = other.Warnings,
                        Statement = other.Statement,
                    },
                    other);
            }
        }
    }

    [Fact]
    public void Paths_over_certificates_that_issue_each_other_are_given_up_soon()
    {
        var (leaf, root) = (Sigstore.Certify(new LittleIdentity()), TestCertificate.Authority("little root"));
        var between = Enumerable.Range(0, SignatureLimits.MaxCertificates).SelectMany(_ => (X509Certificate2[])
        [
            TestCertificate.Authority("little issuer", root),
            TestCertificate.Authority("little root", Sigstore.Issuer),
        ]);
        var watch = Stopwatch.StartNew();
        Assert.NotNull(CertificatePath.Check(
            leaf, between, root, LittleSigstore.Time, CertificatePath.CodeSigning, out _));
        Assert.True(watch.Elapsed < Soon, $"It took {watch.Elapsed}.");
    }

    private static SignatureVerdict Verify(SignatureLayer layer) => KeyTests.Verify(layer, new Trust
    {
        Roots = [TrustRoot.Parse(KeyTests.Bytes(Sigstore.TrustRoot()))],
        Identities = [KeylessIdentity.Parse(LittleIdentity.TokenIssuer, LittleIdentity.Workflow)],
        Stores = [NotationStore.Parse(NotationStoreType.Ca, "acme", LittleNotation.Root.ExportCertificatePem())],
        Policies = [new NotationPolicy("all", ["*"], ["ca:acme"], null)],
    });

    private static SignatureLayer Bundle(string json) => KeyTests.BundleLayer(Encoding.UTF8.GetBytes(json));

    private static SignatureLayer Cose(byte[] cbor) => new("application/cose", KeyTests.None, cbor);

    private static SignatureLayer Jws(string json) =>
        new("application/jose+json", KeyTests.None, Encoding.UTF8.GetBytes(json));

    private static SignatureLayer Changed(Action<LittleBundle> change, LittleKind kind = LittleKind.Message)
    {
        var bundle = new LittleBundle(Sigstore, kind);
        change(bundle);
        return Bundle(bundle.Bundle.ToJsonString());
    }

    /// <summary>The first field again, with another value, before a bundle that is right.</summary>
    private static SignatureLayer Twice(SignatureLayer layer) =>
        Bundle("{\"mediaType\":\"other\"," + Encoding.UTF8.GetString(layer.Content.Span[1..]));

    private static void Repeat(JsonArray list, int count)
    {
        var text = list[0]!.ToJsonString();
        for (var index = 1; index < count; index++) list.Add(JsonNode.Parse(text));
    }

    private static void Timestamp(LittleBundle bundle, byte[] response) =>
        bundle.Material["timestampVerificationData"] = new JsonObject
        {
            ["rfc3161Timestamps"] = new JsonArray(
                new JsonObject { ["signedTimestamp"] = Convert.ToBase64String(response) }),
        };

    private static byte[] Nested(int depth)
    {
        byte[] inner = [5, 0];
        for (var level = 0; level < depth; level++)
        {
            var writer = new AsnWriter(AsnEncodingRules.DER);
            using (writer.PushSequence()) writer.WriteEncodedValue(inner);
            inner = writer.Encode();
        }

        return inner;
    }

    /// <summary>A message of COSE with one header that is not signed.</summary>
    private static byte[] WithHeader(byte[] value)
    {
        var writer = new CborWriter();
        writer.WriteTag((CborTag)18);
        writer.WriteStartArray(4);
        writer.WriteByteString([]);
        writer.WriteStartMap(1);
        writer.WriteTextString("deep");
        writer.WriteEncodedValue(value);
        writer.WriteEndMap();
        writer.WriteByteString([1]);
        writer.WriteByteString([1]);
        writer.WriteEndArray();
        return writer.Encode();
    }

    /// <summary>A certificate whose key has 100,000 bits. OpenSSL would take minutes with it.</summary>
    private static X509Certificate2 HugeKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var writer = new AsnWriter(AsnEncodingRules.DER);
        var modulus = new byte[100_000 / 8];
        modulus.AsSpan().Fill(0x7f);
        using (writer.PushSequence())
        {
            writer.WriteInteger(modulus);
            writer.WriteInteger(65537);
        }

        var huge = new PublicKey(
            new Oid("1.2.840.113549.1.1.1"), new AsnEncodedData([5, 0]), new AsnEncodedData(writer.Encode()));
        var name = new X500DistinguishedName("CN=huge");
        var request = new CertificateRequest(name, huge, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(TestCertificate.SignatureUse());
        return request.Create(
            name, X509SignatureGenerator.CreateForECDsa(key), TestCertificate.From, TestCertificate.To, [1]);
    }
}
