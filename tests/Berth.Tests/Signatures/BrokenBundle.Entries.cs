using System.Text.Json.Nodes;

namespace Berth.Tests.Signatures;

/// <content>Wrong in its entry in a log.</content>
internal sealed partial record BrokenBundle
{
    private static Dictionary<string, BrokenBundle> Entries() => new()
    {
        ["without an entry"] = new(
            s => With(s, b => b.Material["tlogEntries"] = new JsonArray()),
            "it has no entry in a log that is trusted"),
        ["in a log of strangers"] = new(
            s => With(s, b => b.Root["tlogs"] = new JsonArray(new LittleLog("other.example").Trusted())),
            "it has no entry in a log that is trusted"),
        ["with an altered promise"] = new(
            s => With(s, b => b.Entry["integratedTime"] = "1768478401"),
            "the signed entry timestamp is not by the log rekor.example"),
        ["promised before the log was trusted"] = new(
            s => With(s, b => Window(b.Root["tlogs"]![0]!["publicKey"]!, "start", 2)),
            "the log rekor.example was not trusted when it received the entry"),
        ["with neither promise nor proof"] = new(
            s => With(s, b =>
            {
                b.Bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1";
                b.Entry.AsObject().Remove("inclusionProof");
                b.Entry.AsObject().Remove("inclusionPromise");
            }),
            "inclusionPromise is missing"),
        ["without a proof"] = new(
            s => With(s, b => b.Entry.AsObject().Remove("inclusionProof")), "inclusionProof is missing"),
        ["without a promise, and so without a time"] = new(
            s => With(s, b => b.Entry.AsObject().Remove("inclusionPromise")),
            "nobody who is trusted says when it was signed"),
        ["with a checkpoint of another key"] = new(
            s => With(s, b => Checkpoint(b, new LittleLog("rekor.example").Checkpoint(7, RootOf(b)))),
            "the checkpoint is not signed by the log rekor.example"),
        ["with an altered checkpoint"] = new(
            s => With(s, b => Checkpoint(b, s.Log.Checkpoint(7, RootOf(b)).Replace("\n7\n", "\n8\n"))),
            "the checkpoint is not signed by the log rekor.example"),
        ["with a checkpoint that names another key"] = new(
            s => With(s, b => Checkpoint(b, s.Log.Checkpoint(7, RootOf(b), hint: [1, 2, 3, 4]))),
            "the checkpoint is not signed by the log rekor.example"),
        ["with a checkpoint of another size"] = new(
            s => With(s, b => Checkpoint(b, s.Log.Checkpoint(8, RootOf(b)))),
            "the checkpoint is of another tree than the proof of inclusion"),
        ["with a checkpoint of another root"] = new(
            s => With(s, b => Checkpoint(b, s.Log.Checkpoint(7, new byte[32]))),
            "the checkpoint is of another tree than the proof of inclusion"),
        ["with a proof of something else"] = new(
            s => With(s, b => b.Entry["inclusionProof"]!["hashes"]![0] = OtherHash),
            "the proof of inclusion does not lead to the tree's root"),
        ["with a proof of hashes that are none"] = new(
            s => With(s, b => b.Entry["inclusionProof"]!["hashes"]![0] = "AAAA"), "a hash of the proof is no hash"),
        ["with a proof that is too short"] = new(
            s => With(s, b => b.Entry["inclusionProof"]!["hashes"]!.AsArray().RemoveAt(2)),
            "the proof of inclusion does not lead to the tree's root"),
        ["with a proof that is too long"] = new(
            s => With(s, b => b.Entry["inclusionProof"]!["hashes"]!.AsArray().Add((JsonNode)OtherHash)),
            "the proof of inclusion does not lead to the tree's root"),
        ["with a proof for a leaf beyond the tree"] = new(
            s => With(s, b => b.Entry["inclusionProof"]!["logIndex"] = "7"),
            "the proof of inclusion does not lead to the tree's root"),
    };
}
