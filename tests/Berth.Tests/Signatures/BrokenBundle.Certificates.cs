using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Berth.Tests.Signatures;

/// <content>Wrong in its certificate.</content>
internal sealed partial record BrokenBundle
{
    private static Dictionary<string, BrokenBundle> Certificates() => new()
    {
        ["issued by a stranger"] = new(
            s => With(s, b => b.Root["certificateAuthorities"] = new JsonArray(
                LittleSigstore.TrustedAuthority(TestCertificate.Authority("another root")))),
            "the certificate is issued by CN=little issuer, which no trusted root has"),
        ["issued under a trusted name"] = new(
            s => With(new LittleSigstore(), b =>
                b.Root["certificateAuthorities"] = s.TrustRoot()["certificateAuthorities"]!.DeepClone()),
            "the certificate's path is not valid"),
        ["issued before the authority was trusted"] = new(
            s => With(s, b => Window(b.Root["certificateAuthorities"]![0]!, "start", 2)),
            "the certificate's issuer was not trusted at 2026-01-15 12:00:00 UTC"),
        ["issued after the authority was trusted"] = new(
            s => With(s, b => Window(b.Root["certificateAuthorities"]![0]!, "end", -2)),
            "the certificate's issuer was not trusted at 2026-01-15 12:00:00 UTC"),
        ["with a certificate for another use"] = new(
            s => Of(s, new() { Usage = "1.3.6.1.5.5.7.3.1" }), "the certificate is not for signing code"),
        ["with an authority's certificate"] = new(
            s => Of(s, new() { IsAuthority = true }), "the certificate is that of an authority"),
        ["with a certificate signed with a broken hash"] = new(
            s => Of(s, new() { Hash = HashAlgorithmName.SHA1 }), "a certificate is signed with a hash that is broken"),
        ["with a very large certificate"] = new(
            s => Of(s, new() { Names = TestCertificate.Names(new Uri("https://a/" + new string('a', 40_000))) }),
            "a certificate has more than 32768 bytes"),
        ["with a root of its own"] = new(
            s => With(s, b =>
            {
                b.Material.AsObject().Remove("certificate");
                b.Material["x509CertificateChain"] =
                    LittleSigstore.TrustedAuthority(b.Signer, s.Issuer, s.Root)["certChain"]!.DeepClone();
            }),
            "it brings a root certificate of its own"),
        ["with a certificate that is in no log"] = new(
            s => Of(s, new() { LoggedAt = null }), "the certificate is in no log of certificates"),
        ["with a certificate in a log of strangers"] = new(
            s => Of(s, new() { Log = new LittleLog("ct.example") }),
            "the certificate is only in logs of certificates that are not trusted"),
        ["with a certificate with empty promises"] = new(
            s => Of(s, new() { Promises = [4, 6, 0, 4, 0, 0, 0, 0] }),
            "the certificate is only in logs of certificates that are not trusted"),
        ["with a certificate with promises that are cut off"] = new(
            s => Of(s, new() { Promises = [4, 5, 0, 3, 0, 1, 0] }),
            "the promises of logs of certificates can't be read"),
        ["with a certificate with promises that are no list"] = new(
            s => Of(s, new() { Promises = [5, 0] }), "the promises of logs of certificates can't be read"),
        ["with the promise for another certificate"] = new(
            s => Of(s, new() { IsPromiseForOther = true }), "the log of certificates did not sign this certificate"),
        ["with a certificate logged before the log was trusted"] = new(
            s => Of(s, new() { LoggedAt = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero) }),
            "the log of certificates was not trusted at 2024-01-01 00:00:00 UTC"),
    };
}
