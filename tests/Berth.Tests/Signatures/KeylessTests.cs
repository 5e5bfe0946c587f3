using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>
/// Keyless signatures by a Sigstore of the tests' own: each of them is right but for one thing, and refused for that.
/// </summary>
public sealed class KeylessTests(KeylessTests.Fixture fixture) : IClassFixture<KeylessTests.Fixture>
{
    public static TheoryData<string> BrokenBundles => [.. BrokenBundle.All.Keys];

    [Theory]
    [InlineData(LittleKind.Message)]
    [InlineData(LittleKind.Envelope)]
    [InlineData(LittleKind.Statement)]
    [InlineData(LittleKind.Message2)]
    [InlineData(LittleKind.Envelope2)]
    public void A_keyless_signature_is_told_with_its_signer_and_time(LittleKind kind)
    {
        var verdict = new LittleBundle(fixture.Sigstore, kind).Verify();
        Assert.Null(verdict.Fault);
        var isSecond = kind is LittleKind.Message2 or LittleKind.Envelope2;
        var isMessage = kind is LittleKind.Message or LittleKind.Message2;
        Assert.Equal(
            new VerifiedSignature(
                SignatureKind.CosignKeyless, LittleIdentity.Workflow,
                $"{LittleIdentity.Workflow} ({LittleIdentity.TokenIssuer})")
            {
                Issuer = LittleIdentity.TokenIssuer,
                SignedAt = new SigningTime(LittleSigstore.Time, isSecond ? TimeSource.Timestamp : TimeSource.Log),
                PredicateType = isMessage ? null : LittleBundle.PredicateType,
                Annotations = verdict.Signature!.Annotations,
                Warnings = verdict.Signature.Warnings,
                Statement = verdict.Signature.Statement,
            },
            verdict.Signature);
        Assert.Equal(isMessage, verdict.Signature.Statement is null);
    }

    [Theory]
    [MemberData(nameof(BrokenBundles))]
    public void A_broken_bundle_is_refused_for_what_is_wrong(string broken)
    {
        var (make, reason) = BrokenBundle.All[broken];
        var verdict = make(fixture.Sigstore).Verify();
        Assert.Null(verdict.Signature);
        Assert.Contains(reason, verdict.Fault!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_with_neither_a_promise_nor_a_proof_proves_nothing()
    {
        var bundle = new LittleBundle(fixture.Sigstore, LittleKind.Message);
        var root = TrustRoot.Parse(System.Text.Encoding.UTF8.GetBytes(bundle.Root.ToJsonString()));
        var signature = SigstoreBundle.Read(System.Text.Encoding.UTF8.GetBytes(bundle.Bundle.ToJsonString()));
        var key = VerificationKey.Parse(bundle.Signer.PublicKey.ExportSubjectPublicKeyInfo());
        var entry = signature.Entries[0];
        Assert.Null(LogVerification.Check(entry, root.Logs[0], signature, key));
        Assert.Contains(
            "neither a promise nor a proof",
            LogVerification.Check(entry with { Promise = null, Proof = null }, root.Logs[0], signature, key));
    }

    [Fact]
    public void What_is_signed_is_shown_whoever_else_is_trusted()
    {
        var bundle = new LittleBundle(fixture.Sigstore, LittleKind.Message);
        var (own, other) = (bundle.Trust.Identities[0], KeylessIdentity.Parse("https://other.example", "a@b.example"));
        bundle.Trust = bundle.Trust with { Identities = [other, own] };
        Assert.Equal(own.ToString(), bundle.Verify().Signature!.TrustedBy);
    }

    /// <summary>A Sigstore, for all tests.</summary>
    public sealed class Fixture
    {
        internal LittleSigstore Sigstore { get; } = new();
    }
}
