using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Berth.Tests.Signatures;

/// <content>Wrong in what is signed, or by whom.</content>
internal sealed partial record BrokenBundle
{
    private static Dictionary<string, BrokenBundle> Contents() => new()
    {
        ["signed with another key"] = new(
            s => With(s, b =>
            {
                using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                b.Signature = key.SignData(
                    LittleBundle.Content, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
                b.Relog(spec => spec["signature"]!["content"] = Convert.ToBase64String(b.Signature));
            }),
            "the signature is not over this content, or not by the certificate's key"),
        ["for another image"] = new(
            s => With(s, b => b.Image = Other),
            "it is about sha256:"),
        ["a statement about another image"] = new(
            s => With(s, LittleKind.Envelope2, b => b.Image = Other),
            "it is about sha256:"),
        ["by somebody else"] = new(
            s => Of(s, new() { Names = TestCertificate.Names(new Uri("https://forge.example/evil")) }),
            "signed by https://forge.example/evil (https://token.forge.example), and no trusted identity matches that"),
        ["by somebody whom another vouches for"] = new(
            s => Of(s, new() { Issuer = TestCertificate.RawText(OldIssuerExtension, "https://evil.example") }),
            "(https://evil.example), and no trusted identity matches that"),
        ["by two names"] = new(
            s => Of(s, new()
            {
                Names = TestCertificate.Names(new Uri(LittleIdentity.Workflow), new Uri("https://forge.example/evil")),
            }),
            "the certificate has more than one name"),
        ["by nobody"] = new(s => Of(s, new() { Names = null }), "the certificate names nobody"),
        ["without a word on who vouches"] = new(
            s => Of(s, new() { Issuer = null }), "the certificate does not say who vouches for its name"),
        ["with a message beside the envelope"] = new(
            s => With(s, LittleKind.Envelope, b => b.Bundle["messageSignature"] = new JsonObject()),
            "the bundle does not have exactly one of dsseEnvelope and messageSignature"),
        ["with neither a message nor an envelope"] = new(
            s => With(s, LittleKind.Envelope, b => b.Bundle.Remove("dsseEnvelope")),
            "the bundle does not have exactly one of dsseEnvelope and messageSignature"),
        ["with an envelope of another type"] = new(
            s => With(s, LittleKind.Envelope, b => b.Bundle["dsseEnvelope"]!["payloadType"] = "text/plain"),
            "the signature is not over this content, or not by the certificate's key"),
        ["with an envelope with two signatures"] = new(
            s => With(s, LittleKind.Envelope, b =>
                b.Bundle["dsseEnvelope"]!["signatures"]!.AsArray().Add(new JsonObject())),
            "the envelope does not have exactly one signature"),
    };
}
