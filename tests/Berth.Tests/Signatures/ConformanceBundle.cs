using System.Security.Cryptography;
using Berth.Oci;
using Berth.Signatures;

namespace Berth.Tests.Signatures;

/// <summary>
/// A case of the conformance suite of Sigstore (sigstore-conformance, test/assets/bundle-verify): a folder with a
/// bundle, whose name ends in <c>_fail</c> if verification must fail.
/// </summary>
internal sealed record ConformanceBundle(string Folder, string PublicRoot)
{
    private const string Issuer = "https://token.actions.githubusercontent.com";
    private const string Identity =
        "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/"
        + "workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";

    public string Name => Path.GetFileName(Folder);

    public bool MustFail => Name.EndsWith("_fail", StringComparison.Ordinal);

    /// <summary>Verifies as the suite's README says. The artifact takes the place of an image.</summary>
    public SignatureVerdict Verify(DateTimeOffset now)
    {
        Trust trust;
        try
        {
            trust = ReadTrust();
        }
        catch (FormatException e)
        {
            return SignatureFault.Unreadable(e.Message);
        }

        var artifact = File.ReadAllBytes(Find("artifact") ?? Path.Combine(Folder, "../a.txt"));
        var digest = Digest.FromHash(DigestAlgorithm.Sha256, SHA256.HashData(artifact));
        var layer = new SignatureLayer(
            "application/vnd.dev.sigstore.bundle.v0.3+json",
            new Dictionary<string, string>(),
            File.ReadAllBytes(Path.Combine(Folder, "bundle.sigstore.json")));
        return SignatureVerification.Verify(new SignedImage(digest, "", artifact.Length, "app"), layer, trust, now);
    }

    private Trust ReadTrust() => new()
    {
        Keys = Find("key.pub") is { } key ? [new TrustedKey("key.pub", File.ReadAllText(key))] : [],
        Identities = [KeylessIdentity.Parse(Text("issuer") ?? Issuer, Text("identity") ?? Identity)],
        Roots = [TrustRoot.Parse(File.ReadAllBytes(Find("trusted_root.json") ?? PublicRoot))],
    };

    private string? Text(string name) => Find(name) is { } file ? File.ReadAllText(file).Trim() : null;

    private string? Find(string name) =>
        Path.Combine(Folder, name) is var file && File.Exists(file) ? file : null;
}
