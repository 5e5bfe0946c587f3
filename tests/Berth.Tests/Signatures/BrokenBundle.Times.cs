using System.Security.Cryptography;

namespace Berth.Tests.Signatures;

/// <content>Wrong in when it was signed.</content>
internal sealed partial record BrokenBundle
{
    private static Dictionary<string, BrokenBundle> Times() => new()
    {
        ["with a timestamp of something else"] = new(
            s => With(s, LittleKind.Message2, b => b.Stamp(content: [1, 2, 3])),
            "the timestamp is not over this signature"),
        ["with a timestamp of a stranger"] = new(
            s => With(s, LittleKind.Message2, b => b.Stamp(authority: new LittleTimestamps("little tsa"))),
            "the timestamp is by CN=little tsa, not CN=little tsa"),
        ["with a timestamp by another certificate of its root"] = new(
            s => With(s, LittleKind.Message2, b => b.Stamp(by: TestCertificate.Issue(
                s.Timestamps.Root, "CN=other", ECDsa.Create(), TestCertificate.From, TestCertificate.To,
                TestCertificate.Usage(TestCertificate.TimeStamping)))),
            "the timestamp is by CN=other, not CN=little tsa"),
        ["with a timestamp of a stranger, where only the root is known"] = new(
            s => With(s, LittleKind.Message2, b =>
            {
                b.Root["timestampAuthorities"]![0]!.ReplaceWith(LittleSigstore.TrustedAuthority(s.Timestamps.Root));
                b.Stamp(authority: new LittleTimestamps("stranger"));
            }),
            "the certificate is issued by CN=stranger root, which is not trusted"),
        ["with a timestamp before the authority was trusted"] = new(
            s => With(s, LittleKind.Message2, b => Window(b.Root["timestampAuthorities"]![0]!, "start", 2)),
            "the timestamp authority was not trusted at 2026-01-15 12:00:00 UTC"),
        ["with a timestamp after the authority was trusted"] = new(
            s => With(s, LittleKind.Message2, b => Window(b.Root["timestampAuthorities"]![0]!, "end", -2)),
            "the timestamp authority was not trusted at 2026-01-15 12:00:00 UTC"),
        ["with a timestamp with a broken hash"] = new(
            s => With(s, LittleKind.Message2, b => b.Stamp(isOld: true)),
            "the timestamp uses a hash that is not supported"),
        ["with a timestamp that came too late"] = new(
            s => With(s, LittleKind.Message2, b => b.Stamp(LittleSigstore.Time.AddMinutes(11))),
            "or its issuer was not valid at 2026-01-15 12:11:00 UTC"),
        ["logged too late"] = new(
            s => With(s, b => b.Relog(_ => { }, "2026-01-15T12:11:00Z")),
            "or its issuer was not valid at 2026-01-15 12:11:00 UTC"),
        ["stamped in time, but logged too late"] = new(
            s => With(s, b =>
            {
                b.Stamp();
                b.Relog(_ => { }, "2026-01-15T12:11:00Z");
            }),
            "or its issuer was not valid at 2026-01-15 12:11:00 UTC"),
        ["logged in time, but with a timestamp that came too late"] = new(
            s => With(s, b => b.Stamp(LittleSigstore.Time.AddMinutes(11))),
            "or its issuer was not valid at 2026-01-15 12:11:00 UTC"),
    };
}
