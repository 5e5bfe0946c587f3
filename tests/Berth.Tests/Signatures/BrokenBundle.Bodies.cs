namespace Berth.Tests.Signatures;

/// <content>Wrong in what was logged.</content>
internal sealed partial record BrokenBundle
{
    private static Dictionary<string, BrokenBundle> Bodies() => new()
    {
        ["logged as another kind than it says"] = new(
            s => With(s, b => b.Entry["kindVersion"]!["kind"] = "dsse"), "the log entry is not a dsse 0.0.1"),
        ["logged as an unknown kind"] = new(
            s => With(s, b => b.Relog(spec => spec.Parent!["kind"] = "rpm")),
            "log entries of the kind rpm 0.0.1 are not supported"),
        ["over other content"] = new(
            s => With(s, b => b.Relog(spec => spec["data"]!["hash"]!["value"] = OtherHex)),
            "the log entry is for other content"),
        ["logged with another signature"] = new(
            s => With(s, b => b.Relog(spec => spec["signature"]!["content"] = OtherHash)),
            "the log entry is for another signature"),
        ["logged by another signer"] = new(
            s => With(s, b => b.Relog(spec => spec["signature"]!["publicKey"]!["content"] =
                Pem(s.Certify(new LittleIdentity()).ExportCertificatePem()))),
            "the log entry is for another signer"),
        ["an envelope logged with another payload"] = new(
            s => With(s, LittleKind.Envelope, b => b.Relog(spec => spec["payloadHash"]!["value"] = OtherHex)),
            "the log entry is for other content"),
        ["an envelope logged with another signature"] = new(
            s => With(s, LittleKind.Envelope, b => b.Relog(spec => spec["signatures"]![0]!["signature"] = OtherHash)),
            "the log entry is for another signature"),
        ["an envelope logged by another signer"] = new(
            s => With(s, LittleKind.Envelope, b => b.Relog(spec => spec["signatures"]![0]!["verifier"] =
                Pem(s.Certify(new LittleIdentity()).ExportCertificatePem()))),
            "the log entry is for another signer"),
        ["an envelope logged with two signatures"] = new(
            s => With(s, LittleKind.Envelope, b => b.Relog(spec =>
                spec["signatures"]!.AsArray().Add(spec["signatures"]![0]!.DeepClone()))),
            "the log entry does not have exactly one signature"),
        ["a statement logged with another payload"] = new(
            s => With(s, LittleKind.Statement, b => b.Relog(spec =>
                spec["content"]!["payloadHash"]!["value"] = OtherHex)),
            "the log entry is for other content"),
        ["a statement logged with another signature"] = new(
            s => With(s, LittleKind.Statement, b => b.Relog(spec =>
                spec["content"]!["envelope"]!["signatures"]![0]!["sig"] = Pem(OtherHash))),
            "the log entry is for another signature"),
        ["a statement logged by another signer"] = new(
            s => With(s, LittleKind.Statement, b => b.Relog(spec =>
                spec["content"]!["envelope"]!["signatures"]![0]!["publicKey"] =
                    Pem(s.Certify(new LittleIdentity()).ExportCertificatePem()))),
            "the log entry is for another signer"),
        ["an envelope logged as a message"] = new(
            s => With(s, LittleKind.Envelope, b =>
                b.Entry.ReplaceWith(new LittleBundle(s, LittleKind.Message).Entry.DeepClone())),
            "the log entry is for other content"),
    };
}
