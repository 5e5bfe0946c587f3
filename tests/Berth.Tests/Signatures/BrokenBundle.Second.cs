namespace Berth.Tests.Signatures;

/// <content>Wrong in its entry in Rekor 2.</content>
internal sealed partial record BrokenBundle
{
    private static Dictionary<string, BrokenBundle> Second() => new()
    {
        ["in Rekor 2 over other content"] = new(
            s => With(s, LittleKind.Message2, b => b.Relog(spec =>
                spec["hashedRekordV002"]!["data"]!["digest"] = OtherHash)),
            "the log entry is for other content"),
        ["in Rekor 2 with another signature"] = new(
            s => With(s, LittleKind.Envelope2, b => b.Relog(spec =>
                spec["hashedRekordV002"]!["signature"]!["content"] = OtherHash)),
            "the log entry is for another signature"),
        ["in Rekor 2 by another signer"] = new(
            s => With(s, LittleKind.Message2, b => b.Relog(spec =>
                spec["hashedRekordV002"]!["signature"]!["verifier"]!["x509Certificate"]!["rawBytes"] =
                    Convert.ToBase64String(s.Certify(new LittleIdentity()).RawData))),
            "the log entry is for another signer"),
        ["in Rekor 2 with a checkpoint of another origin"] = new(
            s => With(s, LittleKind.Message2, b =>
                Checkpoint(b, s.Log2.Checkpoint(7, RootOf(b), origin: "evil.example"))),
            "the checkpoint is not signed by the log log2.rekor.example"),
        ["in Rekor 2 with a checkpoint by another name"] = new(
            s => With(s, LittleKind.Message2, b =>
                Checkpoint(b, s.Log2.Checkpoint(7, RootOf(b), signer: "evil.example"))),
            "the checkpoint is not signed by the log log2.rekor.example"),
        ["in Rekor 2 with a checkpoint of another key"] = new(
            s => With(s, LittleKind.Message2, b =>
                Checkpoint(b, new LittleLog("log2.rekor.example", isSecond: true).Checkpoint(7, RootOf(b)))),
            "the checkpoint is not signed by the log log2.rekor.example"),
        ["in Rekor 2 without a timestamp"] = new(
            s => With(s, LittleKind.Message2, b => b.Material.AsObject().Remove("timestampVerificationData")),
            "nobody who is trusted says when it was signed"),
        ["in Rekor 2 before it was trusted"] = new(
            s => With(s, LittleKind.Message2, b => Window(b.Root["tlogs"]![1]!["publicKey"]!, "start", 2)),
            "the log log2.rekor.example was not trusted at 2026-01-15 12:00:00 UTC"),
    };
}
