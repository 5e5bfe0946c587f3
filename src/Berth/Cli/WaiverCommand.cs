using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary><c>berth waiver</c>: vulnerabilities that policies pass over.</summary>
internal static class WaiverCommand
{
    private static readonly Option<string?> Space =
        ApiCommand.Text("--namespace", "Those of a namespace. Default: all, which is for administrators and auditors.");

    public static Command Create()
    {
        var id = ApiCommand.Argument("ID", "The number of the waiver.");
        return ApiCommand.Group(
            "waiver", "Vulnerabilities that policies pass over.",
            ApiCommand.Create(
                "list", "List what policies pass over.",
                call => call.ListAsync(
                    "waivers" + (call.Parsed.GetValue(Space) is { } space
                        ? $"?namespace={Uri.EscapeDataString(space)}" : ""),
                    [
                        ("ID", ApiCall.Field("id")), ("NAMES", ApiCall.Field("names")),
                        ("VULNERABILITY", ApiCall.Field("vulnerability")), ("PACKAGE", ApiCall.Field("package")),
                        ("FOR MANDATORY", one => one.GetProperty("isMandatory").GetBoolean() ? "yes" : "no"),
                        ("UNTIL", ApiCall.Time("until")), ("BY", ApiCall.Field("createdBy")),
                        ("REASON", ApiCall.Field("reason")),
                    ]),
                Space),
            CreateAdd(),
            ApiCommand.Create(
                "remove", "Remove a waiver: the vulnerability counts again.",
                call => call.DoAsync(
                    "DELETE", $"waivers/{call.PathOf(id)}", null,
                    _ => $"Waiver {call.Parsed.GetValue(id)} is removed."),
                id));
    }

    private static Command CreateAdd()
    {
        var names = ApiCommand.Argument("NAMES", "The repositories: acme/app, acme/*, or acme/** for all below.");
        var vulnerability = ApiCommand.Argument("VULNERABILITY", "Its name, such as CVE-2024-3094.");
        var reason = new Option<string>("--reason") { Description = "Why.", Required = true };
        var package = ApiCommand.Text("--package", "In this package alone.");
        var end = ApiCommand.Text(
            "--until", "The last day (2027-01-31, in UTC), a time, or how long: 30d. Default: for good.");
        return ApiCommand.Create(
            "add", "Have policies pass over a vulnerability.",
            call =>
            {
                var body = new JsonObject
                {
                    ["names"] = call.Parsed.GetValue(names),
                    ["vulnerability"] = call.Parsed.GetValue(vulnerability),
                    ["reason"] = call.Parsed.GetValue(reason),
                };
                if (call.Parsed.GetValue(package) is { } only) body["package"] = only;
                if (call.Parsed.GetValue(end) is { } given) body["until"] = ApiCall.LastDayOf(given);
                return call.DoAsync(
                    "POST", "waivers", body,
                    Written);
            },
            names, vulnerability, reason, package, end);
    }

    private static string Written(JsonElement made)
    {
        var package = made.TryGetProperty("package", out var only) && only.ValueKind == JsonValueKind.String
            ? $" in the package {ApiCall.Field("package")(made)}" : "";
        var until = made.TryGetProperty("until", out var end) && end.ValueKind == JsonValueKind.String
            ? $" until {EndOf(end.GetDateTimeOffset())}" : "";
        var which = made.GetProperty("isMandatory").GetBoolean() ? "all policies" : "policies that are not mandatory";
        return $"Waiver {ApiCall.Field("id")(made)}: {which} pass over {ApiCall.Field("vulnerability")(made)}{package}"
            + $", in {ApiCall.Field("names")(made)}{until}.{PolicyWords.Notices(made)}";
    }

    /// <summary>A day that was named is said again as it was.</summary>
    private static string EndOf(DateTimeOffset end) => end.UtcDateTime is { TimeOfDay.Ticks: 0 } midnight
        ? string.Create(CultureInfo.InvariantCulture, $"the end of {midnight.AddDays(-1):yyyy-MM-dd} (UTC)")
        : ApiCall.Write(end);
}
