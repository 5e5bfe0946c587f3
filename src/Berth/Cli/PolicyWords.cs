using System.Globalization;
using System.Text.Json;
using Berth.Access;

namespace Berth.Cli;

/// <summary>What policies ask for, in a few words.</summary>
internal static class PolicyWords
{
    /// <summary>All that a policy asks for, and of whom it does not.</summary>
    public static string Of(JsonElement one)
    {
        List<string> words = [.. Vulnerabilities(one), .. Attached(one), .. Licenses(one)];
        if (string.Join(", ", Texts(one, "labels")) is { Length: > 0 } labels) words.Add($"labels {labels}");
        if (Seconds(one, "maxAgeSeconds") is { } age) words.Add($"built at most {Duration(age)} ago");
        if (string.Join(" or ", Texts(one, "baseImages")) is { Length: > 0 } bases) words.Add($"built on {bases}");
        if (Seconds(one, "scanGraceSeconds") is { } grace)
            words.Add(grace > 0 ? $"not scanned yet: let through for {Duration(grace)}" : "scanned");
        if (Is(one, "allowsUnscanned")) words.Add("images that can't be scanned are let through");
        if (string.Join(", ", Texts(one, "exempt")) is { Length: > 0 } exempt) words.Add($"exempt: {exempt}");
        return string.Join("; ", words);
    }

    /// <summary>The sentence about a policy that was written, with what about it may not be meant.</summary>
    public static string Written(JsonElement one, string verb) =>
        $"Policy {ApiCall.Field("id")(one)}{(Is(one, "isMandatory") ? " (mandatory)" : "")} {verb} "
        + $"{ApiCall.Field("names")(one)}: {Of(one)}.{Notices(one)}";

    /// <summary>What about something that was written may not be meant, each in a line.</summary>
    public static string Notices(JsonElement one) => string.Concat(
        Texts(one, "notices").Select(text => $"{Environment.NewLine}Note: {PlainText.Of(text, 1000)}."));

    public static IEnumerable<string> Texts(JsonElement one, string field) =>
        one.TryGetProperty(field, out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Select(text => text.GetString() ?? "") : [];

    private static IEnumerable<string> Vulnerabilities(JsonElement one)
    {
        var kinds = new List<string>();
        if (one.TryGetProperty("maxSeverity", out var worst))
            kinds.Add(worst.GetString() is "none" ? "that does harm" : $"above {worst.GetString()}");
        if (Is(one, "refusesExploited")) kinds.Add("that is exploited");
        if (kinds.Count == 0) yield break;
        var fix = Seconds(one, "fixGraceSeconds") is { } grace ? $", with a fix older than {Duration(grace)}"
            : Is(one, "onlyFixable") ? ", with a fix" : "";
        yield return $"no vulnerability {string.Join(" or ", kinds)}{(kinds.Count == 1 ? fix.TrimStart(',') : fix)}";
    }

    private static IEnumerable<string> Attached(JsonElement one)
    {
        var signers = string.Join(" or ", Texts(one, "signedBy"));
        if (signers.Length > 0) yield return $"signed by {signers}";
        else if (Is(one, "isSigned")) yield return "signed";
        if (Is(one, "hasSbom")) yield return "a bill of materials";
        if (Is(one, "hasProvenance")) yield return "provenance";
    }

    private static IEnumerable<string> Licenses(JsonElement one)
    {
        if (string.Join(", ", Texts(one, "allowedLicenses")) is { Length: > 0 } allowed)
            yield return $"only licences {allowed}{(Is(one, "allowsUnknownLicenses") ? " and unknown ones" : "")}";
        if (string.Join(", ", Texts(one, "deniedLicenses")) is { Length: > 0 } denied)
            yield return $"no licences {denied}";
    }

    private static bool Is(JsonElement one, string field) =>
        one.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.True;

    private static double? Seconds(JsonElement one, string field) =>
        one.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static string Duration(double seconds)
    {
        var (count, unit) = seconds switch
        {
            >= 86400 => (seconds / 86400, "day"),
            >= 3600 => (seconds / 3600, "hour"),
            >= 60 => (seconds / 60, "minute"),
            _ => (seconds, "second"),
        };
        var text = count.ToString("0.#", CultureInfo.InvariantCulture);
        return $"{text} {unit}{(text == "1" ? "" : "s")}";
    }
}
