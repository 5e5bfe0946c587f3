using System.CommandLine;
using System.Text.Json;

namespace Berth.Cli;

/// <summary><c>berth scrub</c>: how far the blobs are read again in the background, and what was found.</summary>
internal static class ScrubCommand
{
    public static Command Create() => ApiCommand.Group(
        "scrub", "What reading all blobs again in the background has found.",
        ApiCommand.Create(
            "status", "Show how far the blobs are read again, and how many were found damaged or missing.",
            call => call.ShowAsync(
                "scrub", ("began", ApiCall.Time("beganAt", "not yet")), ("ended", ApiCall.Time("endedAt")),
                ("previous pass ended", ApiCall.Time("lastEndedAt")), ("read", Read),
                ("damaged or missing", ApiCall.Field("faults")), ("not whole again", ApiCall.Field("openFaults")))),
        ApiCommand.Create(
            "faults", "List the blobs that were found damaged or missing, and what brought them back.",
            call => call.ListAsync(
                "scrub/faults", ("DIGEST", ApiCall.Field("digest")), ("FOUND", ApiCall.Time("foundAt")),
                ("WHOLE AGAIN", ApiCall.Time("healedAt")), ("BY", ApiCall.Field("healedFrom")),
                ("FAULT", ApiCall.Field("fault")))));

    private static string Read(JsonElement pass)
    {
        return $"{Number("readBlobs"):N0} of {VerifyCommand.Count(Number("totalBlobs"), "blob")} "
            + $"({VerifyCommand.Bytes(Number("readBytes"))} of {VerifyCommand.Bytes(Number("totalBytes"))})";

        long Number(string field) => pass.GetProperty(field).GetInt64();
    }
}
