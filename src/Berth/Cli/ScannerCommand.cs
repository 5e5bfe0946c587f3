using System.CommandLine;
using System.Text.Json;
using Berth.Access;
using Berth.Api;

namespace Berth.Cli;

/// <summary><c>berth scanners</c>, and <c>berth scan --scanner</c>: what other scanners find.</summary>
internal static class ScannerCommand
{
    private const int MaxShown = 256;
    private const int MaxFault = 500;

    public static Command Create() => ApiCommand.Create(
        "scanners", "List the other scanners of the settings, and what is wrong with them.",
        call => call.ListAsync(
            "scanners", "There are no other scanners: the setting scanners names them (docs/scanners.md).",
            ("NAME", ApiCall.Field("name")), ("SCANNER", Text("scanner")), ("VERSION", Text("version")),
            ("DATA OF", ApiCall.Time("dataUpdatedAt")), ("ANSWERED", ApiCall.Time("answeredAt", "never")),
            ("FAULT", json => PlainText.Of(ApiCall.Field("fault")(json), MaxFault))));

    /// <summary>Whether a scanner is done with an image, as an answer says.</summary>
    /// <exception cref="ApiRefusalException">It can't scan it.</exception>
    public static bool IsKnown(JsonElement seen)
    {
        var report = seen.GetProperty("report");
        return report.GetProperty("state").GetString() switch
        {
            "known" => true,
            "fault" => throw new ApiRefusalException(
                $"the scanner could not scan the image: {PlainText.Of(ApiCall.Field("fault")(report), MaxFault)}"),
            _ => false,
        };
    }

    /// <summary>Prints what a scanner found.</summary>
    /// <param name="call">The command.</param>
    /// <param name="path">Where the API has it.</param>
    /// <param name="seen">Its first page.</param>
    public static async Task PrintAsync(ApiCall call, string path, JsonElement seen)
    {
        var report = seen.GetProperty("report");
        if (report.TryGetProperty("fault", out var fault))
        {
            await Console.Error.WriteLineAsync(
                $"This is of an earlier scan. The last one: {PlainText.Of(fault.GetString()!, MaxFault)}");
        }

        if (report.TryGetProperty("note", out var note)) await Console.Error.WriteLineAsync(note.GetString());
        await call.ListAsync(
            path, ("SEVERITY", ApiCall.Field("severity")), ("VULNERABILITY", Text("name")),
            ("PACKAGE", Text("package")), ("VERSION", Text("version")), ("FIXED IN", Text("fixedIn")));
        if (call.IsJson) return;
        var by = $"{Text("scanner")(report)} {Text("version")(report)}".Trim();
        Console.WriteLine(
            (ScanCommand.SayCounts(report.GetProperty("counts")) ?? "It found no vulnerabilities")
            + $" ({(by.Length > 0 ? by + ", " : "")}{ApiCall.Time("scannedAt")(report)}).");
    }

    /// <summary>Whoever made a report chose its texts: they must not change the terminal.</summary>
    private static Func<JsonElement, string> Text(string field) => json =>
        PlainText.Of(ApiCall.Field(field)(json), MaxShown);
}
