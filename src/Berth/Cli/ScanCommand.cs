using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Berth.Access;
using Berth.Api;

namespace Berth.Cli;

/// <summary><c>berth scan</c>: the vulnerabilities of an image.</summary>
internal static class ScanCommand
{
    private const int MaxShown = 256;
    private const int MaxFault = 500;

    /// <summary>How long it waits for what nobody looked into yet.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var image = ApiCommand.Argument("IMAGE", "REPOSITORY:TAG or REPOSITORY@DIGEST.");
        var platform = ApiCommand.Text(
            "--platform", "Which image of an index: linux/arm64. Default: linux/amd64, or the first.");
        var severity = Severity("--severity", "Only those that are at least as bad");
        var failOn = Severity("--fail-on", "Exit with 3 if one is at least as bad");
        var fixable = ApiCommand.Switch("--fixable", "Only those with a fix, also for --fail-on.");
        var search = ApiCommand.Text("--search", "Only where the name of it or of its package contains this.");
        var csv = ApiCommand.Switch("--csv", "Write comma-separated values.");
        var than = ApiCommand.Text("--compare", "Show instead what is better or worse than in this image or tag.");
        var scanner = ApiCommand.Text("--scanner", "Show instead what this other scanner of the settings found.");
        return ApiCommand.Create(
            "scan", "List the vulnerabilities of an image, as soon as they are known.",
            async call =>
            {
                var filter = ImageCommand.Field("severity", call.Parsed.GetValue(severity))
                    + (call.Parsed.GetValue(fixable) ? "&fixable=true" : "")
                    + ImageCommand.Field("q", call.Parsed.GetValue(search));
                if (call.Parsed.GetValue(scanner) is { } name)
                {
                    if (call.Parsed.GetValue(than) is not null || call.Parsed.GetValue(csv))
                        throw new InvalidDataException("--scanner goes with neither --compare nor --csv");
                    var other = ImageCommand.PathOf(call, image, platform, "scanners/" + Uri.EscapeDataString(name));
                    var report = await WaitAsync(call, other + filter, ScannerCommand.IsKnown);
                    await ScannerCommand.PrintAsync(call, other + filter, report);
                    await RefuseAsync(call, other, call.Parsed.GetValue(fixable), call.Parsed.GetValue(failOn));
                    return;
                }

                var path = ImageCommand.PathOf(call, image, platform, "vulnerabilities");
                var seen = await WaitAsync(call, path + filter, answer => IsKnown(call, answer));
                if (call.Parsed.GetValue(than) is { } compared)
                {
                    if (call.Parsed.GetValue(failOn) is not null || filter.Length > 0 || call.Parsed.GetValue(csv))
                        throw new InvalidDataException("--compare goes with no other option but --platform and --json");
                    await CompareAsync(call, image, platform, compared);
                    return;
                }

                if (call.Parsed.GetValue(csv)) await CopyCsvAsync(call, image, platform, filter);
                else await PrintAsync(call, path + filter, seen);
                await RefuseAsync(call, path, call.Parsed.GetValue(fixable), call.Parsed.GetValue(failOn));
            },
            image, severity, fixable, search, failOn, csv, than, scanner, platform);
    }

    /// <summary>An option that takes a word for how bad something is.</summary>
    public static Option<string?> Severity(string name, string description)
    {
        var option = ApiCommand.Text(name, $"{description}: {string.Join(", ", VulnerabilityWords.Severities)}.");
        option.AcceptOnlyFromAmong([.. VulnerabilityWords.Severities]);
        return option;
    }

    /// <summary>What is known, once it is.</summary>
    private static async Task<JsonElement> WaitAsync(ApiCall call, string path, Func<JsonElement, bool> isKnown)
    {
        var began = TimeProvider.System.GetTimestamp();
        for (string? said = null; ;)
        {
            var seen = await call.Api.AskAsync("GET", path, body: null, call.Cancellation);
            if (isKnown(seen)) return seen;
            var cause = ApiCall.Field("waitsFor")(seen);
            if (cause == "sources") throw await ExplainMissingDataAsync(call);
            var isOfData = cause == "data";
            if (TimeProvider.System.GetElapsedTime(began) > LongestWait)
            {
                throw new ApiRefusalException((isOfData
                    ? "the registry has no data on vulnerabilities yet" : "the image was not looked into yet")
                    + ": ask again later");
            }

            if (said != cause)
            {
                await Console.Error.WriteLineAsync(isOfData
                    ? "Waiting for the registry to import its first data on vulnerabilities…"
                    : "Waiting for a server to look into the image…");
                said = cause;
            }

            await Task.Delay(BetweenLooks, TimeProvider.System, call.Cancellation);
        }
    }

    /// <summary>Sources were asked, and none has anything: waiting does not help. Why is told to those who may know.
    /// </summary>
    private static async Task<ApiRefusalException> ExplainMissingDataAsync(ApiCall call)
    {
        const string Missing = "the registry has no data on vulnerabilities yet";
        try
        {
            var data = await call.Api.AskAsync("GET", "vulnerabilities", body: null, call.Cancellation);
            var faults = data.GetProperty("sources").EnumerateArray().Select(ApiCall.Field("fault"))
                .Where(fault => fault.Length > 0).Select(fault => PlainText.Of(fault, MaxFault));
            return new ApiRefusalException(
                $"{Missing}: {string.Join("; ", faults)}. Once that is mended, `berth vulnerabilities update` asks "
                + "again");
        }
        catch (ApiRefusalException)
        {
            return new ApiRefusalException(
                $"{Missing}: ask its administrators; `berth vulnerabilities status` tells them why");
        }
    }

    private static bool IsKnown(ApiCall call, JsonElement seen) => seen.GetProperty("state").GetString() switch
    {
        "known" => true,
        "off" => throw new ApiRefusalException(call.NotScanned),
        "fault" => throw new ApiRefusalException("what is in the image could not be read"),
        _ => false,
    };

    private static async Task CopyCsvAsync(
        ApiCall call, Argument<string> image, Option<string?> platform, string filter)
    {
        await using var output = Console.OpenStandardOutput();
        await call.Api.CopyAsync(
            ImageCommand.PathOf(call, image, platform, "vulnerabilities.csv") + filter, output, call.Cancellation);
    }

    /// <summary>What the image has that the other has not, and the other way round.</summary>
    private static async Task CompareAsync(
        ApiCall call, Argument<string> image, Option<string?> platform, string other)
    {
        var (reference, repository) = ImageArgument.ParseOther(other);
        var seen = await call.Api.AskAsync(
            "GET",
            ImageCommand.PathOf(call, image, platform, "vulnerabilities/changes")
            + ImageCommand.Field("with", reference) + ImageCommand.Field("withRepository", repository),
            body: null, call.Cancellation);
        if (call.IsJson)
        {
            Console.WriteLine(seen.GetRawText());
            return;
        }

        if (seen.GetProperty("to").GetProperty("state").GetString() != "known")
            throw new ApiRefusalException("the other image was not looked into yet: ask again later");
        Table.Print(
            ["CHANGE", "SEVERITY", "VULNERABILITY", "PACKAGE", "VERSION", "FIXED IN"],
            [.. Rows("gone", "worse").Concat(Rows("added", "better"))]);
        Console.WriteLine($"{seen.GetProperty("kept").GetInt32()} are in both.");

        IEnumerable<string[]> Rows(string field, string change) => seen.GetProperty(field).EnumerateArray().Select(
            one => new[]
            {
                change, ApiCall.Field("severity")(one), ApiCall.Field("name")(one), Text("package")(one),
                Text("version")(one), Text("fixedIn")(one),
            });
    }

    private static async Task PrintAsync(ApiCall call, string path, JsonElement seen)
    {
        foreach (var fault in seen.GetProperty("faults").EnumerateArray())
            await Console.Error.WriteLineAsync($"There may be more: {PlainText.Of(fault.GetString()!, MaxShown)}");
        if (seen.TryGetProperty("systemEndsAt", out var end)
            && end.GetDateTimeOffset() <= TimeProvider.System.GetUtcNow())
        {
            await Console.Error.WriteLineAsync(
                $"{Text("system")(seen)} gets no more fixes since {end.GetString()}: build on a newer release");
        }

        await call.ListAsync(
            path, ("SEVERITY", ApiCall.Field("severity")), ("VULNERABILITY", ApiCall.Field("name")),
            ("PACKAGE", Text("package")), ("VERSION", Text("version")), ("FIXED IN", Text("fixedIn")),
            ("NOTE", NoteOf));
        if (call.IsJson) return;
        Console.WriteLine((SayCounts(seen.GetProperty("counts")) ?? "No vulnerabilities are known") + ".");
        if (!seen.TryGetProperty("betterBase", out var better)) return;
        Console.WriteLine(
            $"Another tag of the base image has fewer: {better.GetProperty("repository").GetString()}:"
            + $"{better.GetProperty("tags")[0].GetString()}");
    }

    /// <summary>How many there are, each counted once however many packages have it; null if there are none.</summary>
    public static string? SayCounts(JsonElement counts)
    {
        var some = counts.EnumerateObject()
            .Where(one => VulnerabilityWords.Severities.Contains(one.Name) && one.Value.GetInt64() > 0).ToList();
        return some.Count == 0 ? null
            : $"In all, {CountOf(some.Sum(one => one.Value.GetInt64()))}: "
                + string.Join(", ", some.Select(one => $"{one.Value.GetInt64()} {one.Name}"));
    }

    private static string CountOf(long count) =>
        $"{count:N0} {(count == 1 ? "vulnerability" : "vulnerabilities")}";

    /// <summary>What makes one more or less urgent than it looks.</summary>
    private static string NoteOf(JsonElement one)
    {
        if (one.TryGetProperty("vex", out var vex)) return vex.GetString()!.Replace('_', ' ');
        if (one.TryGetProperty("exploitedSince", out _)) return "exploited";
        return one.TryGetProperty("epss", out var epss) && epss.GetDouble() >= 0.1
            ? $"EPSS {epss.GetDouble().ToString("P0", CultureInfo.InvariantCulture)}" : "";
    }

    private static async Task RefuseAsync(ApiCall call, string path, bool isFixable, string? least)
    {
        if (least is null) return;
        var rows = await call.Api.ListAsync(path + (isFixable ? "&fixable=true" : ""), call.Cancellation);

        // Each counts once, as in the numbers above, and not for each package.
        var count = rows.Where(one => !one.TryGetProperty("vex", out _)
                && VulnerabilityWords.IsAtLeast(one.GetProperty("severity").GetString()!, least))
            .Select(ApiCall.Field("name")).Distinct(StringComparer.Ordinal).Count();
        if (count > 0) throw new ApiRefusalException($"{CountOf(count)} of {least} or worse") { IsVerdict = true };
    }

    private static Func<JsonElement, string> Text(string field) => json =>
        PlainText.Of(json.GetProperty(field).GetString()!, MaxShown);
}
